/**
 * VXLAN (RFC 7348 §5): an Ethernet frame inside UDP.
 *
 * ```
 *  0    1              4              7    8
 *  +----+--------------+--------------+----+----------------
 *  |flag| reserved     | network id   | res| Ethernet frame
 *  +----+--------------+--------------+----+----------------
 * ```
 */
import * as Result from "effect/Result"
import { setI32, setU24, u24 } from "./Bytes.ts"
import { malformed, truncated } from "./Unreadable.ts"
import type { Unreadable } from "./Unreadable.ts"

export interface VxlanHeader {
  /** The virtual network's id, 24 bits. */
  readonly networkId: number
}

export const headerBytes = 8
/** The port IANA gave; Linux's own default without `dstport` is 8472. */
export const port = 4789
export const linuxPort = 8472
/** What the outer headers add to a frame over IPv4: Ethernet 14, IP 20, UDP 8, VXLAN 8. */
export const overheadBytes = 50

const FLAG_VALID_ID = 0x08
const NETWORK_ID = 4

/** Precondition of every field function: `at + headerBytes <= bytes.length`. Whether the network id counts (I flag). */
export const hasNetworkId = (bytes: Uint8Array, at: number): boolean => (bytes[at]! & FLAG_VALID_ID) !== 0
export const networkId = (bytes: Uint8Array, at: number): number => u24(bytes, at + NETWORK_ID)
export const setNetworkId = (bytes: Uint8Array, at: number, value: number): void =>
  setU24(bytes, at + NETWORK_ID, value)

/** Reads a header. Reserved bits are ignored, as RFC 7348 wants; without the I flag it is malformed. Never throws. */
export const decode = (
  bytes: Uint8Array,
  at: number,
  end: number = bytes.length
): Result.Result<VxlanHeader, Unreadable> => {
  if (end - at < headerBytes) return Result.fail(truncated(at, headerBytes, end))
  if (!hasNetworkId(bytes, at)) return Result.fail(malformed(at, "VXLAN header without a network id"))
  return Result.succeed({ networkId: networkId(bytes, at) })
}

/** Writes every byte of the header; returns where the inner frame starts. */
export const encode = (header: VxlanHeader, bytes: Uint8Array, at: number): number => write(bytes, at, header.networkId)

/** Writes every byte of the header from a plain number; returns where the inner frame starts. */
export const write = (bytes: Uint8Array, at: number, virtualNetworkId: number): number => {
  setI32(bytes, at, FLAG_VALID_ID << 24)
  setI32(bytes, at + NETWORK_ID, virtualNetworkId << 8)
  return at + headerBytes
}
