/**
 * Runs a script against a host of its own, in virtual time.
 *
 *     statement ── its time ──▶ world.run up to it ──▶ inject a packet · make a call · run a command or code
 *                               outbound packet: world.run instant by instant until the host has sent one
 *
 * A relative time counts from the end of the statement before; inbound packets in a row from each other's time.
 */
import { Result } from "effect"
import type { Action, Packet, Script, Statement, SystemCall } from "./Ast.ts"
import { Caller, type CallOutcome, type PendingCall } from "./Caller.ts"
import type { CallPlan } from "./CallState.ts"
import { CallState } from "./CallState.ts"
import * as Calls from "./Calls.ts"
import * as CodeRunner from "./CodeRunner.ts"
import * as Config from "./Config.ts"
import { DrillHost } from "./DrillHost.ts"
import * as DrillShell from "./DrillShell.ts"
import { BadCall, ScriptFailed, Unsupported } from "./Failure.ts"
import * as Inject from "./Inject.ts"
import { Expectation, PacketEvents } from "./PacketEvents.ts"
import * as PacketText from "./PacketText.ts"
import * as Timing from "./Timing.ts"

export interface RunOptions extends Config.ConfigDefaults {
  readonly seed: number
  readonly kernel: "3.10" | "6.x"
  /** The text of a file that a command names, as the script would find it; null when there is none. */
  readonly readFile: (path: string) => string | null
}

export type Verdict =
  | { readonly result: "pass" }
  | { readonly result: "fail" | "unsupported"; readonly line: number; readonly reason: string }

const SECOND = 1_000_000_000
/** How long a packet may be late before the wait ends, ns (run_packet.c: 2 s). */
const PATIENCE = 2 * SECOND
/** For a packet at any time, and for a call that should not block. */
const ANY_TIME_PATIENCE = 600 * SECOND
const CALL_PATIENCE = 10 * SECOND
/** How long the blocking thread's call before may take on (run_system_call.c: await_idle_thread). */
const IDLE_PATIENCE = SECOND
/** Within this the work of a call that begins is done or it has blocked, ns. */
const SETTLE = 20_000

/** What the tools say about what the simulator has not. */
const LACKING = /^.*(?:command not found|not supported|qdisc kind is unknown).*$/m

export const run = (script: Script, options: RunOptions): Verdict => {
  const config = Config.read(script, options)
  if (Result.isFailure(config)) {
    return { result: "unsupported", line: config.failure.line, reason: config.failure.reason }
  }
  const foreign = foreignPacket(script)
  if (foreign !== null) return foreign
  try {
    new Runner(script, config.success, options).run()
    return { result: "pass" }
  } catch (error) {
    if (error instanceof ScriptFailed) return { result: "fail", line: error.line, reason: error.message }
    if (error instanceof Unsupported) return { result: "unsupported", line: error.line, reason: error.message }
    throw error
  }
}

/** A blocking call under way. */
interface Blocking {
  readonly statement: Statement
  readonly call: SystemCall
  readonly plan: CallPlan
  readonly pending: PendingCall
  readonly begin: number
  readonly end: Timing.Due
}

class Runner {
  private readonly script: Script
  private readonly config: Config.Config
  private readonly options: RunOptions
  private readonly host: DrillHost
  private readonly state: CallState
  private readonly packets: PacketEvents
  private readonly caller: Caller
  private readonly shell: DrillShell.DrillShell
  private readonly code: CodeRunner.CodeRunner
  private start: number
  private statement: Statement
  /** The statement before, and when it was due since the start; null before the second one. */
  private before: { readonly statement: Statement; readonly at: number } | null
  private blocking: Blocking | null

  constructor(script: Script, config: Config.Config, options: RunOptions) {
    this.script = script
    this.config = config
    this.options = options
    this.host = new DrillHost(config, options)
    this.state = new CallState(config)
    this.packets = new PacketEvents(this.state)
    this.host.tun.reader = this.packets
    this.caller = new Caller(this.host)
    this.shell = new DrillShell.DrillShell(this.host, options.readFile)
    this.code = new CodeRunner.CodeRunner()
    this.start = 0
    this.statement = script.statements[0]!
    this.before = null
    this.blocking = null
  }

  run(): void {
    const { init, statements } = this.script
    this.host.world.run(this.host.now + SETTLE)
    if (init !== null) this.guard(init.position.line, () => this.command(init.line))
    this.start = this.host.start()
    this.state.start = this.start
    this.host.world.run(this.start)
    if (timeOf(statements[0]!) !== 0) throw new ScriptFailed(statements[0]!.line, "first event should be at time 0")
    for (const statement of statements) {
      this.statement = statement
      this.guard(statement.line, () => this.step(statement))
    }
    this.idle(IDLE_PATIENCE)
    const { cleanup } = this.script
    if (cleanup !== null) this.guard(cleanup.position.line, () => this.command(cleanup.line))
    this.checkHost()
  }

  /** Gives failures of the statement their line. */
  private guard(line: number, step: () => void): void {
    try {
      step()
    } catch (error) {
      if (error instanceof BadCall) throw new ScriptFailed(line, error.message)
      if (error instanceof Unsupported && error.line === 0) error.line = line
      throw error
    }
  }

  /** Virtual time since the script's start, ns. */
  private get elapsed(): number {
    return this.host.now - this.start
  }

  private step(statement: Statement): void {
    const { action, time } = statement
    const { before } = this
    if (before !== null && isAbsolute(time) && isAbsolute(before.statement.time) && timeOf(statement) < before.at) {
      throw new BadCall("time goes backward in script")
    }
    const isAnchored = before !== null && isInbound(before.statement.action) && isInbound(action)
    const due = Timing.due(time, isAnchored ? before.at : this.elapsed)
    this.act(action, due)
    this.before = { statement, at: due.from }
  }

  private act(action: Action, due: Timing.Due): void {
    switch (action._tag) {
      case "Packet":
        if (action.packet.direction === "in") this.inject(action.packet, due)
        else this.expect(action.packet, due)
        return
      case "SystemCall":
        this.call(action.call, due)
        return
      case "Command":
        this.waitUntil(due, "command")
        this.command(action.line)
        return
      case "Code": {
        this.waitUntil(due, "data collection for code")
        const { effect, read } = this.code.collect(this.state)
        const outcome = this.finish(this.caller.submit(effect, false), "getsockopt")
        if (outcome._tag === "Errno") throw new BadCall(`getsockopt of the code failed with errno ${outcome.errno}`)
        read(outcome.value)
        this.code.run(action.text, action.line)
        return
      }
      default:
        action satisfies never
    }
  }

  // ---- time ----

  /** Runs to the time of the event; to come to it too late is a failure. */
  private waitUntil(due: Timing.Due, what: string): void {
    const at = this.start + due.from
    while (this.host.now < at) {
      this.host.world.run(Math.min(at, Math.max(this.host.now, this.host.world.nextTime())))
      this.checkBlocking()
    }
    this.checkHost()
    if (this.before === null) return
    const complaint = Timing.complaint(due, this.elapsed, this.before.at, this.config, what)
    if (complaint !== null) throw new BadCall(complaint)
  }

  /** Runs one instant further, not beyond `limit`; false when there is nothing to run. */
  private instant(limit: number): boolean {
    const next = this.host.world.nextTime()
    if (next > limit) return false
    this.host.world.run(next)
    this.checkHost()
    return true
  }

  private checkHost(): void {
    const [defect] = this.host.world.defects
    if (defect !== undefined) throw defect.error
    const [exit] = this.host.sockets.processes.exits.filter((each) => each.reason === "defect")
    if (exit !== undefined) throw exit.error
  }

  // ---- packets ----

  private inject(packet: Packet, due: Timing.Due): void {
    const flow = this.packets.flowFor(packet)
    this.waitUntil(due, "inbound packet")
    this.packets.received(packet, flow)
    const bytes = Inject.bytes(packet, flow, this.config.scalesTimestampEcho)
    const { host } = this
    const gso = packet.body._tag === "Tcp" ? this.config.mss : 0
    host.runtime.at(host.island, host.now, "inject", () => {
      if (!host.tun.write(bytes, gso)) throw new Error("too many packets are injected in one instant")
    })
    this.host.world.run(host.now)
    this.takeIn()
  }

  /** Runs until the host is through with the packet: a write to the real device comes back no sooner. */
  private takeIn(): void {
    const { host } = this
    const limit = host.now + SETTLE
    const isBusy = (): boolean =>
      host.tun.hasWrites || host.kernel.cores.some((core) => core.softirqPending !== 0 || core.isInSoftirq)
    while (isBusy() && this.instant(limit)) continue
  }

  private expect(packet: Packet, due: Timing.Due): void {
    const flow = this.packets.flowFor(packet)
    const expectation = new Expectation(packet, flow, this.config.strictSegments)
    const { host } = this
    const patience = due.kind === "Any" ? ANY_TIME_PATIENCE : PATIENCE
    const last = due.to === Infinity ? due.from : due.to
    const limit = Math.max(host.now, this.start + last) + patience
    for (;;) {
      const captured = this.packets.take(flow)
      if (captured === null) {
        this.checkBlocking()
        if (!this.instant(limit)) {
          throw new BadCall(`timed out waiting for packet\n  script: ${PacketText.expected(packet)}`)
        }
        continue
      }
      const whole = expectation.add(captured)
      if (whole === null) continue
      this.judge(expectation, whole, due)
      return
    }
  }

  private judge(expectation: Expectation, packet: Parameters<Expectation["verify"]>[0], due: Timing.Due): void {
    const share = (due.from * this.config.tolerancePercent) / 100
    const rule = { tick: this.config.timestampTick, tolerance: Math.max(this.config.tolerance, share) }
    const at = packet.time - this.start
    const before = this.before === null ? null : this.before.at
    const complaint =
      expectation.verify(packet, rule) ?? Timing.complaint(due, at, before, this.config, "outbound packet")
    if (complaint === null || this.config.nonFatalPackets) return
    throw new BadCall(complaint.includes("script:") ? complaint : complaint + expectation.dump([packet]))
  }

  // ---- system calls ----

  private call(call: SystemCall, due: Timing.Due): void {
    this.idle(IDLE_PATIENCE)
    const isBlocking = call.end !== null
    if (isBlocking && this.blocking !== null) {
      throw new BadCall("blocking system call while another blocking system call is already in progress")
    }
    this.waitUntil(due, "system call start")
    const plan = Calls.plan(call, this.state)
    const pending = this.caller.submit(plan.effect, isBlocking)
    if (!isBlocking) {
      this.settleCall(call, plan, this.finish(pending, call.name))
      return
    }
    const end = call.end! + due.offset
    const kind = due.kind === "Relative" ? ("Relative" as const) : ("Absolute" as const)
    this.blocking = {
      statement: this.statement,
      call,
      plan,
      pending,
      begin: due.from,
      end: { kind, from: end, to: end, offset: due.offset }
    }
    const limit = this.host.now + SETTLE
    while (pending.outcome === null && this.instant(limit)) continue
    this.checkBlocking()
  }

  /** Runs until the call is done. */
  private finish(pending: PendingCall, name: string): CallOutcome {
    const limit = this.host.now + CALL_PATIENCE
    while (pending.outcome === null) {
      if (!this.instant(limit)) throw new BadCall(`${name} blocks, and the script does not say until when`)
    }
    return pending.outcome
  }

  private settleCall(call: SystemCall, plan: CallPlan, outcome: CallOutcome): void {
    const complaint = Calls.judge(call, plan, outcome)
    if (complaint !== null && !this.config.nonFatalCalls) throw new BadCall(`${call.name}: ${complaint}`)
  }

  /** A blocking call that has come to its end is judged, at its own line. */
  private checkBlocking(): void {
    const { blocking } = this
    if (blocking === null || blocking.pending.outcome === null) return
    this.blocking = null
    const { outcome } = blocking.pending
    const { line } = blocking.statement
    this.guard(line, () => this.settleCall(blocking.call, blocking.plan, outcome))
    const at = outcome.time - this.start
    const complaint = Timing.complaint(blocking.end, at, blocking.begin, this.config, "system call return")
    if (complaint !== null) throw new ScriptFailed(line, complaint)
  }

  /** Waits for the blocking call to end, as long as it may take. */
  private idle(patience: number): void {
    const limit = this.host.now + patience
    this.checkBlocking()
    while (this.blocking !== null) {
      if (!this.instant(limit)) break
      this.checkBlocking()
    }
    const left = this.blocking
    if (left !== null && this.statement === this.script.statements.at(-1)) {
      throw new ScriptFailed(left.statement.line, "the script ends while a blocking system call is in progress")
    }
  }

  // ---- commands ----

  private command(line: string): void {
    const outcome = this.shell.run(line)
    while (outcome.result === null) {
      if (!this.instant(Infinity)) throw new BadCall(`\`${line}\` does not end`)
    }
    const { code, stderr } = outcome.result
    const lacking = LACKING.exec(stderr)
    if (lacking !== null) throw new Unsupported(`command: ${lacking[0].trim()}`)
    if (code !== 0) {
      const why = stderr.trim() === "" ? "" : `: ${stderr.trim().split("\n").at(-1)}`
      throw new BadCall(`error executing \`${line.trim()}\` command: non-zero status ${code}${why}`)
    }
  }
}

/** A packet that the simulator has not makes the whole script one that cannot be judged, whatever stands before. */
const foreignPacket = ({ statements }: Script): Verdict | null => {
  for (const { action, line } of statements) {
    const what = action._tag === "Packet" ? action.packet.foreign[0] : undefined
    if (what !== undefined) return { result: "unsupported", line, reason: `unsupported: ${what}` }
  }
  return null
}

const isAbsolute = (time: Statement["time"]): boolean => time._tag === "Absolute" || time._tag === "AbsoluteRange"

const isInbound = (action: Action): boolean => action._tag === "Packet" && action.packet.direction === "in"

/** The time as it stands in the script, ns; 0 for `*`. */
const timeOf = ({ time }: Statement): number => Timing.due(time, 0).from
