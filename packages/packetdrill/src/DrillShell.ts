/**
 * The shell behind commands in backquotes: the tools of the simulated host, files beside the script, variables and
 * arithmetic.
 *
 * A command with a slash in its name is a file that is read from beside the script and run line by line, whatever it holds
 * (`defaults.sh`: a list of sysctl calls). `set_sysctls.py PATH=VALUE…` is a command of its own: it sets sysctls by their
 * path under /proc/sys and writes `sysctl_restore_${PPID}.sh` into the folder for temporary files, which sets them back.
 */
import * as Procfs from "@darkfiber/observe/Procfs"
import { type Command, timed } from "@darkfiber/tools/Command"
import { failure, type Outcome, success } from "@darkfiber/tools/Outcome"
import { commands as standard } from "@darkfiber/tools/Registry"
import * as Shell from "@darkfiber/tools/Shell"
import { Effect } from "effect"
import type { DrillHost } from "./DrillHost.ts"
import { fileCommands } from "./FileCommands.ts"
import * as ShellText from "./ShellText.ts"

/** Files that run each other stop here. */
const DEPTH_MAX = 8
const NOT_FOUND = 127
/** The folder for temporary files, of the simulated host. */
const TEMPORARY = ["", "tmp", ""].join("/")

/** Set when the command has ended. */
export interface Running {
  result: Outcome | null
}

/** Names of files are commands too. */
class CommandTable extends Map<string, Command> {
  private readonly file: (path: string) => Command | undefined

  constructor(entries: Iterable<readonly [string, Command]>, file: (path: string) => Command | undefined) {
    super(entries)
    this.file = file
  }

  override get(name: string): Command | undefined {
    return super.get(name) ?? (name.includes("/") ? this.file(name) : undefined)
  }
}

export class DrillShell {
  private readonly host: DrillHost
  private readonly readFile: (path: string) => string | null
  /** What commands have written, by path. */
  private readonly written: Map<string, string>
  private readonly table: CommandTable
  private depth: number

  constructor(host: DrillHost, readFile: (path: string) => string | null) {
    this.host = host
    this.readFile = readFile
    this.written = new Map()
    this.depth = 0
    const bash = this.interpreter("bash")
    const sh = this.interpreter("sh")
    this.table = new CommandTable([...standard, ["bash", bash], ["sh", sh], ...fileCommands(host)], (path) =>
      this.fileCommand(path)
    )
  }

  /** Starts a line in the present instant, as a process of the host. */
  run(line: string): Running {
    const running: Running = { result: null }
    const { host } = this
    host.runtime.at(host.island, host.now, "command", () => {
      const process = host.sockets.processes.spawn(
        "sh",
        host.kernel.init,
        Effect.map(this.script(line, []), (result) => {
          running.result = result
        })
      )
      if (typeof process === "number") running.result = failure(`sh: errno ${-process}`)
    })
    return running
  }

  /** A text of lines, as a program of the shell. */
  private script(text: string, args: ReadonlyArray<string>): Effect.Effect<Outcome> {
    const pid = String(this.host.sockets.processes.list()[0]?.pid ?? 1)
    const variables: Record<string, string> = { PPID: pid, PACKETDRILL_PID: pid, "?": "0", $: pid }
    args.forEach((arg, index) => (variables[index + 1] = arg))
    const lines = ShellText.lines(text)
    const go = (at: number, before: Outcome): Effect.Effect<Outcome> => {
      const line = lines[at]
      if (line === undefined) return Effect.succeed(before)
      const expanded = ShellText.expand(line, variables)
      if (expanded === null) return Effect.succeed(failure(`sh: not supported: ${line}`, NOT_FOUND))
      return Effect.flatMap(Shell.program(this.host.place, expanded, { commands: this.table }), (outcome) =>
        go(at + 1, { ...outcome, stderr: before.stderr + outcome.stderr })
      )
    }
    return Effect.suspend(() => go(0, success()))
  }

  private interpreter(name: string): Command {
    return {
      name,
      usage: `${name} FILE | ${name} -c LINE`,
      run: (args) => {
        const [first = "", second = ""] = args
        if (first === "-c") return timed(this.script(second, []))
        const command = this.fileCommand(first)
        if (command === undefined) return failure(`${name}: ${first}: No such file or directory`, NOT_FOUND)
        return command.run(args.slice(1), nowhere(this.host))
      }
    }
  }

  private fileCommand(path: string): Command | undefined {
    if (path.endsWith("/set_sysctls.py") || path === "set_sysctls.py") return this.setSysctls(path)
    const base = path.slice(path.lastIndexOf("/") + 1)
    const known = this.table.get(base)
    const isTool = /^\/(usr\/)?s?bin\//.test(path)
    if (isTool) return known
    const text = this.written.get(path) ?? this.readFile(path)
    if (text === null) return undefined
    if (/^#!.*python/.test(text))
      return { name: path, usage: path, run: () => failure(`${path}: not supported`, NOT_FOUND) }
    return {
      name: path,
      usage: path,
      run: (args) => {
        if (this.depth >= DEPTH_MAX) return failure(`${path}: files run each other too deeply`)
        this.depth++
        return timed(
          Effect.ensuring(
            this.script(text, args),
            Effect.sync(() => this.depth--)
          )
        )
      }
    }
  }

  private setSysctls(name: string): Command {
    return {
      name,
      usage: `${name} PATH=VALUE…`,
      run: (args, { place }) => {
        const pid = String(this.host.sockets.processes.list()[0]?.pid ?? 1)
        let restore = "#!/bin/bash\n"
        let errors = ""
        for (const arg of args) {
          const at = arg.indexOf("=")
          const path = at < 0 ? arg : arg.slice(0, at)
          const value = at < 0 ? "" : arg.slice(at + 1)
          const before = Procfs.read(place, path)
          if (before === null) return failure(`cat: ${path}: No such file or directory`)
          restore += `echo "${before.trim()}" > ${path}\n`
          errors += Shell.execute(place, `echo "${value}" > ${path}`).stderr
        }
        this.written.set(`${TEMPORARY}sysctl_restore_${pid}.sh`, restore)
        return { stdout: "", stderr: errors, code: 0 }
      }
    }
  }
}

/** For a command that looks at nothing of its invocation but the place. */
const nowhere = (host: DrillHost): Parameters<Command["run"]>[1] => ({
  place: host.place,
  stdin: "",
  emit: () => undefined,
  again: () => failure("not supported", NOT_FOUND)
})
