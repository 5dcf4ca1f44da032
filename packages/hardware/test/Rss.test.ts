import assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import { flowHash, microsoftKey, Rss, Toeplitz } from "../src/nic/Rss.ts"
import { ip, tcp, udp } from "./Kit.ts"

const toeplitz = new Toeplitz(microsoftKey)

/** The hash by its definition: for each set bit of the input, the 32 key bits that begin there. */
const slow = (key: ReadonlyArray<number>, input: ReadonlyArray<number>): number => {
  const bits = key.flatMap((byte) => Array.from({ length: 8 }, (_, i) => (byte >> (7 - i)) & 1))
  let hash = 0
  input.forEach((byte, at) => {
    for (let bit = 0; bit < 8; bit++) {
      if (((byte >> (7 - bit)) & 1) === 0) continue
      let window = 0
      for (let i = 0; i < 32; i++) window = (window << 1) | bits[at * 8 + bit + i]!
      hash ^= window
    }
  })
  return hash
}

/** Microsoft, "Verifying the RSS hash calculation": destination, source, hash over addresses, hash over addresses and ports. */
const vectors4: ReadonlyArray<readonly [string, number, string, number, number, number]> = [
  ["161.142.100.80", 1766, "66.9.149.187", 2794, 0x323e8fc2, 0x51ccc178],
  ["65.69.140.83", 4739, "199.92.111.2", 14230, 0xd718262a, 0xc626b0ea],
  ["12.22.207.184", 38024, "24.19.198.95", 12898, 0xd2d0a5de, 0x5c2b394a],
  ["209.142.163.6", 2217, "38.27.205.30", 48228, 0x82989176, 0xafc7327f],
  ["202.188.127.2", 1303, "153.39.163.191", 44251, 0x5d1809c5, 0x10e828a2]
]

const vectors6: ReadonlyArray<readonly [string, number, string, number, number, number]> = [
  ["3ffe:2501:200:3::1", 1766, "3ffe:2501:200:1fff::7", 2794, 0x2cc18cd5, 0x40207d3d],
  ["ff02::1", 4739, "3ffe:501:8::260:97ff:fe40:efab", 14230, 0x0f0c461c, 0xdde51bbf],
  ["fe80::200:f8ff:fe21:67cf", 38024, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251, 0x4b61e985, 0x02d1feef]
]

const v6 = (text: string): ReadonlyArray<number> => {
  const [left, right] = text.split("::")
  const words = (part: string | undefined): ReadonlyArray<number> =>
    part === undefined || part === "" ? [] : part.split(":").map((word) => Number.parseInt(word, 16))
  const head = words(left)
  const tail = words(right)
  const all = text.includes("::") ? [...head, ...Array(8 - head.length - tail.length).fill(0), ...tail] : head
  return all.flatMap((word: number) => [word >> 8, word & 255])
}

const frame6 = (source: string, destination: string, sourcePort: number, destinationPort: number): Uint8Array =>
  Uint8Array.from([
    ...Array(12).fill(2),
    0x86,
    0xdd,
    0x60,
    0,
    0,
    0,
    0,
    20,
    6,
    64,
    ...v6(source),
    ...v6(destination),
    sourcePort >> 8,
    sourcePort & 255,
    destinationPort >> 8,
    destinationPort & 255,
    ...Array(16).fill(0)
  ])

describe("Toeplitz", () => {
  it("gives the published values for IPv4", () => {
    for (const [to, toPort, from, fromPort, addresses, ports] of vectors4) {
      assert.equal(flowHash(toeplitz, ip(from), ip(to), 0, 0) >>> 0, addresses)
      assert.equal(flowHash(toeplitz, ip(from), ip(to), fromPort, toPort) >>> 0, ports)
    }
  })

  it("gives the published values for frames, IPv4 and IPv6", () => {
    const rss = new Rss(microsoftKey, 4, true)
    const plain = new Rss(microsoftKey, 4, false)
    for (const [to, toPort, from, fromPort, addresses, ports] of vectors4) {
      const bytes = udp({ from: ip(from), to: ip(to), sourcePort: fromPort, destinationPort: toPort })
      assert.equal(rss.hash(bytes, 0, bytes.length) >>> 0, ports)
      assert.equal(plain.hash(bytes, 0, bytes.length) >>> 0, addresses)
      const tagged = Uint8Array.from([...bytes.subarray(0, 12), 0x81, 0, 0, 5, ...bytes.subarray(12)])
      assert.equal(rss.hash(tagged, 0, tagged.length) >>> 0, ports)
      bytes[20] = 0x20 // more fragments
      assert.equal(rss.hash(bytes, 0, bytes.length) >>> 0, addresses)
    }
    for (const [to, toPort, from, fromPort, addresses, ports] of vectors6) {
      const bytes = frame6(from, to, fromPort, toPort)
      assert.equal(plain.hash(bytes, 0, bytes.length) >>> 0, ports)
      bytes[20] = 58
      assert.equal(plain.hash(bytes, 0, bytes.length) >>> 0, addresses)
    }
  })

  it("is the definition, for any key and input (property)", () =>
    fc.assert(
      fc.property(
        fc.array(fc.nat(255), { minLength: 40, maxLength: 40 }),
        fc.array(fc.nat(255), { maxLength: 36 }),
        (key, input) => {
          assert.equal(new Toeplitz(key).bytes(Uint8Array.from(input), 0, input.length), slow(key, input))
        }
      ),
      { numRuns: cases(30) }
    ))

  it("spreads the queues evenly over the indirection table and hashes what is not IP to 0", () => {
    for (let queues = 1; queues <= 8; queues++) {
      const rss = new Rss(microsoftKey, queues, false)
      const counts = Array.from({ length: queues }, () => 0)
      for (const queue of rss.indirection) counts[queue]!++
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1)
    }
    const bytes = tcp(0, 0, 0)
    bytes[12] = 0x12
    assert.equal(new Rss(microsoftKey, 2, false).hash(bytes, 0, bytes.length), 0)
    assert.throws(() => new Toeplitz([1, 2, 3]), /40 bytes/)
  })
})
