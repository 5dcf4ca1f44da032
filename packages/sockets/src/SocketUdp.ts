/** UDP sockets for the system calls (Linux: inet_dgram_ops, udp_prot). */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { STEP_MAX } from "@darkfiber/hardware/cpu/CostTable"
import * as Errno from "@darkfiber/kernel-net/Errno"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import type { SkBuff } from "@darkfiber/kernel-net/SkBuff"
import { UdpSock, PAYLOAD_MAX } from "@darkfiber/kernel-net/Udp"
import type { SlabCache } from "@darkfiber/memory/SlabCache"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as UdpHeader from "@darkfiber/wire/Udp"
import { BadPointer } from "./Message.ts"
import {
  controlDatagram,
  type DatagramReader,
  pollDatagram,
  receiveDatagram,
  shutdownDatagram,
  timeoutOf
} from "./Datagram.ts"
import { allocAll } from "./Files.ts"
import { SEND_SHUTDOWN } from "./Shutdown.ts"
import {
  AF_INET,
  AF_UNSPEC,
  MSG_OOB,
  SOCK_DGRAM,
  type Socket,
  type SocketOps,
  SS_CONNECTED,
  SS_UNCONNECTED
} from "./Socket.ts"
import { setDatagramOption } from "./SocketIcmp.ts"
import type { SocketFamily } from "./SocketLayer.ts"
import { CALL_MORE, done } from "./SystemCall.ts"

export const IPPROTO_UDP = 17

const reader: DatagramReader = {
  take: (sk) => (sk as UdpSock).receive() as SkBuff,
  offset: () => UdpHeader.headerBytes,
  sourceAddress: (skb: SkBuff) => Ipv4.source(skb.host.world.slab.bytes, skb.networkHeader),
  sourcePort: (skb: SkBuff) => UdpHeader.sourcePort(skb.host.world.slab.bytes, skb.data)
}

const NOTHING = new Uint8Array(0)

/** Makes the operations for a host; `objects` are the slab objects of a sock. */
const makeOps = (objects: ReadonlyArray<SlabCache>): SocketOps => ({
  name: "inet_dgram_ops",
  protocolName: "udp_prot",
  bind: (_core, socket, address, port) => (socket.sk as UdpSock).bind(address, port),
  connect(_core, task, socket) {
    const sk = socket.sk as UdpSock
    if (task.r1 === AF_UNSPEC) {
      sk.disconnect()
      socket.state = SS_UNCONNECTED
      return done(task, 0)
    }
    if (task.r1 !== AF_INET) return done(task, -Errno.EAFNOSUPPORT)
    if (!(task.r5 >= 0)) return done(task, -Errno.EINVAL)
    const status = sk.connect(task.r4 | 0, task.r5)
    if (status === 0) socket.state = SS_CONNECTED
    return done(task, status)
  },
  listen: () => -Errno.EOPNOTSUPP,
  accept: (_core, task) => done(task, -Errno.EOPNOTSUPP),
  send(core, task, socket) {
    const sk = socket.sk as UdpSock
    if ((sk.shutdown & SEND_SHUTDOWN) !== 0) return done(task, -Errno.EPIPE)
    const unaddressed = task.r5 < 0
    if ((task.r3 & MSG_OOB) !== 0) return done(task, -Errno.EOPNOTSUPP)
    if (task.argument instanceof BadPointer && task.r2 > 0) return done(task, -Errno.EFAULT)
    if (!unaddressed && task.r5 === 0) return done(task, -Errno.EINVAL)
    const port = unaddressed ? 0 : task.r5
    const copy = sk.net.host.costTable.copy(task.r2)
    if (task.phase === 0 && copy > STEP_MAX && task.r2 <= PAYLOAD_MAX) {
      // A long copy is a span: interrupts come in between, and the datagram goes when it is over.
      core.charge(copy)
      task.phase = 1
      return CALL_MORE
    }
    sk.copyIsPaid = task.phase === 1
    const data = task.argument instanceof Uint8Array ? task.argument : NOTHING
    const sent = sk.send(core, unaddressed ? 0 : task.r4 | 0, port, data, task.r1, task.r2)
    if (sent === -Errno.EAGAIN) {
      return task.waitOn(core, socket.wait, false, timeoutOf(task, socket, task.r3, false))
    }
    return done(task, sent)
  },
  receive: (core, task, socket) => receiveDatagram(core, task, socket, reader),
  shutdown: shutdownDatagram,
  control: (_core, socket, request) => controlDatagram(socket, reader, request),
  poll: (_core, socket) => pollDatagram(socket),
  release(core, _task, socket: Socket) {
    const sk = socket.sk as UdpSock
    sk.waiters = null
    sk.close(core)
    for (const cache of objects) cache.free(core.index)
  },
  setOption: (_core, socket, level, name, value) => setDatagramOption(socket, level, name, value),
  getOption: () => null
})

export const udpFamily = (objects: ReadonlyArray<SlabCache>): SocketFamily => ({
  type: SOCK_DGRAM,
  protocol: IPPROTO_UDP,
  ops: makeOps(objects),
  create: (core: Core, net: Netns) => (allocAll(objects, core.index) ? new UdpSock(net) : -Errno.ENOMEM)
})
