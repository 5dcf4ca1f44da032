/**
 * What segments do to a connection in TIME_WAIT, or in FIN_WAIT2 without a file (RFC 9293 §3.10.7, RFC 1337, RFC 6191;
 * Linux: tcp_timewait_state_process, net/ipv4/tcp_minisocks.c).
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Counters from "./Counters.ts"
import * as Drops from "./Drops.ts"
import * as Listen from "./Listen.ts"
import * as Points from "./Points.ts"
import * as Reset from "./Reset.ts"
import * as State from "./State.ts"
import * as TimeWait from "./TimeWait.ts"
import type { Tcp as TcpStack } from "./Tcp.ts"
import { isInWindow, type Segment, isAfter, isBefore } from "./Segment.ts"
import { clockSeconds, toMs } from "./Clock.ts"
import type { TimeWaitSock } from "./TimeWaitSock.ts"

/** A segment arrives for it (Linux: tcp_timewait_state_process and its caller in tcp_v4_rcv). Takes the segment. */
export const receive = (tcp: TcpStack, sock: TimeWaitSock, segment: Segment): void => {
  const host = tcp.host
  host.trace(Points.TCP_TIMEWAIT_STATE_PROCESS, null, segment)
  const isPaws =
    segment.hasTimestamp !== 0 &&
    sock.tsRecentStamp !== 0 &&
    ((sock.tsRecent - segment.tsVal) | 0) > 1 &&
    clockSeconds(host.now()) - sock.tsRecentStamp < 24 * 86_400
  if (sock.substate === State.FIN_WAIT2) {
    inFinWait2(tcp, sock, segment, isPaws)
    return
  }
  const flags = segment.flags
  const isReset = (flags & Tcp.RST) !== 0
  if (!isPaws && segment.seq === sock.rcvNxt && (segment.seq === segment.endSeq || isReset)) {
    if (isReset) {
      if (sock.net.sysctl.rfc1337 === 0) TimeWait.kill(tcp, sock)
    } else {
      tcp.profile.timeWait.schedule(tcp, sock, TimeWait.TIMEWAIT_LENGTH)
      noteTimestamp(tcp, sock, segment)
    }
    host.consumed(segment)
    return
  }
  if ((flags & Tcp.SYN) !== 0 && !isReset && (flags & Tcp.ACK) === 0 && !isPaws && mayStartAnew(sock, segment)) {
    const listener = tcp.listening.find(sock.net, segment.localAddress, segment.localPort, segment.device, 0)
    if (listener !== null) {
      TimeWait.kill(tcp, sock)
      tcp.nextIsn = (sock.sndNxt + 65_535 + 2) | 0
      if (tcp.nextIsn === 0) tcp.nextIsn = 1
      Listen.receive(listener, segment)
      tcp.nextIsn = 0
      return
    }
  }
  if (isPaws) sock.net.count(Counters.PAWS_TIMEWAIT)
  if (!isReset) {
    if (isPaws || (flags & Tcp.ACK) !== 0) tcp.profile.timeWait.schedule(tcp, sock, TimeWait.TIMEWAIT_LENGTH)
    answer(tcp, sock, segment, Counters.ACK_SKIPPED_TIME_WAIT)
  }
  host.drop(segment, isPaws ? Drops.TCP_RFC7323_PAWS : Drops.TCP_OLD_DATA)
}

/** RFC 1122 §4.2.2.13, RFC 6191: a SYN beyond the old sequence space, or with a later timestamp. */
const mayStartAnew = (sock: TimeWaitSock, segment: Segment): boolean =>
  isAfter(segment.seq, sock.rcvNxt) || (segment.hasTimestamp !== 0 && ((sock.tsRecent - segment.tsVal) | 0) < 0)

const noteTimestamp = (tcp: TcpStack, sock: TimeWaitSock, segment: Segment): void => {
  if (segment.hasTimestamp === 0) return
  sock.tsRecent = segment.tsVal
  sock.tsRecentStamp = clockSeconds(tcp.host.now())
}

const inFinWait2 = (tcp: TcpStack, sock: TimeWaitSock, segment: Segment, isPaws: boolean): void => {
  const host = tcp.host
  const flags = segment.flags
  const inWindow = !isPaws && isInWindow(segment, sock.rcvNxt, (sock.rcvNxt + sock.rcvWnd) | 0)
  if (!inWindow) {
    if ((flags & Tcp.RST) === 0) answer(tcp, sock, segment, Counters.ACK_SKIPPED_FIN_WAIT2)
    host.drop(segment, Drops.TCP_OVERWINDOW)
    return
  }
  if ((flags & Tcp.RST) !== 0) {
    TimeWait.kill(tcp, sock)
    host.consumed(segment)
    return
  }
  if ((flags & Tcp.SYN) !== 0 && !isBefore(segment.seq, sock.rcvNxt)) {
    Reset.sendReset(tcp, sock.net, segment)
    host.drop(segment, Drops.TCP_INVALID_SYN)
    return
  }
  if ((flags & Tcp.ACK) === 0 || !isAfter(segment.endSeq, sock.rcvNxt) || segment.endSeq === segment.seq) {
    host.consumed(segment)
    return
  }
  // Data or FIN: nobody can read data any more.
  if ((flags & Tcp.FIN) === 0 || segment.endSeq !== ((sock.rcvNxt + 1) | 0)) {
    TimeWait.kill(tcp, sock)
    Reset.sendReset(tcp, sock.net, segment)
    host.drop(segment, Drops.TCP_ABORT_ON_DATA)
    return
  }
  sock.substate = State.TIME_WAIT
  sock.rcvNxt = segment.endSeq
  noteTimestamp(tcp, sock, segment)
  tcp.profile.timeWait.schedule(tcp, sock, TimeWait.TIMEWAIT_LENGTH)
  Reset.sendTimeWaitAck(tcp, sock)
  host.consumed(segment)
}

/** An ACK that repeats where we stand, at most one each tcp_invalid_ratelimit. */
const answer = (tcp: TcpStack, sock: TimeWaitSock, segment: Segment, skipped: number): void => {
  const nowMs = toMs(tcp.host.now())
  if (segment.endSeq === segment.seq && sock.lastOowAckMs !== 0) {
    const elapsed = (nowMs - sock.lastOowAckMs) | 0
    if (elapsed >= 0 && elapsed < sock.net.sysctl.invalidRatelimit) {
      sock.net.count(skipped)
      return
    }
  }
  sock.lastOowAckMs = nowMs === 0 ? -1 : nowMs
  Reset.sendTimeWaitAck(tcp, sock)
}
