/**
 * TIME_WAIT: entering it, leaving it, and reuse of its port (RFC 9293 §3.10.7, RFC 6191; Linux: tcp_time_wait,
 * tcp_twsk_unique, net/ipv4/inet_timewait_sock.c). What segments do to it is TimeWaitInput.ts.
 */
import * as Counters from "./Counters.ts"
import * as Done from "./Done.ts"
import * as Md5Keys from "./Md5Keys.ts"
import * as Points from "./Points.ts"
import * as State from "./State.ts"
import type { Tcp as TcpStack } from "./Tcp.ts"
import { type TcpSock, receiveWindow } from "./TcpSock.ts"
import { clockSeconds } from "./Clock.ts"
import type { Endpoint } from "./Endpoint.ts"
import { TimeWaitSock } from "./TimeWaitSock.ts"
import { OBJECT_TIME_WAIT } from "./TcpHost.ts"

/** TCP_TIMEWAIT_LEN. */
export const TIMEWAIT_LENGTH = 60_000_000_000

/**
 * Turns a full socket into a small one and lets the full one go (Linux: tcp_time_wait).
 *
 * @param substate TIME_WAIT or FIN_WAIT2
 * @param length ns; below the RTO it is made longer
 */
export const enter = (sock: TcpSock, substate: number, length: number): void => {
  const tcp = sock.tcp
  tcp.host.trace(Points.TCP_TIME_WAIT, sock, null)
  const made = allocate(tcp, sock)
  if (made !== null) {
    fill(made, sock, substate)
    tcp.established.remove(sock)
    tcp.established.insert(made)
    const bucket = sock.bucket
    if (bucket !== null) {
      bucket.timeWaitCount++
      if (!made.reuse) bucket.timeWaitStrict++
      made.bucket = bucket
    }
    const rto = Math.min(sock.rtoUs * 1000 * 3.5, TIMEWAIT_LENGTH)
    const life = substate === State.TIME_WAIT ? TIMEWAIT_LENGTH : Math.max(length, rto)
    tcp.profile.timeWait.schedule(tcp, made, life)
  } else {
    sock.net.count(Counters.TIME_WAIT_OVERFLOW)
  }
  Done.done(sock)
}

const allocate = (tcp: TcpStack, sock: TcpSock): TimeWaitSock | null => {
  const net = sock.net
  const count = tcp.profile.timeWaitIsGlobal ? tcp.timeWaitCount : net.timeWaitCount
  if (count >= net.sysctl.maxTwBuckets) return null
  if (!tcp.host.allocObject(OBJECT_TIME_WAIT, net)) return null
  tcp.timeWaitCount++
  net.timeWaitCount++
  return new TimeWaitSock(tcp, net)
}

const fill = (made: TimeWaitSock, sock: TcpSock, substate: number): void => {
  made.substate = substate
  made.localAddress = sock.localAddress
  made.localPort = sock.localPort
  made.remoteAddress = sock.remoteAddress
  made.remotePort = sock.remotePort
  made.device = sock.device
  made.mark = sock.mark
  made.rcvNxt = sock.rcvNxt
  made.sndNxt = sock.sndNxt
  made.rcvWnd = receiveWindow(sock)
  made.rcvWscale = sock.rcvWscale
  made.tsRecent = sock.tsRecent
  made.tsRecentStamp = sock.tsRecentStamp
  made.enteredAt = sock.tcp.host.now()
  made.tsOffset = sock.tsOffset
  made.md5Key = Md5Keys.find(sock, sock.remoteAddress)
  made.lastOowAckMs = sock.lastOowAckMs
  made.reuse = sock.reuseAddress
}

/** Takes it out of everything and frees it (Linux: inet_twsk_kill). */
export const kill = (tcp: TcpStack, sock: TimeWaitSock): void => {
  if (sock.dead) return
  sock.dead = true
  tcp.profile.timeWait.cancel(tcp, sock)
  tcp.established.remove(sock)
  const bucket = sock.bucket
  if (bucket !== null) {
    sock.bucket = null
    bucket.timeWaitCount--
    if (!sock.reuse) bucket.timeWaitStrict--
    tcp.bindHash.release(bucket)
  }
  tcp.timeWaitCount--
  sock.net.timeWaitCount--
  tcp.host.freeObject(OBJECT_TIME_WAIT, sock.net)
}

/**
 * connect() meets a TIME_WAIT sock with its four-tuple: takes its place when timestamps and tcp_tw_reuse allow it (Linux:
 * tcp_twsk_unique). The sequence numbers go on beyond the old ones.
 */
export const tryReuse = (tcp: TcpStack, sock: TcpSock, found: Endpoint): boolean => {
  const old = found as TimeWaitSock
  const net = sock.net
  let reuse = net.sysctl.twReuse
  if (reuse === 2) reuse = tcp.host.isLoopback(net, sock.localAddress, sock.remoteAddress) ? 1 : 0
  if (old.tsRecentStamp === 0 || reuse === 0 || !reuseDelayIsOver(tcp, old)) return false
  sock.writeSeq = (old.sndNxt + 65_535 + 2) | 0
  if (sock.writeSeq === 0) sock.writeSeq = 1
  sock.tsRecent = old.tsRecent
  sock.tsRecentStamp = old.tsRecentStamp
  net.count(Counters.TW_RECYCLED)
  kill(tcp, old)
  return true
}

const reuseDelayIsOver = (tcp: TcpStack, old: TimeWaitSock): boolean => {
  const now = tcp.host.now()
  if (tcp.profile.twReuseBySecond) return clockSeconds(now) - old.tsRecentStamp > 1
  return now - old.enteredAt > old.net.sysctl.twReuseDelay * 1_000_000
}
