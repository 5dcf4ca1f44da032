/**
 * Compiles a capture filter to a test on frame bytes. The test allocates nothing and reads nothing outside the frame.
 *
 * A field that lies outside the frame makes the whole filter false, whatever stands around it, as a load outside the packet
 * does in the kernel's filter machine (BPF_LD: return 0).
 *
 * Differs: when a relation's two sides both load fields, both are loaded before they are compared; libpcap's optimiser may
 * leave one out.
 */
import { u16, u32, u48, u8 } from "@darkfiber/wire/Bytes"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import * as Vlan from "@darkfiber/wire/Vlan"
import * as Result from "effect/Result"
import type { Arithmetic, ArithmeticOp, Base, Direction, Expression, RelationOp } from "./Ast.ts"
import type { FilterError } from "./Lexer.ts"
import { protocols } from "./Names.ts"
import { comparison } from "./Relations.ts"
import { parse } from "./Parser.ts"

/** A compiled filter. */
export interface Filter {
  readonly text: string
  /**
   * @param at first byte of the Ethernet header
   * @param end one past the last byte that may be read
   * @param length bytes the frame had; more than `end - at` when the capture was cut
   */
  readonly matches: (bytes: Uint8Array, at: number, end: number, length: number) => boolean
}

/** The frame in hand. */
class Frame {
  bytes: Uint8Array
  at: number
  end: number
  length: number
  /** A field outside the frame was asked for. */
  failed: boolean

  constructor() {
    this.bytes = new Uint8Array(0)
    this.at = 0
    this.end = 0
    this.length = 0
    this.failed = false
  }
}

type Test = (frame: Frame) => boolean
type Value = (frame: Frame) => number

export const compile = (text: string): Result.Result<Filter, FilterError> => {
  const expression = parse(text)
  if (Result.isFailure(expression)) return Result.fail(expression.failure)
  const test = testOf(expression.success)
  const frame = new Frame()
  const matches = (bytes: Uint8Array, at: number, end: number, length: number): boolean => {
    frame.bytes = bytes
    frame.at = at
    frame.end = end
    frame.length = length
    frame.failed = false
    return test(frame) && !frame.failed
  }
  return Result.succeed({ text, matches })
}

const testOf = (expression: Expression): Test => {
  switch (expression._tag) {
    case "True":
      return () => true
    case "And": {
      const left = testOf(expression.left)
      const right = testOf(expression.right)
      return (frame) => left(frame) && !frame.failed && right(frame)
    }
    case "Or": {
      const left = testOf(expression.left)
      const right = testOf(expression.right)
      return (frame) => left(frame) || (!frame.failed && right(frame))
    }
    case "Not": {
      const of = testOf(expression.of)
      return (frame) => !of(frame)
    }
    case "Relation":
      return relation(expression.op, valueOf(expression.left), valueOf(expression.right), loads(expression))
    default:
      return primitive(expression)
  }
}

type Primitive = Exclude<Expression, { _tag: "True" | "And" | "Or" | "Not" | "Relation" }>

const primitive = (expression: Primitive): Test => {
  switch (expression._tag) {
    case "Address":
      return address(expression)
    case "Ether":
      return ether(expression.direction, expression.mac)
    case "Port":
      return port(expression)
    case "IpProtocol":
      return ipProtocol(expression.family, expression.protocol, expression.tags)
    case "EtherType":
      return etherType(expression.type, expression.tags)
    case "Cast":
      return cast(expression.layer, expression.kind, expression.tags)
    case "Vlan":
      return vlan(expression.id, expression.tags)
    default:
      return expression satisfies never
  }
}

// ---- loads that fail outside the frame ----

const byte = (frame: Frame, at: number): number =>
  at >= frame.at && at < frame.end ? u8(frame.bytes, at) : fail(frame)
const half = (frame: Frame, at: number): number =>
  at >= frame.at && at + 2 <= frame.end ? u16(frame.bytes, at) : fail(frame)
const word = (frame: Frame, at: number): number =>
  at >= frame.at && at + 4 <= frame.end ? u32(frame.bytes, at) : fail(frame)

const fail = (frame: Frame): number => {
  frame.failed = true
  return 0
}

const typeAt = (frame: Frame, tags: number): number => frame.at + 12 + tags * Vlan.tagBytes
const networkAt = (frame: Frame, tags: number): number => frame.at + Ethernet.headerBytes + tags * Vlan.tagBytes

const etherType =
  (type: number, tags: number): Test =>
  (frame) =>
    half(frame, typeAt(frame, tags)) === type

const vlan =
  (id: number, tags: number): Test =>
  (frame) =>
    Vlan.isTag(half(frame, typeAt(frame, tags))) && (id < 0 || (half(frame, typeAt(frame, tags) + 2) & 0xfff) === id)

// ---- addresses ----

/** `sourceAt` and `destinationAt` are offsets from the network header. */
const pair = (
  frame: Frame,
  base: number,
  sourceAt: number,
  destinationAt: number,
  { direction, address, mask }: { readonly direction: Direction; readonly address: number; readonly mask: number }
): boolean => {
  const source = direction !== "dst" && (word(frame, base + sourceAt) & mask) === address
  if (direction === "src" || (direction === "either" && source)) return source
  if (direction === "both" && !source) return false
  return (word(frame, base + destinationAt) & mask) === address
}

const RARP = 0x8035

const address = (expression: Extract<Primitive, { _tag: "Address" }>): Test => {
  const { family, tags } = expression
  return (frame) => {
    const type = half(frame, typeAt(frame, tags))
    const base = networkAt(frame, tags)
    if (type === Ethernet.ETHERTYPE_IPV4)
      return (family === "any" || family === "ip") && pair(frame, base, 12, 16, expression)
    if (type === Ethernet.ETHERTYPE_ARP)
      return (family === "any" || family === "arp") && pair(frame, base, 14, 24, expression)
    if (type === RARP) return (family === "any" || family === "rarp") && pair(frame, base, 14, 24, expression)
    return false
  }
}

const macAt = (frame: Frame, at: number): number =>
  at + MacAddress.byteLength <= frame.end ? u48(frame.bytes, at) : fail(frame)

const ether =
  (direction: Direction, mac: number): Test =>
  (frame) => {
    const source = direction !== "dst" && macAt(frame, frame.at + 6) === mac
    if (direction === "src" || (direction === "either" && source)) return source
    if (direction === "both" && !source) return false
    return macAt(frame, frame.at) === mac
  }

const cast = (layer: "ether" | "ip", kind: "broadcast" | "multicast", tags: number): Test => {
  if (layer === "ether") {
    return kind === "broadcast"
      ? (frame) => macAt(frame, frame.at) === MacAddress.broadcast
      : (frame) => (byte(frame, frame.at) & 1) !== 0
  }
  const isIp = etherType(Ethernet.ETHERTYPE_IPV4, tags)
  return kind === "broadcast"
    ? (frame) => isIp(frame) && isAllOnesOrZeros(word(frame, networkAt(frame, tags) + 16))
    : (frame) => isIp(frame) && byte(frame, networkAt(frame, tags) + 16) >= 224
}

const isAllOnesOrZeros = (destination: number): boolean => destination === 0xffff_ffff || destination === 0

// ---- transport ----

/** Offset of the transport header when the packet is of `protocol` (-1: of any) and its first fragment; else -1. */
const transportAt = (frame: Frame, tags: number, protocol: number, ip4: boolean, ip6: boolean): number => {
  const type = half(frame, typeAt(frame, tags))
  const base = networkAt(frame, tags)
  if (ip4 && type === Ethernet.ETHERTYPE_IPV4) {
    if (protocol >= 0 && byte(frame, base + 9) !== protocol) return -1
    if ((half(frame, base + 6) & 0x1fff) !== 0) return -1
    return base + ((byte(frame, base) & 15) << 2)
  }
  if (ip6 && type === Ethernet.ETHERTYPE_IPV6) {
    return protocol >= 0 && byte(frame, base + 6) !== protocol ? -1 : base + 40
  }
  return -1
}

const protocolOf = (frame: Frame, tags: number): number => {
  const type = half(frame, typeAt(frame, tags))
  if (type === Ethernet.ETHERTYPE_IPV4) return byte(frame, networkAt(frame, tags) + 9)
  return type === Ethernet.ETHERTYPE_IPV6 ? byte(frame, networkAt(frame, tags) + 6) : -1
}

const ipProtocol = (family: "ip" | "ip6" | "both", protocol: number, tags: number): Test => {
  const wanted = family === "ip" ? Ethernet.ETHERTYPE_IPV4 : family === "ip6" ? Ethernet.ETHERTYPE_IPV6 : 0
  return (frame) =>
    (wanted === 0 || half(frame, typeAt(frame, tags)) === wanted) && protocolOf(frame, tags) === protocol
}

const port = (expression: Extract<Primitive, { _tag: "Port" }>): Test => {
  const { direction, low, high, tags } = expression
  const within = (value: number): boolean => value >= low && value <= high
  return (frame) => {
    if (!expression.protocols.includes(protocolOf(frame, tags))) return false
    const at = transportAt(frame, tags, -1, true, true)
    if (at < 0 || frame.failed) return false
    const source = direction !== "dst" && within(half(frame, at))
    if (direction === "src" || (direction === "either" && source)) return source
    if (direction === "both" && !source) return false
    return within(half(frame, at + 2))
  }
}

// ---- arithmetic, unsigned 32 bits ----

const valueOf = (arithmetic: Arithmetic): Value => {
  switch (arithmetic._tag) {
    case "Number": {
      const { value } = arithmetic
      return () => value
    }
    case "Length":
      return (frame) => frame.length
    case "Negate": {
      const of = valueOf(arithmetic.of)
      return (frame) => -of(frame) >>> 0
    }
    case "Binary":
      return binary(arithmetic.op, valueOf(arithmetic.left), valueOf(arithmetic.right))
    case "Load":
      return load(arithmetic.base, valueOf(arithmetic.offset), arithmetic.size, arithmetic.tags)
    default:
      return arithmetic satisfies never
  }
}

const binary = (op: ArithmeticOp, left: Value, right: Value): Value => {
  switch (op) {
    case "+":
      return (frame) => (left(frame) + right(frame)) >>> 0
    case "-":
      return (frame) => (left(frame) - right(frame)) >>> 0
    case "*":
      return (frame) => Math.imul(left(frame), right(frame)) >>> 0
    case "/":
      return (frame) => divide(frame, left(frame), right(frame), false)
    case "%":
      return (frame) => divide(frame, left(frame), right(frame), true)
    case "&":
      return (frame) => (left(frame) & right(frame)) >>> 0
    case "|":
      return (frame) => (left(frame) | right(frame)) >>> 0
    case "^":
      return (frame) => (left(frame) ^ right(frame)) >>> 0
    case "<<":
      return (frame) => shift(left(frame), right(frame), true)
    case ">>":
      return (frame) => shift(left(frame), right(frame), false)
    default:
      return op satisfies never
  }
}

/** Division by zero ends the filter, as in the kernel's machine. */
const divide = (frame: Frame, left: number, right: number, modulo: boolean): number => {
  if (right === 0) return fail(frame)
  return modulo ? left % right : Math.floor(left / right)
}

const shift = (value: number, by: number, isLeft: boolean): number => {
  if (by > 31) return 0
  return isLeft ? (value << by) >>> 0 : value >>> by
}

const load = (base: Base, offset: Value, size: 1 | 2 | 4, tags: number): Value => {
  const start = startOf(base, tags)
  return (frame) => {
    const from = start(frame)
    if (from < 0) return fail(frame)
    const at = from + offset(frame)
    return size === 1 ? byte(frame, at) : size === 2 ? half(frame, at) : word(frame, at)
  }
}

const startOf = (base: Base, tags: number): Value => {
  switch (base) {
    case "ether":
      return (frame) => frame.at
    case "ip":
    case "ip6":
    case "arp":
    case "rarp":
      return (frame) => networkAt(frame, tags)
    case "icmp6":
      return (frame) => transportAt(frame, tags, 58, false, true)
    default: {
      const protocol = protocols.get(base)!
      return (frame) => transportAt(frame, tags, protocol, true, false)
    }
  }
}

// ---- relations ----

/** Every field that a relation loads, so that other protocols make it false instead of ending the filter. */
const loads = (expression: Extract<Expression, { _tag: "Relation" }>): ReadonlyArray<Test> => {
  const tests: Array<Test> = []
  const visit = (arithmetic: Arithmetic): void => {
    if (arithmetic._tag === "Negate") visit(arithmetic.of)
    else if (arithmetic._tag === "Binary") {
      visit(arithmetic.left)
      visit(arithmetic.right)
    } else if (arithmetic._tag === "Load") {
      visit(arithmetic.offset)
      const test = isOf(arithmetic.base, arithmetic.tags)
      if (test !== undefined) tests.push(test)
    }
  }
  visit(expression.left)
  visit(expression.right)
  return tests
}

const isOf = (base: Base, tags: number): Test | undefined => {
  switch (base) {
    case "ether":
      return undefined
    case "ip":
      return etherType(Ethernet.ETHERTYPE_IPV4, tags)
    case "ip6":
      return etherType(Ethernet.ETHERTYPE_IPV6, tags)
    case "arp":
      return etherType(Ethernet.ETHERTYPE_ARP, tags)
    case "rarp":
      return etherType(RARP, tags)
    default: {
      const start = startOf(base, tags)
      return (frame) => start(frame) >= 0 && !frame.failed
    }
  }
}

const relation = (op: RelationOp, left: Value, right: Value, needs: ReadonlyArray<Test>): Test => {
  const compare = comparison(op)
  return (frame) => {
    for (let i = 0; i < needs.length; i++) if (!needs[i]!(frame) || frame.failed) return false
    const a = left(frame)
    const b = right(frame)
    return !frame.failed && compare(a, b)
  }
}
