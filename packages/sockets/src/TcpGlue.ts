/**
 * TCP's place in a host's kernel: what the TCP machine asks of it (`TcpHost`), and what the kernel asks of TCP (protocol 6,
 * ICMP errors, early demux).
 *
 *     tcp_v4_rcv ──▶ owned by a system call? ──▶ backlog … release_sock ──▶ machine
 *                        │ no
 *                        └──▶ machine ──▶ transmit: clone, header, ip_queue_xmit ──▶ … ──▶ writeFreed (TSQ)
 *
 * Linux: net/ipv4/tcp_ipv4.c, tcp_output.c (tcp_transmit_skb, tcp_wfree, tcp_tasklet_func).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { type SoftirqHandler, TASKLET } from "@darkfiber/hardware/cpu/Softirq"
import * as Dst from "@darkfiber/kernel-net/Dst"
import * as Errno from "@darkfiber/kernel-net/Errno"
import type { Host, PacketHolder } from "@darkfiber/kernel-net/Host"
import { sockRoute } from "@darkfiber/kernel-net/IpOutput"
import { IFF_LOOPBACK } from "@darkfiber/kernel-net/NetDevice"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import type { TransportProtocol } from "@darkfiber/kernel-net/Protocol"
import * as Route from "@darkfiber/kernel-net/Route"
import * as Skb from "@darkfiber/kernel-net/Skb"
import * as SkbStamp from "@darkfiber/kernel-net/SkbStamp"
import { FCLONE_ORIGINAL, type SkBuff } from "@darkfiber/kernel-net/SkBuff"
import type { RandomStream } from "@darkfiber/sim/Random"
import { SmallMap } from "@darkfiber/sim/SmallMap"
import type { TcpProfile } from "@darkfiber/tcp/Profile"
import { type Segment, STAMP_ACK } from "@darkfiber/tcp/Segment"
import {
  type Bytes,
  type TcpHost,
  objectCaches,
  randomPurposes,
  type TcpTimer,
  TIMER_PACING,
  type TimerOwner
} from "@darkfiber/tcp/TcpHost"
import * as Points from "./Points.ts"
import { Tcp } from "@darkfiber/tcp/Tcp"
import type { TcpNet } from "@darkfiber/tcp/TcpNet"
import { TcpSock } from "@darkfiber/tcp/TcpSock"
import * as Xmit from "@darkfiber/tcp/Xmit"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import { PageSink, PageSource } from "./PageSource.ts"
import { spin } from "./SockLock.ts"
import * as TcpBuffers from "./TcpBuffers.ts"
import { IPPROTO_TCP, TcpKernelSock } from "./TcpKernelSock.ts"
import * as TcpErrors from "./TcpErrors.ts"
import * as TcpReceive from "./TcpReceive.ts"
import * as TcpSysctls from "./TcpSysctls.ts"
import { ExactTimer, GlueTimer } from "./TcpTimer.ts"
import * as TcpTransmit from "./TcpTransmit.ts"

const ETHERNET_BYTES = 14
/** Most super-segments sent for one ACK or timer before the rest becomes a step of its own. */
const XMIT_BUDGET = 64

/** Knobs of the cost table by PORT_*. */
const portSteps = ["portSearchPs", "portParityPs", "portTimeWaitPs"] as const
/** Where every host writes a header, for as long as it takes to copy it into the frame. */
const header = new Uint8Array(60)

export class TcpGlue implements TcpHost, TransportProtocol, SoftirqHandler, PacketHolder {
  readonly name = "tcp_v4_rcv"
  readonly protocol = IPPROTO_TCP
  readonly host: Host
  readonly profile: TcpProfile
  readonly header: Uint8Array
  readonly xmitBudget: number
  readonly stack: Tcp
  /** The core that runs TCP's code now. */
  core: Core
  /** When the segment came in whose bytes were copied out last, ns. */
  lastReceivedAt: number
  private readonly memoryBytes: number
  private readonly nets: SmallMap<number, TcpNet>
  /** Slab caches of TCP's objects by kind; -1 for one that this kernel has not. */
  private readonly caches: ReadonlyArray<number>
  private readonly streams: ReadonlyArray<RandomStream>
  private readonly pages: ReadonlyArray<TcpBuffers.OpenPage>
  /** Sockets that may send more, a list a core. */
  private readonly mayResume: ReadonlyArray<Array<TcpKernelSock>>
  /** Sockets that hold packets: for the conservation walk. */
  private socks: Set<TcpKernelSock> | null

  constructor(host: Host, profile: TcpProfile, memoryBytes: number) {
    this.host = host
    this.profile = profile
    this.header = header
    this.xmitBudget = XMIT_BUDGET
    this.core = host.cores[0]!
    this.lastReceivedAt = 0
    this.memoryBytes = memoryBytes
    this.nets = new SmallMap()
    this.caches = host.memory.caches.indexesOf(objectCaches)
    this.streams = randomPurposes.map((purpose) => host.stream(purpose))
    this.pages = host.cores.map(() => new TcpBuffers.OpenPage())
    this.mayResume = host.cores.map(() => [])
    this.socks = null
    this.stack = new Tcp(this, profile)
    for (const core of host.cores) core.openSoftirq(TASKLET, this)
    host.addHolder(this)
    host.addProtocol(this)
  }

  /** The namespace's share of TCP. */
  netOf(net: Netns): TcpNet {
    let known = this.nets.get(net.id)
    if (known === undefined) {
      known = TcpSysctls.tcpNetOf(net, this.profile, this.memoryBytes)
      known.reservedPorts = net.reservedPorts
      this.nets.set(net.id, known)
      net.extensions.set("tcp", known)
    }
    return known
  }

  // ---- time, cost, chance, memory ----

  now(): number {
    return this.core.time
  }

  chargePorts(kind: number, count: number): void {
    this.core.charge(this.host.costTable.portSearch(portSteps[kind]!, count))
  }

  trace(point: number, sock: TcpSock | null, segment: Segment | null): void {
    const net = sock === null ? -1 : sock.net.id
    const skb = segment === null ? null : (segment.buffer as SkBuff)
    this.core.visit(point, net, -1, skb === null ? 0 : skb.traceId, segment === null ? 0 : segment.length)
  }

  random32(purpose: number): number {
    return this.streams[purpose]!.i32()
  }

  allocObject(kind: number, _net: TcpNet): boolean {
    const cache = this.caches[kind]!
    return cache < 0 || this.host.memory.cacheAt(cache).alloc(this.core.index) === 0
  }

  freeObject(kind: number, _net: TcpNet): void {
    const cache = this.caches[kind]!
    if (cache >= 0) this.host.memory.cacheAt(cache).free(this.core.index)
  }

  // ---- buffers ----

  allocSegment(_sock: TcpSock): Segment | null {
    return TcpBuffers.alloc(this.host, this.core, this.profile.headerRoom)
  }

  append(segment: Segment, source: Bytes, at: number, length: number): number {
    if (!(source instanceof Uint8Array)) {
      return source instanceof PageSource ? source.append(this, segment, at, length) : -Errno.EFAULT
    }
    const core = this.core
    const taken = TcpBuffers.append(this.host, core, this.pages[core.index]!, segment, source, at, length)
    core.charge(this.host.costTable.copy(taken))
    this.host.copiedBytes += taken
    return taken
  }

  split(segment: Segment, bytes: number): Segment | null {
    return TcpBuffers.split(this.host, this.core, segment, bytes, this.profile.headerRoom)
  }

  trimHead(segment: Segment, bytes: number): void {
    TcpBuffers.trimHead(this.host, this.core.index, segment, bytes)
  }

  shift(to: Segment, from: Segment, bytes: number): boolean {
    return TcpBuffers.shift(this.host, this.core.index, to, from, bytes)
  }

  coalesce(tail: Segment, segment: Segment): boolean {
    if (!TcpBuffers.coalesce(tail, segment)) return false
    tail.receivedAt = segment.receivedAt
    const { core, host } = this
    const merged = segment.buffer as SkBuff
    host.island.trace.merged((tail.buffer as SkBuff).traceId, merged.traceId, core.time)
    host.consumeSkb(core, merged)
    return true
  }

  copyOut(segment: Segment, offset: number, into: Bytes, at: number, length: number): number {
    this.lastReceivedAt = segment.receivedAt
    if (!(into instanceof Uint8Array)) return into instanceof PageSink ? into.take(this, segment, offset, length) : 0
    const skb = segment.buffer as SkBuff
    this.core.visit(Points.SKB_COPY_DATAGRAM_ITER, skb.dev === null ? -1 : skb.dev.net.id, -1, skb.traceId, length)
    Skb.copyBits(skb, offset, length, into, at)
    this.core.charge(this.host.costTable.copy(length))
    this.host.copiedBytes += length
    return length
  }

  stamped(sock: TcpSock, segment: Segment): void {
    if ((segment.stamp & STAMP_ACK) === 0) return
    const sk = sock.owner as TcpKernelSock
    SkbStamp.stamp(this.core, sk, segment.buffer as SkBuff, SkbStamp.STAMP_OF_ACK, segment.stampSeq)
  }

  peek(segment: Segment, offset: number, into: Uint8Array, at: number, length: number): void {
    Skb.copyBits(segment.buffer as SkBuff, offset, length, into, at)
    this.core.charge(this.host.costTable.copy(length))
  }

  headers(segment: Segment, withLink: boolean): Uint8Array {
    const skb = segment.buffer as SkBuff
    const from = withLink ? skb.networkHeader - ETHERNET_BYTES : skb.networkHeader
    return this.host.world.slab.bytes.slice(from, skb.transportHeader + segment.headerLength)
  }

  free(segment: Segment): void {
    this.host.consumeSkb(this.core, segment.buffer as SkBuff)
  }

  delivered(segment: Segment): void {
    this.host.deliverSkb(segment.buffer as SkBuff)
  }

  consumed(segment: Segment): void {
    const skb = segment.buffer as SkBuff
    this.host.deliverSkb(skb)
    this.host.consumeSkb(this.core, skb)
  }

  drop(segment: Segment, reason: number): void {
    this.host.dropSkb(this.core, segment.buffer as SkBuff, reason)
  }

  // ---- input ----

  receive(core: Core, skb: SkBuff): void {
    TcpReceive.receive(this, core, skb)
  }

  error(
    core: Core,
    net: Netns,
    skb: SkBuff,
    at: number,
    length: number,
    type: number,
    code: number,
    info: number
  ): void {
    this.core = core
    const header = at + Ipv4.headerLength(skb.host.world.slab.bytes, at)
    if (header + 8 > at + length) return
    TcpErrors.receive(this, this.netOf(net), skb, at, header, type, code, info)
  }

  // ---- output ----

  transmit(
    sock: TcpSock,
    segment: Segment | null,
    headerLength: number,
    payloadLength: number,
    gsoSize: number,
    gsoSegments: number
  ): number {
    return TcpTransmit.transmit(this, sock, segment, headerLength, payloadLength, gsoSize, gsoSegments)
  }

  sendControl(
    net: TcpNet,
    localAddress: number,
    remoteAddress: number,
    headerLength: number,
    device: number,
    mark: number,
    sock: TcpSock | null
  ): number {
    const tos = sock === null ? 0 : (sock.owner as TcpKernelSock).tos
    return TcpTransmit.sendControl(this, net, localAddress, remoteAddress, headerLength, device, mark, tos)
  }

  route(sock: TcpSock): number {
    const sk = sock.owner as TcpKernelSock
    sk.dst = null
    sk.refresh()
    const dst = sockRoute(sk)
    if (dst === null) return sk.net.routeError
    if (dst.type === Dst.BROADCAST || dst.type === Dst.MULTICAST) return -Errno.ENETUNREACH
    if (sock.localAddress === 0) sock.localAddress = dst.source
    // A connection to "any" is one to this host (Linux: ip_route_output_key).
    if (sock.remoteAddress === 0) sock.remoteAddress = dst.type === Dst.LOCAL ? sock.localAddress : 0x7f00_0001
    return 0
  }

  mtu(net: TcpNet, localAddress: number, remoteAddress: number, sock: TcpSock | null): number {
    const dst = this.dstOf(net, localAddress, remoteAddress, sock)
    return dst === null ? 1500 : dst.mtuAt(this.core.time)
  }

  /** The way to the peer; for a socket what was routed for it before, while it holds. */
  private dstOf(net: TcpNet, localAddress: number, remoteAddress: number, sock: TcpSock | null): Dst.Dst | null {
    // A child has its addresses in TCP first, and in the sock later.
    const sk = sock === null ? null : (sock.owner as TcpKernelSock | null)
    const cached = sk === null ? null : sk.dst
    // As Linux: what has changed since shows when the next segment leaves (sk_dst_check).
    if (cached !== null) return cached
    return Route.output(net.owner as Netns, remoteAddress, localAddress, 0)
  }

  isLocal(net: TcpNet, address: number): boolean {
    return Route.addressType(net.owner as Netns, address) === Dst.LOCAL
  }

  isLoopback(net: TcpNet, localAddress: number, remoteAddress: number): boolean {
    const dst = Route.output(net.owner as Netns, remoteAddress, localAddress, 0)
    return dst !== null && (dst.dev.flags & IFF_LOOPBACK) !== 0
  }

  metric(net: TcpNet, localAddress: number, remoteAddress: number, sock: TcpSock | null, which: number): number {
    const dst = this.dstOf(net, localAddress, remoteAddress, sock)
    return dst === null || dst.info === null ? 0 : dst.info.metrics[which]!
  }

  wmemAlloc(sock: TcpSock): number {
    return (sock.owner as TcpKernelSock).wmem
  }

  isInHostQueue(sock: TcpSock, segment: Segment): boolean {
    const skb = segment.buffer as SkBuff
    return skb.fclone === FCLONE_ORIGINAL && skb.twin !== null && skb.twin.sk === sock.owner
  }

  isShared(segment: Segment): boolean {
    const skb = segment.buffer as SkBuff
    return skb.fclone === FCLONE_ORIGINAL && skb.twin !== null
  }

  // ---- timers and deferred work ----

  makeTimer(owner: TimerOwner, kind: number): TcpTimer {
    if (kind >= TIMER_PACING) return new ExactTimer(this, owner as TcpSock, kind)
    return new GlueTimer(this, owner, kind)
  }

  /** A timer is due, in TIMER soft IRQ; one whose socket a system call owns waits until that lets go. */
  timerExpired(core: Core, timer: GlueTimer): void {
    this.core = core
    const sk = timer.owner instanceof TcpSock ? (timer.owner.owner as TcpKernelSock | null) : null
    if (sk === null) {
      timer.fire()
      return
    }
    spin(core, sk)
    if (sk.owned) {
      ;(sk.lateTimers ??= []).push(timer)
      return
    }
    timer.fire()
    sk.releasedAt = core.time
  }

  deferXmit(sock: TcpSock): void {
    this.defer(sock.owner as TcpKernelSock, this.core)
  }

  /** The socket may send more: in a step of its own, in TASKLET soft IRQ (Linux: tcp_tasklet). */
  defer(sk: TcpKernelSock, core: Core): void {
    if (sk.deferred) return
    sk.deferred = true
    this.mayResume[core.index]!.push(sk)
    core.raiseSoftirq(TASKLET)
  }

  step(core: Core): boolean {
    this.core = core
    const list = this.mayResume[core.index]!
    const sk = list.shift()
    if (sk === undefined) return false
    sk.deferred = false
    spin(core, sk)
    if (sk.owned) sk.lateDefer = true
    else if (!sk.tcp.destroyed) {
      sk.fireLate()
      Xmit.resume(sk.tcp)
      sk.releasedAt = core.time
    }
    return list.length > 0
  }

  // ---- what happens to sockets ----

  attachChild(listener: TcpSock, child: TcpSock): boolean {
    const parent = listener.owner as TcpKernelSock
    const sk = new TcpKernelSock(this, parent.net, child)
    sk.boundDevice = parent.boundDevice
    sk.priority = parent.priority
    sk.mark = parent.mark
    sk.ttl = parent.ttl
    sk.tos = parent.tos
    sk.rcvbuf = child.rcvbuf
    sk.sndbuf = child.sndbuf
    if (parent.extra !== null) sk.extra = parent.extra.inherit()
    // Its route is that of the third ACK, until it sends (Linux: inet_csk_route_child_sock).
    sk.dst = Route.output(parent.net, child.remoteAddress, child.localAddress, sk.boundDevice)
    this.addSock(sk)
    return true
  }

  /** A sock for socket(). */
  newSock(net: Netns, tcp: TcpSock): TcpKernelSock {
    const sk = new TcpKernelSock(this, net, tcp)
    this.addSock(sk)
    return sk
  }

  private addSock(sk: TcpKernelSock): void {
    this.socks ??= new Set()
    this.socks.add(sk)
  }

  readable(sock: TcpSock): void {
    const sk = sock.owner as TcpKernelSock
    sk.waiters?.dataReady(sk, this.core)
  }

  writable(sock: TcpSock): void {
    const sk = sock.owner as TcpKernelSock
    sk.waiters?.writeSpace(sk, this.core)
  }

  stateChanged(sock: TcpSock): void {
    const sk = sock.owner as TcpKernelSock
    sk.waiters?.stateChange(sk, this.core)
  }

  errored(sock: TcpSock): void {
    const sk = sock.owner as TcpKernelSock
    sk.waiters?.errorReport(sk, this.core)
  }

  destroyed(sock: TcpSock): void {
    const sk = sock.owner as TcpKernelSock
    this.socks?.delete(sk)
    sk.dst = null
  }

  // ---- the account ----

  walk(visit: (weight: number) => void): void {
    for (const sk of this.socks ?? []) {
      for (let skb = sk.backlog.head; skb !== null; skb = skb.next) if (skb.counted) visit(skb.weight)
      for (let segment = sk.tcp.ofoQueue.head; segment !== null; segment = segment.next) {
        const skb = segment.buffer as SkBuff
        if (skb.counted) visit(skb.weight)
      }
    }
  }

  abandon(reason: number): void {
    const host = this.host
    for (const sk of this.socks ?? []) {
      host.dropList(null, sk.backlog, reason)
      for (const queue of [sk.tcp.writeQueue, sk.tcp.rtxQueue, sk.tcp.receiveQueue, sk.tcp.ofoQueue]) {
        for (let segment = queue.shift(); segment !== null; segment = queue.shift()) {
          host.dropSkb(null, segment.buffer as SkBuff, reason)
        }
      }
    }
    this.socks = null
    for (const open of this.pages) TcpBuffers.closePage(host, 0, open)
  }
}
