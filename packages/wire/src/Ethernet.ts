/**
 * Ethernet II (IEEE 802.3-2022 §3.1.1, §3.2.6), without preamble and frame check sequence.
 *
 * ```
 *  0                   6                   12       14
 *  +-------------------+-------------------+--------+-----------
 *  | destination       | source            | type   | payload
 *  +-------------------+-------------------+--------+-----------
 * ```
 */
import * as Result from "effect/Result"
import { setU16, u16 } from "./Bytes.ts"
import * as MacAddress from "./MacAddress.ts"
import { truncated } from "./Unreadable.ts"
import type { Truncated } from "./Unreadable.ts"

export interface EthernetHeader {
  readonly destination: MacAddress.MacAddress
  readonly source: MacAddress.MacAddress
  /** 16 bits: a protocol from 0x600 on, an 802.3 length up to 1,500. */
  readonly etherType: number
}

/** Bytes of the header. */
export const headerBytes = 14
/** Bytes of the shortest frame without its check sequence (Linux: ETH_ZLEN). */
export const minFrameBytes = 60
/** Bytes of the frame check sequence (Linux: ETH_FCS_LEN). */
export const fcsBytes = 4
/** Bytes of preamble, start delimiter and the smallest gap between frames: what a wire adds to each frame and its FCS. */
export const preambleAndGapBytes = 20
/** Bytes of payload a standard frame takes (Linux: ETH_DATA_LEN). */
export const defaultMtu = 1500

/** Ethernet type numbers (Linux: ETH_P_IP, ETH_P_ARP, ETH_P_TEB, ETH_P_8021Q, ETH_P_IPV6, ETH_P_8021AD, ETH_P_LLDP). */
export const ETHERTYPE_IPV4 = 0x0800
export const ETHERTYPE_ARP = 0x0806
export const ETHERTYPE_BRIDGING = 0x6558
export const ETHERTYPE_VLAN = 0x8100
export const ETHERTYPE_IPV6 = 0x86dd
export const ETHERTYPE_SERVICE_VLAN = 0x88a8
export const ETHERTYPE_LLDP = 0x88cc

const DESTINATION = 0
const SOURCE = 6
const TYPE = 12

/** Precondition of every field function: `at + headerBytes <= bytes.length`. */
export const destination = (bytes: Uint8Array, at: number): MacAddress.MacAddress =>
  MacAddress.get(bytes, at + DESTINATION)
export const source = (bytes: Uint8Array, at: number): MacAddress.MacAddress => MacAddress.get(bytes, at + SOURCE)
/** The type or length field as it stands; a VLAN tag shows as its own type. */
export const etherType = (bytes: Uint8Array, at: number): number => u16(bytes, at + TYPE)

export const setDestination = (bytes: Uint8Array, at: number, address: number): void =>
  MacAddress.set(bytes, at + DESTINATION, address)
export const setSource = (bytes: Uint8Array, at: number, address: number): void =>
  MacAddress.set(bytes, at + SOURCE, address)
export const setEtherType = (bytes: Uint8Array, at: number, value: number): void => setU16(bytes, at + TYPE, value)

/** Copies both addresses and the type of another header: how a cached header is put in front of a packet. */
export const copyHeader = (from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number): void => {
  for (let i = 0; i < headerBytes; i++) to[toAt + i] = from[fromAt + i]!
}

/** Whether the frame goes to a group or to everybody. */
export const isMulticast = (bytes: Uint8Array, at: number): boolean => MacAddress.isMulticastAt(bytes, at + DESTINATION)
export const isBroadcast = (bytes: Uint8Array, at: number): boolean => MacAddress.isBroadcastAt(bytes, at + DESTINATION)

/**
 * Fills a short frame with zeros up to {@link minFrameBytes}, as a driver does before it sends (Linux: eth_skb_pad).
 *
 * Precondition: `at + 60 <= bytes.length`.
 * @returns the frame's length in bytes, at least 60
 */
export const pad = (bytes: Uint8Array, at: number, length: number): number => {
  if (length >= minFrameBytes) return length
  for (let i = length; i < minFrameBytes; i++) bytes[at + i] = 0
  return minFrameBytes
}

/** Bytes a frame of `length` takes on the wire: padding, FCS, preamble and gap included. */
export const wireBytes = (length: number): number =>
  (length < minFrameBytes ? minFrameBytes : length) + fcsBytes + preambleAndGapBytes

/** Reads a header. Never throws, whatever the bytes. */
export const decode = (
  bytes: Uint8Array,
  at: number,
  end: number = bytes.length
): Result.Result<EthernetHeader, Truncated> =>
  end - at < headerBytes
    ? Result.fail(truncated(at, headerBytes, end))
    : Result.succeed({
        destination: destination(bytes, at),
        source: source(bytes, at),
        etherType: etherType(bytes, at)
      })

/** Writes every byte of the header; returns where the payload starts. */
export const encode = (header: EthernetHeader, bytes: Uint8Array, at: number): number =>
  write(bytes, at, header.destination, header.source, header.etherType)

/** Writes every byte of the header from plain numbers; returns where the payload starts. */
export const write = (
  bytes: Uint8Array,
  at: number,
  destinationAddress: number,
  sourceAddress: number,
  type: number
): number => {
  setDestination(bytes, at, destinationAddress)
  setSource(bytes, at, sourceAddress)
  setEtherType(bytes, at, type)
  return at + headerBytes
}
