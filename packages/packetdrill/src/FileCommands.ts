/** What scripts do with files in the shell: `rm` and `dd` on the files in memory of the drilled host. */
import type { Command } from "@darkfiber/tools/Command"
import { failure, success } from "@darkfiber/tools/Outcome"
import type { DrillHost } from "./DrillHost.ts"

/** Largest file that dd makes. */
const BYTES_MAX = 1 << 26

const rm = (host: DrillHost): Command => ({
  name: "rm",
  usage: "rm [-f] FILE…",
  run: (args) => {
    const force = args.includes("-f")
    for (const path of args.filter((arg) => !arg.startsWith("-"))) {
      const status = host.sockets.layer.ramFiles.unlink(0, path)
      if (status !== 0 && !force) return failure(`rm: cannot remove '${path}'`)
    }
    return success()
  }
})

/** Zeroes into a file. */
const dd = (host: DrillHost): Command => ({
  name: "dd",
  usage: "dd if=/dev/zero of=FILE [bs=N] [count=N] [status=none]",
  run: (args) => {
    const values = new Map(args.map((arg) => [arg.slice(0, arg.indexOf("=")), arg.slice(arg.indexOf("=") + 1)]))
    for (const name of values.keys()) {
      if (!["bs", "count", "if", "of", "status"].includes(name)) return failure(`dd: unrecognized operand '${name}'`)
    }
    const bytes = Number(values.get("bs") ?? 512) * Number(values.get("count") ?? 0)
    const target = values.get("of")
    if (values.get("if") !== "/dev/zero" || target === undefined) return failure("dd: only from /dev/zero to a file")
    if (!(bytes >= 0 && bytes <= BYTES_MAX)) return failure("dd: invalid number")
    const status = host.sockets.layer.ramFiles.put(target, new Uint8Array(bytes))
    return status === 0 ? success() : failure(`dd: failed to open '${target}'`)
  }
})

export const fileCommands = (host: DrillHost): ReadonlyArray<readonly [string, Command]> => [
  ["rm", rm(host)],
  ["dd", dd(host)]
]
