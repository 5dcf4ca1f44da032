/**
 * ICMPv6 (RFC 4443) with neighbour discovery's messages (RFC 4861 §4). Their options are read by NeighborOptions.ts.
 *
 * ```
 *  0    1    2        4                 8                        24
 *  +----+----+--------+-----------------+------------------------+---------
 *  |type|code| check  | rest            | target (NS, NA)        | options
 *  +----+----+--------+-----------------+------------------------+---------
 * ```
 */
import * as Result from "effect/Result"
import { i32, setI32, setU16, u16, u32 } from "./Bytes.ts"
import * as Ipv6Address from "./Ipv6Address.ts"
import { truncated } from "./Unreadable.ts"
import type { Truncated } from "./Unreadable.ts"

/** A message's header; `checksum` as it stands on the wire. */
export type Icmpv6Header =
  | {
      readonly _tag: "EchoRequest" | "EchoReply"
      readonly identifier: number
      readonly sequence: number
      readonly checksum: number
    }
  | { readonly _tag: "DestinationUnreachable" | "TimeExceeded"; readonly code: number; readonly checksum: number }
  /** `mtu` in bytes, 32 bits unsigned. */
  | { readonly _tag: "PacketTooBig"; readonly mtu: number; readonly checksum: number }
  /** `pointer`: offset in the quoted packet, 32 bits unsigned. */
  | { readonly _tag: "ParameterProblem"; readonly code: number; readonly pointer: number; readonly checksum: number }
  | { readonly _tag: "RouterSolicitation"; readonly checksum: number }
  | RouterAdvertisement
  | { readonly _tag: "NeighborSolicitation"; readonly target: Ipv6Address.Ipv6Address; readonly checksum: number }
  | NeighborAdvertisement
  /** Any other type; `rest` is an int32. */
  | {
      readonly _tag: "Other"
      readonly type: number
      readonly code: number
      readonly rest: number
      readonly checksum: number
    }

export interface RouterAdvertisement {
  readonly _tag: "RouterAdvertisement"
  readonly hopLimit: number
  /** Addresses by DHCPv6. */
  readonly isManaged: boolean
  /** Other configuration by DHCPv6. */
  readonly isOther: boolean
  /** Seconds. */
  readonly routerLifetime: number
  /** Milliseconds. */
  readonly reachableTime: number
  /** Milliseconds. */
  readonly retransmitTimer: number
  readonly checksum: number
}

export interface NeighborAdvertisement {
  readonly _tag: "NeighborAdvertisement"
  readonly isRouter: boolean
  readonly isSolicited: boolean
  readonly isOverride: boolean
  readonly target: Ipv6Address.Ipv6Address
  readonly checksum: number
}

/** Bytes that every message has. */
export const headerBytes = 8
export const checksumOffset = 2
/** Where the target address of a neighbour solicitation or advertisement stands. */
export const targetOffset = 8

export const TYPE_DESTINATION_UNREACHABLE = 1
export const TYPE_PACKET_TOO_BIG = 2
export const TYPE_TIME_EXCEEDED = 3
export const TYPE_PARAMETER_PROBLEM = 4
export const TYPE_ECHO_REQUEST = 128
export const TYPE_ECHO_REPLY = 129
export const TYPE_ROUTER_SOLICITATION = 133
export const TYPE_ROUTER_ADVERTISEMENT = 134
export const TYPE_NEIGHBOR_SOLICITATION = 135
export const TYPE_NEIGHBOR_ADVERTISEMENT = 136
export const TYPE_REDIRECT = 137

/** Codes of destination unreachable. */
export const CODE_NO_ROUTE = 0
export const CODE_ADMIN_PROHIBITED = 1
export const CODE_ADDRESS_UNREACHABLE = 3
export const CODE_PORT_UNREACHABLE = 4

const REST = 4

/** Precondition of every field function: the message's {@link lengthOf} bytes lie within `bytes`. */
export const type = (bytes: Uint8Array, at: number): number => bytes[at]!
export const code = (bytes: Uint8Array, at: number): number => bytes[at + 1]!
export const checksum = (bytes: Uint8Array, at: number): number => u16(bytes, at + checksumOffset)
export const rest = (bytes: Uint8Array, at: number): number => i32(bytes, at + REST)
export const echoIdentifier = (bytes: Uint8Array, at: number): number => u16(bytes, at + REST)
export const echoSequence = (bytes: Uint8Array, at: number): number => u16(bytes, at + REST + 2)
/** Bytes, unsigned; of packet too big. */
export const mtu = (bytes: Uint8Array, at: number): number => u32(bytes, at + REST)

export const setChecksum = (bytes: Uint8Array, at: number, value: number): void =>
  setU16(bytes, at + checksumOffset, value)

/** Error messages have types below 128 (RFC 4443 §2.1). */
export const isError = (messageType: number): boolean => messageType < 128

/** Bytes in front of the options or payload of a message of this type. */
export const lengthOf = (messageType: number): number => {
  if (messageType === TYPE_ROUTER_ADVERTISEMENT) return 16
  return messageType === TYPE_NEIGHBOR_SOLICITATION || messageType === TYPE_NEIGHBOR_ADVERTISEMENT ? 24 : headerBytes
}

/** Reads a header. Never throws, whatever the bytes. */
export const decode = (
  bytes: Uint8Array,
  at: number,
  end: number = bytes.length
): Result.Result<Icmpv6Header, Truncated> => {
  if (end - at < headerBytes) return Result.fail(truncated(at, headerBytes, end))
  const length = lengthOf(type(bytes, at))
  return end - at < length ? Result.fail(truncated(at, length, end)) : Result.succeed(read(bytes, at))
}

const read = (bytes: Uint8Array, at: number): Icmpv6Header => {
  const sum = checksum(bytes, at)
  const messageType = type(bytes, at)
  switch (messageType) {
    case TYPE_ECHO_REQUEST:
    case TYPE_ECHO_REPLY:
      return {
        _tag: messageType === TYPE_ECHO_REQUEST ? "EchoRequest" : "EchoReply",
        identifier: echoIdentifier(bytes, at),
        sequence: echoSequence(bytes, at),
        checksum: sum
      }
    case TYPE_DESTINATION_UNREACHABLE:
      return { _tag: "DestinationUnreachable", code: code(bytes, at), checksum: sum }
    case TYPE_TIME_EXCEEDED:
      return { _tag: "TimeExceeded", code: code(bytes, at), checksum: sum }
    case TYPE_PACKET_TOO_BIG:
      return { _tag: "PacketTooBig", mtu: mtu(bytes, at), checksum: sum }
    case TYPE_PARAMETER_PROBLEM:
      return { _tag: "ParameterProblem", code: code(bytes, at), pointer: u32(bytes, at + REST), checksum: sum }
    case TYPE_ROUTER_SOLICITATION:
      return { _tag: "RouterSolicitation", checksum: sum }
    case TYPE_ROUTER_ADVERTISEMENT:
      return {
        _tag: "RouterAdvertisement",
        hopLimit: bytes[at + 4]!,
        isManaged: (bytes[at + 5]! & 0x80) !== 0,
        isOther: (bytes[at + 5]! & 0x40) !== 0,
        routerLifetime: u16(bytes, at + 6),
        reachableTime: u32(bytes, at + 8),
        retransmitTimer: u32(bytes, at + 12),
        checksum: sum
      }
    case TYPE_NEIGHBOR_SOLICITATION:
      return { _tag: "NeighborSolicitation", target: Ipv6Address.get(bytes, at + targetOffset), checksum: sum }
    case TYPE_NEIGHBOR_ADVERTISEMENT:
      return {
        _tag: "NeighborAdvertisement",
        isRouter: (bytes[at + REST]! & 0x80) !== 0,
        isSolicited: (bytes[at + REST]! & 0x40) !== 0,
        isOverride: (bytes[at + REST]! & 0x20) !== 0,
        target: Ipv6Address.get(bytes, at + targetOffset),
        checksum: sum
      }
    default:
      return { _tag: "Other", type: messageType, code: code(bytes, at), rest: rest(bytes, at), checksum: sum }
  }
}

/** Writes every byte of the header; returns where options or payload start. */
export const encode = (header: Icmpv6Header, bytes: Uint8Array, at: number): number => {
  switch (header._tag) {
    case "EchoRequest":
    case "EchoReply": {
      const messageType = header._tag === "EchoRequest" ? TYPE_ECHO_REQUEST : TYPE_ECHO_REPLY
      write(bytes, at, messageType, 0, (header.identifier << 16) | (header.sequence & 0xffff))
      break
    }
    case "DestinationUnreachable":
      write(bytes, at, TYPE_DESTINATION_UNREACHABLE, header.code, 0)
      break
    case "TimeExceeded":
      write(bytes, at, TYPE_TIME_EXCEEDED, header.code, 0)
      break
    case "PacketTooBig":
      write(bytes, at, TYPE_PACKET_TOO_BIG, 0, header.mtu)
      break
    case "ParameterProblem":
      write(bytes, at, TYPE_PARAMETER_PROBLEM, header.code, header.pointer)
      break
    case "RouterSolicitation":
      write(bytes, at, TYPE_ROUTER_SOLICITATION, 0, 0)
      break
    case "RouterAdvertisement":
      writeRouterAdvertisement(header, bytes, at)
      break
    case "NeighborSolicitation":
      write(bytes, at, TYPE_NEIGHBOR_SOLICITATION, 0, 0)
      Ipv6Address.set(bytes, at + targetOffset, header.target)
      break
    case "NeighborAdvertisement":
      write(bytes, at, TYPE_NEIGHBOR_ADVERTISEMENT, 0, advertisementFlags(header))
      Ipv6Address.set(bytes, at + targetOffset, header.target)
      break
    case "Other":
      write(bytes, at, header.type, header.code, header.rest)
      break
    default:
      return header satisfies never
  }
  setChecksum(bytes, at, header.checksum)
  return at + lengthOf(type(bytes, at))
}

/** Writes the first eight bytes from plain numbers, with a checksum of 0. */
export const write = (bytes: Uint8Array, at: number, messageType: number, messageCode: number, word: number): void => {
  bytes[at] = messageType
  bytes[at + 1] = messageCode
  setU16(bytes, at + 2, 0)
  setI32(bytes, at + REST, word)
}

const writeRouterAdvertisement = (header: RouterAdvertisement, bytes: Uint8Array, at: number): void => {
  const flags = (header.isManaged ? 0x80 : 0) | (header.isOther ? 0x40 : 0)
  const word = (header.hopLimit << 24) | (flags << 16) | (header.routerLifetime & 0xffff)
  write(bytes, at, TYPE_ROUTER_ADVERTISEMENT, 0, word)
  setI32(bytes, at + 8, header.reachableTime)
  setI32(bytes, at + 12, header.retransmitTimer)
}

const advertisementFlags = (header: NeighborAdvertisement): number =>
  ((header.isRouter ? 0x80 : 0) | (header.isSolicited ? 0x40 : 0) | (header.isOverride ? 0x20 : 0)) << 24
