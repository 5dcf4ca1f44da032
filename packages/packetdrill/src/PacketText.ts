/** Packets in the language's own notation, for reports. */
import * as Bytes from "@darkfiber/wire/Bytes"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Tcp from "@darkfiber/wire/Tcp"
import type { Packet, TcpOption, TcpSegment } from "./Ast.ts"
import type { Captured } from "./Captured.ts"
import * as TcpOptionBytes from "./TcpOptionBytes.ts"

const flagLetters: ReadonlyArray<readonly [number, string]> = [
  [Tcp.FIN, "F"],
  [Tcp.SYN, "S"],
  [Tcp.RST, "R"],
  [Tcp.PSH, "P"],
  [Tcp.ACK, "."],
  [Tcp.URG, "U"],
  [Tcp.ECE, "E"],
  [Tcp.CWR, "W"]
]

const flags = (bits: number, accurateEcn: boolean): string => {
  const text =
    flagLetters.map(([bit, letter]) => ((bits & bit) !== 0 ? letter : "")).join("") + (accurateEcn ? "A" : "")
  return text === "" ? "-" : text
}

const hex = (bytes: Iterable<number>): string => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")

const ecnText: ReadonlyArray<string> = ["noecn", "ect1", "ect0", "ce"]

/** A packet of the script. */
export const expected = (packet: Packet): string => {
  const sign = packet.direction === "in" ? "<" : ">"
  const { body } = packet
  switch (body._tag) {
    case "Tcp":
      return `${sign} ${segment(body)}`
    case "Udp":
      return `${sign} udp (${body.payload})`
    case "Icmp":
      return `${sign} icmp type_${body.type} code_${body.code}`
    default:
      return body satisfies never
  }
}

const segment = (tcp: TcpSegment): string => {
  const range = `${tcp.sequence}:${tcp.sequence + tcp.payload}(${tcp.payload})`
  const ack = (tcp.flags & Tcp.ACK) !== 0 ? ` ack ${tcp.acknowledgment}` : ""
  const window = tcp.window === null ? "" : ` win ${tcp.window}`
  const urgent = tcp.urgent === 0 ? "" : ` urg ${tcp.urgent}`
  const options = tcp.options === null ? " <...>" : list(tcp.options.map(optionText))
  return `${flags(tcp.flags, tcp.accurateEcn)} ${range}${ack}${window}${urgent}${options}`
}

const list = (options: ReadonlyArray<string>): string => (options.length === 0 ? "" : ` <${options.join(",")}>`)

const optionText = (option: TcpOption): string => {
  switch (option._tag) {
    case "End":
      return "eol"
    case "Nop":
      return "nop"
    case "Mss":
      return `mss ${option.bytes}`
    case "WindowScale":
      return `wscale ${option.shift}`
    case "SackPermitted":
      return "sackOK"
    case "Sack":
      return `sack ${option.blocks.map(([left, right]) => `${left}:${right}`).join(" ")}`
    case "Timestamp":
      return `TS val ${option.val} ecr ${option.ecr}`
    case "Md5":
      return `md5 ${hex(option.digest)}`
    case "FastOpen":
      return `${option.experimental ? "FOEXP" : "FO"} ${hex(option.cookie)}`.trimEnd()
    case "AccurateEcn":
      return `ECN ${option.counters.join(" ")}`
    default:
      return option satisfies never
  }
}

/** A packet of the host, its numbers already the script's. */
export const actual = (packet: Captured): string => {
  const { at, bytes } = packet
  const tos = Ipv4.ecn(bytes, 0) === 0 ? "" : `[${ecnText[Ipv4.ecn(bytes, 0)]!}] `
  if (packet.protocol === Ipv4.PROTOCOL_UDP) return `> ${tos}udp (${packet.payload})`
  if (packet.protocol === Ipv4.PROTOCOL_ICMP) return `> ${tos}icmp type_${bytes[at]!} code_${bytes[at + 1]!}`
  if (packet.protocol !== Ipv4.PROTOCOL_TCP) return `> ${tos}protocol ${packet.protocol}`
  const sequence = Tcp.sequence(bytes, at) >>> 0
  const range = `${sequence}:${(sequence + packet.payload) >>> 0}(${packet.payload})`
  const ack = (packet.flags & Tcp.ACK) !== 0 ? ` ack ${Tcp.acknowledgment(bytes, at) >>> 0}` : ""
  const urgent = Tcp.urgentPointer(bytes, at) === 0 ? "" : ` urg ${Tcp.urgentPointer(bytes, at)}`
  const options = list(packet.options.map((option) => foundText(bytes, option)))
  const letters = flags(packet.flags, packet.accurateEcn)
  return `> ${tos}${letters} ${range}${ack} win ${Tcp.window(bytes, at)}${urgent}${options}`
}

const foundText = (bytes: Uint8Array, { at, kind, length }: TcpOptionBytes.Found): string => {
  const u32 = (offset: number): number => Bytes.u32(bytes, at + offset)
  switch (kind) {
    case TcpOptionBytes.END:
      return "eol"
    case TcpOptionBytes.NOP:
      return "nop"
    case TcpOptionBytes.MSS:
      return `mss ${Bytes.u16(bytes, at + 2)}`
    case TcpOptionBytes.WINDOW_SCALE:
      return `wscale ${bytes[at + 2]!}`
    case TcpOptionBytes.SACK_PERMITTED:
      return "sackOK"
    case TcpOptionBytes.SACK:
      return `sack ${Array.from({ length: (length - 2) >> 3 }, (_, i) => `${u32(2 + i * 8)}:${u32(6 + i * 8)}`).join(" ")}`
    case TcpOptionBytes.TIMESTAMP:
      return `TS val ${u32(2)} ecr ${u32(6)}`
    case TcpOptionBytes.MD5:
      return `md5 ${hex(bytes.subarray(at + 2, at + length))}`
    case TcpOptionBytes.FAST_OPEN:
      return `FO ${hex(bytes.subarray(at + 2, at + length))}`.trimEnd()
    case TcpOptionBytes.EXPERIMENTAL:
      return `FOEXP ${hex(bytes.subarray(at + 4, at + length))}`.trimEnd()
    default:
      return `kind ${kind} ${hex(bytes.subarray(at + 2, at + length))}`.trimEnd()
  }
}
