/**
 * TCP of one host: its tables, and the way of a segment and of a timer to the socket they are for (Linux: tcp_v4_rcv).
 *
 * ```
 * frame --> readHeader --> lookup --> deliver --+--> sock         Input
 *  (host: IP, checksum)      |  established,    +--> request      Listen.receiveForRequest
 *                            |  TIME_WAIT,      +--> listener     Listen.receive
 *                            |  request,        +--> TIME_WAIT    TimeWait.receive
 *                            |  listener        +--> nobody       Reset.sendReset
 * ```
 *
 * Between `lookup` and `deliver` the host decides whether the socket is owned by a system call, and keeps the segment in its
 * backlog if so.
 */
import * as TcpHeader from "@darkfiber/wire/Tcp"
import * as TcpOptions from "@darkfiber/wire/TcpOptions"
import { finish32 } from "@darkfiber/sim/Random"
import { SmallMap } from "@darkfiber/sim/SmallMap"
import * as AckCompression from "./AckCompression.ts"
import { AckSample } from "./AckSample.ts"
import { CubicParameters } from "./CubicParameters.ts"
import * as Congestions from "./Congestions.ts"
import * as Counters from "./Counters.ts"
import * as Drops from "./Drops.ts"
import * as Input from "./Input.ts"
import * as Listen from "./Listen.ts"
import * as Md5Sig from "./Md5Sig.ts"
import * as Options from "./Options.ts"
import * as Points from "./Points.ts"
import * as Reset from "./Reset.ts"
import * as State from "./State.ts"
import * as TimeWait from "./TimeWait.ts"
import * as TimeWaitInput from "./TimeWaitInput.ts"
import * as TimerHandlers from "./TimerHandlers.ts"
import * as Xmit from "./Xmit.ts"
import { TcpSock } from "./TcpSock.ts"
import type { Segment } from "./Segment.ts"
import type { RequestSock } from "./RequestSock.ts"
import {
  OBJECT_TCP,
  RANDOM_SECRET,
  TIMER_COMPRESSED_ACK,
  TIMER_DELACK,
  TIMER_PACING,
  TIMER_RETRANSMIT,
  type TcpHost
} from "./TcpHost.ts"
import type { TcpNet } from "./TcpNet.ts"
import { type Endpoint, KIND_REQUEST, KIND_TIME_WAIT } from "./Endpoint.ts"
import type { TimeWaitSock } from "./TimeWaitSock.ts"
import { BindHash } from "./BindHash.ts"
import { requestTimer } from "./ListenRules.ts"
import type { TcpProfile } from "./Profile.ts"
import { EstablishedTable, ListenTable } from "./Tables.ts"
import type { TimeWaitWheel } from "./TimeWaitReaper.ts"

/** One of each for all hosts: nothing stays in them. */
const received = TcpOptions.make()
const sent = TcpOptions.make()
const ackSample = new AckSample()

export class Tcp {
  readonly host: TcpHost
  readonly profile: TcpProfile
  readonly established: EstablishedTable
  readonly listening: ListenTable
  readonly bindHash: BindHash
  /** Options of the segment in hand, and of the one being written: good until the call ends that has filled them. */
  readonly received: TcpOptions.TcpOptions
  readonly sent: TcpOptions.TcpOptions
  /** What the ACK in hand tells. */
  readonly ackSample: AckSample
  /** /sys/module/tcp_cubic/parameters. */
  readonly cubic: CubicParameters
  /** Full sockets, orphans among them, TIME_WAIT socks. */
  socketCount: number
  orphanCount: number
  timeWaitCount: number
  timeWaitWheel: TimeWaitWheel | null
  /** A socket with MD5 keys was there. */
  usesMd5: boolean
  /** Header prediction; without it a segment in order takes the long way, to the same end (Prediction.test.ts). */
  predicts: boolean
  /** Pages of tcp_mem in use, and whether they are scarce. */
  memoryPages: number
  memoryPressure: boolean
  /** Port search: the hint of 3.10, the offsets of 6.x, and how many ports the last search looked at. */
  portHint: number
  readonly portPerturb: SmallMap<number, number>
  lastPortIterations: number
  readonly portSecret: number
  readonly cookieSecret: number
  /** Sequence number for the next SYN-ACK, from a TIME_WAIT sock that it replaces; 0 for none. */
  nextIsn: number
  private readonly isnSecret: number
  private readonly timestampSecret: number

  constructor(host: TcpHost, profile: TcpProfile) {
    this.host = host
    this.profile = profile
    this.established = new EstablishedTable(host.random32(RANDOM_SECRET))
    this.listening = new ListenTable()
    this.bindHash = new BindHash(this)
    this.received = received
    this.sent = sent
    this.ackSample = ackSample
    this.cubic = new CubicParameters()
    this.socketCount = 0
    this.orphanCount = 0
    this.timeWaitCount = 0
    this.timeWaitWheel = null
    this.usesMd5 = false
    this.predicts = true
    this.memoryPages = 0
    this.memoryPressure = false
    this.portHint = 0
    this.portPerturb = new SmallMap()
    this.lastPortIterations = 0
    this.portSecret = host.random32(RANDOM_SECRET)
    this.cookieSecret = host.random32(RANDOM_SECRET)
    this.nextIsn = 0
    this.isnSecret = host.random32(RANDOM_SECRET)
    this.timestampSecret = host.random32(RANDOM_SECRET)
  }

  /** socket(): a socket in CLOSE; null when there is no memory. */
  create(net: TcpNet): TcpSock | null {
    if (!this.host.allocObject(OBJECT_TCP, net)) return null
    this.socketCount++
    const sock = new TcpSock(
      this,
      net,
      Congestions.algorithms[net.sysctl.congestionControl] ?? Congestions.algorithms[0]!
    )
    return sock
  }

  /** Takes back a socket that was never used. */
  discard(sock: TcpSock): void {
    sock.destroyed = true
    sock.state = State.CLOSE
    this.bindHash.remove(sock)
    this.socketCount--
    this.host.freeObject(OBJECT_TCP, sock.net)
  }

  /**
   * Reads the TCP header of a received segment into it. Addresses, device and time come from the host.
   *
   * @param length bytes of header and payload
   * @returns false when it is no TCP header; the segment is then dropped and counted
   */
  readHeader(net: TcpNet, segment: Segment, bytes: Uint8Array, at: number, length: number): boolean {
    this.host.trace(Points.TCP_V4_RCV, null, segment)
    net.count(Counters.IN_SEGS, segment.gsoSegments)
    if (Options.readHeader(segment, bytes, at, length)) return true
    net.count(Counters.IN_ERRS)
    this.host.drop(segment, Drops.PKT_TOO_SMALL)
    return false
  }

  /** The checksum was wrong: counts and drops. */
  badChecksum(net: TcpNet, segment: Segment): void {
    net.count(Counters.IN_CSUM_ERRORS)
    net.count(Counters.IN_ERRS)
    this.host.drop(segment, Drops.TCP_CSUM)
  }

  /** The endpoint that a segment is for: established, TIME_WAIT or request, else a listener; null for none. */
  lookup(net: TcpNet, segment: Segment): Endpoint | null {
    const found = this.established.find(
      net,
      segment.localAddress,
      segment.localPort,
      segment.remoteAddress,
      segment.remotePort,
      segment.device
    )
    if (found !== null) return found
    const flow = segment.remoteAddress ^ ((segment.remotePort << 16) | segment.localPort)
    return this.listening.find(net, segment.localAddress, segment.localPort, segment.device, flow)
  }

  /**
   * Gives the segment to what `lookup` found. The options are read from `bytes` here, also for one that waited in a
   * backlog. Takes the segment.
   *
   * @param at the TCP header
   */
  deliver(net: TcpNet, endpoint: Endpoint | null, segment: Segment, bytes: Uint8Array, at: number): void {
    Options.scan(this, segment, bytes, at)
    if (endpoint === null) {
      if ((segment.flags & TcpHeader.RST) === 0) Reset.sendReset(this, net, segment)
      this.host.drop(segment, Drops.NO_SOCKET)
      return
    }
    const maySign = this.usesMd5 || this.received.md5At >= 0
    if (maySign && !Md5Sig.accepts(this, net, endpoint, segment, bytes, at)) return
    if (endpoint.kind === KIND_TIME_WAIT) {
      TimeWaitInput.receive(this, endpoint as TimeWaitSock, segment)
    } else if (endpoint.kind === KIND_REQUEST) {
      Listen.receiveForRequest(this, endpoint as RequestSock, segment)
    } else if (endpoint.state === State.LISTEN) {
      Listen.receive(endpoint as TcpSock, segment)
    } else {
      Input.receive(endpoint as TcpSock, segment)
    }
  }

  timerFired(sock: TcpSock, kind: number): void {
    if (sock.destroyed) return
    if (kind === TIMER_RETRANSMIT) TimerHandlers.writeTimer(sock)
    else if (kind === TIMER_DELACK) TimerHandlers.delackTimer(sock)
    else if (kind === TIMER_PACING) Xmit.resume(sock)
    else if (kind === TIMER_COMPRESSED_ACK) AckCompression.kick(sock)
    else TimerHandlers.keepaliveTimer(sock)
  }

  requestTimerFired(request: RequestSock, _kind: number): void {
    requestTimer(request)
  }

  timeWaitExpired(sock: TimeWaitSock): void {
    TimeWait.kill(this, sock)
  }

  /** A hash of the four-tuple plus a clock of 64 ns (RFC 6528; Linux: secure_tcp_seq). Never 0. */
  initialSequence(localAddress: number, remoteAddress: number, localPort: number, remotePort: number): number {
    let hash = finish32(localAddress ^ this.isnSecret)
    hash = finish32(hash ^ remoteAddress)
    hash = finish32(hash ^ ((localPort << 16) | remotePort))
    const isn = (hash + Math.floor(this.host.now() / 64)) | 0
    return isn === 0 ? 1 : isn
  }

  /** Where this pair's timestamps start (Linux: secure_tcp_ts_off); 0 in profiles without. */
  timestampOffset(localAddress: number, remoteAddress: number): number {
    if (!this.profile.timestampOffset) return 0
    return finish32(finish32(localAddress ^ this.timestampSecret) ^ remoteAddress)
  }
}
