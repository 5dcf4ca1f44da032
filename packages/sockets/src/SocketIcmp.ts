/**
 * Ping sockets: SOCK_DGRAM with IPPROTO_ICMP (Linux: net/ipv4/ping.c). A process writes and reads ICMP messages with
 * their 8-byte header; the identifier is the socket's port.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Dst from "@darkfiber/kernel-net/Dst"
import * as Errno from "@darkfiber/kernel-net/Errno"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import { PingSock } from "@darkfiber/kernel-net/Ping"
import * as Route from "@darkfiber/kernel-net/Route"
import type { SkBuff } from "@darkfiber/kernel-net/SkBuff"
import type { Sock } from "@darkfiber/kernel-net/Sock"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import {
  controlDatagram,
  type DatagramReader,
  pollDatagram,
  receiveDatagram,
  shutdownDatagram,
  timeoutOf
} from "./Datagram.ts"
import { AF_INET, AF_UNSPEC, SOCK_DGRAM, type Socket, type SocketOps, SS_CONNECTED, SS_UNCONNECTED } from "./Socket.ts"
import type { SocketFamily } from "./SocketLayer.ts"
import * as O from "./SocketOptions.ts"
import { done } from "./SystemCall.ts"
import type { Task } from "./Task.ts"

export const IPPROTO_ICMP = 1

const reader: DatagramReader = {
  take: (sk) => sk.takeReceived() as SkBuff,
  offset: () => 0,
  sourceAddress: (skb: SkBuff) => Ipv4.source(skb.host.world.slab.bytes, skb.networkHeader),
  sourcePort: () => 0
}

const ops: SocketOps = {
  name: "inet_dgram_ops",
  protocolName: "ping_prot",
  bind(_core, socket, address, port) {
    const sk = socket.sk as PingSock
    if (sk.localPort !== 0) return -Errno.EINVAL
    if (address !== 0 && Route.addressType(sk.net, address) !== Dst.LOCAL) return -Errno.EADDRNOTAVAIL
    const status = sk.bind(port)
    if (status === 0) sk.localAddress = address
    return status
  },
  connect(_core, task, socket) {
    const sk = socket.sk as PingSock
    if (task.r1 === AF_UNSPEC) {
      sk.remoteAddress = 0
      socket.state = SS_UNCONNECTED
      return done(task, 0)
    }
    if (task.r1 !== AF_INET) return done(task, -Errno.EAFNOSUPPORT)
    const dst = Route.output(sk.net, task.r4 | 0, sk.localAddress, sk.boundDevice)
    if (dst === null) return done(task, sk.net.routeError)
    sk.remoteAddress = task.r4 | 0
    if (sk.localAddress === 0) sk.localAddress = dst.source
    socket.state = SS_CONNECTED
    return done(task, 0)
  },
  listen: () => -Errno.EOPNOTSUPP,
  accept: (_core, task) => done(task, -Errno.EOPNOTSUPP),
  send(core, task, socket) {
    const sk = socket.sk as PingSock
    const buffer = task.argument
    if (!(buffer instanceof Uint8Array)) return done(task, task.r2 > 0 ? -Errno.EFAULT : -Errno.EINVAL)
    const at = task.r1
    if (task.r2 < Icmp.headerBytes) return done(task, -Errno.EINVAL)
    if (buffer[at] !== Icmp.TYPE_ECHO_REQUEST || buffer[at + 1] !== 0) return done(task, -Errno.EINVAL)
    if (task.r5 >= 0 && task.addressFamily !== AF_INET) return done(task, -Errno.EAFNOSUPPORT)
    const sequence = (buffer[at + 6]! << 8) | buffer[at + 7]!
    const payload = buffer.subarray(at + Icmp.headerBytes, at + task.r2)
    const sent = sk.send(core, task.r5 < 0 ? 0 : task.r4 | 0, sequence, payload)
    if (sent === -Errno.EAGAIN) {
      return task.waitOn(core, socket.wait, false, timeoutOf(task, socket, task.r3, false))
    }
    return done(task, sent < 0 ? sent : sent + Icmp.headerBytes)
  },
  receive: (core, task, socket) => receiveDatagram(core, task, socket, reader),
  shutdown: shutdownDatagram,
  control: (_core, socket, request) => controlDatagram(socket, reader, request),
  poll: (_core, socket) => pollDatagram(socket),
  release(core: Core, _task: Task | null, socket: Socket) {
    const sk = socket.sk as PingSock
    sk.waiters = null
    sk.close(core)
  },
  setOption: (_core, socket, level, name, value) => setDatagramOption(socket, level, name, value),
  getOption: () => null
}

/** Options of datagram sockets below those that every socket has. */
export const setDatagramOption = (socket: Socket, level: number, name: number, value: O.OptionValue): number => {
  if (level !== O.SOL_SOCKET || name !== O.SO_BROADCAST || typeof value !== "number") return -Errno.ENOPROTOOPT
  socket.sk.broadcast = value !== 0
  return 0
}

export const icmpFamily: SocketFamily = {
  type: SOCK_DGRAM,
  protocol: IPPROTO_ICMP,
  ops,
  create: (_core: Core, net: Netns): Sock | number => new PingSock(net)
}
