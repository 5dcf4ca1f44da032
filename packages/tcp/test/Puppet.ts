/** A peer made by hand: it sends what a test tells it and keeps what it hears. Sequence numbers are relative to the first. */
import { RandomStream } from "@darkfiber/sim/Random"
import * as TcpHeader from "@darkfiber/wire/Tcp"
import * as TcpOptions from "@darkfiber/wire/TcpOptions"
import * as Checksum from "@darkfiber/wire/Checksum"
import { defaultHost, type HostOptions, SimpleHost } from "../src/SimpleHost.ts"
import { goodLink, type LinkEnd, type SimpleFrame, SimpleLink } from "../src/SimpleLink.ts"
import { SimpleClock } from "../src/SimpleClock.ts"
import type { SimpleStream } from "../src/SimpleStream.ts"
import { KIND_REQUEST, KIND_TIME_WAIT } from "../src/Endpoint.ts"
import type { TimeWaitSock } from "../src/TimeWaitSock.ts"
import type { TcpSock } from "../src/TcpSock.ts"
import { type StateName, stateNames } from "../src/State.ts"

export const { FIN, SYN, RST, PSH, ACK } = TcpHeader
export const HOST = 0x0a000001
export const PEER = 0x0a000002

export interface Heard {
  readonly at: number
  readonly flags: number
  readonly seq: number
  readonly ack: number
  readonly window: number
  readonly length: number
  readonly options: TcpOptions.TcpOptions
  readonly port: number
  /** ECN bits of the IP header. */
  readonly ecn: number
  readonly urgent: number
}

export interface Say {
  readonly flags?: number
  readonly seq?: number
  readonly ack?: number
  readonly window?: number
  readonly length?: number
  readonly mss?: number
  readonly scale?: number
  readonly sackOk?: boolean
  readonly ts?: readonly [value: number, echo: number]
  readonly sack?: ReadonlyArray<readonly [left: number, right: number]>
  readonly port?: number
  readonly isn?: number
  /** Fast Open cookie as hex; empty to ask for one. */
  readonly cookie?: string
  readonly experimental?: boolean
  readonly ecn?: number
  /** Urgent pointer; with it the flag is to be set too. */
  readonly urgent?: number
  /** Payload instead of `length` zeros. */
  readonly data?: Uint8Array
  /** Option bytes as they stand, in place of all others; at most 40, a multiple of 4. */
  readonly raw?: Uint8Array
}

export class Puppet implements LinkEnd {
  readonly address = PEER
  link: SimpleLink | null = null
  readonly clock = new SimpleClock()
  readonly host: SimpleHost
  readonly heard: Array<Heard> = []
  /** Our first sequence number, and the host's as soon as it is known. */
  isn = 1_000_000
  hostIsn = 0
  hostPort = 0
  port = 5000
  sock: TcpSock | null = null
  stream: SimpleStream | null = null

  constructor(options: Partial<HostOptions> = {}, delay = 0) {
    const link = new SimpleLink(this.clock, new RandomStream(1, "link"), { ...goodLink, delay })
    this.host = new SimpleHost(this.clock, HOST, { ...defaultHost, checksums: false, ...options })
    link.attach(this.host)
    link.attach(this)
    this.host.onAccept = (stream) => {
      this.stream = stream
      this.sock = stream.sock
    }
  }

  receive(frame: SimpleFrame): void {
    const options = TcpOptions.make()
    TcpOptions.scan(frame.bytes, 0, options)
    const flags = TcpHeader.flags(frame.bytes, 0)
    if ((flags & SYN) !== 0) this.hostIsn = TcpHeader.sequence(frame.bytes, 0)
    this.hostPort = TcpHeader.sourcePort(frame.bytes, 0)
    this.heard.push({
      at: this.clock.now,
      flags,
      seq: (TcpHeader.sequence(frame.bytes, 0) - this.hostIsn) | 0,
      ack: (TcpHeader.acknowledgment(frame.bytes, 0) - this.isn) | 0,
      window: TcpHeader.window(frame.bytes, 0),
      length: frame.length - TcpHeader.headerLength(frame.bytes, 0),
      options,
      port: this.hostPort,
      ecn: frame.ecn,
      urgent: TcpHeader.urgentPointer(frame.bytes, 0)
    })
  }

  get last(): Heard {
    const heard = this.heard.at(-1)
    if (heard === undefined) throw new Error("nothing was heard")
    return heard
  }

  /** What was heard since the last call of `forget`. */
  forget(): void {
    this.heard.length = 0
  }

  say(what: Say): void {
    const frame = this.link!.frame()
    const seq = ((what.isn ?? this.isn) + (what.seq ?? 0)) | 0
    const flags = what.flags ?? ACK
    const ack = (flags & ACK) === 0 ? 0 : (this.hostIsn + (what.ack ?? 0)) | 0
    TcpHeader.write(frame.bytes, 0, what.port ?? this.port, this.hostPort, seq, ack, flags, what.window ?? 65_535)
    const options = TcpOptions.make()
    options.mss = what.mss ?? 0
    options.windowScale = what.scale ?? -1
    options.sackPermitted = what.sackOk === true ? 1 : 0
    if (what.ts !== undefined) {
      options.hasTimestamp = 1
      options.tsVal = what.ts[0]
      options.tsEcr = what.ts[1]
    }
    if (what.cookie !== undefined) {
      options.fastOpenLength = what.cookie.length / 2
      options.fastOpenExperimental = what.experimental === true ? 1 : 0
      options.fastOpenCookie.set(fromHex(what.cookie).subarray(0, TcpOptions.maxCookieBytes))
    }
    for (const [left, right] of what.sack ?? []) {
      options.sackEdges[2 * options.sackCount] = (this.hostIsn + left) | 0
      options.sackEdges[2 * options.sackCount + 1] = (this.hostIsn + right) | 0
      options.sackCount++
    }
    const length = 20 + (what.raw === undefined ? TcpOptions.write(options, frame.bytes, 20) : what.raw.length)
    if (what.raw !== undefined) frame.bytes.set(what.raw, 20)
    TcpHeader.setHeaderLength(frame.bytes, 0, length)
    frame.length = length + (what.data?.length ?? what.length ?? 0)
    if (what.urgent !== undefined) TcpHeader.setUrgentPointer(frame.bytes, 0, what.urgent)
    if (what.data !== undefined) frame.bytes.set(what.data, length)
    frame.ecn = what.ecn ?? 0
    frame.source = PEER
    frame.destination = HOST
    const seed = Checksum.pseudoV4(PEER, HOST, 6, frame.length)
    TcpHeader.setChecksum(frame.bytes, 0, Checksum.checksum(frame.bytes, 0, frame.length, seed))
    this.link!.send(frame)
    this.run(0)
  }

  /** Lets virtual time go on, ns. */
  run(nanos: number): void {
    this.clock.runUntil(this.clock.now + nanos)
  }

  /** The host connects to us; SYN heard. */
  connect(prepare?: (sock: TcpSock) => void): SimpleStream {
    this.stream = this.host.connect(PEER, this.port, prepare)
    this.sock = this.stream.sock
    this.run(0)
    return this.stream
  }

  /** The host connects and we answer; both are at 1. */
  establish(options: Say = {}, prepare?: (sock: TcpSock) => void): SimpleStream {
    const stream = this.connect(prepare)
    this.say({ flags: SYN | ACK, ack: 1, mss: 1460, ...options })
    return stream
  }

  /** We connect to the host's port 80; accepted. */
  establishPassive(options: Say = {}): SimpleStream {
    this.hostPort = 80
    if (this.host.tcp.listening.all().length === 0) this.host.listen(80)
    this.say({ flags: SYN, mss: 1460, ...options })
    this.say({ flags: ACK, seq: 1, ack: 1 })
    return this.stream!
  }

  /** The state as a tool would show it. */
  state(): StateName {
    const { host } = this
    const found = host.tcp.established.find(host.net, HOST, this.hostPort, PEER, this.port, 0)
    if (found === null) return (stateNames[this.sock?.state ?? 7] ?? "CLOSE") as StateName
    if (found.kind === KIND_TIME_WAIT) return stateNames[(found as TimeWaitSock).substate] as StateName
    if (found.kind === KIND_REQUEST) return "SYN_RECV"
    return stateNames[found.state] as StateName
  }

  mib(name: number): number {
    return this.host.net.mib[name]!
  }
}

export const fromHex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))

/** The Fast Open cookie of a segment as hex, empty when it asks for one; null without the option. */
export const cookieOf = ({ options }: Heard): string | null =>
  options.fastOpenLength < 0
    ? null
    : [...options.fastOpenCookie.subarray(0, options.fastOpenLength)]
        .map((b) => b.toString(16).padStart(2, "0"))
        .join("")

/** Times in seconds of what was heard, since `from` ns. */
export const times = (heard: ReadonlyArray<Heard>, from = 0): ReadonlyArray<number> =>
  heard.map((segment) => Math.round((segment.at - from) / 1e6) / 1e3)
