/** Packets of a script on their way to the host: numbers of the script become live ones (run_packet.c: map_inbound_packet). */
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Tcp from "@darkfiber/wire/Tcp"
import type { IcmpMessage, Packet, TcpOption, TcpSegment } from "./Ast.ts"
import { BadCall, Unsupported } from "./Failure.ts"
import type { Flow } from "./Flow.ts"
import * as PacketBytes from "./PacketBytes.ts"
import * as TcpOptionBytes from "./TcpOptionBytes.ts"

const UDP_HEADER = 8

/** The packet as the host receives it. */
export const bytes = (packet: Packet, flow: Flow, scalesEcho: boolean): Uint8Array => {
  if (packet.ip.flowLabel !== 0) throw new Unsupported("flowlabel (IPv6)")
  const { body, ip, ports } = packet
  const inbound = flow.inbound()
  const ends: PacketBytes.Ends = {
    ...inbound,
    sourcePort: ports.source === 0 ? inbound.sourcePort : ports.source,
    destinationPort: ports.destination === 0 ? inbound.destinationPort : ports.destination
  }
  switch (body._tag) {
    case "Tcp":
      return PacketBytes.tcp(ip, ends, segment(body, flow, scalesEcho))
    case "Udp":
      return PacketBytes.udp(ip, ends, body.payload)
    case "Icmp":
      return PacketBytes.icmp(ip, ends, message(body, flow))
    default:
      return body satisfies never
  }
}

const segment = (tcp: TcpSegment, flow: Flow, scalesEcho: boolean): PacketBytes.Segment => {
  const isSyn = (tcp.flags & Tcp.SYN) !== 0
  const isAck = (tcp.flags & Tcp.ACK) !== 0
  const local = flow.localOffset(isSyn)
  const options = (tcp.options ?? []).map((option) => live(option, flow, local, isAck, scalesEcho))
  return {
    flags: tcp.flags,
    accurateEcn: tcp.accurateEcn,
    sequence: (tcp.sequence + flow.remoteOffset(isSyn)) | 0,
    acknowledgment: isAck ? (tcp.acknowledgment + local) | 0 : tcp.acknowledgment,
    window: tcp.window ?? 0,
    urgent: tcp.urgent,
    options: TcpOptionBytes.bytes(options),
    payload: tcp.payload
  }
}

const live = (option: TcpOption, flow: Flow, local: number, isAck: boolean, scalesEcho: boolean): TcpOption => {
  if (option._tag === "Sack") {
    const shift = (edge: number): number => (edge + local) >>> 0
    return { _tag: "Sack", blocks: option.blocks.map(([left, right]) => [shift(left), shift(right)]) }
  }
  if (option._tag !== "Timestamp" || !isAck) return option
  const ecr = flow.echoOf(option.ecr, scalesEcho)
  if (ecr === null) {
    throw new BadCall(
      `unable to infer live TS ecr for script TS ecr ${option.ecr}; no matching or preceding outbound TS val`
    )
  }
  return { ...option, ecr }
}

const message = (icmp: IcmpMessage, flow: Flow): PacketBytes.Message => {
  const { code, echoed, id, mtu, type } = icmp
  const head = { type, code, mtu: mtu ?? 0, id }
  if (echoed._tag === "Raw") return { ...head, echoed: null, bytes: echoed.bytes }
  const isTcp = echoed._tag === "Tcp"
  const transport = isTcp ? Tcp.headerBytes : UDP_HEADER
  return {
    ...head,
    bytes: 0,
    echoed: {
      protocol: isTcp ? Ipv4.PROTOCOL_TCP : Ipv4.PROTOCOL_UDP,
      ends: flow.outbound(),
      totalLength: Ipv4.headerBytes + transport + echoed.payload,
      sequence: isTcp ? (echoed.sequence + flow.localOffset(false)) | 0 : 0
    }
  }
}
