/** Sockets of a namespace as records: `ss`, /proc/net/sockstat. */
import type { Netns } from "@darkfiber/kernel-net/Netns"
import type { Sock } from "@darkfiber/kernel-net/Sock"
import * as MemInfo from "@darkfiber/sockets/MemInfo"
import type { File } from "@darkfiber/sockets/Files"
import type { Socket } from "@darkfiber/sockets/Socket"
import { TcpKernelSock } from "@darkfiber/sockets/TcpKernelSock"
import { type Endpoint, KIND_REQUEST, KIND_TIME_WAIT } from "@darkfiber/tcp/Endpoint"
import * as State from "@darkfiber/tcp/State"
import type { RequestSock } from "@darkfiber/tcp/RequestSock"
import type { TimeWaitSock } from "@darkfiber/tcp/TimeWaitSock"
import type { TcpSock } from "@darkfiber/tcp/TcpSock"
import type { Machine, Place } from "./Machine.ts"
import { now } from "./Machine.ts"
import type { SockstatRecord } from "./ProcText.ts"
import type { SocketRecord, SocketState, SocketSummary } from "./SsText.ts"
import { tcpInfo } from "./TcpInfoView.ts"

export const UDP = 17
export const ICMP = 1

const states: ReadonlyMap<number, SocketState> = new Map([
  [State.ESTABLISHED, "ESTAB"],
  [State.SYN_SENT, "SYN-SENT"],
  [State.SYN_RECV, "SYN-RECV"],
  [State.NEW_SYN_RECV, "SYN-RECV"],
  [State.FIN_WAIT1, "FIN-WAIT-1"],
  [State.FIN_WAIT2, "FIN-WAIT-2"],
  [State.TIME_WAIT, "TIME-WAIT"],
  [State.CLOSE, "UNCONN"],
  [State.CLOSE_WAIT, "CLOSE-WAIT"],
  [State.LAST_ACK, "LAST-ACK"],
  [State.LISTEN, "LISTEN"],
  [State.CLOSING, "CLOSING"]
])

type Holder = SocketRecord["processes"][number]

/** Open sockets of all processes, and who holds each. */
const opened = (machine: Machine): ReadonlyMap<Sock, { readonly socket: Socket; readonly holders: Array<Holder> }> => {
  const found = new Map<Sock, { readonly socket: Socket; readonly holders: Array<Holder> }>()
  for (const process of machine.processes?.list() ?? []) {
    process.files.slots.forEach((file: File | null, fd) => {
      if (file === null || file.ops.kind !== "socket") return
      const socket = file.object as Socket
      const known = found.get(socket.sk)
      const holder = { name: process.name, pid: process.pid, fd }
      if (known === undefined) found.set(socket.sk, { socket, holders: [holder] })
      else known.holders.push(holder)
    })
  }
  return found
}

/** Sockets of the namespace that a process holds. */
export const openedIn = (place: Place): ReadonlyArray<Sock> =>
  [...opened(place).keys()].filter((sk) => sk.net === place.net)

/** Every socket of the namespace: listeners, then TCP by addresses and ports, then TCP not bound, UDP, ICMP. */
export const list = (place: Place): ReadonlyArray<SocketRecord> => {
  const holders = opened(place)
  const time = now(place)
  const result: Array<SocketRecord> = []
  const seen = new Set<unknown>()
  const { tcp, net } = place
  if (tcp !== null) {
    const own = tcp.netOf(net)
    for (const sock of tcp.stack.listening.all()) {
      if (sock.net !== own) continue
      seen.add(sock.owner)
      result.push(listener(sock, net, holders.get(sock.owner as Sock)?.holders ?? []))
    }
    for (const endpoint of tcp.stack.established.all()) {
      if (endpoint.net !== own) continue
      if (endpoint.kind === KIND_REQUEST) result.push(request(endpoint as RequestSock, net, time))
      else if (endpoint.kind === KIND_TIME_WAIT) result.push(timeWait(endpoint as TimeWaitSock, net, time))
      else {
        const sock = endpoint as TcpSock
        seen.add(sock.owner)
        result.push(connection(sock, net, time, holders.get(sock.owner as Sock)?.holders ?? []))
      }
    }
  }
  for (const [sk, { holders: who }] of holders) {
    if (sk.net !== net || seen.has(sk)) continue
    if (sk instanceof TcpKernelSock) result.push(connection(sk.tcp, net, time, who))
    else if (sk.protocol === UDP || sk.protocol === ICMP) result.push(datagram(sk, net, who))
  }
  return result
}

const deviceName = (net: Netns, index: number): string =>
  index === 0 ? "" : (net.deviceByIndex(index)?.name ?? `if${index}`)

const ends = (
  endpoint: Endpoint,
  net: Netns
): Pick<
  SocketRecord,
  "netid" | "state" | "localAddress" | "localPort" | "remoteAddress" | "remotePort" | "device"
> => ({
  netid: "tcp",
  state: states.get(endpoint.state) ?? "UNCONN",
  localAddress: endpoint.localAddress,
  localPort: endpoint.localPort,
  remoteAddress: endpoint.remoteAddress,
  remotePort: endpoint.remotePort,
  device: deviceName(net, endpoint.device)
})

const listener = (sock: TcpSock, net: Netns, processes: ReadonlyArray<Holder>): SocketRecord => ({
  ...ends(sock, net),
  receiveQueue: sock.listen?.ackBacklog ?? 0,
  sendQueue: sock.listen?.maxAckBacklog ?? 0,
  processes,
  timer: null,
  memory: MemInfo.ofTcp(sock),
  info: null
})

const connection = (sock: TcpSock, net: Netns, time: number, processes: ReadonlyArray<Holder>): SocketRecord => {
  const isOpen = sock.state !== State.CLOSE
  return {
    ...ends(sock, net),
    receiveQueue: isOpen ? Math.max(0, (sock.rcvNxt - sock.copiedSeq) | 0) : 0,
    sendQueue: isOpen ? Math.max(0, (sock.writeSeq - sock.sndUna) | 0) : 0,
    processes,
    timer: timerOf(sock, time),
    memory: MemInfo.ofTcp(sock),
    info: isOpen ? tcpInfo(sock, time) : null
  }
}

const request = (sock: RequestSock, net: Netns, time: number): SocketRecord => ({
  ...ends(sock, net),
  receiveQueue: 0,
  sendQueue: 0,
  processes: [],
  timer: { name: "on", ns: left(sock.timer?.deadline ?? sock.expires, time), count: sock.retransmits },
  memory: null,
  info: null
})

const timeWait = (sock: TimeWaitSock, net: Netns, time: number): SocketRecord => ({
  ...ends(sock, net),
  state: sock.substate === State.FIN_WAIT2 ? "FIN-WAIT-2" : "TIME-WAIT",
  receiveQueue: 0,
  sendQueue: 0,
  processes: [],
  timer: { name: "timewait", ns: left(sock.timer?.deadline ?? -1, time), count: 0 },
  memory: null,
  info: null
})

const left = (deadline: number, time: number): number => (deadline < 0 ? 0 : Math.max(0, deadline - time))

/** Which timer runs (Linux: inet_sk_diag_fill). */
const timerOf = (sock: TcpSock, time: number): SocketRecord["timer"] => {
  const retransmit = sock.retransmitTimer?.deadline ?? -1
  if (retransmit >= 0 && sock.pending !== 0) {
    const isProbe = sock.pending === 3
    return {
      name: isProbe ? "persist" : "on",
      ns: left(retransmit, time),
      count: isProbe ? sock.probesOut : sock.retransmits
    }
  }
  const keepalive = sock.keepaliveTimer?.deadline ?? -1
  return keepalive >= 0 ? { name: "keepalive", ns: left(keepalive, time), count: sock.probesOut } : null
}

const datagram = (sk: Sock, net: Netns, processes: ReadonlyArray<Holder>): SocketRecord => ({
  netid: sk.protocol === UDP ? "udp" : "icmp",
  state: sk.remotePort !== 0 || sk.remoteAddress !== 0 ? "ESTAB" : "UNCONN",
  receiveQueue: sk.rmem,
  sendQueue: sk.wmem,
  localAddress: sk.localAddress,
  localPort: sk.localPort,
  remoteAddress: sk.remoteAddress,
  remotePort: sk.remotePort,
  device: deviceName(net, sk.boundDevice),
  processes,
  timer: null,
  memory: MemInfo.ofSock(sk),
  info: null
})

/** `ss -s` */
export const summary = (place: Place): SocketSummary => {
  const all = list(place)
  const count = (test: (one: SocketRecord) => boolean): number => all.filter(test).length
  const timeWait = count((one) => one.netid === "tcp" && one.state === "TIME-WAIT")
  const closed = count((one) => one.netid === "tcp" && one.state === "UNCONN")
  const tcp = count((one) => one.netid === "tcp")
  return {
    total: openSockets(place),
    tcp: {
      established: count((one) => one.netid === "tcp" && one.state === "ESTAB"),
      closed: closed + timeWait,
      orphaned: orphans(place),
      timeWait,
      total: tcp,
      inUse: tcp - closed - timeWait
    },
    udp: count((one) => one.netid === "udp"),
    raw: 0,
    fragments: fragments(place)
  }
}

/** /proc/net/sockstat */
export const sockstat = (place: Place): SockstatRecord => {
  const { tcp, net } = place
  const all = list(place)
  const { tcp: counts, udp } = summary(place)
  return {
    sockets: openSockets(place),
    tcpInUse: counts.inUse - all.filter((one) => one.state === "SYN-RECV").length,
    tcpOrphan: orphans(place),
    tcpTimeWait: tcp?.netOf(net).timeWaitCount ?? 0,
    tcpAlloc: tcp?.stack.socketCount ?? 0,
    tcpPages: tcp?.stack.memoryPages ?? 0,
    udpInUse: udp,
    udpPages: Math.ceil(all.reduce((sum, one) => sum + (one.netid === "udp" ? one.receiveQueue : 0), 0) / 4096),
    rawInUse: 0,
    fragments: fragments(place),
    fragmentBytes: net.fragments.memory
  }
}

const openSockets = (place: Place): number => {
  let count = 0
  for (const { socket } of opened(place).values()) if (socket.net === place.net) count++
  return count
}

/** Of the whole host, as the kernel counts them. */
const orphans = (place: Place): number => place.tcp?.stack.orphanCount ?? 0
const fragments = (place: Place): number => place.net.fragments.count
