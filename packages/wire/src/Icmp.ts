/**
 * ICMP for IPv4 (RFC 792; next-hop MTU: RFC 1191 §4).
 *
 * ```
 *  0    1    2        4                 8
 *  +----+----+--------+-----------------+------------------------------
 *  |type|code| check  | rest            | payload, or the quoted packet
 *  +----+----+--------+-----------------+------------------------------
 *   rest:  echo: identifier, sequence · unreachable 4: unused, MTU · redirect: gateway · parameter problem: pointer, unused
 * ```
 */
import * as Result from "effect/Result"
import { i32, setI32, setU16, u16 } from "./Bytes.ts"
import * as Checksum from "./Checksum.ts"
import type { Ipv4Address } from "./Ipv4Address.ts"
import { truncated } from "./Unreadable.ts"
import type { Truncated } from "./Unreadable.ts"

/** A message's header; `checksum` as it stands on the wire. */
export type IcmpHeader =
  | {
      readonly _tag: "EchoRequest" | "EchoReply"
      readonly identifier: number
      readonly sequence: number
      readonly checksum: number
    }
  /** `nextHopMtu` (bytes) means something with code 4 only. */
  | {
      readonly _tag: "DestinationUnreachable"
      readonly code: number
      readonly nextHopMtu: number
      readonly checksum: number
    }
  | { readonly _tag: "TimeExceeded"; readonly code: number; readonly checksum: number }
  /** `pointer`: offset in the quoted packet of the byte that was wrong. */
  | { readonly _tag: "ParameterProblem"; readonly code: number; readonly pointer: number; readonly checksum: number }
  | { readonly _tag: "Redirect"; readonly code: number; readonly gateway: Ipv4Address; readonly checksum: number }
  /** Any other type; `rest` is an int32. */
  | {
      readonly _tag: "Other"
      readonly type: number
      readonly code: number
      readonly rest: number
      readonly checksum: number
    }

export const headerBytes = 8
export const checksumOffset = 2

export const TYPE_ECHO_REPLY = 0
export const TYPE_DESTINATION_UNREACHABLE = 3
export const TYPE_SOURCE_QUENCH = 4
export const TYPE_REDIRECT = 5
export const TYPE_ECHO_REQUEST = 8
export const TYPE_TIME_EXCEEDED = 11
export const TYPE_PARAMETER_PROBLEM = 12
export const TYPE_TIMESTAMP_REQUEST = 13
export const TYPE_TIMESTAMP_REPLY = 14

/** Codes of destination unreachable (Linux: ICMP_NET_UNREACH ... ICMP_PREC_CUTOFF). */
export const CODE_NET_UNREACHABLE = 0
export const CODE_HOST_UNREACHABLE = 1
export const CODE_PROTOCOL_UNREACHABLE = 2
export const CODE_PORT_UNREACHABLE = 3
export const CODE_FRAGMENTATION_NEEDED = 4
export const CODE_SOURCE_ROUTE_FAILED = 5
export const CODE_NET_UNKNOWN = 6
export const CODE_HOST_UNKNOWN = 7
export const CODE_NET_PROHIBITED = 9
export const CODE_HOST_PROHIBITED = 10
export const CODE_ADMIN_PROHIBITED = 13
/** Codes of time exceeded. */
export const CODE_TTL_EXCEEDED = 0
export const CODE_REASSEMBLY_EXCEEDED = 1
/** Codes of redirect. */
export const CODE_REDIRECT_NET = 0
export const CODE_REDIRECT_HOST = 1

const TYPE = 0
const CODE = 1
const CHECKSUM = 2
const REST = 4

/** Precondition of every field function: `at + headerBytes <= bytes.length`. */
export const type = (bytes: Uint8Array, at: number): number => bytes[at + TYPE]!
export const code = (bytes: Uint8Array, at: number): number => bytes[at + CODE]!
export const checksum = (bytes: Uint8Array, at: number): number => u16(bytes, at + CHECKSUM)
/** The second word as int32, whatever the type makes of it. */
export const rest = (bytes: Uint8Array, at: number): number => i32(bytes, at + REST)
export const echoIdentifier = (bytes: Uint8Array, at: number): number => u16(bytes, at + REST)
export const echoSequence = (bytes: Uint8Array, at: number): number => u16(bytes, at + REST + 2)
/** Bytes; of destination unreachable, code 4. */
export const nextHopMtu = (bytes: Uint8Array, at: number): number => u16(bytes, at + REST + 2)
/** Int32; of redirect. */
export const gateway = (bytes: Uint8Array, at: number): Ipv4Address => i32(bytes, at + REST) as Ipv4Address
export const pointer = (bytes: Uint8Array, at: number): number => bytes[at + REST]!

export const setType = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at + TYPE] = value
}
export const setCode = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at + CODE] = value
}
export const setChecksum = (bytes: Uint8Array, at: number, value: number): void => setU16(bytes, at + CHECKSUM, value)
export const setRest = (bytes: Uint8Array, at: number, value: number): void => setI32(bytes, at + REST, value)
export const setEchoIdentifier = (bytes: Uint8Array, at: number, value: number): void => setU16(bytes, at + REST, value)
export const setEchoSequence = (bytes: Uint8Array, at: number, value: number): void =>
  setU16(bytes, at + REST + 2, value)

/** Whether a type reports an error about another packet: never answered by an error (RFC 1122 §3.2.2). */
export const isError = (messageType: number): boolean =>
  messageType === TYPE_DESTINATION_UNREACHABLE ||
  messageType === TYPE_SOURCE_QUENCH ||
  messageType === TYPE_REDIRECT ||
  messageType === TYPE_TIME_EXCEEDED ||
  messageType === TYPE_PARAMETER_PROBLEM

/** Computes and writes the checksum over a message of `length` bytes. */
export const writeChecksum = (bytes: Uint8Array, at: number, length: number): void => {
  setChecksum(bytes, at, 0)
  setChecksum(bytes, at, Checksum.checksum(bytes, at, length))
}

export const verifyChecksum = (bytes: Uint8Array, at: number, length: number): boolean =>
  Checksum.sum(bytes, at, length) === 0xffff

/** Reads a header. Never throws, whatever the bytes. */
export const decode = (
  bytes: Uint8Array,
  at: number,
  end: number = bytes.length
): Result.Result<IcmpHeader, Truncated> =>
  end - at < headerBytes ? Result.fail(truncated(at, headerBytes, end)) : Result.succeed(read(bytes, at))

const read = (bytes: Uint8Array, at: number): IcmpHeader => {
  const sum = checksum(bytes, at)
  switch (type(bytes, at)) {
    case TYPE_ECHO_REQUEST:
    case TYPE_ECHO_REPLY:
      return {
        _tag: type(bytes, at) === TYPE_ECHO_REQUEST ? "EchoRequest" : "EchoReply",
        identifier: echoIdentifier(bytes, at),
        sequence: echoSequence(bytes, at),
        checksum: sum
      }
    case TYPE_DESTINATION_UNREACHABLE:
      return { _tag: "DestinationUnreachable", code: code(bytes, at), nextHopMtu: nextHopMtu(bytes, at), checksum: sum }
    case TYPE_TIME_EXCEEDED:
      return { _tag: "TimeExceeded", code: code(bytes, at), checksum: sum }
    case TYPE_PARAMETER_PROBLEM:
      return { _tag: "ParameterProblem", code: code(bytes, at), pointer: pointer(bytes, at), checksum: sum }
    case TYPE_REDIRECT:
      return { _tag: "Redirect", code: code(bytes, at), gateway: gateway(bytes, at), checksum: sum }
    default:
      return { _tag: "Other", type: type(bytes, at), code: code(bytes, at), rest: rest(bytes, at), checksum: sum }
  }
}

/** Writes every byte of the header; returns where the payload starts. */
export const encode = (header: IcmpHeader, bytes: Uint8Array, at: number): number => {
  switch (header._tag) {
    case "EchoRequest":
    case "EchoReply": {
      const messageType = header._tag === "EchoRequest" ? TYPE_ECHO_REQUEST : TYPE_ECHO_REPLY
      write(bytes, at, messageType, 0, (header.identifier << 16) | (header.sequence & 0xffff))
      break
    }
    case "DestinationUnreachable":
      write(bytes, at, TYPE_DESTINATION_UNREACHABLE, header.code, header.nextHopMtu & 0xffff)
      break
    case "TimeExceeded":
      write(bytes, at, TYPE_TIME_EXCEEDED, header.code, 0)
      break
    case "ParameterProblem":
      write(bytes, at, TYPE_PARAMETER_PROBLEM, header.code, header.pointer << 24)
      break
    case "Redirect":
      write(bytes, at, TYPE_REDIRECT, header.code, header.gateway)
      break
    case "Other":
      write(bytes, at, header.type, header.code, header.rest)
      break
    default:
      return header satisfies never
  }
  setChecksum(bytes, at, header.checksum)
  return at + headerBytes
}

/** Writes every byte of the header from plain numbers, with a checksum of 0; returns where the payload starts. */
export const write = (
  bytes: Uint8Array,
  at: number,
  messageType: number,
  messageCode: number,
  word: number
): number => {
  bytes[at + TYPE] = messageType
  bytes[at + CODE] = messageCode
  setChecksum(bytes, at, 0)
  setRest(bytes, at, word)
  return at + headerBytes
}
