/** What the calls of a script share: descriptors, flows, the socket under test. */
import type { Errno } from "@darkfiber/sockets/SystemError"
import type { Effect } from "effect"
import type { SystemCall } from "./Ast.ts"
import type { Config } from "./Config.ts"
import { BadCall } from "./Failure.ts"
import { Flow } from "./Flow.ts"

/** A call ready to be made: its effect, and what is to be looked at behind it. */
export interface CallPlan {
  readonly effect: Effect.Effect<unknown, Errno>
  /** `exact`: the result is the script's; `fd`: a descriptor where the script has one. */
  readonly mode: "exact" | "fd"
  /** The number the call returns, of what its effect gave; a number stands for itself, anything else for 0. */
  readonly result?: (value: unknown) => number
  /** Called when the result was right; what is wrong in the rest. */
  readonly after?: (value: unknown, result: number) => string | null
  /** Called whatever came out. */
  readonly always?: () => void
}

export type Planner = (call: SystemCall, state: CallState) => CallPlan

export class CallState {
  readonly config: Config
  /** Virtual time of the script's start, ns. */
  start: number
  /** The latest first. */
  readonly flows: Array<Flow>
  underTest: Flow | null
  /** Descriptors of no socket: epoll instances, pipes, files. */
  private readonly others: Map<number, number>

  constructor(config: Config) {
    this.config = config
    this.start = 0
    this.flows = []
    this.underTest = null
    this.others = new Map()
  }

  newFlow(protocol: number, type: number): Flow {
    const flow = new Flow(protocol, type)
    this.flows.unshift(flow)
    this.underTest = flow
    return flow
  }

  flowOf(scriptFd: number): Flow | null {
    return this.flows.find((flow) => !flow.closed && flow.scriptFd === scriptFd) ?? null
  }

  flowOfLive(liveFd: number): Flow | null {
    return this.flows.find((flow) => !flow.closed && flow.liveFd === liveFd) ?? null
  }

  /** The host's descriptor for one of the script; an unknown one is tried as it is, for calls that have to fail. */
  live(scriptFd: number): number {
    const known = this.flowOf(scriptFd)?.liveFd ?? this.others.get(scriptFd)
    if (known === undefined) throw new BadCall(`unable to find socket with script fd ${scriptFd}`)
    return known
  }

  add(scriptFd: number, liveFd: number): void {
    this.others.set(scriptFd, liveFd)
  }

  isOther(scriptFd: number): boolean {
    return this.others.has(scriptFd)
  }

  closed(scriptFd: number): void {
    const flow = this.flowOf(scriptFd)
    if (flow !== null) flow.closed = true
    else this.others.delete(scriptFd)
  }

  /** A descriptor that is in use twice is a mistake of the script. */
  mustBeNew(scriptFd: number, liveFd: number): void {
    if (scriptFd < 0) throw new BadCall(`invalid socket fd ${scriptFd} in script`)
    if (this.flowOf(scriptFd) !== null || this.others.has(scriptFd)) {
      throw new BadCall(`duplicate fd ${scriptFd} in script`)
    }
    if (this.flowOfLive(liveFd) !== null) throw new BadCall(`duplicate live fd ${liveFd}`)
  }
}
