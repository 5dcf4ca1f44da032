import * as assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import { cases, isLong } from "@darkfiber/tooling/Cases"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Udp from "@darkfiber/wire/Udp"
import * as Device from "../src/Device.ts"
import { profiles } from "../src/Profile.ts"
import { UdpSock } from "../src/Udp.ts"
import { checkQuiet, dummy, inFlight, inject, ip, lone, newWorld } from "./Bench.ts"

/** A frame with headers that are right but for what `spoil` overwrites. */
const almost = fc
  .record({
    protocol: fc.constantFrom(1, 17, 6, 2, 99),
    destination: fc.constantFrom("10.0.0.1", "10.0.0.255", "10.0.1.7", "127.0.0.1", "255.255.255.255", "224.0.0.1"),
    source: fc.constantFrom("10.0.0.2", "10.0.0.1", "0.0.0.0", "127.0.0.1", "255.255.255.255", "8.8.8.8"),
    payload: fc.uint8Array({ maxLength: 200 }),
    fragment: fc.constantFrom(0, 0, 0, 0x2000, 0x2001, 0x0001, 0x4000),
    icmp: fc.constantFrom(0, 3, 5, 8, 11, 12, 13),
    inner: fc.boolean(),
    broadcast: fc.boolean(),
    spoil: fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 3 })
  })
  .map((shape) => {
    const frame = new Uint8Array(34 + 8 + shape.payload.length)
    Ethernet.write(frame, 0, shape.broadcast ? 0xffffffffffff : 0x020000000001, 0x020000000002, 0x0800)
    Ipv4.write(frame, 14, frame.length - 14, shape.protocol, ip(shape.source), ip(shape.destination))
    frame[20] = shape.fragment >> 8
    frame[21] = shape.fragment
    frame.set(shape.payload, 42)
    if (shape.protocol === 17) Udp.write(frame, 34, 53, 9, frame.length - 34)
    if (shape.protocol === 1) {
      Icmp.write(frame, 34, shape.icmp, 1, 0)
      if (shape.inner && shape.payload.length >= 28) {
        Ipv4.write(frame, 42, 28, 17, ip("10.0.0.1"), ip("10.0.0.2"))
        Udp.write(frame, 62, 9, 53, 8)
      }
      Icmp.writeChecksum(frame, 34, frame.length - 34)
    }
    Ipv4.writeChecksum(frame, 14)
    for (const [at, value] of shape.spoil) if (at < frame.length) frame[at] = value
    return frame
  })

const arp = fc.uint8Array({ minLength: 28, maxLength: 46 }).map((bytes) => {
  const frame = new Uint8Array(14 + bytes.length)
  Ethernet.write(frame, 0, 0xffffffffffff, 0x020000000002, 0x0806)
  frame.set(bytes, 14)
  frame.set([0, 1, 8, 0, 6, 4, 0], 14)
  return frame
})

const anything = fc.oneof(fc.uint8Array({ maxLength: 300 }), almost, almost, arp)

/** A long run throws half a million frames at each kernel, most of them into a host that has taken hundreds. */
const long = { minLength: 1, maxLength: 600, size: "max" } as const
const frameLists = fc.array(anything, isLong() ? long : { minLength: 1, maxLength: 30 })

for (const profile of profiles) {
  describe(`any bytes, ${profile.name}`, () => {
    it("never throw, and every frame and every answer to it ends once", () => {
      fc.assert(
        fc.property(frameLists, fc.boolean(), (frames, forwarding) => {
          const world = newWorld()
          const { host, scripts } = lone(world, "h", profile)
          const { dev } = dummy(host, host.init, "d0")
          Device.addAddress(dev, ip("10.0.0.1"), 24)
          Device.addAddress(dummy(host, host.init, "d1").dev, ip("10.0.1.1"), 24)
          if (forwarding) host.init.setSysctl("net.ipv4.ip_forward", "1")
          const sock = new UdpSock(host.init)
          sock.bind(0, 9)
          frames.forEach((frame, i) => scripts[0]!.at(1000 * (i + 1), (core) => inject(host, core, dev, frame)))
          world.run(1e6)
          checkQuiet(world)
          world.run(100e9)
          checkQuiet(world)
          assert.equal(inFlight(world), 0)
          sock.close(null)
          assert.equal(host.liveSkbs, 0)
          assert.equal(world.slab.live, 0)
          host.memory.check()
        }),
        { numRuns: cases(60) }
      )
    })
  })
}
