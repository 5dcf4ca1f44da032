import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import * as Describe from "@darkfiber/wire/Describe"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Frame from "@darkfiber/wire/Frame"
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import * as Tcp from "@darkfiber/wire/Tcp"
import * as TcpOptions from "@darkfiber/wire/TcpOptions"
import * as Vxlan from "@darkfiber/wire/Vxlan"
import { cases, patience } from "./Arbitraries.ts"

/** [name, frame in hexadecimal, the line tcpdump 4.99.3 printed for it with -n -t -S (without its `: HTTP`)]. */
const recorded = JSON.parse(readFileSync(new URL("fixtures/tcpdump.json", import.meta.url), "utf8")) as ReadonlyArray<
  readonly [string, string, string]
>
const frames = recorded.map(([, hex]) => Uint8Array.from(Buffer.from(hex, "hex")))

const ends: Frame.Ends = {
  sourceMac: MacAddress.local(1),
  destinationMac: MacAddress.local(2),
  source: Ipv4Address.of(10, 0, 0, 1),
  destination: Ipv4Address.of(10, 0, 0, 2)
}

describe("Describe.frame", () => {
  it("says what tcpdump says, on every recorded frame", () => {
    assert.ok(recorded.length > 140)
    recorded.forEach(([name, , line], index) => assert.equal(Describe.frame(frames[index]!), line, name))
  })

  it("does not depend on where the frame stands or on what is around it", () =>
    fc.assert(
      fc.property(
        fc.nat(frames.length - 1),
        fc.nat(50),
        fc.uint8Array({ minLength: 50, maxLength: 50 }),
        (index, at, dirty) => {
          const frame = frames[index]!
          const buffer = Uint8Array.from([...dirty.subarray(0, at), ...frame, ...dirty])
          assert.equal(Describe.frame(buffer, at, at + frame.length), recorded[index]![2])
        }
      )
    ))

  it(
    "never throws, says something, and on one line: for recorded frames with bytes changed or cut off, and random bytes",
    () => {
      const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 })
      const oneLine = (text: string) => assert.match(text, /^[^\n]+$/)
      fc.assert(
        fc.property(fc.constantFrom(...frames), changes, fc.nat(120), (frame, list, length) => {
          const damaged = frame.slice(0, 1 + length)
          for (const [place, byte] of list) damaged[place % damaged.length] = byte
          oneLine(Describe.frame(damaged))
        }),
        { numRuns: cases }
      )
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
          oneLine(Describe.frame(bytes))
          oneLine(Describe.packet(bytes))
        }),
        { numRuns: cases }
      )
    },
    2 * patience
  )

  it(
    "sees nothing past the end of a damaged frame",
    () => {
      const changes = fc.array(fc.tuple(fc.integer({ min: 12, max: 90 }), fc.nat(255)), { maxLength: 3 })
      const after = fc.uint8Array({ minLength: 64, maxLength: 64 })
      fc.assert(
        fc.property(fc.constantFrom(...frames), changes, fc.nat(120), after, (frame, list, length, tail) => {
          const damaged = frame.slice(0, 1 + length)
          for (const [place, byte] of list) damaged[place % damaged.length] = byte
          const buffer = Uint8Array.from([...damaged, ...tail])
          assert.equal(Describe.frame(buffer, 0, damaged.length), Describe.frame(damaged))
        }),
        { numRuns: cases }
      )
    },
    patience
  )

  it("cuts the line short when a quoted header ends before its ports", () => {
    const quoted = Frame.udp(ends, { sourcePort: 5, destinationPort: 6 }).slice(14, 42)
    quoted[0] = 0x4f
    const frame = Frame.icmp(ends, { _tag: "DestinationUnreachable", code: 3, nextHopMtu: 0, checksum: 0 }, quoted)
    assert.equal(Describe.frame(frame), "IP 10.0.0.1 > 10.0.0.2:  [|icmp]")
  })

  it("takes initial sequence numbers off when it is given them", () => {
    const options = TcpOptions.make()
    options.sackCount = 1
    options.sackEdges.set([-90, 10])
    const segment = { sourcePort: 1, destinationPort: 2, sequence: 5, acknowledgment: -100, flags: Tcp.ACK, window: 9 }
    const frame = Frame.tcp(ends, segment, Uint8Array.of(1, 2), options)
    assert.equal(
      Describe.frame(frame, 0, frame.length, { sequence: 4, acknowledgment: -101 }),
      "IP 10.0.0.1.1 > 10.0.0.2.2: Flags [.], seq 1:3, ack 1, win 9, options [nop,nop,sack 1 {11:111}], length 2"
    )
  })

  it("shows a VXLAN packet with its inner frame", () => {
    const inner = Frame.arpRequest(MacAddress.local(3), ends.source, ends.destination)
    const payload = new Uint8Array(Vxlan.headerBytes + inner.length)
    payload.set(inner, Vxlan.write(payload, 0, 42))
    assert.equal(
      Describe.frame(Frame.udp(ends, { sourcePort: 5, destinationPort: Vxlan.port }, payload)),
      "IP 10.0.0.1.5 > 10.0.0.2.4789: VXLAN, flags [I] (0x08), vni 42: ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28"
    )
  })

  it("describes a packet without its link header", () => {
    const frame = Frame.udp(ends, { sourcePort: 5, destinationPort: 6 })
    assert.equal(Describe.packet(frame, Ethernet.headerBytes), Describe.frame(frame))
    assert.equal(Describe.tcpFlags(Tcp.SYN | Tcp.ACK), "S.")
  })
})
