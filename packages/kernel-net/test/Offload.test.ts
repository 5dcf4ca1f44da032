import * as assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as Checksum from "@darkfiber/wire/Checksum"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { Gro } from "../src/Gro.ts"
import type { Host } from "../src/Host.ts"
import { linux310 } from "../src/Profile.ts"
import * as Skb from "../src/Skb.ts"
import { CHECKSUM_PARTIAL, type SkBuff, SkBuffList } from "../src/SkBuff.ts"
import { tcpOffload } from "../src/TcpOffload.ts"
import { checkQuiet, dummy, ip, lone, newWorld, received } from "./Bench.ts"

/** A TCP frame with finished checksums. */
const segment = (
  sequence: number,
  ident: number,
  flags: number,
  payload: Uint8Array,
  ports = 0x00350050
): Uint8Array => {
  const frame = new Uint8Array(66 + payload.length)
  Ethernet.write(frame, 0, 0x020000000001, 0x020000000002, 0x0800)
  Ipv4.write(frame, 14, frame.length - 14, 6, ip("10.0.0.2"), ip("10.0.0.1"))
  Ipv4.setIdentification(frame, 14, ident)
  Ipv4.writeChecksum(frame, 14)
  const view = new DataView(frame.buffer)
  view.setUint32(34, ports)
  view.setUint32(38, sequence)
  view.setUint32(42, 1)
  view.setUint16(46, 0x8000 | flags)
  view.setUint16(48, 1000)
  frame.set([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2], 54)
  frame.set(payload, 66)
  Checksum.fillTransport(frame, 14)
  return frame
}

const ACK = 0x10
const PSH = 0x08

interface Up {
  readonly length: number
  readonly segments: number
  readonly bytes: Uint8Array
}

/** Frames through GRO; what comes up to the IP layer. */
const through = (frames: ReadonlyArray<Uint8Array>): ReadonlyArray<Up> => {
  const world = newWorld()
  const { host, scripts } = lone(world, "h", linux310)
  const { dev } = dummy(host, host.init, "d0")
  const up: Array<Up> = []
  host.packetTypes.set(0x0800, {
    name: "watch",
    etherType: 0x0800,
    receive: (core, skb) => {
      const bytes = new Uint8Array(skb.length)
      Skb.copyBits(skb, 0, skb.length, bytes, 0)
      up.push({ length: skb.length, segments: skb.gsoSegments, bytes })
      host.deliverSkb(skb)
      host.consumeSkb(core, skb)
    }
  })
  const gro = new Gro()
  scripts[0]!.at(1000, (core) => {
    for (const frame of frames) gro.receive(core, received(host, core, dev, frame)!)
    gro.flush(core)
  })
  world.run(1e6)
  checkQuiet(world)
  assert.equal(host.liveSkbs, 0)
  return up
}

const payloadOf = (ups: ReadonlyArray<Up>): ReadonlyArray<number> => ups.flatMap((one) => [...one.bytes.subarray(52)])

describe("GRO", () => {
  it("merges what follows on, and gives up the same bytes in the same order", () => {
    const shape = fc.array(fc.record({ size: fc.integer({ min: 1, max: 300 }), push: fc.boolean() }), {
      minLength: 1,
      maxLength: 40
    })
    fc.assert(
      fc.property(shape, (parts) => {
        let sequence = 1000
        const frames = parts.map(({ size, push }, i) => {
          const payload = new Uint8Array(size).map((_, k) => (sequence + k) & 255)
          const frame = segment(sequence, i, ACK | (push ? PSH : 0), payload)
          sequence += size
          return frame
        })
        const ups = through(frames)
        assert.deepEqual(
          payloadOf(ups),
          frames.flatMap((frame) => [...frame.subarray(66)])
        )
        for (const one of ups) {
          assert.ok(one.segments <= 17)
          assert.equal(Ipv4.totalLength(one.bytes, 0), one.length)
          assert.ok(Ipv4.verifyChecksum(one.bytes, 0))
        }
      }),
      { numRuns: cases(100) }
    )
  })

  const full = (i: number, flags = ACK): Uint8Array => segment(1 + i * 1448, i, flags, new Uint8Array(1448).fill(i))

  it("holds 17 segments of a flow at most", () => {
    assert.deepEqual(
      through(Array.from({ length: 40 }, (_, i) => full(i))).map((one) => one.segments),
      [17, 17, 6]
    )
  })

  it("a segment with PSH ends the merged packet and goes up with it", () => {
    assert.deepEqual(
      through([full(0), full(1, ACK | PSH), full(2), full(3)]).map((one) => one.segments),
      [2, 2]
    )
  })

  it("a gap, other options or a bad checksum are not merged", () => {
    const stamped = full(1)
    stamped[61] = 9
    Checksum.fillTransport(stamped, 14)
    const bad = full(1)
    bad[1000] = 77
    for (const other of [full(2), stamped, bad]) assert.equal(through([full(0), other]).length, 2)
  })

  it("eight flows are held, a ninth pushes the oldest up", () => {
    const frames = Array.from({ length: 9 }, (_, i) => segment(1, 0, ACK, new Uint8Array(100), i))
    const again = segment(101, 1, ACK, new Uint8Array(100), 0)
    assert.equal(through([...frames, again]).length, 10)
    assert.equal(through([...frames.slice(0, 8), again]).length, 8)
  })

  it("everything but TCP over IPv4 goes straight up", () => {
    const udp = full(0)
    udp[23] = 17
    Ipv4.writeChecksum(udp, 14)
    assert.equal(through([udp, udp]).length, 2)
  })
})

describe("GSO", () => {
  it("cuts a super-segment into frames with right checksums that GRO puts together again", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 5000 }),
        fc.integer({ min: 300, max: 1448 }),
        fc.integer(),
        (size, mss, start) => {
          const world = newWorld()
          const { host, scripts } = lone(world, "h", linux310)
          const frames: Array<Uint8Array> = []
          const payload = new Uint8Array(size).map((_, k) => (k * 7) & 255)
          scripts[0]!.at(1000, (core) => {
            const skb = build(host, core, segment(start >>> 0, 65530, ACK | PSH, payload), mss)
            const list = new SkBuffList()
            assert.equal(tcpOffload.segment(core, skb, list), 0)
            host.consumeSkb(core, skb)
            for (let piece = list.shift(); piece !== null; piece = list.shift()) {
              frames.push(host.world.slab.bytes.slice(piece.data, piece.data + piece.length))
              host.deliverSkb(piece)
              host.consumeSkb(core, piece)
            }
          })
          world.run(1e6)
          checkQuiet(world)
          assert.equal(frames.length, Math.ceil(size / mss))
          for (const [i, frame] of frames.entries()) {
            assert.ok(Ipv4.verifyChecksum(frame, 14) && Checksum.verifyTransport(frame, 14))
            assert.equal(Ipv4.identification(frame, 14), (65530 + i) & 0xffff)
            assert.equal((frame[47]! & PSH) !== 0, i === frames.length - 1)
          }
          const merged = through(frames)
          assert.deepEqual(payloadOf(merged), [...payload])
          assert.equal(merged.length, 1)
        }
      ),
      { numRuns: cases(50) }
    )
  })
})

const build = (host: Host, core: Core, frame: Uint8Array, mss: number): SkBuff => {
  const skb = Skb.alloc(host, core, 0, frame.length)!
  host.world.slab.bytes.set(frame, Skb.put(skb, frame.length))
  skb.networkHeader = skb.data + 14
  skb.transportHeader = skb.data + 34
  skb.protocol = 0x0800
  skb.ipSummed = CHECKSUM_PARTIAL
  skb.gsoSize = mss
  skb.gsoSegments = Math.ceil((frame.length - 66) / mss)
  skb.weight = skb.gsoSegments
  host.bornSkb(skb)
  return skb
}
