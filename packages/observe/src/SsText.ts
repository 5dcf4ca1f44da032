/**
 * `ss` as text (iproute2: misc/ss.c): sockets in columns, -i (tcp_info), -m (skmem), -o (timers), -p (processes), -s.
 */
import type { MemInfo } from "@darkfiber/sockets/MemInfo"
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import { fixed, general, left, right } from "./Columns.ts"

export type SocketState =
  | "ESTAB"
  | "SYN-SENT"
  | "SYN-RECV"
  | "FIN-WAIT-1"
  | "FIN-WAIT-2"
  | "TIME-WAIT"
  | "UNCONN"
  | "CLOSE-WAIT"
  | "LAST-ACK"
  | "LISTEN"
  | "CLOSING"

export interface SocketRecord {
  readonly netid: "tcp" | "udp" | "raw" | "icmp"
  readonly state: SocketState
  /** LISTEN: connections in the accept queue and its limit; else bytes not read and bytes not acknowledged. */
  readonly receiveQueue: number
  readonly sendQueue: number
  readonly localAddress: number
  readonly localPort: number
  readonly remoteAddress: number
  readonly remotePort: number
  /** Name of the device it is bound to; empty for none. */
  readonly device: string
  readonly processes: ReadonlyArray<{ readonly name: string; readonly pid: number; readonly fd: number }>
  readonly timer: {
    readonly name: "on" | "keepalive" | "timewait" | "persist"
    readonly ns: number
    readonly count: number
  } | null
  readonly memory: MemInfo | null
  readonly info: TcpInfo | null
}

/** struct tcp_info and what stands with it. Times in us unless the name says otherwise; 0 or below: not known. */
export interface TcpInfo {
  readonly congestion: string
  readonly timestamps: boolean
  readonly sack: boolean
  readonly windowScale: readonly [send: number, receive: number] | null
  readonly rtoUs: number
  readonly backoff: number
  readonly rttUs: number
  readonly rttvarUs: number
  readonly atoUs: number
  readonly mss: number
  readonly pmtu: number
  readonly rcvMss: number
  readonly advmss: number
  readonly cwnd: number
  /** Infinity before the first loss. */
  readonly ssthresh: number
  readonly bytesSent: number
  readonly bytesRetrans: number
  readonly bytesAcked: number
  readonly bytesReceived: number
  readonly segsOut: number
  readonly segsIn: number
  readonly dataSegsOut: number
  readonly dataSegsIn: number
  readonly lastSendMs: number
  readonly lastReceiveMs: number
  readonly lastAckMs: number
  /** Bytes a second. */
  readonly pacingRate: number
  readonly delivered: number
  readonly unacked: number
  readonly retrans: number
  readonly totalRetrans: number
  readonly lost: number
  readonly sacked: number
  readonly dsackDups: number
  readonly reordering: number
  readonly rcvRttUs: number
  readonly rcvSpace: number
  readonly rcvSsthresh: number
  readonly notsent: number
  readonly minRttUs: number
  readonly rcvOoo: number
  readonly sendWindow: number
  readonly receiveWindow: number
}

export interface Columns {
  /** The Netid column: there when several kinds of sockets are asked for. */
  readonly netid: boolean
  /** The State column: not there when one state is asked for. */
  readonly state: boolean
  readonly processes: boolean
  readonly timers: boolean
  readonly memory: boolean
  readonly info: boolean
  readonly header: boolean
}

export const defaultColumns: Columns = {
  netid: false,
  state: true,
  processes: false,
  timers: false,
  memory: false,
  info: false,
  header: true
}

/** The table. Columns are as wide as their widest cell; addresses end at the colon, ports begin there. */
export const format = (sockets: ReadonlyArray<SocketRecord>, columns: Partial<Columns> = {}): string => {
  const wanted: Columns = { ...defaultColumns, ...columns }
  const heading = ["Netid", "State", "Recv-Q", "Send-Q", "Local Address", "Port", "Peer Address", "Port", "Process"]
  const rows = sockets.map((socket) => cells(socket, wanted))
  const shown = [wanted.netid, wanted.state, true, true, true, true, true, true]
  const widths = heading.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]!.length)))
  const line = (row: ReadonlyArray<string>): string => {
    let text = ""
    for (let at = 0; at < 8; at++) {
      if (!shown[at]) continue
      if (at === 4 || at === 6) text += `${text === "" ? "" : " "}${right(row[at]!, widths[at]!)}:`
      else text += `${text === "" || at === 5 || at === 7 ? "" : " "}${left(row[at]!, widths[at]!)}`
    }
    return `${text} ${row[8]!}`.trimEnd()
  }
  const body = rows.map((row, at) => `${line(row)}\n${details(sockets[at]!, wanted)}`).join("")
  return wanted.header ? `${line(heading)}\n${body}` : body
}

const cells = (socket: SocketRecord, wanted: Columns): ReadonlyArray<string> => {
  const local = socket.device === "" ? "" : `%${socket.device}`
  const extra: Array<string> = []
  if (wanted.processes && socket.processes.length > 0) {
    const users = socket.processes.map(({ name, pid, fd }) => `("${name}",pid=${pid},fd=${fd})`)
    extra.push(`users:(${users.join(",")})`)
  }
  if (wanted.timers && socket.timer !== null) {
    extra.push(`timer:(${socket.timer.name},${timerText(socket.timer.ns)},${socket.timer.count})`)
  }
  return [
    socket.netid,
    socket.state,
    String(socket.receiveQueue),
    String(socket.sendQueue),
    Ipv4Address.format(socket.localAddress) + local,
    portText(socket.localPort),
    Ipv4Address.format(socket.remoteAddress),
    portText(socket.remotePort),
    extra.join(" ")
  ]
}

const portText = (port: number): string => (port === 0 ? "*" : String(port))

/** `200ms`, `1.200ms`, `59sec`, `119min` (ss: print_ms_timer). */
const timerText = (ns: number): string => {
  const ms = Math.max(0, Math.floor(ns / 1_000_000))
  const minutes = Math.floor(ms / 60_000)
  const seconds = Math.floor((ms % 60_000) / 1000)
  const rest = ms % 1000
  let text = ""
  if (minutes > 0) text += `${minutes}min`
  if (seconds > 0) {
    if (minutes > 0 && minutes < 9) text += `${String(seconds).padStart(2, "0")}sec`
    else if (minutes === 0) text += seconds > 9 || rest === 0 ? `${seconds}sec` : `${seconds}.`
  }
  if (rest > 0 && minutes === 0 && seconds < 10) text += `${String(rest).padStart(3, "0")}ms`
  return text === "" ? "0ms" : text
}

const details = (socket: SocketRecord, wanted: Columns): string => {
  const parts: Array<string> = []
  if (wanted.memory && socket.memory !== null) parts.push(memoryText(socket.memory))
  if (wanted.info && socket.info !== null) parts.push(infoText(socket.info))
  return parts.length === 0 ? "" : `\t ${parts.join(" ")}\n`
}

/** `skmem:(r0,rb131072,t0,tb16384,f0,w0,o0,bl0,d0)` */
export const memoryText = (m: MemInfo): string =>
  `skmem:(r${m.rmem_alloc},rb${m.rcvbuf},t${m.wmem_alloc},tb${m.sndbuf},f${m.fwd_alloc},w${m.wmem_queued},o${m.optmem},bl${m.backlog},d${m.drops})`

/** The line of -i, in ss's order (tcp_stats_print). */
export const infoText = (info: TcpInfo): string => {
  const ms = (us: number): string => general(us / 1000)
  const parts: Array<string> = []
  const add = (condition: boolean, text: string): void => {
    if (condition) parts.push(text)
  }
  const number = (name: string, value: number): void => add(value > 0, `${name}:${value}`)
  add(info.timestamps, "ts")
  add(info.sack, "sack")
  add(info.congestion !== "", info.congestion)
  if (info.windowScale !== null) parts.push(`wscale:${info.windowScale[0]},${info.windowScale[1]}`)
  add(info.rtoUs > 0, `rto:${ms(info.rtoUs)}`)
  number("backoff", info.backoff)
  add(info.rttUs > 0, `rtt:${ms(info.rttUs)}/${ms(info.rttvarUs)}`)
  add(info.atoUs > 0, `ato:${ms(info.atoUs)}`)
  number("mss", info.mss)
  number("pmtu", info.pmtu)
  number("rcvmss", info.rcvMss)
  number("advmss", info.advmss)
  number("cwnd", info.cwnd)
  add(info.ssthresh !== Infinity && info.ssthresh > 0, `ssthresh:${info.ssthresh}`)
  number("bytes_sent", info.bytesSent)
  number("bytes_retrans", info.bytesRetrans)
  number("bytes_acked", info.bytesAcked)
  number("bytes_received", info.bytesReceived)
  number("segs_out", info.segsOut)
  number("segs_in", info.segsIn)
  number("data_segs_out", info.dataSegsOut)
  number("data_segs_in", info.dataSegsIn)
  const rate = info.rttUs > 0 ? (info.cwnd * info.mss * 8 * 1_000_000) / info.rttUs : 0
  add(rate > 0, `send ${bandwidth(rate)}`)
  number("lastsnd", info.lastSendMs)
  number("lastrcv", info.lastReceiveMs)
  number("lastack", info.lastAckMs)
  add(info.pacingRate > 0 && info.pacingRate !== Infinity, `pacing_rate ${bandwidth(info.pacingRate * 8)}`)
  number("delivered", info.delivered)
  number("unacked", info.unacked)
  add(info.retrans > 0 || info.totalRetrans > 0, `retrans:${info.retrans}/${info.totalRetrans}`)
  number("lost", info.lost)
  number("sacked", info.sacked)
  number("dsack_dups", info.dsackDups)
  add(info.reordering !== 3, `reordering:${info.reordering}`)
  add(info.rcvRttUs > 0, `rcv_rtt:${ms(info.rcvRttUs)}`)
  number("rcv_space", info.rcvSpace)
  number("rcv_ssthresh", info.rcvSsthresh)
  number("notsent", info.notsent)
  add(info.minRttUs > 0, `minrtt:${ms(info.minRttUs)}`)
  number("rcv_ooopack", info.rcvOoo)
  number("snd_wnd", info.sendWindow)
  number("rcv_wnd", info.receiveWindow)
  return parts.join(" ")
}

/** Bits a second as ss prints them to a reader: `2316800000bps`. */
const bandwidth = (bits: number): string => `${fixed(bits, 0)}bps`

/** What `ss -s` counts. */
export interface SocketSummary {
  /** Open sockets of every family. */
  readonly total: number
  readonly tcp: {
    readonly established: number
    /** Without TIME_WAIT: TCP sockets that are in no connection. */
    readonly closed: number
    readonly orphaned: number
    readonly timeWait: number
    /** In use, TIME_WAIT and orphans included. */
    readonly total: number
    /** Open: established, listening, in a handshake or closing. */
    readonly inUse: number
  }
  readonly udp: number
  readonly raw: number
  readonly fragments: number
}

/** `ss -s`. IPv6 has no sockets here. */
export const formatSummary = (summary: SocketSummary): string => {
  const { tcp } = summary
  const row = (name: string, total: number): string => `${name}\t  ${left(total, 9)} ${left(total, 9)} ${left(0, 9)}\n`
  return (
    `Total: ${summary.total}\n` +
    `TCP:   ${tcp.total} (estab ${tcp.established}, closed ${tcp.closed}, orphaned ${tcp.orphaned}, timewait ${tcp.timeWait})\n\n` +
    "Transport Total     IP        IPv6\n" +
    row("RAW", summary.raw) +
    row("UDP", summary.udp) +
    row("TCP", tcp.inUse) +
    row("INET", summary.raw + summary.udp + tcp.inUse) +
    row("FRAG", summary.fragments) +
    "\n"
  )
}
