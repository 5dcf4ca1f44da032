/**
 * When a TIME_WAIT sock ends (F21 of the book).
 *
 * Linux 3.10: a wheel of 8 slots of 7.5 s; a visit kills 100 entries at most, leaves the rest to a work queue and then does
 * not advance on that tick, so that under load a life is 97.5 to 112.5 s. Linux 6.x: a timer each, 60 s. The former counts a life
 * at its end, the latter at its start.
 */
import * as Counters from "./Counters.ts"
import type { Tcp } from "./Tcp.ts"
import { TIMER_TIME_WAIT, type TcpTimer, type TimerOwner } from "./TcpHost.ts"
import type { TimeWaitSock } from "./TimeWaitSock.ts"
import * as TimeWait from "./TimeWait.ts"

export interface TimeWaitReaper {
  /** (Re)starts the life of `sock`; `length` in ns. */
  schedule(tcp: Tcp, sock: TimeWaitSock, length: number): void
  cancel(tcp: Tcp, sock: TimeWaitSock): void
}

/** A life no longer than this counts as killed. */
const SHORT_LIFE = 4_000_000_000

export const timerReaper: TimeWaitReaper = {
  schedule: (tcp, sock, length) => {
    if (sock.timer === null) {
      sock.net.count(length <= SHORT_LIFE ? Counters.TW_KILLED : Counters.TW)
      sock.timer = tcp.host.makeTimer(sock, TIMER_TIME_WAIT)
    }
    sock.timer.arm(tcp.host.now() + length)
  },
  cancel: (_tcp, sock) => sock.timer?.cancel()
}

const SLOTS = 8
/** TCP_TIMEWAIT_LEN / 8. */
const PERIOD = 7_500_000_000
/** INET_TWDR_TWKILL_QUOTA. */
const QUOTA = 100

/** The wheel of one host (Linux 3.10: struct inet_timewait_death_row). */
export class TimeWaitWheel implements TimerOwner {
  private readonly tcp: Tcp
  private readonly slots: Array<TimeWaitSock | null>
  private readonly timer: TcpTimer
  private readonly work: TcpTimer
  private slot: number
  private count: number
  /** Slots that the work queue has to empty. */
  private pending: number

  constructor(tcp: Tcp) {
    this.tcp = tcp
    this.slots = new Array<TimeWaitSock | null>(SLOTS).fill(null)
    this.timer = tcp.host.makeTimer(this, TIMER_TIME_WAIT)
    this.work = tcp.host.makeTimer({ onTimer: () => this.runWork() }, TIMER_TIME_WAIT)
    this.slot = 0
    this.count = 0
    this.pending = 0
  }

  schedule(sock: TimeWaitSock, length: number): void {
    this.cancel(sock)
    const ahead = Math.min(SLOTS - 1, Math.max(1, Math.ceil(length / PERIOD)))
    const slot = (this.slot + ahead) % SLOTS
    sock.slot = slot
    sock.slotPrevious = null
    sock.slotNext = this.slots[slot]!
    if (sock.slotNext !== null) sock.slotNext.slotPrevious = sock
    this.slots[slot] = sock
    if (this.count++ === 0) this.timer.arm(this.tcp.host.now() + PERIOD)
  }

  cancel(sock: TimeWaitSock): void {
    if (sock.slot < 0) return
    if (sock.slotPrevious === null) this.slots[sock.slot] = sock.slotNext
    else sock.slotPrevious.slotNext = sock.slotNext
    if (sock.slotNext !== null) sock.slotNext.slotPrevious = sock.slotPrevious
    sock.slot = -1
    sock.slotNext = null
    sock.slotPrevious = null
    if (--this.count === 0) this.timer.cancel()
  }

  /** Linux 3.10: inet_twdr_hangman. */
  onTimer(): void {
    if (this.kill(this.slot, QUOTA)) {
      this.pending |= 1 << this.slot
      this.work.arm(this.tcp.host.now())
    } else {
      this.slot = (this.slot + 1) % SLOTS
    }
    if (this.count > 0) this.timer.arm(this.tcp.host.now() + PERIOD)
  }

  /** Linux 3.10: inet_twdr_twkill_work. */
  private runWork(): void {
    for (let slot = 0; slot < SLOTS; slot++) if ((this.pending & (1 << slot)) !== 0) this.kill(slot, Infinity)
    this.pending = 0
  }

  /** Kills up to `quota` entries of a slot; whether some are left. */
  private kill(slot: number, quota: number): boolean {
    let killed = 0
    for (let sock = this.slots[slot]!; sock !== null; sock = this.slots[slot]!) {
      if (killed++ >= quota) return true
      sock.net.count(Counters.TW)
      TimeWait.kill(this.tcp, sock)
    }
    return false
  }
}

const wheelOf = (tcp: Tcp): TimeWaitWheel => {
  tcp.timeWaitWheel ??= new TimeWaitWheel(tcp)
  return tcp.timeWaitWheel
}

export const wheelReaper: TimeWaitReaper = {
  schedule: (tcp, sock, length) => wheelOf(tcp).schedule(sock, length),
  cancel: (tcp, sock) => wheelOf(tcp).cancel(sock)
}
