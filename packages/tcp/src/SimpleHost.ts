/**
 * A host that has nothing but TCP: {@link TcpHost} over plain byte arrays, a virtual clock and a link. For tests, benches and
 * for whoever wants two TCP endpoints to talk without a kernel around them. Simulated CPU time is not modelled.
 */
import * as Checksum from "@darkfiber/wire/Checksum"
import * as TcpHeader from "@darkfiber/wire/Tcp"
import { RandomStream } from "@darkfiber/sim/Random"
import { ENETUNREACH } from "./Errno.ts"
import { type LinkEnd, type LinkOptions, goodLink, type SimpleFrame, SimpleLink } from "./SimpleLink.ts"
import { linux6x, type TcpProfile } from "./Profile.ts"
import { Segment } from "./Segment.ts"
import { SimpleClock } from "./SimpleClock.ts"
import { SimpleStream } from "./SimpleStream.ts"
import { SimpleTimer } from "./SimpleTimer.ts"
import { Tcp } from "./Tcp.ts"
import { objectCaches, randomPurposes, type TcpHost, type TcpTimer, TIMER_PACING, type TimerOwner } from "./TcpHost.ts"
import { TcpNet } from "./TcpNet.ts"
import type { TcpSock } from "./TcpSock.ts"
import * as Xmit from "./Xmit.ts"
import * as Listen from "./Listen.ts"
import * as Handshake from "./Handshake.ts"

/** Payload of a segment: `bytes[start]` is its first byte. */
class SimpleBuffer {
  bytes: Uint8Array
  start: number

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity)
    this.start = 0
  }
}

const BUFFER_MAX = 65_536
/** ECT(0) in the ECN bits (RFC 3168 §5). */
const ECT0 = 2
/** sk_buff and skb_shared_info beside the payload. */
const OVERHEAD = 832
/** Linear room of a received frame. */
const BUFFER_START = 2048

export interface HostOptions {
  readonly profile: TcpProfile
  readonly mtu: number
  readonly memoryBytes: number
  /** Fill in and verify checksums; without it a damaged frame is not noticed. */
  readonly checksums: boolean
  /** Payload of a super-segment; 0 sends wire segments only. */
  readonly gsoMaxSize: number
  /** Granularity of the timers that the kernel keeps in jiffies; 0: they fire to the nanosecond. */
  readonly jiffyNanos: number
  readonly seed: number
}

export const defaultHost: HostOptions = {
  profile: linux6x,
  mtu: 1500,
  memoryBytes: 4 * 1024 * 1024 * 1024,
  checksums: true,
  gsoMaxSize: 65_536,
  jiffyNanos: 0,
  seed: 1
}

/** Default cost of a step of a port search by kind, ns. */
const portNanos = [88.5, 60, 155]

export class SimpleHost implements TcpHost, LinkEnd {
  readonly header: Uint8Array
  readonly xmitBudget: number
  readonly clock: SimpleClock
  readonly address: number
  readonly net: TcpNet
  readonly tcp: Tcp
  link: SimpleLink | null
  mtuBytes: number
  /** What the route says, by RTAX_*. */
  readonly metrics: Map<number, number>
  /** Segments alive, transmit and receive: the leak test. */
  liveSegments: number
  /** Kernel objects alive, by OBJECT_*. */
  readonly objects: Int32Array
  /** Simulated CPU time that was charged, ns. */
  charged: number
  /** Segments that were dropped, by reason. */
  readonly drops: Map<number, number>
  /** Called for each new stream of a listener. */
  onAccept: ((stream: SimpleStream) => void) | null
  /** When above 0, `allocSegment` fails this often, in percent. */
  allocFailures: number
  /** The frame in hand. */
  private received: { readonly bytes: Uint8Array }
  private readonly options: HostOptions
  private readonly streams: Array<RandomStream>
  private readonly failures: RandomStream
  private readonly segments: Array<Segment>
  private readonly noticed: Array<TcpSock>
  private readonly deferred: Array<TcpSock>

  constructor(clock: SimpleClock, address: number, options: HostOptions = defaultHost) {
    this.header = new Uint8Array(64)
    this.xmitBudget = 64
    this.clock = clock
    this.address = address
    this.received = { bytes: this.header }
    this.options = options
    this.mtuBytes = options.mtu
    this.metrics = new Map()
    this.link = null
    this.liveSegments = 0
    this.objects = new Int32Array(objectCaches.length)
    this.charged = 0
    this.drops = new Map()
    this.onAccept = null
    this.allocFailures = 0
    this.streams = randomPurposes.map((purpose) => new RandomStream(options.seed, `${address}/1/${purpose}`))
    this.failures = new RandomStream(options.seed, `${address}/1/failures`)
    this.segments = []
    this.noticed = []
    this.deferred = []
    this.net = new TcpNet(0, options.profile.sysctl(options.memoryBytes))
    this.tcp = new Tcp(this, options.profile)
  }

  // ── What a program uses ──

  /** A listening stream's socket on `port`; accepted streams go to `onAccept`. */
  listen(port: number, backlog = 128): TcpSock {
    const sock = this.tcp.create(this.net)!
    sock.owner = new SimpleStream(this, sock)
    Handshake.bind(sock, 0, port)
    Listen.listen(sock, backlog)
    return sock
  }

  /** Starts connecting to a host's port. */
  connect(address: number, port: number, prepare?: (sock: TcpSock) => void): SimpleStream {
    const sock = this.tcp.create(this.net)!
    sock.gsoMaxSize = this.options.gsoMaxSize === 0 ? 1 : this.options.gsoMaxSize
    if (this.options.gsoMaxSize === 0) sock.gsoMaxSegs = 1
    const stream = new SimpleStream(this, sock)
    sock.owner = stream
    if (prepare !== undefined) prepare(sock)
    stream.result = Handshake.connect(sock, address, port)
    this.settle()
    return stream
  }

  /** Acts on wake-ups: the program's part of an event. */
  settle(): void {
    for (;;) {
      const sock = this.deferred.shift()
      if (sock !== undefined) {
        Xmit.resume(sock)
        continue
      }
      const woken = this.noticed.shift()
      if (woken === undefined) return
      const stream = woken.owner as SimpleStream | null
      if (stream !== null) stream.isNoticed = false
      if (woken.listen !== null) this.acceptAll(woken)
      else stream?.pump()
    }
  }

  private acceptAll(listener: TcpSock): void {
    if (this.onAccept === null) return
    for (let child = Listen.accept(listener); child !== null; child = Listen.accept(listener)) {
      const stream = child.owner as SimpleStream
      this.onAccept(stream)
      stream.pump()
    }
  }

  /** A frame comes off the link. */
  receive(frame: SimpleFrame): void {
    this.received = frame
    const segment = this.takeSegment()
    segment.localAddress = frame.destination
    segment.remoteAddress = frame.source
    segment.receivedAt = this.clock.now
    segment.ecn = frame.ecn
    const bytes = frame.bytes
    if (!this.tcp.readHeader(this.net, segment, bytes, 0, frame.length)) return
    if (this.options.checksums && !isChecksumRight(frame)) {
      this.tcp.badChecksum(this.net, segment)
      return
    }
    const buffer = this.bufferOf(segment, segment.length)
    buffer.bytes.set(bytes.subarray(segment.headerLength, frame.length))
    segment.truesize = OVERHEAD + segment.length
    this.tcp.deliver(this.net, this.tcp.lookup(this.net, segment), segment, bytes, 0)
    this.settle()
  }

  // ── TcpHost ──

  now(): number {
    return this.clock.now
  }

  chargePorts(kind: number, count: number): void {
    this.charged += portNanos[kind]! * count
  }

  trace(): void {}

  random32(purpose: number): number {
    return this.streams[purpose]!.i32()
  }

  allocObject(kind: number): boolean {
    this.objects[kind] = this.objects[kind]! + 1
    return true
  }

  freeObject(kind: number): void {
    this.objects[kind] = this.objects[kind]! - 1
  }

  allocSegment(): Segment | null {
    if (this.allocFailures > 0 && this.failures.below(100) < this.allocFailures) return null
    const segment = this.takeSegment()
    segment.truesize = OVERHEAD
    return segment
  }

  private takeSegment(): Segment {
    const segment = this.segments.pop() ?? new Segment(null)
    segment.reset()
    segment.length = 0
    segment.truesize = 0
    if (segment.buffer !== null) (segment.buffer as SimpleBuffer).start = 0
    this.liveSegments++
    return segment
  }

  private bufferOf(segment: Segment, bytes: number): SimpleBuffer {
    let buffer = segment.buffer as SimpleBuffer | null
    if (buffer === null) {
      buffer = new SimpleBuffer(Math.max(BUFFER_START, bytes))
      segment.buffer = buffer
    }
    const needed = buffer.start + bytes
    if (needed > buffer.bytes.length) {
      const larger = new Uint8Array(Math.min(BUFFER_MAX, Math.max(needed, buffer.bytes.length * 2)))
      larger.set(buffer.bytes.subarray(buffer.start, buffer.start + segment.length))
      buffer.bytes = larger
      buffer.start = 0
    }
    return buffer
  }

  append(segment: Segment, source: Uint8Array, at: number, length: number): number {
    const taken = Math.min(length, BUFFER_MAX - segment.length)
    const buffer = this.bufferOf(segment, segment.length + taken)
    buffer.bytes.set(source.subarray(at, at + taken), buffer.start + segment.length)
    segment.length += taken
    segment.truesize += taken
    return taken
  }

  split(segment: Segment, bytes: number): Segment | null {
    const rest = this.allocSegment()
    if (rest === null) return null
    const from = segment.buffer as SimpleBuffer
    const length = segment.length - bytes
    const to = this.bufferOf(rest, length)
    to.bytes.set(from.bytes.subarray(from.start + bytes, from.start + segment.length))
    rest.length = length
    rest.truesize += length
    segment.length = bytes
    segment.truesize -= length
    return rest
  }

  trimHead(segment: Segment, bytes: number): void {
    ;(segment.buffer as SimpleBuffer).start += bytes
    segment.length -= bytes
    segment.truesize -= bytes
  }

  shift(to: Segment, from: Segment, bytes: number): boolean {
    if (to.length + bytes > BUFFER_MAX) return false
    const buffer = from.buffer as SimpleBuffer
    this.append(to, buffer.bytes, buffer.start, bytes)
    this.trimHead(from, bytes)
    return true
  }

  coalesce(tail: Segment, segment: Segment): boolean {
    if (tail.length + segment.length > 16_384) return false
    this.append(tail, (segment.buffer as SimpleBuffer).bytes, (segment.buffer as SimpleBuffer).start, segment.length)
    this.free(segment)
    return true
  }

  copyOut(segment: Segment, offset: number, into: Uint8Array, at: number, length: number): number {
    const buffer = segment.buffer as SimpleBuffer
    const start = buffer.start + offset
    into.set(buffer.bytes.subarray(start, start + length), at)
    return length
  }

  stamped(): void {}

  peek(segment: Segment, offset: number, into: Uint8Array, at: number, length: number): void {
    this.copyOut(segment, offset, into, at, length)
  }

  /** The TCP header: a link of this host carries no other. */
  headers(segment: Segment): Uint8Array {
    return this.received.bytes.slice(0, segment.headerLength)
  }

  free(segment: Segment): void {
    this.liveSegments--
    this.segments.push(segment)
  }

  delivered(): void {}

  consumed(segment: Segment): void {
    this.free(segment)
  }

  drop(segment: Segment, reason: number): void {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + 1)
    this.free(segment)
  }

  transmit(
    sock: TcpSock,
    segment: Segment | null,
    headerLength: number,
    payloadLength: number,
    gsoSize: number,
    gsoSegments: number
  ): number {
    const unit = gsoSegments > 1 ? gsoSize : payloadLength
    let offset = 0
    do {
      const length = Math.min(unit, payloadLength - offset)
      this.sendFrame(sock, segment, headerLength, offset, length, offset + length >= payloadLength)
      offset += length
    } while (offset < payloadLength)
    return 0
  }

  /** One wire segment: the header of the super-segment with its own sequence number; FIN and PSH only on the last. */
  private sendFrame(
    sock: TcpSock,
    segment: Segment | null,
    headerLength: number,
    offset: number,
    length: number,
    isLast: boolean
  ): void {
    const link = this.link
    if (link === null) return
    const frame = link.frame()
    const bytes = frame.bytes
    for (let i = 0; i < headerLength; i++) bytes[i] = this.header[i]!
    if (segment !== null && length > 0) {
      const buffer = segment.buffer as SimpleBuffer
      const start = buffer.start + offset
      bytes.set(buffer.bytes.subarray(start, start + length), headerLength)
    }
    if (offset > 0) TcpHeader.setSequence(bytes, 0, (TcpHeader.sequence(bytes, 0) + offset) | 0)
    if (!isLast) TcpHeader.setFlags(bytes, 0, TcpHeader.flags(bytes, 0) & ~(TcpHeader.FIN | TcpHeader.PSH))
    if (offset > 0) TcpHeader.setFlags(bytes, 0, TcpHeader.flags(bytes, 0) & ~TcpHeader.CWR)
    frame.ecn = sock.ect ? ECT0 : 0
    this.launch(frame, headerLength + length, sock.localAddress, sock.remoteAddress)
  }

  sendControl(_net: TcpNet, localAddress: number, remoteAddress: number, headerLength: number): number {
    const link = this.link
    if (link === null) return -ENETUNREACH
    const frame = link.frame()
    for (let i = 0; i < headerLength; i++) frame.bytes[i] = this.header[i]!
    frame.ecn = 0
    this.launch(frame, headerLength, localAddress, remoteAddress)
    return 0
  }

  private launch(frame: SimpleFrame, length: number, source: number, destination: number): void {
    frame.length = length
    frame.source = source
    frame.destination = destination
    if (this.options.checksums) {
      TcpHeader.setChecksum(frame.bytes, 0, 0)
      const seed = Checksum.pseudoV4(source, destination, 6, length)
      TcpHeader.setChecksum(frame.bytes, 0, Checksum.checksum(frame.bytes, 0, length, seed))
    }
    this.link!.send(frame)
  }

  route(sock: TcpSock): number {
    if (this.link === null) return -ENETUNREACH
    if (sock.localAddress === 0) sock.localAddress = this.address
    return 0
  }

  mtu(): number {
    return this.mtuBytes
  }

  isLocal(_net: TcpNet, address: number): boolean {
    return address === this.address
  }

  isLoopback(): boolean {
    return false
  }

  metric(_net: TcpNet, _local: number, _remote: number, _sock: TcpSock | null, which: number): number {
    return this.metrics.get(which) ?? 0
  }

  wmemAlloc(): number {
    return 0
  }

  isInHostQueue(): boolean {
    return false
  }

  isShared(): boolean {
    return false
  }

  makeTimer(owner: TimerOwner, kind: number): TcpTimer {
    const jiffyNanos = kind >= TIMER_PACING ? 0 : this.options.jiffyNanos
    return new SimpleTimer(this.clock, { onTimer: (which) => this.fire(owner, which) }, kind, jiffyNanos)
  }

  private fire(owner: TimerOwner, kind: number): void {
    owner.onTimer(kind)
    this.settle()
  }

  deferXmit(sock: TcpSock): void {
    this.deferred.push(sock)
  }

  attachChild(_listener: TcpSock, child: TcpSock): boolean {
    if (this.options.gsoMaxSize === 0) child.gsoMaxSegs = 1
    child.owner = new SimpleStream(this, child)
    return true
  }

  readable(sock: TcpSock): void {
    this.notice(sock)
  }

  writable(sock: TcpSock): void {
    this.notice(sock)
  }

  stateChanged(sock: TcpSock): void {
    this.notice(sock)
  }

  errored(sock: TcpSock): void {
    this.notice(sock)
  }

  private notice(sock: TcpSock): void {
    const stream = sock.owner as SimpleStream | null
    if (stream === null || stream.isNoticed) return
    stream.isNoticed = true
    this.noticed.push(sock)
  }

  destroyed(sock: TcpSock): void {
    const stream = sock.owner as SimpleStream | null
    if (stream !== null) stream.isDestroyed = true
  }
}

const isChecksumRight = (frame: SimpleFrame): boolean => {
  if (frame.length < TcpHeader.headerBytes) return false
  const seed = Checksum.pseudoV4(frame.source, frame.destination, 6, frame.length)
  return Checksum.sum(frame.bytes, 0, frame.length, seed) === 0xffff
}

/** Two hosts, 10.0.0.1 and 10.0.0.2, on one link in one clock. */
export interface Pair {
  readonly clock: SimpleClock
  readonly link: SimpleLink
  readonly client: SimpleHost
  readonly server: SimpleHost
}

export const pair = (
  seed: number,
  link: Partial<LinkOptions> = {},
  client: Partial<HostOptions> = {},
  server: Partial<HostOptions> = client
): Pair => {
  const clock = new SimpleClock()
  const made = new SimpleLink(clock, new RandomStream(seed, "link/1/faults"), { ...goodLink, ...link })
  const left = new SimpleHost(clock, 0x0a000001, { ...defaultHost, seed, ...client })
  const right = new SimpleHost(clock, 0x0a000002, { ...defaultHost, seed, ...server })
  made.attach(left)
  made.attach(right)
  return { clock, link: made, client: left, server: right }
}
