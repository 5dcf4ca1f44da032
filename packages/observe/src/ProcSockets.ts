/**
 * /proc/net/tcp, udp and icmp (Linux: get_tcp4_sock, get_openreq4, get_timewait4_sock, udp4_format_sock).
 *
 * What the simulator has not is 0: user, inode, the pointer.
 */
import { type Endpoint, KIND_REQUEST, KIND_TIME_WAIT } from "@darkfiber/tcp/Endpoint"
import type { RequestSock } from "@darkfiber/tcp/RequestSock"
import * as State from "@darkfiber/tcp/State"
import type { TimeWaitSock } from "@darkfiber/tcp/TimeWaitSock"
import type { TcpTimer } from "@darkfiber/tcp/TcpHost"
import { INFINITE_SSTHRESH, PENDING_PROBE0, type TcpSock } from "@darkfiber/tcp/TcpSock"
import { lines, machineHex } from "./Columns.ts"
import { now, type Place } from "./Machine.ts"
import { ticksPerSecond } from "./ProcText.ts"
import { ICMP, openedIn, UDP } from "./Sockets.ts"

const HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
const TCP_WIDTH = 149
const DATAGRAM_WIDTH = 127
const NO_POINTER = "0".repeat(16)

const NANOS_OF_TICK = 1_000_000_000 / ticksPerSecond
const MICROS_OF_TICK = 1_000_000 / ticksPerSecond

/** Which timer stands in `tr`. */
const TIMER_NONE = 0
const TIMER_RETRANSMIT = 1
const TIMER_KEEPALIVE = 2
const TIMER_TIME_WAIT = 3
const TIMER_PROBE = 4

export const tcp = (place: Place): string => {
  const rows: Array<string> = []
  if (place.tcp !== null) {
    const own = place.tcp.netOf(place.net)
    const time = now(place)
    for (const sock of place.tcp.stack.listening.all()) {
      if (sock.net === own) rows.push(full(sock, rows.length, time))
    }
    for (const endpoint of place.tcp.stack.established.all()) {
      if (endpoint.net !== own) continue
      if (endpoint.kind === KIND_REQUEST) rows.push(request(endpoint as RequestSock, rows.length, time))
      else if (endpoint.kind === KIND_TIME_WAIT) rows.push(timeWait(endpoint as TimeWaitSock, rows.length, time))
      else rows.push(full(endpoint as TcpSock, rows.length, time))
    }
  }
  return lines([HEAD.padEnd(TCP_WIDTH), ...rows.map((row) => row.padEnd(TCP_WIDTH))])
}

export const udp = (place: Place): string => datagrams(place, UDP)
export const icmp = (place: Place): string => datagrams(place, ICMP)

/** In the order of the processes and their descriptors; the number is that of the line, not of a hash bucket. */
const datagrams = (place: Place, protocol: number): string => {
  const socks = openedIn(place).filter((sk) => sk.protocol === protocol)
  const rows = socks.map((sk, index) => {
    const state = sk.remotePort !== 0 || sk.remoteAddress !== 0 ? State.ESTABLISHED : State.CLOSE
    const queues = `${hex(sk.wmem, 8)}:${hex(sk.rmem, 8)}`
    const start = `${String(index).padStart(5)}: ${ends(sk)} ${hex(state, 2)} ${queues}`
    return `${start} 00:00000000 00000000 ${number(0, 5)} ${number(0, 8)} 0 2 ${NO_POINTER} ${sk.drops}`
  })
  return lines([` ${HEAD} ref pointer drops`, ...rows].map((row) => row.padEnd(DATAGRAM_WIDTH)))
}

const hex = (value: number, width: number): string => (value >>> 0).toString(16).toUpperCase().padStart(width, "0")
const number = (value: number, width: number): string => String(value).padStart(width)

const ends = (one: Pick<Endpoint, "localAddress" | "localPort" | "remoteAddress" | "remotePort">): string =>
  `${machineHex(one.localAddress)}:${hex(one.localPort, 4)} ${machineHex(one.remoteAddress)}:${hex(one.remotePort, 4)}`

/** The columns up to `retrnsmt`. */
const start = (
  one: Endpoint,
  index: number,
  state: number,
  queues: string,
  timer: number,
  ns: number,
  count: number
): string => {
  const ticks = Math.max(0, Math.floor(ns / NANOS_OF_TICK))
  return `${number(index, 4)}: ${ends(one)} ${hex(state, 2)} ${queues} ${hex(timer, 2)}:${hex(ticks, 8)} ${hex(count, 8)}`
}

const EMPTY_QUEUES = "00000000:00000000"

const isPending = (timer: TcpTimer | null): boolean => timer !== null && timer.deadline >= 0

const full = (sock: TcpSock, index: number, time: number): string => {
  const isListening = sock.state === State.LISTEN
  const received = isListening ? (sock.listen?.ackBacklog ?? 0) : Math.max(0, (sock.rcvNxt - sock.copiedSeq) | 0)
  const queues = isListening
    ? `00000000:${hex(received, 8)}`
    : `${hex(sock.writeSeq - sock.sndUna, 8)}:${hex(received, 8)}`
  const retransmits = isPending(sock.retransmitTimer) && sock.pending !== 0
  const timer = retransmits
    ? sock.pending === PENDING_PROBE0
      ? TIMER_PROBE
      : TIMER_RETRANSMIT
    : isPending(sock.keepaliveTimer)
      ? TIMER_KEEPALIVE
      : TIMER_NONE
  const deadline = retransmits ? sock.retransmitTimer!.deadline : (sock.keepaliveTimer?.deadline ?? time)
  const ns = timer === TIMER_NONE ? 0 : deadline - time
  // The socket's own reference, one of the table that listeners are in, and one for each timer that runs.
  const references =
    1 +
    (isListening ? 1 : 0) +
    (isPending(sock.retransmitTimer) ? 1 : 0) +
    (isPending(sock.delackTimer) ? 1 : 0) +
    (isPending(sock.keepaliveTimer) ? 1 : 0)
  const ticks = (us: number): number => Math.floor(us / MICROS_OF_TICK)
  const quick = (sock.ackQuick << 1) | (sock.ackPingpong > 0 ? 1 : 0)
  const threshold = sock.sndSsthresh >= INFINITE_SSTHRESH ? -1 : sock.sndSsthresh
  const last = isListening ? sock.options.fastOpenBacklog : threshold
  return (
    `${start(sock, index, sock.state, queues, timer, ns, sock.retransmits)} ${number(0, 5)} ${number(sock.probesOut, 8)} 0 ` +
    `${references} ${NO_POINTER} ${ticks(sock.rtoUs)} ${ticks(sock.atoUs)} ${quick} ${sock.sndCwnd} ${last}`
  )
}

const request = (sock: RequestSock, index: number, time: number): string => {
  const ns = (sock.timer?.deadline ?? sock.expires) - time
  const first = start(sock, index, State.SYN_RECV, EMPTY_QUEUES, TIMER_RETRANSMIT, ns, sock.timeouts)
  return `${first} ${number(0, 5)} ${number(0, 8)} 0 0 ${NO_POINTER}`
}

const timeWait = (sock: TimeWaitSock, index: number, time: number): string => {
  const ns = (sock.timer?.deadline ?? time) - time
  const first = start(sock, index, sock.substate, EMPTY_QUEUES, TIMER_TIME_WAIT, ns, 0)
  return `${first} ${number(0, 5)} ${number(0, 8)} 0 3 ${NO_POINTER}`
}
