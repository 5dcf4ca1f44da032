/** Primitives of a capture filter: qualifiers and ids. See Parser.ts for the grammar. */
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import * as Result from "effect/Result"
import type { Direction, Expression } from "./Ast.ts"
import { etherTypes, keywords, protocols, services } from "./Names.ts"
import type { Cursor } from "./Parser.ts"

/** What stands in front of an id; a later bare id takes over all of it. */
export interface Qualifiers {
  readonly protocol: string
  readonly direction: Direction
  readonly type: "" | "host" | "net" | "port" | "portrange" | "proto"
}

export const noQualifiers: Qualifiers = { protocol: "", direction: "either", type: "" }

const types: ReadonlySet<string> = new Set(["host", "net", "port", "portrange", "proto"])

export const readPrimitive = (cursor: Cursor): Expression => {
  const { kind, text } = cursor.token
  if (kind === "end") cursor.fail()
  switch (text) {
    case "less":
    case "greater":
      return lengthLimit(cursor, text === "less" ? "<=" : ">=")
    case "vlan":
      return vlan(cursor)
    case "broadcast":
    case "multicast":
      cursor.at++
      return { _tag: "Cast", layer: "ether", kind: text, tags: 0 }
    default:
      return qualified(cursor)
  }
}

const qualified = (cursor: Cursor): Expression => {
  const first = cursor.token
  const protocol = readProtocol(cursor)
  const cast = cursor.token.text
  if ((protocol === "ether" || protocol === "ip") && (cast === "broadcast" || cast === "multicast")) {
    cursor.at++
    return { _tag: "Cast", layer: protocol, kind: cast, tags: cursor.tags }
  }
  const direction = readDirection(cursor)
  const type = types.has(cursor.token.text) ? (cursor.token.text as Qualifiers["type"]) : ""
  if (type !== "") cursor.at++
  if (direction === undefined && type === "") {
    if (protocol !== "") return alone(cursor, protocol)
    // A bare id: the qualifiers of the one before, if it had any.
    return identified(cursor, isId(cursor) ? cursor.qualifiers : cursor.fail())
  }
  if (first.kind !== "word") cursor.fail()
  cursor.qualifiers = { protocol, direction: direction ?? "either", type }
  return identified(cursor, cursor.qualifiers)
}

const isId = (cursor: Cursor): boolean => {
  const { kind, text } = cursor.token
  return kind === "number" || kind === "address" || kind === "mac" || (kind === "word" && !keywords.has(text))
}

const readProtocol = (cursor: Cursor): string => {
  const { kind, text } = cursor.token
  if (kind !== "word" || !(text === "ether" || etherTypes.has(text) || protocols.has(text))) return ""
  cursor.at++
  return text
}

const readDirection = (cursor: Cursor): Direction | undefined => {
  const first = cursor.token.text
  if (cursor.token.kind !== "word" || (first !== "src" && first !== "dst")) return undefined
  const joint = cursor.peek(1).text
  const second = cursor.peek(2).text
  const isPair = (second === "src" || second === "dst") && second !== first
  if (isPair && (joint === "or" || joint === "and" || joint === "||" || joint === "&&")) {
    cursor.at += 3
    return joint === "or" || joint === "||" ? "either" : "both"
  }
  cursor.at++
  return first
}

/** A protocol that stands for itself. */
const alone = (cursor: Cursor, protocol: string): Expression => {
  const type = etherTypes.get(protocol)
  if (type !== undefined) return { _tag: "EtherType", type, tags: cursor.tags }
  const number = protocols.get(protocol)
  if (number === undefined) return cursor.fail()
  const family = protocol === "icmp" || protocol === "igmp" ? "ip" : protocol === "icmp6" ? "ip6" : "both"
  return { _tag: "IpProtocol", family, protocol: number, tags: cursor.tags }
}

const identified = (cursor: Cursor, qualifiers: Qualifiers): Expression => {
  switch (qualifiers.type) {
    case "port":
    case "portrange":
      return port(cursor, qualifiers)
    case "proto":
      return proto(cursor, qualifiers)
    case "net":
      return address(cursor, qualifiers)
    case "host":
    case "":
      return cursor.token.kind === "mac" || qualifiers.protocol === "ether"
        ? ether(cursor, qualifiers)
        : address(cursor, qualifiers)
    default:
      return qualifiers.type satisfies never
  }
}

const families: ReadonlySet<string> = new Set(["", "ip", "arp", "rarp"])

const ether = (cursor: Cursor, { protocol, direction }: Qualifiers): Expression => {
  if (protocol !== "ether") cursor.fail("ethernet address used in non-ether expression")
  const mac = MacAddress.parse(cursor.token.text)
  if (Result.isFailure(mac)) return cursor.fail(`illegal ethernet address '${cursor.token.text}'`)
  cursor.at++
  return { _tag: "Ether", direction, mac: mac.success }
}

const address = (cursor: Cursor, { protocol, direction, type }: Qualifiers): Expression => {
  const { kind, text } = cursor.token
  if (!families.has(protocol)) cursor.fail(`'${protocol}' modifier applied to ${type === "net" ? "net" : "host"}`)
  if (kind === "word") cursor.fail(`unknown host '${text}'`)
  if (kind !== "address" && !(kind === "number" && type === "net")) cursor.fail()
  const slash = text.indexOf("/")
  const parts = (slash < 0 ? text : text.slice(0, slash)).split(".")
  const isNet = type === "net" || (type === "" && slash >= 0)
  if (parts.some((part) => !/^\d+$/.test(part) || Number(part) > 255)) cursor.fail(`invalid IPv4 address '${text}'`)
  if (!isNet && (parts.length < 4 || slash >= 0)) cursor.fail(`invalid IPv4 address '${text}'`)
  let length = slash < 0 ? parts.length * 8 : Number(text.slice(slash + 1))
  if (length > 32) cursor.fail("mask length must be <= 32")
  while (parts.length < 4) parts.push("0")
  const value = Ipv4Address.of(Number(parts[0]), Number(parts[1]), Number(parts[2]), Number(parts[3]))
  if (!isNet) length = 32
  cursor.at++
  let mask = Ipv4Address.mask(length)
  if (isNet && slash < 0 && cursor.take("mask")) {
    const parsed = Ipv4Address.parse(cursor.token.text)
    if (Result.isFailure(parsed)) return cursor.fail(`invalid netmask '${cursor.token.text}'`)
    mask = parsed.success
    cursor.at++
  }
  if ((value & ~mask) !== 0) cursor.fail(`non-network bits set in "${text}"`)
  const family = protocol === "ip" || protocol === "arp" || protocol === "rarp" ? protocol : "any"
  return { _tag: "Address", family, direction, address: value, mask, tags: cursor.tags }
}

const TCP = 6
const UDP = 17
const SCTP = 132

const port = (cursor: Cursor, { protocol, direction, type }: Qualifiers): Expression => {
  const list =
    protocol === "" || protocol === "ip" || protocol === "ip6"
      ? [TCP, UDP, SCTP]
      : protocol === "tcp" || protocol === "udp" || protocol === "sctp"
        ? [protocols.get(protocol)!]
        : cursor.fail(`illegal qualifier of 'port'`)
  const { text } = cursor.token
  if (cursor.token.kind === "end") cursor.fail()
  const range = type === "portrange" ? /^(\d+)-(\d+)$/.exec(text) : null
  const low = portNumber(cursor, range?.[1] ?? text)
  const high = range === null ? low : portNumber(cursor, range[2]!)
  cursor.at++
  const port: Expression = {
    _tag: "Port",
    protocols: list,
    direction,
    low: Math.min(low, high),
    high: Math.max(low, high),
    tags: cursor.tags
  }
  if (protocol !== "ip" && protocol !== "ip6") return port
  return { _tag: "And", left: { _tag: "EtherType", type: etherTypes.get(protocol)!, tags: cursor.tags }, right: port }
}

const portNumber = (cursor: Cursor, text: string): number => {
  const number = /^\d+$/.test(text) ? Number(text) : services.get(text)
  if (number === undefined) return cursor.fail(`unknown port '${text}'`)
  return number > 65_535 ? cursor.fail(`illegal port number ${text} > 65535`) : number
}

const proto = (cursor: Cursor, { protocol }: Qualifiers): Expression => {
  const { text } = cursor.token
  const isEther = protocol === "ether"
  const number = /^(0x[0-9a-f]+|\d+)$/i.test(text)
    ? Number(text)
    : (isEther ? etherTypes : protocols).get(text.replace(/^\\/, ""))
  if (number === undefined || number > (isEther ? 0xffff : 255)) return cursor.fail(`unknown protocol '${text}'`)
  cursor.at++
  if (isEther) return { _tag: "EtherType", type: number, tags: cursor.tags }
  const family = protocol === "ip" || protocol === "ip6" ? protocol : protocol === "" ? "both" : cursor.fail()
  return { _tag: "IpProtocol", family, protocol: number, tags: cursor.tags }
}

const lengthLimit = (cursor: Cursor, op: "<=" | ">="): Expression => {
  cursor.at++
  if (cursor.token.kind !== "number") cursor.fail()
  const value = Number(cursor.token.text)
  cursor.at++
  return { _tag: "Relation", op, left: { _tag: "Length" }, right: { _tag: "Number", value } }
}

const vlan = (cursor: Cursor): Expression => {
  cursor.at++
  let id = -1
  if (cursor.token.kind === "number") {
    id = Number(cursor.token.text)
    if (id > 4095) cursor.fail(`VLAN tag ${id} greater than maximum 4095`)
    cursor.at++
  }
  return { _tag: "Vlan", id, tags: cursor.tags++ }
}
