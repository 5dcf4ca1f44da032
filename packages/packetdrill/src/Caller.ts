/**
 * The process under test: a thread for the calls of the script, and one for those that block (`...`). A call is handed
 * to its thread in the process phase of an instant, and its outcome is kept with the time of its end.
 */
import type { Process } from "@darkfiber/sockets/Process"
import type { Errno } from "@darkfiber/sockets/SystemError"
import { Effect } from "effect"
import type { DrillHost } from "./DrillHost.ts"

/** What a call has come to. */
export type CallOutcome =
  | { readonly _tag: "Value"; readonly value: unknown; readonly time: number }
  | { readonly _tag: "Errno"; readonly errno: number; readonly time: number }

/** A system call on its way. */
export class PendingCall {
  outcome: CallOutcome | null = null
}

class CallThread {
  /** Runs what it is given, one call after the other, for ever. */
  readonly program: Effect.Effect<never>
  private wake: ((job: Effect.Effect<void>) => void) | null
  private readonly host: DrillHost
  private readonly name: string

  constructor(host: DrillHost, name: string) {
    this.host = host
    this.name = name
    this.wake = null
    const next = Effect.callback<void>((resume) => {
      this.wake = resume
    })
    this.program = Effect.forever(next)
  }

  /** In the process phase at `time`, the present or a later one. */
  submit(effect: Effect.Effect<unknown, Errno>, time: number): PendingCall {
    const pending = new PendingCall()
    const { host } = this
    const job = Effect.match(effect, {
      onSuccess: (value) => {
        pending.outcome = { _tag: "Value", value, time: host.now }
      },
      onFailure: (error) => {
        pending.outcome = { _tag: "Errno", errno: error.errno, time: host.now }
      }
    })
    host.runtime.at(host.island, time, `call/${this.name}`, () => {
      const { wake } = this
      this.wake = null
      if (wake === null) throw new Error(`${this.name} is in a system call`)
      wake(job)
    })
    return pending
  }
}

export class Caller {
  private readonly host: DrillHost
  private readonly main: CallThread
  private readonly blocking: CallThread

  constructor(host: DrillHost) {
    this.host = host
    this.main = new CallThread(host, "main")
    this.blocking = new CallThread(host, "blocking")
    const program = Effect.andThen(Effect.forkChild(this.blocking.program), this.main.program)
    const process: Process | number = host.sockets.processes.spawn("packetdrill", host.kernel.init, program)
    if (typeof process === "number") throw new Error(`the process cannot start: errno ${-process}`)
  }

  /** A call at the present instant, of the thread for calls that end at once or of the one for those that block. */
  submit(effect: Effect.Effect<unknown, Errno>, blocks: boolean): PendingCall {
    return (blocks ? this.blocking : this.main).submit(effect, this.host.now)
  }
}
