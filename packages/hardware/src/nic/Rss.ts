/**
 * Receive side scaling: the Toeplitz hash of a frame's addresses and ports, and the indirection table that makes it a
 * queue.
 *
 * Source: Microsoft, "RSS hashing types" and "Verifying the RSS hash calculation" (the key and the vectors of the tests
 * come from there); Linux: igb_setup_mrqc.
 */
import { i32, u16 } from "@darkfiber/wire/Bytes"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Vlan from "@darkfiber/wire/Vlan"

/** The key of Microsoft's verification suite, which most drivers load by default: 40 bytes. */
export const microsoftKey: ReadonlyArray<number> = [
  0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b,
  0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac,
  0x01, 0xfa
]

/** Bytes of a key. */
export const KEY_BYTES = 40
/** Entries of igb's indirection table. */
export const INDIRECTION = 128
/** Longest input: two IPv6 addresses and two ports. */
const INPUT_MAX = 36

/**
 * A Toeplitz hash with one key: for each position and byte value the word it contributes, so that hashing is one look-up
 * and one exclusive or a byte.
 */
export class Toeplitz {
  private readonly table: Int32Array

  /** @param key 40 bytes */
  constructor(key: ReadonlyArray<number>) {
    if (key.length !== KEY_BYTES) throw new Error(`an RSS key has ${KEY_BYTES} bytes, not ${key.length}`)
    this.table = new Int32Array(INPUT_MAX * 256)
    for (let position = 0; position < INPUT_MAX; position++) this.fill(key, position)
  }

  /** The hash of `length` bytes at `at`, int32, with the input's first byte at `position`. `start` is what came before. */
  bytes(from: Uint8Array, at: number, length: number, position = 0, start = 0): number {
    const table = this.table
    let hash = start
    for (let i = 0; i < length; i++) hash ^= table[((position + i) << 8) | from[at + i]!]!
    return hash
  }

  private fill(key: ReadonlyArray<number>, position: number): void {
    const table = this.table
    const base = position << 8
    for (let bit = 0; bit < 8; bit++) {
      const value = 0x80 >> bit
      table[base | value] = keyWindow(key, position * 8 + bit)
    }
    for (let value = 1; value < 256; value++) {
      const lowest = value & -value
      if (value !== lowest) table[base | value] = table[base | lowest]! ^ table[base | (value ^ lowest)]!
    }
  }
}

/** 32 bits of the key from bit `bit` on, as int32. */
const keyWindow = (key: ReadonlyArray<number>, bit: number): number => {
  const byte = bit >> 3
  const shift = bit & 7
  const word = (key[byte]! << 24) | (key[byte + 1]! << 16) | (key[byte + 2]! << 8) | key[byte + 3]!
  return shift === 0 ? word : (word << shift) | (key[byte + 4]! >> (8 - shift))
}

/** The table of the usual key, 36 KiB, which all cards with that key share. */
const microsoft = new Toeplitz(microsoftKey)

const PROTOCOL_TCP = 6
const PROTOCOL_UDP = 17
const IPV6_HEADER = 40

/** Tables by number of queues, shared by all cards. */
const tables: Array<Uint8Array | undefined> = []

const evenly = (queues: number): Uint8Array => {
  const known = tables[queues]
  if (known !== undefined) return known
  const made = Uint8Array.from({ length: INDIRECTION }, (_, i) => Math.floor((i * queues) / INDIRECTION))
  tables[queues] = made
  return made
}

/** Which hash a frame had: what `ethtool -n rx-flow-hash` tells apart. */
export class Rss {
  /** Queue of each of the 128 low hash values. */
  readonly indirection: Readonly<Uint8Array>
  /** Also the ports of UDP, not only its addresses (ethtool -N rx-flow-hash udp4 sdfn). */
  udpPorts: boolean
  private readonly toeplitz: Toeplitz

  /**
   * @param key 40 bytes
   * @param queues frames are spread evenly over that many
   */
  constructor(key: ReadonlyArray<number>, queues: number, udpPorts: boolean) {
    this.toeplitz = key === microsoftKey ? microsoft : new Toeplitz(key)
    this.indirection = evenly(queues)
    this.udpPorts = udpPorts
  }

  queue(hash: number): number {
    return this.indirection[hash & (INDIRECTION - 1)]!
  }

  /**
   * The hash of a frame, int32: over addresses and ports of TCP (and UDP if so set) without fragmentation, over addresses of
   * other IP packets, 0 for anything else. Never throws, whatever the bytes.
   *
   * @param at the frame's first byte; `end` is behind its last one
   */
  hash(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 34) return 0
    let ip = at + Ethernet.headerBytes
    let type = Ethernet.etherType(bytes, at)
    if (Vlan.isTag(type)) {
      type = u16(bytes, ip + 2)
      ip += Vlan.tagBytes
    }
    if (type === Ethernet.ETHERTYPE_IPV4) return this.ipv4(bytes, ip, end)
    if (type === Ethernet.ETHERTYPE_IPV6) return this.ipv6(bytes, ip, end)
    return 0
  }

  private hasPorts(protocol: number): boolean {
    return protocol === PROTOCOL_TCP || (protocol === PROTOCOL_UDP && this.udpPorts)
  }

  private ipv4(bytes: Uint8Array, ip: number, end: number): number {
    if (end - ip < Ipv4.headerBytes) return 0
    const toeplitz = this.toeplitz
    const hash = toeplitz.bytes(bytes, ip + Ipv4.addressesOffset, 8)
    const ports = ip + Ipv4.headerLength(bytes, ip)
    if (!this.hasPorts(Ipv4.protocol(bytes, ip)) || Ipv4.isFragment(bytes, ip) || end - ports < 4) return hash
    return toeplitz.bytes(bytes, ports, 4, 8, hash)
  }

  private ipv6(bytes: Uint8Array, ip: number, end: number): number {
    if (end - ip < IPV6_HEADER) return 0
    const toeplitz = this.toeplitz
    const hash = toeplitz.bytes(bytes, ip + 8, 32)
    const ports = ip + IPV6_HEADER
    if (!this.hasPorts(bytes[ip + 6]!) || end - ports < 4) return hash
    return toeplitz.bytes(bytes, ports, 4, 32, hash)
  }
}

/** A flow's hash from its parts, for tools that want to know where a connection will land. Addresses are int32. */
export const flowHash = (
  toeplitz: Toeplitz,
  source: number,
  destination: number,
  sourcePort: number,
  destinationPort: number
): number => {
  const input = new Uint8Array(12)
  const words = [source, destination, (sourcePort << 16) | destinationPort]
  for (let i = 0; i < 12; i++) input[i] = words[i >> 2]! >>> (24 - 8 * (i & 3))
  return toeplitz.bytes(input, 0, i32(input, 8) === 0 ? 8 : 12)
}
