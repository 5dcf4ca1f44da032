/**
 * Packets of a script: whose they are, what is expected of the host's, what is injected.
 *
 * What the host sends waits in a queue with its time. An outbound packet of the script takes the next one that belongs to
 * the socket under test; others vanish. A super-segment of the script may have been sent in pieces, as on a wire: pieces are
 * put together until their payload is enough, unless the script asks for `--strict_segments`.
 */
import type { TunReader } from "@darkfiber/kernel-net/tun/Tun"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Tcp from "@darkfiber/wire/Tcp"
import type { Packet, TcpSegment } from "./Ast.ts"
import type { CallState } from "./CallState.ts"
import { aggregate, Captured } from "./Captured.ts"
import { BadCall } from "./Failure.ts"
import type { Flow } from "./Flow.ts"
import * as PacketText from "./PacketText.ts"
import * as Verify from "./Verify.ts"

/** First of the ports that stand for the remote side. */
const FIRST_REMOTE_PORT = 49_152

export class PacketEvents implements TunReader {
  private readonly state: CallState
  private readonly queue: Array<Captured>
  private remotePort: number

  constructor(state: CallState) {
    this.state = state
    this.queue = []
    this.remotePort = FIRST_REMOTE_PORT
  }

  packet(bytes: Uint8Array, time: number): void {
    if (bytes.length >= Ipv4.headerBytes && Ipv4.version(bytes, 0) === 4) this.queue.push(new Captured(bytes, time))
  }

  /** The flow a packet of the script belongs to; a SYN for a listener makes one. */
  flowFor(packet: Packet): Flow {
    const { body, direction } = packet
    const { underTest } = this.state
    if (body._tag === "Tcp") {
      const isOpen = underTest === null || underTest.state === "listening"
      if (direction === "in" && isOpen) return this.passive(body)
      const isSyn = (body.flags & (Tcp.SYN | Tcp.ACK)) === Tcp.SYN
      if (direction === "out" && isSyn && underTest?.state === "connecting") {
        underTest.state = "SYN sent"
        underTest.scriptLocalIsn = body.sequence
        return underTest
      }
    }
    if (underTest !== null && (matches(underTest, body._tag) || packet.ports.source + packet.ports.destination > 0)) {
      return underTest
    }
    throw new BadCall("no matching socket for script packet")
  }

  /** State changes that a packet to the host brings about. */
  received(packet: Packet, flow: Flow): void {
    const { body } = packet
    const { config } = this.state
    if (body._tag !== "Tcp") {
      if (!config.isAnyIp) return
      flow.remoteAddress = config.remoteAddress
      flow.localAddress = config.localAddress
      if (flow.remotePort === 0) flow.remotePort = config.connectPort
      if (flow.localPort === 0) flow.localPort = config.bindPort
      return
    }
    const isAck = (body.flags & Tcp.ACK) !== 0
    if (flow.state === "SYN-ACK sent" && isAck) flow.state = "SYN-ACK acknowledged"
    else if (flow.state === "SYN sent" && isAck && (body.flags & Tcp.SYN) !== 0) {
      flow.state = "SYN acknowledged"
      flow.remoteIsn = body.sequence
    }
  }

  /** The next packet the host has sent for the flow; null when there is none yet. */
  take(flow: Flow): Captured | null {
    for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) {
      if (this.isFor(next, flow)) return next
    }
    return null
  }

  private passive(body: TcpSegment): Flow {
    const { config } = this.state
    const flow = this.state.newFlow(Ipv4.PROTOCOL_TCP, 1)
    flow.state = "packet received"
    flow.remoteAddress = config.remoteAddress
    flow.remotePort = this.remotePort++
    flow.localAddress = config.localAddress
    flow.localPort = config.bindPort
    flow.remoteIsn = body.sequence
    return flow
  }

  /** A flow that connects learns its own port, address and initial sequence number from its first packet. */
  private isFor(captured: Captured, flow: Flow): boolean {
    const { ends } = captured
    const out = flow.outbound()
    const isIcmp = captured.protocol === Ipv4.PROTOCOL_ICMP && flow.protocol === Ipv4.PROTOCOL_ICMP
    const isSameHost = ends.source === out.source && ends.destination === out.destination
    if (isSameHost && (isIcmp || isSamePorts(captured, flow))) return true
    const isFirst =
      (captured.protocol === Ipv4.PROTOCOL_UDP && flow.protocol === Ipv4.PROTOCOL_UDP && flow.state === "connecting") ||
      (isIcmp && flow.state === "connecting") ||
      (captured.protocol === Ipv4.PROTOCOL_TCP &&
        (captured.flags & (Tcp.SYN | Tcp.ACK)) === Tcp.SYN &&
        flow.state === "SYN sent")
    if (!isFirst || ends.destination !== flow.remoteAddress) return false
    if (!isIcmp && ends.destinationPort !== flow.remotePort) return false
    flow.localAddress = ends.source
    flow.localPort = ends.sourcePort
    if (captured.protocol === Ipv4.PROTOCOL_TCP) flow.liveLocalIsn = Tcp.sequence(captured.bytes, captured.at)
    return true
  }
}

const isSamePorts = (captured: Captured, flow: Flow): boolean =>
  captured.protocol === flow.protocol &&
  captured.ends.sourcePort === flow.localPort &&
  captured.ends.destinationPort === flow.remotePort

const matches = (flow: Flow, kind: Packet["body"]["_tag"]): boolean => {
  if (kind === "Icmp") return true
  return flow.protocol === (kind === "Tcp" ? Ipv4.PROTOCOL_TCP : Ipv4.PROTOCOL_UDP)
}

const payloadOf = (packet: Packet): number => {
  const { body } = packet
  return body._tag === "Icmp" ? 0 : body.payload
}

/** An outbound packet of the script that waits for the host's. */
export class Expectation {
  readonly script: Packet
  readonly flow: Flow
  private readonly strict: boolean
  private readonly parts: Array<Captured>
  private taken: number

  constructor(script: Packet, flow: Flow, strict: boolean) {
    this.script = script
    this.flow = flow
    this.strict = strict
    this.parts = []
    this.taken = 0
    const { body } = script
    if (flow.state === "packet received" && isSynAck(body)) flow.scriptLocalIsn = (body as TcpSegment).sequence
  }

  /** Takes a packet of the host. @returns the whole packet when it is there, null when pieces are missing */
  add(packet: Captured): Captured | null {
    const { flow } = this
    if (flow.state === "packet received" && isSynAck(this.script.body)) {
      flow.state = "SYN-ACK sent"
      if (packet.protocol === Ipv4.PROTOCOL_TCP) flow.liveLocalIsn = Tcp.sequence(packet.bytes, packet.at)
    }
    packet.toScript(flow)
    const wanted = payloadOf(this.script)
    const earlier = this.parts.at(-1)
    if (earlier !== undefined && !hasSameEnds(earlier, packet)) {
      // What an older connection sent to the same port, such as its SYN again.
      this.parts.length = 0
      this.taken = 0
    }
    const before = this.parts.at(-1)
    if (before !== undefined) this.mustFollow(before, packet, wanted)
    this.parts.push(packet)
    this.taken += packet.payload
    if (this.script.body._tag === "Icmp" || this.taken === wanted) return aggregate(this.parts)
    const mayGoOn = packet.payload > 0 || packet.isSyn
    if (this.taken < wanted && !this.strict && mayGoOn) return null
    throw new BadCall(
      `live packet payload: expected ${wanted} bytes vs actual ${this.taken} bytes` + this.dump(this.parts)
    )
  }

  /** Null, or what is wrong with the packet, both of them shown. */
  verify(packet: Captured, rule: Verify.TimestampRule): string | null {
    this.learn(packet)
    const complaint = Verify.packet(this.script, packet, this.flow, rule)
    return complaint === null ? null : complaint + this.dump([packet])
  }

  dump(packets: ReadonlyArray<Captured>): string {
    return (
      `\n  script: ${PacketText.expected(this.script)}` +
      packets.map((each) => `\n  actual: ${PacketText.actual(each)}`).join("")
    )
  }

  private learn(packet: Captured): void {
    const { body } = this.script
    if (body._tag !== "Tcp" || body.options === null || packet.protocol !== Ipv4.PROTOCOL_TCP) return
    const script = body.options.find((option) => option._tag === "Timestamp")
    const at = packet.timestampAt
    if (script === undefined || script._tag !== "Timestamp" || at < 0) return
    const live = new DataView(packet.bytes.buffer, packet.bytes.byteOffset).getUint32(at)
    this.flow.learnTimestamp(script.val, live)
  }

  /** Pieces of one super-segment follow each other and are equally long but for the last. */
  private mustFollow(before: Captured, packet: Captured, wanted: number): void {
    const expected = Tcp.sequence(before.bytes, before.at) + before.payload
    const isNext = packet.protocol === before.protocol && ((Tcp.sequence(packet.bytes, packet.at) - expected) | 0) === 0
    const isLast = packet.payload >= wanted - this.taken
    if (isNext && (isLast || packet.payload === before.payload)) return
    throw new BadCall(`fragments do not make up the packet` + this.dump([...this.parts, packet]))
  }
}

const hasSameEnds = ({ ends: a }: Captured, { ends: b }: Captured): boolean =>
  a.source === b.source &&
  a.destination === b.destination &&
  a.sourcePort === b.sourcePort &&
  a.destinationPort === b.destinationPort

const isSynAck = (body: Packet["body"]): boolean =>
  body._tag === "Tcp" && (body.flags & (Tcp.SYN | Tcp.ACK)) === (Tcp.SYN | Tcp.ACK)
