/** UDP sockets for the system calls (Linux: inet_dgram_ops, udp_prot). */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { STEP_MAX } from "@darkfiber/hardware/cpu/CostTable"
import * as Errno from "@darkfiber/kernel-net/Errno"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import type { SkBuff } from "@darkfiber/kernel-net/SkBuff"
import { UdpSock, PAYLOAD_MAX } from "@darkfiber/kernel-net/Udp"
import type { Memory } from "@darkfiber/memory/Memory"
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
import type { OptionValue } from "./SocketOptions.ts"
import { CALL_MORE, done } from "./SystemCall.ts"
import type { Task } from "./Task.ts"

export const IPPROTO_UDP = 17

const reader: DatagramReader = {
  take: (sk) => (sk as UdpSock).receive() as SkBuff,
  offset: () => UdpHeader.headerBytes,
  sourceAddress: (skb: SkBuff) => Ipv4.source(skb.host.world.slab.bytes, skb.networkHeader),
  sourcePort: (skb: SkBuff) => UdpHeader.sourcePort(skb.host.world.slab.bytes, skb.data)
}

const NOTHING = new Uint8Array(0)

class UdpOps implements SocketOps {
  readonly name = "inet_dgram_ops"
  readonly protocolName = "udp_prot"
  private readonly family: UdpFamily

  constructor(family: UdpFamily) {
    this.family = family
  }

  bind(_core: Core, socket: Socket, address: number, port: number): number {
    return (socket.sk as UdpSock).bind(address, port)
  }

  connect(_core: Core, task: Task, socket: Socket): number {
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
  }

  listen(): number {
    return -Errno.EOPNOTSUPP
  }

  accept(_core: Core, task: Task): number {
    return done(task, -Errno.EOPNOTSUPP)
  }

  send(core: Core, task: Task, socket: Socket): number {
    const sk = socket.sk as UdpSock
    if ((sk.shutdown & SEND_SHUTDOWN) !== 0) return done(task, -Errno.EPIPE)
    const unaddressed = task.r5 < 0
    if ((task.r3 & MSG_OOB) !== 0) return done(task, -Errno.EOPNOTSUPP)
    if (task.argument instanceof BadPointer && task.r2 > 0) return done(task, -Errno.EFAULT)
    const { addressFamily } = task
    if (!unaddressed && addressFamily !== AF_INET && addressFamily !== AF_UNSPEC) return done(task, -Errno.EAFNOSUPPORT)
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
  }

  receive(core: Core, task: Task, socket: Socket): number {
    return receiveDatagram(core, task, socket, reader)
  }

  shutdown(core: Core, task: Task, socket: Socket, how: number): number {
    return shutdownDatagram(core, task, socket, how)
  }

  control(_core: Core, socket: Socket, request: number): number {
    return controlDatagram(socket, reader, request)
  }

  poll(_core: Core, socket: Socket): number {
    return pollDatagram(socket)
  }

  release(core: Core, _task: Task | null, socket: Socket): void {
    const sk = socket.sk as UdpSock
    sk.waiters = null
    sk.close(core)
    this.family.free(core)
  }

  setOption(_core: Core, socket: Socket, level: number, name: number, value: OptionValue): number {
    return setDatagramOption(socket, level, name, value)
  }

  getOption(): null {
    return null
  }
}

/** UDP on one host. */
export class UdpFamily implements SocketFamily {
  readonly type = SOCK_DGRAM
  readonly protocol = IPPROTO_UDP
  readonly ops: SocketOps
  private readonly memory: Memory
  /** Slab objects of a sock. */
  private readonly objects: ReadonlyArray<number>

  constructor(memory: Memory, objects: ReadonlyArray<string>) {
    this.ops = new UdpOps(this)
    this.memory = memory
    this.objects = memory.group(objects)
  }

  create(core: Core, net: Netns): UdpSock | number {
    return this.memory.allocAll(this.objects, core.index) ? new UdpSock(net) : -Errno.ENOMEM
  }

  free(core: Core): void {
    this.memory.freeAll(this.objects, core.index)
  }
}
