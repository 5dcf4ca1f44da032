/** `cat`, `ls` of /proc, `echo`, `hostname`, `uname`, `true`, `false`, `sleep`, `kill`. */
import { ESRCH } from "@darkfiber/kernel-net/Errno"
import * as Procfs from "@darkfiber/observe/Procfs"
import * as SysTask from "@darkfiber/sockets/SysTask"
import { Effect } from "effect"
import { badOption, timed, type Command } from "../Command.ts"
import * as Files from "../Files.ts"
import { failure, join, success } from "../Outcome.ts"
import { strerror } from "../Strerror.ts"

export const cat: Command = {
  name: "cat",
  usage: "cat [FILE…]",
  run: (args, { place, stdin }) => {
    if (args.length === 0) return success(stdin)
    let result = success()
    let code = 0
    for (const path of args) {
      const text = path === "-" ? stdin : Files.read(place, path)
      const step = text === null ? failure(`cat: ${path}: No such file or directory`) : success(text)
      if (step.code !== 0) code = step.code
      result = join(result, step)
    }
    return { ...result, code }
  }
}

/** Names below a folder of /proc; /proc/PID/fd lists descriptors. */
export const ls: Command = {
  name: "ls",
  usage: "ls [-l] /proc/…",
  run: (args, { place }) => {
    const path = (args.find((arg) => !arg.startsWith("-")) ?? "/proc").replace(/\/$/, "")
    if (path.endsWith("/fd")) {
      const text = Procfs.read(place, path)
      if (text === null) return failure(`ls: cannot access '${path}': No such file or directory`, 2)
      return success(args.includes("-l") ? text : text.replaceAll(/ -> .*/g, ""))
    }
    const names = new Set<string>()
    for (const file of Procfs.paths(place)) {
      if (file === path) names.add(path)
      else if (file.startsWith(`${path}/`)) names.add(file.slice(path.length + 1).split("/")[0]!)
    }
    if (path === "/proc") for (const process of place.processes?.list() ?? []) names.add(String(process.pid))
    if (names.size === 0) return failure(`ls: cannot access '${path}': No such file or directory`, 2)
    return success(
      [...names]
        .sort()
        .map((name) => `${name}\n`)
        .join("")
    )
  }
}

export const echo: Command = {
  name: "echo",
  usage: "echo [-n] [TEXT…]",
  run: (args) => (args[0] === "-n" ? success(args.slice(1).join(" ")) : success(`${args.join(" ")}\n`))
}

export const hostname: Command = {
  name: "hostname",
  usage: "hostname",
  run: (args, { place }) => {
    if (args.length === 0 || args[0] === "-s") return success(`${place.host.name}\n`)
    if (args[0] !== "-I") return badOption("hostname", args[0]!)
    const addresses = Procfs.read(place, "/proc/net/dev") === null ? [] : place.net.devices
    const text = addresses
      .flatMap((dev) => dev.addresses.map((one) => one.local))
      .filter((address) => address >>> 24 !== 127)
      .map((address) => `${[24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".")} `)
    return success(`${text.join("")}\n`)
  }
}

export const uname: Command = {
  name: "uname",
  usage: "uname [-r|-a|-n|-s]",
  run: (args, { place }) => {
    const { release } = place.host.profile
    switch (args[0]) {
      case undefined:
      case "-s":
        return success("Linux\n")
      case "-r":
        return success(`${release}\n`)
      case "-n":
        return success(`${place.host.name}\n`)
      case "-a":
        return success(`Linux ${place.host.name} ${release} #1 SMP x86_64 GNU/Linux\n`)
      default:
        return badOption("uname", args[0])
    }
  }
}

export const yes: Command = { name: "true", usage: "true", run: () => success() }
export const no: Command = { name: "false", usage: "false", run: () => ({ stdout: "", stderr: "", code: 1 }) }

const units: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86_400 }

/** `2`, `0.5`, `1m` in ns; undefined for no time. */
export const durationOf = (text: string): number | undefined => {
  const match = /^(\d+(?:\.\d*)?|\.\d+)([smhd]?)$/.exec(text)
  return match === null ? undefined : Math.round(Number(match[1]) * units[match[2]!]! * 1e9)
}

export const sleep: Command = {
  name: "sleep",
  usage: "sleep SECONDS",
  run: (args) => {
    const time = args.length === 1 ? durationOf(args[0]!) : undefined
    if (args.length === 0) return failure("sleep: missing operand\nTry 'sleep --help' for more information.")
    if (time === undefined) return failure(`sleep: invalid time interval '${args.join(" ")}'`)
    return timed(
      SysTask.nanosleep(time).pipe(
        Effect.as(success()),
        Effect.catch((error) => Effect.succeed(failure(`sleep: ${strerror(error.errno)}`)))
      )
    )
  }
}

export const kill: Command = {
  name: "kill",
  usage: "kill [-9|-15|-0] PID…",
  run: (args, { place }) => {
    const option = /^-(?:SIG)?(9|15|0|KILL|TERM)$/.exec(args[0] ?? "")
    const signals: Readonly<Record<string, number>> = { KILL: 9, TERM: 15 }
    const signal = option === null ? 15 : (signals[option[1]!] ?? Number(option[1]))
    const pids = option === null ? args : args.slice(1)
    if (pids.length === 0) return failure("kill: usage: kill [-9|-15|-0] pid ...", 2)
    let result = success()
    for (const pid of pids) {
      if (!/^\d+$/.test(pid)) return failure(`kill: ${pid}: arguments must be process or job IDs`)
      const known = place.processes?.get(Number(pid)) ?? null
      const status = known === null ? -ESRCH : signal === 0 ? 0 : place.processes!.kill(Number(pid), signal)
      if (status < 0) result = join(result, failure(`kill: (${pid}) - ${strerror(status)}`))
    }
    return result
  }
}
