/** Packets of a script: direction, IP information, ports, and a TCP segment, UDP datagram or ICMP message. */
import * as Tcp from "@darkfiber/wire/Tcp"
import type { Echoed, IcmpMessage, IpInfo, Packet, TcpSegment, TosCheck, UdpDatagram } from "./Ast.ts"
import type { Cursor } from "./Cursor.ts"
import * as IcmpNames from "./IcmpNames.ts"
import type { Token } from "./Lexer.ts"
import * as ParseTcpOptions from "./ParseTcpOptions.ts"

/** A whole IPv4 packet, and TCP's header with its options. */
const DATAGRAM_MAX = 64 * 1024
const U20_MAX = 0xf_ffff

export const packet = (cursor: Cursor): Packet => {
  const direction = cursor.next().text === "<" ? "in" : "out"
  const foreign = outerHeaders(cursor).map((name) => `${name} encapsulation`)
  const start = cursor.peek()
  const ip = ipInfo(cursor)
  if (ip.tos._tag === "Ect01" && direction === "in") {
    cursor.fail("[ect01] can only be used with outbound packets", start)
  }
  if (cursor.accept("icmp")) {
    const body = icmp(cursor)
    if (body.type === IcmpNames.FOREIGN) foreign.push("ICMPv6")
    return { direction, ip, foreign, ports: noPorts, body }
  }
  if (cursor.accept("udp")) {
    const ports = portInfo(cursor)
    if (ip.tos._tag === "Ecn") cursor.fail("ECN can only be used with TCP packets", start)
    return { direction, ip, foreign, ports, body: udp(cursor) }
  }
  if (cursor.is("encap")) foreign.push(`${psp(cursor)} encapsulation`)
  const ports = portInfo(cursor)
  return { direction, ip, foreign, ports, body: tcp(cursor, direction) }
}

const noPorts = { source: 0, destination: 0 }

/** Headers around the packet, which only the parser knows. */
const outerHeaders = (cursor: Cursor): Array<string> => {
  const found: Array<string> = []
  for (;;) {
    const token = cursor.peek()
    const name = token.kind === "keyword" ? token.text : ""
    if (name === "ipv4" || name === "ipv6") {
      cursor.next()
      ipInfo(cursor)
      cursor.expectKind(name, "an address")
      cursor.expect(">")
      cursor.expectKind(name, "an address")
      cursor.expect(":")
    } else if (name === "gre" || name === "GREv0" || name === "mpls") {
      while (!cursor.is(":")) {
        if (cursor.isKind("end")) cursor.unexpected("':'")
        cursor.next()
      }
      cursor.next()
    } else return found
    found.push(name)
  }
}

const psp = (cursor: Cursor): string => {
  for (const each of ["encap", "psp", "spi"]) cursor.expect(each)
  cursor.anyInteger("a number")
  return "psp"
}

const none: IpInfo = { tos: { _tag: "None" }, ttl: 0, flowLabel: 0 }

const ipInfo = (cursor: Cursor): IpInfo => {
  const close = cursor.is("(") ? ")" : cursor.is("[") ? "]" : null
  if (close === null) return none
  cursor.next()
  const info = ipFields(cursor)
  cursor.expect(close)
  return info
}

const ecnNames: Readonly<Record<string, number>> = { noecn: 0, ect1: 1, ect0: 2, ce: 3 }

const ipFields = (cursor: Cursor): IpInfo => {
  if (cursor.accept("ttl")) return { ...none, ttl: cursor.ranged("ttl", 255) }
  if (cursor.is("flowlabel")) return { ...none, flowLabel: flowLabel(cursor) }
  const tos = tosCheck(cursor)
  return { tos, ttl: 0, flowLabel: cursor.accept(",") ? flowLabel(cursor) : 0 }
}

const tosCheck = (cursor: Cursor): TosCheck => {
  const token = cursor.peek()
  if (token.kind !== "keyword") return cursor.unexpected("ECN, tos, ttl or flowlabel")
  if (Object.hasOwn(ecnNames, token.text)) {
    cursor.next()
    return { _tag: "Ecn", bits: ecnNames[token.text]! }
  }
  if (cursor.accept("ect01")) return { _tag: "Ect01" }
  cursor.expect("tos")
  const value = Number(cursor.expectKind("hex", "a hexadecimal number").text)
  if (value > 255) cursor.fail("tos out of range for 8 bits", token)
  return { _tag: "Tos", value }
}

const flowLabel = (cursor: Cursor): number => {
  cursor.expect("flowlabel")
  const token = cursor.expectKind("hex", "a hexadecimal number")
  if (Number(token.text) > U20_MAX) cursor.fail("flowlabel out of range for 20 bits", token)
  return Number(token.text)
}

const portInfo = (cursor: Cursor): Packet["ports"] => {
  if (!cursor.isKind("integer") || !cursor.is(">", 1)) return noPorts
  const source = cursor.u16("src port")
  cursor.expect(">")
  return { source, destination: cursor.u16("dst port") }
}

const udp = (cursor: Cursor): UdpDatagram => {
  cursor.expect("(")
  const payload = cursor.u16("UDP payload size")
  cursor.expect(")")
  return { _tag: "Udp", payload }
}

// ---- TCP ----

const tcp = (cursor: Cursor, direction: Packet["direction"]): TcpSegment => {
  const start = cursor.peek()
  const { accurateEcn, bits, isAce } = flags(cursor)
  const { payload, sequence } = sequenceRange(cursor)
  const acknowledgment = cursor.accept("ack") ? cursor.u32("TCP ack sequence number") : 0
  const window = cursor.accept("win") ? cursor.u16("TCP window value") : null
  const urgent = cursor.accept("urg") ? cursor.u16("urg_ptr value") : 0
  const optionsAt = cursor.peek()
  const options = ParseTcpOptions.tcpOptions(cursor)
  if (direction === "in") {
    if (options === null) cursor.fail("<...> for TCP options can only be used with outbound packets", optionsAt)
    if (window === null) cursor.fail("window must be specified for inbound packets", start)
  }
  if (payload + 120 > DATAGRAM_MAX) cursor.fail("TCP segment too large", start)
  return {
    _tag: "Tcp",
    flags: bits,
    accurateEcn,
    isAce,
    sequence,
    payload,
    acknowledgment,
    window,
    urgent,
    options
  }
}

const flagBits: Readonly<Record<string, number>> = {
  ".": Tcp.ACK,
  F: Tcp.FIN,
  S: Tcp.SYN,
  R: Tcp.RST,
  P: Tcp.PSH,
  U: Tcp.URG,
  E: Tcp.ECE,
  W: Tcp.CWR
}

interface Flags {
  readonly bits: number
  readonly accurateEcn: boolean
  readonly isAce: boolean
}

/** `S.`, `P`, `.`, `-`, and with the ACE field `.5` or `P.5`. */
const flags = (cursor: Cursor): Flags => {
  const start = cursor.peek()
  if (cursor.accept("-")) return { bits: 0, accurateEcn: false, isAce: false }
  let text = ""
  if (cursor.isKind("word")) text = cursor.next().text
  if (cursor.isKind("float")) text += cursor.next().text
  else if (cursor.accept(".")) text += "."
  if (text === "") return cursor.unexpected("TCP flags")
  return flagsOf(cursor, text, start)
}

const flagsOf = (cursor: Cursor, text: string, start: Token): Flags => {
  let bits = 0
  let accurateEcn = false
  let ace: number | null = null
  let hasEcn = false
  for (const flag of text) {
    const bit = flagBits[flag]
    if (flag >= "0" && flag <= "7") {
      if (hasEcn || ace !== null) cursor.fail(`Conflicting TCP flag: '${flag}'`, start)
      ace = Number(flag)
    } else if (bit === undefined && flag !== "A") cursor.fail(`Invalid TCP flag: '${flag}'`, start)
    else if (flag === "E" || flag === "W" || flag === "A") {
      if (ace !== null) cursor.fail(`Conflicting TCP flag: '${flag}'`, start)
      hasEcn = true
    }
    bits |= bit ?? 0
    if (flag === "A") accurateEcn = true
  }
  if (ace === null || ace === 0) return { bits, accurateEcn, isAce: false }
  if ((ace & 1) !== 0) bits |= Tcp.ECE
  if ((ace & 2) !== 0) bits |= Tcp.CWR
  return { bits, accurateEcn: (ace & 4) !== 0, isAce: true }
}

/** `first:last(payload)`. */
const sequenceRange = (cursor: Cursor): { readonly sequence: number; readonly payload: number } => {
  const start = cursor.peek()
  const sequence = cursor.u32("TCP start sequence number")
  cursor.expect(":")
  const end = cursor.u32("TCP end sequence number")
  cursor.expect("(")
  const payload = cursor.u16("TCP payload size")
  cursor.expect(")")
  if (end !== sequence + payload) cursor.fail("inconsistent TCP sequence numbers and payload size", start)
  return { sequence, payload }
}

// ---- ICMP ----

/** Type of destination unreachable and its code for fragmentation needed (RFC 1191). */
const UNREACHABLE = 3
const FRAG_NEEDED = 4

const icmp = (cursor: Cursor): IcmpMessage => {
  const typeToken = cursor.expectKind("word", "an ICMP type")
  let type = IcmpNames.type(typeToken.text)
  if (type === null) return cursor.fail(`bad ICMP type ${typeToken.text}`, typeToken)
  let code = 0
  if (cursor.isKind("word")) {
    const token = cursor.next()
    code = IcmpNames.code(type, token.text) ?? cursor.fail(`bad ICMP code ${token.text}`, token)
    if (code === IcmpNames.FOREIGN) type = IcmpNames.FOREIGN
  }
  let mtu: number | null = null
  const mtuAt = cursor.peek()
  if (cursor.accept("mtu")) {
    mtu = type === IcmpNames.FOREIGN ? cursor.u32("ICMPv6 MTU") : cursor.u16("ICMPv4 MTU")
    if (type !== IcmpNames.FOREIGN && (type !== UNREACHABLE || code !== FRAG_NEEDED)) {
      cursor.fail("ICMPv4 MTU is only valid for unreachable frag_needed", mtuAt)
    }
  }
  const id = cursor.accept("id") ? cursor.u16("echo_id") : 0
  return { _tag: "Icmp", type, code, mtu, id, echoed: echoed(cursor) }
}

const echoed = (cursor: Cursor): Echoed => {
  if (!cursor.accept("[")) return { _tag: "Tcp", sequence: 0, payload: 0 }
  let value: Echoed
  if (cursor.accept("udp")) value = { _tag: "Udp", payload: bracketed(cursor) }
  else if (cursor.accept("raw")) value = { _tag: "Raw", bytes: bracketed(cursor) }
  else value = { _tag: "Tcp", ...sequenceRange(cursor) }
  cursor.expect("]")
  return value
}

const bracketed = (cursor: Cursor): number => {
  cursor.expect("(")
  const value = cursor.u16("payload size")
  cursor.expect(")")
  return value
}
