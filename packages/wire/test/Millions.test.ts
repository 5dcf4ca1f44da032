/**
 * Random buffers by the million, from a seeded generator of their own: fast-check would take hours for as many. Every reader
 * ends, none throws, and what is written again is what was read.
 *
 * `DARKFIBER_SEED=3` replays another sequence; buffers are numbered in the message of a failure.
 */
import assert from "node:assert/strict"
import { Result } from "effect"
import { describe, it } from "vitest"
import { isLong } from "@darkfiber/tooling/Cases"
import * as Arp from "@darkfiber/wire/Arp"
import * as Describe from "@darkfiber/wire/Describe"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as FlowKey from "@darkfiber/wire/FlowKey"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Icmpv6 from "@darkfiber/wire/Icmpv6"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Ipv4Options from "@darkfiber/wire/Ipv4Options"
import * as Ipv6 from "@darkfiber/wire/Ipv6"
import * as NeighborOptions from "@darkfiber/wire/NeighborOptions"
import * as PcapngReader from "@darkfiber/wire/PcapngReader"
import * as Tcp from "@darkfiber/wire/Tcp"
import * as TcpOptions from "@darkfiber/wire/TcpOptions"
import * as Udp from "@darkfiber/wire/Udp"
import type { Unreadable } from "@darkfiber/wire/Unreadable"
import * as Vlan from "@darkfiber/wire/Vlan"
import * as Vxlan from "@darkfiber/wire/Vxlan"

const COUNT = isLong() ? 1_000_000 : 20_000
const LENGTH_MAX = 160
const seed = Number(process.env["DARKFIBER_SEED"] ?? 1)

/** xorshift32 (Marsaglia 2003). */
class Bytes {
  private state: number
  readonly buffer = new Uint8Array(LENGTH_MAX)

  constructor(start: number) {
    this.state = Math.imul(start, 0x9e3779b1) | 1
  }

  next(): number {
    let x = this.state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.state = x
    return x >>> 0
  }

  /** Fills the buffer anew: random bytes, of which some are of those that mean something. @returns its length */
  fill(): number {
    const { buffer } = this
    const length = this.next() % (LENGTH_MAX + 1)
    for (let i = 0; i < length; i += 4) {
      const word = this.next()
      buffer[i] = word
      buffer[i + 1] = word >>> 8
      buffer[i + 2] = word >>> 16
      buffer[i + 3] = word >>> 24
    }
    for (let changes = length === 0 ? 0 : this.next() & 7; changes > 0; changes--) {
      buffer[this.next() % Math.min(length, 64)] = telling[this.next() % telling.length]!
    }
    if ((this.next() & 3) !== 0) buffer[0] = telling[this.next() % telling.length]!
    return length
  }
}

/** Versions, lengths, types, kinds and protocols of all codecs. */
const telling = [
  0, 1, 2, 3, 4, 5, 6, 8, 17, 34, 0x45, 0x46, 0x4f, 58, 0x50, 0x60, 0xa0, 0x80, 0x81, 0x86, 133, 134, 136, 254, 255
]

/** Reads a buffer up to `end`; whatever is wrong is thrown. */
type Reader = (buffer: Uint8Array, end: number) => void

/** A decoder alone: success, or a failure at a place in the buffer or at its end. */
const decoding =
  (decode: (bytes: Uint8Array, at: number, end?: number) => Result.Result<unknown, Unreadable>): Reader =>
  (buffer, end) => {
    const read = decode(buffer, 0, end)
    if (Result.isFailure(read)) assert.ok(read.failure.at >= 0 && read.failure.at <= LENGTH_MAX)
  }

/** A codec whose encoder gives back every byte that its decoder read. */
const exact = <A>(codec: {
  readonly decode: (bytes: Uint8Array, at: number, end?: number) => Result.Result<A, Unreadable>
  readonly encode: (value: A, bytes: Uint8Array, at: number) => number
}): Reader => {
  const copy = new Uint8Array(LENGTH_MAX + 64)
  return (buffer, end) => {
    const read = codec.decode(buffer, 0, end)
    if (Result.isFailure(read)) {
      assert.ok(read.failure.at >= 0 && read.failure.at <= LENGTH_MAX)
      return
    }
    const written = codec.encode(read.success, copy, 0)
    assert.ok(written <= end)
    for (let i = 0; i < written; i++) if (copy[i] !== buffer[i]) assert.fail(`byte ${i}: ${copy[i]}, not ${buffer[i]}`)
  }
}

const options = TcpOptions.make()
const key = FlowKey.make()

const readers: ReadonlyArray<readonly [string, Reader]> = [
  ["Ethernet", exact(Ethernet)],
  ["Vlan", exact(Vlan)],
  ["Arp", exact(Arp)],
  ["Ipv4", exact(Ipv4)],
  ["Ipv4Options", decoding(Ipv4Options.decode)],
  ["Ipv6", exact(Ipv6)],
  ["Icmp", decoding(Icmp.decode)],
  ["Icmpv6", decoding(Icmpv6.decode)],
  ["NeighborOptions", decoding(NeighborOptions.decode)],
  ["Udp", exact(Udp)],
  ["Tcp", exact(Tcp)],
  ["TcpOptions", (buffer, end) => TcpOptions.scanRange(buffer, 0, Math.min(end, TcpOptions.maxBytes), options)],
  ["Vxlan", decoding(Vxlan.decode)],
  ["FlowKey", (buffer, end) => FlowKey.read(buffer, 0, end, key)],
  ["Describe", (buffer, end) => assert.ok(Describe.frame(buffer, 0, end).length > 0)],
  ["PcapngReader", (buffer, end) => void PcapngReader.read(buffer.subarray(0, end))]
]

describe(`${COUNT} random buffers`, () => {
  for (const [name, read] of readers) {
    it(`${name} reads each to an end and never throws`, () => {
      const source = new Bytes(seed)
      for (let i = 0; i < COUNT; i++) {
        const end = source.fill()
        try {
          read(source.buffer, end)
        } catch (error) {
          assert.fail(
            `seed ${seed}, buffer ${i} (${Buffer.from(source.buffer.subarray(0, end)).toString("hex")}): ${String(error)}`
          )
        }
      }
    }, 600_000)
  }
})
