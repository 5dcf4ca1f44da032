/**
 * ARP (RFC 826) for IPv4 over Ethernet.
 *
 * ```
 *  0        2        4    5    6        8                 14        18                24        28
 *  +--------+--------+----+----+--------+-----------------+---------+-----------------+---------+
 *  | hw = 1 | 0x0800 | 6  | 4  | oper.  | sender MAC      | send IP | target MAC      | targ IP |
 *  +--------+--------+----+----+--------+-----------------+---------+-----------------+---------+
 * ```
 */
import * as Result from "effect/Result"
import { i32, setI32, setU16, u16 } from "./Bytes.ts"
import type { Ipv4Address } from "./Ipv4Address.ts"
import * as MacAddress from "./MacAddress.ts"
import { malformed, truncated } from "./Unreadable.ts"
import type { Unreadable } from "./Unreadable.ts"

export interface ArpPacket {
  /** 1 request, 2 reply; others are kept as they are. */
  readonly operation: number
  readonly senderMac: MacAddress.MacAddress
  readonly senderIp: Ipv4Address
  readonly targetMac: MacAddress.MacAddress
  readonly targetIp: Ipv4Address
}

/** Bytes of the packet behind the Ethernet header. */
export const packetBytes = 28

export const REQUEST = 1
export const REPLY = 2

const HARDWARE_ETHERNET = 1
const PROTOCOL_IPV4 = 0x0800
const OPERATION = 6
const SENDER_MAC = 8
const SENDER_IP = 14
const TARGET_MAC = 18
const TARGET_IP = 24

/** Precondition of every field function: `at + packetBytes <= bytes.length`. */
export const operation = (bytes: Uint8Array, at: number): number => u16(bytes, at + OPERATION)
export const senderMac = (bytes: Uint8Array, at: number): MacAddress.MacAddress =>
  MacAddress.get(bytes, at + SENDER_MAC)
/** Int32, as every IPv4 address on the data path. */
export const senderIp = (bytes: Uint8Array, at: number): Ipv4Address => i32(bytes, at + SENDER_IP) as Ipv4Address
export const targetMac = (bytes: Uint8Array, at: number): MacAddress.MacAddress =>
  MacAddress.get(bytes, at + TARGET_MAC)
export const targetIp = (bytes: Uint8Array, at: number): Ipv4Address => i32(bytes, at + TARGET_IP) as Ipv4Address

export const setOperation = (bytes: Uint8Array, at: number, value: number): void => setU16(bytes, at + OPERATION, value)
export const setSenderMac = (bytes: Uint8Array, at: number, address: number): void =>
  MacAddress.set(bytes, at + SENDER_MAC, address)
export const setSenderIp = (bytes: Uint8Array, at: number, address: number): void =>
  setI32(bytes, at + SENDER_IP, address)
export const setTargetMac = (bytes: Uint8Array, at: number, address: number): void =>
  MacAddress.set(bytes, at + TARGET_MAC, address)
export const setTargetIp = (bytes: Uint8Array, at: number, address: number): void =>
  setI32(bytes, at + TARGET_IP, address)

/** Offsets of the MAC fields, for comparing and copying in place with `MacAddress.equalAt` and `copyAt`. */
export const senderMacOffset = SENDER_MAC
export const targetMacOffset = TARGET_MAC

/** Whether the four format fields say IPv4 over Ethernet (Linux: the checks at the head of arp_rcv and arp_process). */
export const isIpv4OverEthernet = (bytes: Uint8Array, at: number): boolean =>
  u16(bytes, at) === HARDWARE_ETHERNET &&
  u16(bytes, at + 2) === PROTOCOL_IPV4 &&
  bytes[at + 4] === 6 &&
  bytes[at + 5] === 4

/** Reads a packet. Never throws, whatever the bytes; anything but IPv4 over Ethernet is malformed. */
export const decode = (
  bytes: Uint8Array,
  at: number,
  end: number = bytes.length
): Result.Result<ArpPacket, Unreadable> => {
  if (end - at < packetBytes) return Result.fail(truncated(at, packetBytes, end))
  if (!isIpv4OverEthernet(bytes, at)) return Result.fail(malformed(at, "ARP is not for IPv4 over Ethernet"))
  return Result.succeed({
    operation: operation(bytes, at),
    senderMac: senderMac(bytes, at),
    senderIp: senderIp(bytes, at),
    targetMac: targetMac(bytes, at),
    targetIp: targetIp(bytes, at)
  })
}

/** Writes every byte of the packet; returns where it ends. */
export const encode = (packet: ArpPacket, bytes: Uint8Array, at: number): number =>
  write(bytes, at, packet.operation, packet.senderMac, packet.senderIp, packet.targetMac, packet.targetIp)

/** Writes every byte of the packet from plain numbers; returns where it ends. */
export const write = (
  bytes: Uint8Array,
  at: number,
  operationCode: number,
  fromMac: number,
  fromIp: number,
  toMac: number,
  toIp: number
): number => {
  setU16(bytes, at, HARDWARE_ETHERNET)
  setU16(bytes, at + 2, PROTOCOL_IPV4)
  bytes[at + 4] = 6
  bytes[at + 5] = 4
  setOperation(bytes, at, operationCode)
  setSenderMac(bytes, at, fromMac)
  setSenderIp(bytes, at, fromIp)
  setTargetMac(bytes, at, toMac)
  setTargetIp(bytes, at, toIp)
  return at + packetBytes
}
