/**
 * softnet_data: the receive and transmit work of one core, and the NAPI instances on its poll list.
 *
 * NET_RX and NET_TX run as steps, one frame a step, so that a pass keeps its position and budget while other events of
 * the island come first.
 *
 *     napi_schedule → poll list → net_rx_action: begin, step, step … finish → next instance, or out of budget
 *
 * Linux: net_rx_action, net_tx_action, napi_poll (net/core/dev.c).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { NET_RX, NET_TX, type SoftirqHandler } from "@darkfiber/hardware/cpu/Softirq"
import { Backlog } from "./Backlog.ts"
import { qdiscRun } from "./DevXmit.ts"
import { HrTimers } from "./HrTimers.ts"
import type { Host } from "./Host.ts"
import type { Napi } from "./Napi.ts"
import { NET_RX_ACTION, NET_TX_ACTION } from "./Points.ts"
import type { Qdisc } from "./Qdisc.ts"
import { SkBuffList } from "./SkBuff.ts"
import * as Skb from "./Skb.ts"
import * as Sysctl from "./Sysctl.ts"

const NETDEV_BUDGET = Sysctl.define("net.core.netdev_budget")
/** The pass ends after this many jiffies (3.10), or microseconds by sysctl. */
const NETDEV_BUDGET_USECS = Sysctl.define("net.core.netdev_budget_usecs")
const JIFFIES_MAX = 2

/** A list of NAPI instances, in the order in which they are polled. */
export class NapiList {
  head: Napi | null = null
  tail: Napi | null = null

  push(napi: Napi): void {
    napi.nextPoll = null
    if (this.tail === null) this.head = napi
    else this.tail.nextPoll = napi
    this.tail = napi
  }

  shift(): Napi | null {
    const napi = this.head
    if (napi === null) return null
    this.head = napi.nextPoll
    if (this.head === null) this.tail = null
    napi.nextPoll = null
    return napi
  }

  /** Puts `other` in front of this list and empties it. */
  prepend(other: NapiList): void {
    if (other.head === null) return
    other.tail!.nextPoll = this.head
    if (this.tail === null) this.tail = other.tail
    this.head = other.head
    other.head = null
    other.tail = null
  }

  remove(napi: Napi): void {
    let previous: Napi | null = null
    for (let at = this.head; at !== null; previous = at, at = at.nextPoll) {
      if (at !== napi) continue
      if (previous === null) this.head = napi.nextPoll
      else previous.nextPoll = napi.nextPoll
      if (this.tail === napi) this.tail = previous
      napi.nextPoll = null
      return
    }
  }
}

export class SoftnetData {
  readonly host: Host
  readonly core: Core
  readonly pollList: NapiList
  readonly backlog: Backlog
  /** softnet_stat column 1: frames that reached the device layer. */
  processed: number
  /** Column 2: frames the backlog had no room for. */
  dropped: number
  /** Column 3: passes that ended by budget or time. */
  timeSqueeze: number
  /** Column 9. */
  cpuCollision: number
  /** Column 10. */
  receivedRps: number
  /** qdiscs waiting for NET_TX. */
  outputHead: Qdisc | null
  outputTail: Qdisc | null
  /** Sent buffers to be freed by NET_TX. */
  readonly completionQueue: SkBuffList
  /** Depth of transmission through devices without a queue (Linux: xmit_recursion). */
  xmitRecursion: number
  readonly rx: NetRxAction
  readonly tx: NetTxAction
  private hrtimers: HrTimers | null

  constructor(host: Host, core: Core) {
    this.host = host
    this.core = core
    this.pollList = new NapiList()
    this.processed = 0
    this.dropped = 0
    this.timeSqueeze = 0
    this.cpuCollision = 0
    this.receivedRps = 0
    this.outputHead = null
    this.outputTail = null
    this.completionQueue = new SkBuffList()
    this.xmitRecursion = 0
    this.backlog = new Backlog(host, this)
    this.rx = new NetRxAction(this)
    this.tx = new NetTxAction(this)
    this.hrtimers = null
  }

  /** The exact timers of the core, made when they are first wanted (Linux: hrtimer_cpu_base). */
  get exactTimers(): HrTimers {
    this.hrtimers ??= new HrTimers(this.core)
    return this.hrtimers
  }

  /** Linux: __netif_reschedule. */
  scheduleOutput(core: Core, qdisc: Qdisc): void {
    if (qdisc.scheduled) return
    qdisc.scheduled = true
    qdisc.nextOutput = null
    if (this.outputTail === null) this.outputHead = qdisc
    else this.outputTail.nextOutput = qdisc
    this.outputTail = qdisc
    core.raiseSoftirq(NET_TX)
  }
}

class NetRxAction implements SoftirqHandler {
  private readonly softnet: SoftnetData
  private inAction: boolean
  private budget: number
  private deadline: number
  private current: Napi | null
  private work: number
  /** What this run polls when instances that used their weight wait for the next run. */
  private readonly list: NapiList
  private readonly repeat: NapiList

  constructor(softnet: SoftnetData) {
    this.softnet = softnet
    this.inAction = false
    this.budget = 0
    this.deadline = 0
    this.current = null
    this.work = 0
    this.list = new NapiList()
    this.repeat = new NapiList()
  }

  step(core: Core): boolean {
    if (!this.inAction) this.begin(core)
    for (;;) {
      if (this.current === null && !this.pick(core)) return this.end(core)
      const napi = this.current!
      if (this.work < napi.weight && napi.step(core)) {
        this.work++
        return true
      }
      this.finish(core, napi)
      if (this.squeezed(core)) {
        this.softnet.timeSqueeze++
        return this.end(core)
      }
    }
  }

  private begin(core: Core): void {
    const host = this.softnet.host
    core.enter(NET_RX_ACTION)
    this.inAction = true
    const numbers = host.sysctl.numbers
    this.budget = numbers[NETDEV_BUDGET]!
    const usecs = numbers[NETDEV_BUDGET_USECS]!
    const jiffies = usecs > 0 ? Math.ceil((usecs * 1000) / host.timers.jiffyNanos) : JIFFIES_MAX
    this.deadline = host.timers.jiffyAt(core.time) + jiffies
    if (host.profile.napiWaitsForNextRun) this.list.prepend(this.softnet.pollList)
  }

  private pick(core: Core): boolean {
    const source = this.softnet.host.profile.napiWaitsForNextRun ? this.list : this.softnet.pollList
    const napi = source.shift()
    if (napi === null) return false
    this.current = napi
    this.work = 0
    napi.polling = true
    napi.begin(core)
    return true
  }

  private finish(core: Core, napi: Napi): void {
    this.current = null
    napi.polling = false
    const reported = napi.finish(core, this.work)
    this.budget -= reported
    if (reported < napi.weight || !napi.scheduled) return
    if (this.softnet.host.profile.napiWaitsForNextRun) this.repeat.push(napi)
    else this.softnet.pollList.push(napi)
  }

  /** True when the pass has to end although there may be more. */
  private squeezed(core: Core): boolean {
    const host = this.softnet.host
    const over = this.budget <= 0 || host.timers.jiffyAt(core.time) >= this.deadline
    if (!over) return false
    // 3.10 tests before a poll, and only while something is on its list.
    return host.profile.napiWaitsForNextRun || this.softnet.pollList.head !== null
  }

  private end(core: Core): boolean {
    this.inAction = false
    const pollList = this.softnet.pollList
    // What is left: not polled yet, newly scheduled, polled with more to do.
    pollList.prepend(this.list)
    for (let napi = this.repeat.shift(); napi !== null; napi = this.repeat.shift()) pollList.push(napi)
    if (pollList.head !== null) core.raiseSoftirq(NET_RX)
    return false
  }
}

class NetTxAction implements SoftirqHandler {
  private readonly softnet: SoftnetData
  private inAction: boolean
  private current: Qdisc | null

  constructor(softnet: SoftnetData) {
    this.softnet = softnet
    this.inAction = false
    this.current = null
  }

  /** One qdisc run. */
  step(core: Core): boolean {
    const softnet = this.softnet
    if (!this.inAction) {
      this.inAction = true
      core.enter(NET_TX_ACTION)
      for (let skb = softnet.completionQueue.shift(); skb !== null; skb = softnet.completionQueue.shift()) {
        Skb.free(core, skb)
      }
      this.current = softnet.outputHead
      softnet.outputHead = null
      softnet.outputTail = null
    }
    const qdisc = this.current
    if (qdisc !== null) {
      this.current = qdisc.nextOutput
      qdisc.nextOutput = null
      qdisc.scheduled = false
      qdiscRun(core, qdisc)
    }
    if (this.current !== null) return true
    this.inAction = false
    return false
  }
}
