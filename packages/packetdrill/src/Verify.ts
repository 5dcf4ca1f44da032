/**
 * Whether a packet of the host is the one the script expects, field by field in the order of google/packetdrill
 * (run_packet.c: verify_ipv4, verify_tcp, verify_outbound_live_tcp_options).
 *
 * Ports, IP identification and fragment bits are not compared, a window that the script leaves out neither, and of
 * timestamps only the value, if `--tcp_ts_tick_usecs` asks for it.
 */
import * as Bytes from "@darkfiber/wire/Bytes"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Tcp from "@darkfiber/wire/Tcp"
import type { IpInfo, Packet, TcpSegment } from "./Ast.ts"
import type { Captured } from "./Captured.ts"
import type { Flow } from "./Flow.ts"
import * as TcpOptionBytes from "./TcpOptionBytes.ts"

const ECN_BITS = Tcp.ECE | Tcp.CWR
const UDP_HEADER = 8
const ICMP_HEADER = 8
const ECHOED_BYTES = 28

export interface TimestampRule {
  /** Nanoseconds of a tick of TS val; 0 for no check. */
  readonly tick: number
  /** How far it may be off, ns. */
  readonly tolerance: number
}

/** Null, or what is different. `actual` carries the script's sequence numbers. */
export const packet = (script: Packet, actual: Captured, flow: Flow, rule: TimestampRule): string | null => {
  const { body } = script
  const protocol = protocols[body._tag]
  if (actual.protocol !== protocol) return field("ipv4_protocol", protocol, actual.protocol)
  if (!Ipv4.verifyChecksum(actual.bytes, 0)) return "bad outbound IP checksum"
  switch (body._tag) {
    case "Tcp":
      return tcp(script, body, actual, flow, rule)
    case "Udp": {
      const length = Ipv4.headerBytes + UDP_HEADER + body.payload
      return ipv4(script.ip, actual, length) ?? udp(body.payload, actual) ?? zeros(actual)
    }
    case "Icmp": {
      const bytes = body.echoed._tag === "Raw" ? body.echoed.bytes : ICMP_HEADER + ECHOED_BYTES
      return (
        ipv4(script.ip, actual, Ipv4.headerBytes + bytes) ??
        field("icmp_type", body.type, actual.bytes[actual.at]!) ??
        field("icmp_code", body.code, actual.bytes[actual.at + 1]!)
      )
    }
    default:
      return body satisfies never
  }
}

const protocols = { Tcp: Ipv4.PROTOCOL_TCP, Udp: Ipv4.PROTOCOL_UDP, Icmp: Ipv4.PROTOCOL_ICMP } as const

const field = (name: string, expected: number, actual: number): string | null =>
  expected === actual
    ? null
    : `live packet field ${name}: expected: ${expected} (0x${expected.toString(16)}) vs actual: ${actual} ` +
      `(0x${actual.toString(16)})`

const udp = (payload: number, actual: Captured): string | null =>
  field("udp_len", UDP_HEADER + payload, Bytes.u16(actual.bytes, actual.at + 4))

/** Programs of a script write zeros only. */
const zeros = (actual: Captured): string | null =>
  actual.bytes.subarray(actual.payloadAt).every((byte) => byte === 0) ? null : "incorrect outbound data payload"

const ipv4 = (ip: IpInfo, actual: Captured, length: number): string | null =>
  field("ipv4_version", 4, Ipv4.version(actual.bytes, 0)) ??
  field("ipv4_header_length", Ipv4.headerBytes >> 2, Ipv4.headerLength(actual.bytes, 0) >> 2) ??
  field("ipv4_total_length", length, Ipv4.totalLength(actual.bytes, 0)) ??
  tos(ip, Ipv4.tos(actual.bytes, 0)) ??
  (ip.ttl === 0 || ip.ttl === 255 ? null : field("ttl", ip.ttl, Ipv4.timeToLive(actual.bytes, 0)))

const tos = (ip: IpInfo, actual: number): string | null => {
  const ecn = actual & Ipv4.ECN_MASK
  switch (ip.tos._tag) {
    case "None":
      return null
    case "Ecn":
      return field("ip_ecn", ip.tos.bits, ecn)
    case "Ect01": {
      const isEct = ecn === Ipv4.ECN_ECT_0 || ecn === Ipv4.ECN_ECT_1
      return isEct ? null : `live packet field ip_ecn: expected: 0x1 or 0x2 vs actual: 0x${ecn.toString(16)}`
    }
    case "Tos":
      return field("tos", ip.tos.value, actual)
    default:
      return ip.tos satisfies never
  }
}

const bit = (name: string, mask: number, expected: number, actual: number): string | null =>
  field(name, (expected & mask) === 0 ? 0 : 1, (actual & mask) === 0 ? 0 : 1)

const tcp = (script: Packet, body: TcpSegment, actual: Captured, flow: Flow, rule: TimestampRule): string | null => {
  const { at, bytes } = actual
  const options = body.options === null ? null : TcpOptionBytes.bytes(body.options)
  const header = options === null ? Tcp.headerLength(bytes, at) : Tcp.headerBytes + options.length
  return (
    ipv4(script.ip, actual, Ipv4.headerBytes + header + body.payload) ??
    header1(body, actual, header) ??
    field("tcp_seq", body.sequence, Tcp.sequence(bytes, at) >>> 0) ??
    field("tcp_ack_seq", body.acknowledgment, Tcp.acknowledgment(bytes, at) >>> 0) ??
    (body.window === null ? null : field("tcp_window", body.window, Tcp.window(bytes, at))) ??
    field("tcp_urg_ptr", body.urgent, Tcp.urgentPointer(bytes, at)) ??
    (options === null ? null : tcpOptions(options, actual, flow, rule)) ??
    zeros(actual)
  )
}

/** Data offset and flags. */
const header1 = (body: TcpSegment, actual: Captured, header: number): string | null => {
  const { flags } = actual
  const ace = (bits: number, ae: boolean): number => (ae ? 4 : 0) | ((bits & ECN_BITS) >>> 6)
  return (
    field("tcp_data_offset", header >> 2, Tcp.headerLength(actual.bytes, actual.at) >> 2) ??
    bit("tcp_fin", Tcp.FIN, body.flags, flags) ??
    bit("tcp_syn", Tcp.SYN, body.flags, flags) ??
    bit("tcp_rst", Tcp.RST, body.flags, flags) ??
    bit("tcp_psh", Tcp.PSH, body.flags, flags) ??
    bit("tcp_ack", Tcp.ACK, body.flags, flags) ??
    bit("tcp_urg", Tcp.URG, body.flags, flags) ??
    (body.isAce
      ? field("tcp_ace", ace(body.flags, body.accurateEcn), ace(flags, actual.accurateEcn))
      : (bit("tcp_ece", Tcp.ECE, body.flags, flags) ??
        bit("tcp_cwr", Tcp.CWR, body.flags, flags) ??
        field("tcp_ae", body.accurateEcn ? 1 : 0, actual.accurateEcn ? 1 : 0))) ??
    field("tcp_reserved_bits", 0, Tcp.reserved(actual.bytes, actual.at) >> 1)
  )
}

const tcpOptions = (options: Uint8Array, actual: Captured, flow: Flow, rule: TimestampRule): string | null => {
  const wanted = TcpOptionBytes.list(options, 0, options.length)
  const found = actual.options
  for (let i = 0; i < Math.max(wanted.length, found.length); i++) {
    const left = wanted[i]
    const right = found[i]
    if (left === undefined || right === undefined || left.kind !== right.kind) return "bad outbound TCP options"
    if (left.kind <= TcpOptionBytes.NOP) continue
    if (left.kind === TcpOptionBytes.TIMESTAMP) {
      const complaint = timestamp(Bytes.u32(options, left.at + 2), Bytes.u32(actual.bytes, right.at + 2), flow, rule)
      if (complaint !== null) return complaint
      continue
    }
    if (left.length !== right.length) return `bad length in outbound TCP option (kind=${left.kind})`
    if (!Bytes.equal(options, left.at, actual.bytes, right.at, left.length)) {
      return `bad value in outbound TCP option (kind=${left.kind})`
    }
  }
  return null
}

const timestamp = (script: number, live: number, flow: Flow, rule: TimestampRule): string | null => {
  if (rule.tick === 0) return null
  const expected = (flow.firstLiveTs + script - flow.firstScriptTs) | 0
  const off = Math.abs((live - expected) | 0) * rule.tick
  return off > rule.tolerance ? `bad outbound TCP timestamp value, off by ${off / 1000} us` : null
}
