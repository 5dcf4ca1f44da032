/** `renice`, `taskset`, `chrt -p`: how processes share cores (util-linux). */
import { EINVAL, ESRCH } from "@darkfiber/kernel-net/Errno"
import type { Place } from "@darkfiber/observe/Machine"
import { NICE_MAX, NICE_MIN } from "@darkfiber/sockets/Nice"
import type { Task } from "@darkfiber/sockets/Task"
import type { Command } from "../Command.ts"
import { failure, join, type Outcome, success } from "../Outcome.ts"
import { strerror } from "../Strerror.ts"

/** The first thread of a process. */
const taskOf = (place: Place, pid: string): Task | null => place.processes?.get(Number(pid))?.threads[0] ?? null

export const renice: Command = {
  name: "renice",
  usage: "renice [-n] PRIORITY [-p] PID…",
  run: (args, { place }) => {
    const [priority = "", ...rest] = args[0] === "-n" ? args.slice(1) : args
    const pids = rest[0] === "-p" ? rest.slice(1) : rest
    if (pids.length === 0) return failure("renice: not enough arguments\nTry 'renice --help' for more information.")
    if (!/^[+-]?\d+$/.test(priority)) return failure(`renice: invalid priority '${priority}'`)
    const nice = Math.min(Math.max(Number(priority), NICE_MIN), NICE_MAX)
    return each(pids, (pid) => {
      const task = taskOf(place, pid)
      if (task === null) return failure(`renice: failed to get priority for ${pid} (process ID): ${strerror(-ESRCH)}`)
      const old = task.nice
      task.runQueue.scheduler.setNice(task, nice, place.host.island.now)
      return success(`${pid} (process ID) old priority ${old}, new priority ${nice}\n`)
    })
  }
}

export const taskset: Command = {
  name: "taskset",
  usage: "taskset -p [-c] [MASK|LIST] PID",
  run: (args, { place }) => {
    const options = args.filter((arg) => arg.startsWith("-")).join("")
    const [first = "", second] = args.filter((arg) => !arg.startsWith("-"))
    if (!/^(?:-[pc]+)+$/.test(options) || !options.includes("p")) return failure("taskset: only -p and -c are known")
    const lists = options.includes("c")
    const pid = second ?? first
    const task = taskOf(place, pid)
    if (task === null) return failure(`taskset: failed to get pid ${pid}'s affinity: ${strerror(-ESRCH)}`)
    const { queues } = task.runQueue.scheduler
    const all = queues.map((queue) => queue.core.index)
    const show = (which: string): string => {
      const cores = task.affinity ?? all
      return `pid ${pid}'s ${which} affinity ${lists ? `list: ${listOf(cores)}` : `mask: ${maskOf(cores)}`}\n`
    }
    const before = show("current")
    if (second === undefined) return success(before)
    const wanted = lists ? fromList(first) : fromMask(first)
    if (wanted === null) return failure(`taskset: failed to parse CPU ${lists ? "list" : "mask"}: ${first}`)
    const cores = all.filter((index) => wanted.includes(index))
    if (cores.length === 0) {
      return join(success(before), failure(`taskset: failed to set pid ${pid}'s affinity: ${strerror(-EINVAL)}`))
    }
    task.runQueue.scheduler.setAffinity(task, cores)
    return success(`${before}${show("new")}`)
  }
}

export const chrt: Command = {
  name: "chrt",
  usage: "chrt -p PID",
  run: (args, { place }) => {
    const [option, pid = ""] = args
    if (option !== "-p" || args.length !== 2) return failure("chrt: only -p PID is known: every task is SCHED_OTHER")
    if (taskOf(place, pid) === null) return failure(`chrt: failed to get pid ${pid}'s policy: ${strerror(-ESRCH)}`)
    return success(`pid ${pid}'s current scheduling policy: SCHED_OTHER\npid ${pid}'s current scheduling priority: 0\n`)
  }
}

const each = (pids: ReadonlyArray<string>, run: (pid: string) => Outcome): Outcome => {
  let result = success()
  for (const pid of pids) result = join(result, run(pid))
  return result
}

/** `0,2-5` */
const listOf = (cores: ReadonlyArray<number>): string => {
  const parts: Array<string> = []
  for (let i = 0; i < cores.length;) {
    let end = i
    while (cores[end + 1] === cores[end]! + 1) end++
    // Two neighbours are listed, three and more are a range.
    if (end - i < 2) end = i
    parts.push(end === i ? `${cores[i]}` : `${cores[i]}-${cores[end]}`)
    i = end + 1
  }
  return parts.join(",")
}

const fromList = (text: string): ReadonlyArray<number> | null => {
  const cores: Array<number> = []
  for (const part of text.split(",")) {
    const match = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part)
    if (match === null) return null
    for (let core = Number(match[1]); core <= Number(match[2] ?? match[1]); core++) cores.push(core)
  }
  return cores
}

const maskOf = (cores: ReadonlyArray<number>): string =>
  cores.reduce((mask, core) => mask | (1n << BigInt(core)), 0n).toString(16)

const fromMask = (text: string): ReadonlyArray<number> | null => {
  if (!/^(?:0x)?[\da-f]{1,64}$/i.test(text)) return null
  const mask = BigInt(`0x${text.replace(/^0x/i, "")}`)
  return Array.from({ length: 256 }, (_, core) => core).filter((core) => ((mask >> BigInt(core)) & 1n) === 1n)
}
