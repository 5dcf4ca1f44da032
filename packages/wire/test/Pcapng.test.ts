import assert from "node:assert/strict"
import { Result } from "effect"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import * as Pcapng from "@darkfiber/wire/Pcapng"
import * as PcapngReader from "@darkfiber/wire/PcapngReader"
import * as Utf8 from "../src/internal/Utf8.ts"
import { cases, patience, record, u32 } from "./Arbitraries.ts"

const text = fc.string({ unit: "binary", maxLength: 20 })
const time = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })

interface Written {
  readonly names: ReadonlyArray<string>
  readonly snapLength: number
  readonly packets: ReadonlyArray<Required<Pcapng.Packet>>
}

const written: fc.Arbitrary<Written> = fc.array(text, { minLength: 1, maxLength: 3 }).chain((names) =>
  record<Written>({
    names: fc.constant(names),
    snapLength: u32,
    packets: fc.array(
      record({
        interfaceIndex: fc.nat(names.length - 1),
        time,
        bytes: fc.uint8Array({ maxLength: 70 }),
        originalLength: u32,
        flags: u32,
        comments: fc.array(text, { maxLength: 3 })
      }),
      { maxLength: 4 }
    )
  })
)

const chunksOf = (capture: Written): ReadonlyArray<Uint8Array> => [
  Pcapng.sectionHeader({ application: "darkfiber", comments: ["seed 1"] }),
  ...capture.names.map((name) =>
    Pcapng.interfaceDescription({ name, description: "d", snapLength: capture.snapLength, speed: 1e10 })
  ),
  ...capture.packets.map(Pcapng.enhancedPacket)
]

/** The same blocks in little-endian order, turned around field by field. */
const littleEndian = (file: Uint8Array): Uint8Array => {
  const out = file.slice()
  const big = new DataView(file.buffer, file.byteOffset, file.length)
  const little = new DataView(out.buffer)
  const turn = (at: number, size: 2 | 4 | 8) => out.subarray(at, at + size).reverse()
  for (let at = 0; at < file.length; at += big.getUint32(at + 4)) {
    const type = big.getUint32(at)
    const length = big.getUint32(at + 4)
    for (const word of [0, 4, length - 4]) turn(at + word, 4)
    const halves = type === 1 ? [8, 10] : type === 6 ? [] : [12, 14]
    const words = type === 1 ? [12] : type === 6 ? [8, 12, 16, 20, 24] : [8]
    halves.forEach((field) => turn(at + field, 2))
    words.forEach((field) => turn(at + field, 4))
    if (type === Pcapng.BLOCK_SECTION_HEADER) turn(at + 16, 8)
    let option = at + (type === 1 ? 16 : type === 6 ? 28 + ((big.getUint32(at + 20) + 3) & ~3) : 24)
    while (option < at + length - 4) {
      const code = big.getUint16(option)
      const size = big.getUint16(option + 2)
      turn(option, 2)
      turn(option + 2, 2)
      if (type === 6 && code === Pcapng.OPTION_PACKET_FLAGS) turn(option + 4, 4)
      if (type === 1 && code === Pcapng.OPTION_INTERFACE_SPEED) turn(option + 4, 8)
      option += 4 + ((size + 3) & ~3)
    }
  }
  assert.equal(little.getUint32(8, true), Pcapng.BYTE_ORDER_MAGIC)
  return out
}

const read = (file: Uint8Array): PcapngReader.Capture => {
  const result = PcapngReader.read(file)
  assert.ok(Result.isSuccess(result), JSON.stringify(result))
  return result.success
}

const expected = (capture: Written) => ({
  comments: ["seed 1"],
  interfaces: capture.names.map((name) => ({
    name,
    description: "d",
    linkType: 1,
    snapLength: capture.snapLength,
    resolution: 9,
    timeOffset: 0
  })),
  packets: capture.packets
})

describe("pcapng", () => {
  it("reading undoes writing, in either byte order", () =>
    fc.assert(
      fc.property(written, (capture) => {
        const file = Pcapng.concat(chunksOf(capture))
        assert.deepEqual(read(file), expected(capture))
        assert.deepEqual(read(littleEndian(file)), expected(capture))
      })
    ))

  it("every chunk is a whole block with both lengths", () =>
    fc.assert(
      fc.property(written, (capture) => {
        for (const chunk of chunksOf(capture)) {
          const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length)
          assert.equal(chunk.length % 4, 0)
          assert.deepEqual([view.getUint32(4), view.getUint32(chunk.length - 4)], [chunk.length, chunk.length])
        }
      })
    ))

  it("the blocks' bytes are those of the draft", () => {
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")
    assert.equal(hex(Pcapng.sectionHeader()), "0a0d0d0a0000001c1a2b3c4d00010000ffffffffffffffff0000001c")
    assert.equal(
      hex(Pcapng.interfaceDescription({ name: "eth0" })),
      [
        "00000001",
        "00000028",
        "00010000",
        "00000000",
        "00020004",
        "65746830",
        "00090001",
        "09000000",
        "00000000",
        "00000028"
      ].join("")
    )
    assert.equal(
      hex(
        Pcapng.enhancedPacket({
          interfaceIndex: 0,
          time: 2 ** 32 + 5,
          bytes: Uint8Array.of(1, 2, 3),
          flags: 1,
          comments: ["no"]
        })
      ),
      [
        "00000006",
        "00000038",
        "00000000",
        "00000001",
        "00000005",
        "00000003",
        "00000003",
        "01020300",
        "00010002",
        "6e6f0000",
        "00020004",
        "00000001",
        "00000000",
        "00000038"
      ].join("")
    )
  })

  it("two sections one behind the other keep their own interfaces", () => {
    const one = [Pcapng.sectionHeader(), Pcapng.interfaceDescription({ name: "a" })]
    const two = [Pcapng.sectionHeader(), Pcapng.interfaceDescription({ name: "b" })]
    const packet = Pcapng.enhancedPacket({ interfaceIndex: 0, time: 1, bytes: Uint8Array.of(9) })
    const capture = read(Pcapng.concat([...one, packet, littleEndian(Pcapng.concat([...two, packet]))]))
    assert.deepEqual(
      capture.interfaces.map((device) => device.name),
      ["a", "b"]
    )
    assert.deepEqual(
      capture.packets.map((value) => value.interfaceIndex),
      [0, 1]
    )
  })

  it("timestamps of other resolutions become nanoseconds", () => {
    const resolutions: ReadonlyArray<readonly [number, number, number]> = [
      [6, 1_500_000, 1_500_000_000],
      [3, 1_500, 1_500_000_000],
      [0, 2, 2_000_000_000],
      [12, 1_999, 1],
      [0x80 | 10, 1536, 1_500_000_000]
    ]
    for (const [resolution, ticks, nanoseconds] of resolutions) {
      const device = Pcapng.interfaceDescription({ name: "" })
      device[device.length - 12] = resolution
      const packet = Pcapng.enhancedPacket({ interfaceIndex: 0, time: ticks, bytes: new Uint8Array(0) })
      const capture = read(Pcapng.concat([Pcapng.sectionHeader(), device, packet]))
      assert.equal(capture.interfaces[0]!.resolution, resolution)
      assert.equal(capture.packets[0]!.time, nanoseconds)
    }
  })

  it("unknown blocks are passed over", () => {
    const unknown = Uint8Array.of(0, 0, 0, 99, 0, 0, 0, 16, 1, 2, 3, 4, 0, 0, 0, 16)
    assert.deepEqual(read(Pcapng.concat([Pcapng.sectionHeader(), unknown])).packets, [])
  })

  it("a simple packet block belongs to the first interface", () => {
    const simple = Uint8Array.of(0, 0, 0, 3, 0, 0, 0, 20, 0, 0, 0, 2, 7, 8, 0, 0, 0, 0, 0, 20)
    const capture = read(Pcapng.concat([Pcapng.sectionHeader(), Pcapng.interfaceDescription({ name: "a" }), simple]))
    assert.deepEqual([...capture.packets[0]!.bytes], [7, 8])
  })

  it("what cannot be read is named with its offset", () => {
    const header = Pcapng.sectionHeader()
    const device = Pcapng.interfaceDescription({ name: "a" })
    const stray = Pcapng.enhancedPacket({ interfaceIndex: 3, time: 0, bytes: new Uint8Array(0) })
    const failure = (file: Uint8Array) => {
      const result = PcapngReader.read(file)
      assert.ok(Result.isFailure(result))
      return [result.failure._tag, result.failure.at]
    }
    const long = Pcapng.enhancedPacket({ interfaceIndex: 0, time: 0, bytes: new Uint8Array(8) })
    for (let captured = 9; captured <= 40; captured++) {
      long[23] = captured
      assert.deepEqual(failure(Pcapng.concat([header, device, long])), [
        "Malformed",
        header.length + device.length + 20
      ])
    }
    assert.deepEqual(failure(new Uint8Array(0)), ["Truncated", 0])
    assert.deepEqual(failure(device), ["Malformed", 0])
    assert.deepEqual(failure(Pcapng.concat([header, device]).slice(0, -1)), ["Truncated", header.length])
    assert.deepEqual(failure(Pcapng.concat([header, device, stray])), ["Malformed", header.length + device.length + 8])
  })

  it(
    "never throws: on random bytes, nor on a good file with a few bytes changed or its end cut off",
    () => {
      const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 })
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
          assert.ok(Result.isResult(PcapngReader.read(bytes)))
        }),
        { numRuns: cases }
      )
      fc.assert(
        fc.property(written, damage, fc.nat(), fc.boolean(), (capture, changes, cut, isLittle) => {
          const whole = Pcapng.concat(chunksOf(capture))
          const file = (isLittle ? littleEndian(whole) : whole).slice(0, whole.length - (cut % 40))
          for (const [place, byte] of changes) file[place % file.length] = byte
          const result = PcapngReader.read(file)
          if (Result.isFailure(result)) assert.ok(result.failure.at >= 0 && result.failure.at <= file.length)
          else for (const packet of result.success.packets) assert.ok(packet.bytes.length <= file.length)
        }),
        { numRuns: cases }
      )
    },
    2 * patience
  )
})

describe("UTF-8", () => {
  it("agrees with the platform's encoder on every text, and with its decoder on encoded ones", () =>
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (value) => {
        assert.deepEqual(Utf8.encode(value), new TextEncoder().encode(value))
        const encoded = new TextEncoder().encode(value)
        assert.equal(
          Utf8.decode(encoded, 0, encoded.length),
          new TextDecoder("utf-8", { ignoreBOM: true }).decode(encoded)
        )
      })
    ))

  it("never throws on any bytes, and accepts exactly what the platform's strict decoder accepts", () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        const mine = Utf8.decode(bytes, 0, bytes.length)
        let strict: string | undefined
        try {
          strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true }).decode(bytes)
        } catch {
          strict = undefined
        }
        if (strict === undefined) assert.ok(mine.includes("\ufffd"))
        else assert.equal(mine, strict)
      }),
      { numRuns: 2000 }
    ))
})
