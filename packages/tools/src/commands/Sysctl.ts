/** `sysctl`: read, -w, -a, -n, -q. Writing under /proc/sys does the same. */
import { EACCES, EINVAL, ENOENT } from "@darkfiber/kernel-net/Errno"
import type { Place } from "@darkfiber/observe/Machine"
import * as Sysctls from "@darkfiber/observe/Sysctls"
import type { Command } from "../Command.ts"
import { failure, join, success, type Outcome } from "../Outcome.ts"
import { strerror } from "../Strerror.ts"

/** Sets a value. @returns 0 or a negative errno */
export const write = (place: Place, name: string, text: string): number => {
  const files = place.processes?.files
  if (files !== undefined && (name === "fs.file-max" || name === "fs.nr_open")) {
    if (!/^\s*\d+\s*$/.test(text)) return -EINVAL
    if (name === "fs.file-max") files.max = Number(text)
    else files.nrOpen = Number(text)
    return 0
  }
  if (name === "fs.file-nr") return -EACCES
  return Sysctls.read(place, place.net, name) === null ? -ENOENT : place.net.setSysctl(name, text)
}

const pathOf = (name: string): string => `/proc/sys/${name.replaceAll(".", "/")}`

const read = (place: Place, name: string, bare: boolean): Outcome => {
  const value = Sysctls.read(place, place.net, name)
  if (value === null) return failure(`sysctl: cannot stat ${pathOf(name)}: No such file or directory`)
  return success(bare ? `${value}\n` : `${name} = ${value}\n`)
}

const assign = (place: Place, name: string, value: string, quiet: boolean): Outcome => {
  const status = write(place, name, value)
  if (status === -ENOENT) return failure(`sysctl: cannot stat ${pathOf(name)}: No such file or directory`)
  if (status === -EACCES) return failure(`sysctl: permission denied on key "${name}"`)
  if (status < 0) return failure(`sysctl: setting key "${name}": ${strerror(status)}`)
  return success(quiet ? "" : `${name} = ${value}\n`)
}

const readAll = (place: Place, bare: boolean): Outcome =>
  Sysctls.names(place, place.net).reduce((all, name) => join(all, read(place, name, bare)), success())

export const sysctl: Command = {
  name: "sysctl",
  usage: "sysctl [-n] [-q] [-a | NAME… | -w NAME=VALUE…]",
  run: (args, { place }) => {
    let bare = false
    let quiet = false
    let all = false
    let onlyWrites = false
    const words: Array<string> = []
    for (const arg of args) {
      if (!arg.startsWith("-")) {
        words.push(arg)
        continue
      }
      for (const letter of arg.slice(1)) {
        if (letter === "n") bare = true
        else if (letter === "q") quiet = true
        else if (letter === "a" || letter === "A") all = true
        else if (letter === "w") onlyWrites = true
        else if (letter !== "e") return failure(`sysctl: invalid option -- '${letter}'`)
      }
    }
    if (all) return readAll(place, bare)
    if (words.length === 0) return failure("sysctl: no variables specified\nTry `sysctl --help' for more information.")
    let result = success()
    let code = 0
    for (const word of words) {
      const equals = word.indexOf("=")
      const name = Sysctls.canonical((equals < 0 ? word : word.slice(0, equals)).trim())
      const step =
        equals >= 0
          ? assign(place, name, word.slice(equals + 1).trim(), quiet)
          : onlyWrites
            ? failure(`sysctl: "${word}" must be of the form name=value`)
            : read(place, name, bare)
      if (step.code !== 0) code = step.code
      result = join(result, step)
    }
    return { ...result, code }
  }
}
