import assert from "node:assert/strict"
import { Result } from "effect"
import { describe, it } from "vitest"
import { Capture, type CaptureOptions } from "@darkfiber/observe/Capture"
import * as HostNames from "@darkfiber/observe/HostNames"
import * as TraceReader from "@darkfiber/observe/TraceReader"
import * as Walk from "@darkfiber/observe/Walk"
import * as Checksum from "@darkfiber/wire/Checksum"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Pcapng from "@darkfiber/wire/Pcapng"
import * as PcapngReader from "@darkfiber/wire/PcapngReader"
import { pair, run, transfer, type Net } from "./Net.ts"

const BYTES = 100_000

const captured = (options: Partial<CaptureOptions> = {}, before: (net: Net) => void = () => {}) => {
  const net = pair()
  before(net)
  const chunks: Array<Uint8Array> = []
  const capture = new Capture(net.world, (chunk) => chunks.push(chunk), options)
  capture.addLink(net.link)
  capture.addDevice("a", net.a.net.deviceByName("eth0")!)
  capture.addDevice("b", net.b.net.deviceByName("eth0")!)
  transfer(net, BYTES)
  for (const until of [1e6, 2e6, 5e6, 1e9]) {
    run(net, until)
    capture.flush(until)
  }
  capture.close()
  return { net, file: Result.getOrThrow(PcapngReader.read(Pcapng.concat(chunks))) }
}

describe("Capture", () => {
  it("has one interface a link and a device, and packets in the order of time", () => {
    const { file } = captured()
    assert.deepEqual(
      file.interfaces.map((one) => one.name),
      ["a-b", "a/eth0", "b/eth0"]
    )
    assert.ok(file.packets.length > 100)
    for (let i = 1; i < file.packets.length; i++) assert.ok(file.packets[i]!.time >= file.packets[i - 1]!.time)
  })

  it("links show wire frames, a sender's device super-segments, a receiver's device what GRO made", () => {
    const { file } = captured()
    const longest = [0, 1, 2].map((index) =>
      Math.max(...file.packets.filter((one) => one.interfaceIndex === index).map((one) => one.originalLength))
    )
    assert.equal(longest[0], 1514)
    assert.ok(longest[1]! > 1514, "a sends super-segments")
    assert.ok(longest[2]! > 1514, "b receives merged packets")
    const payload = (index: number, from: string): number => {
      let sum = 0
      for (const { bytes, interfaceIndex } of file.packets) {
        if (interfaceIndex !== index || bytes[12] !== 8 || bytes[13] !== 0 || bytes[29] !== Number(from)) continue
        sum += Ipv4.totalLength(bytes, 14) - 20 - (bytes[46]! >>> 4) * 4
      }
      return sum
    }
    // Whatever the packets look like, all three saw the same bytes of payload.
    for (const index of [0, 1, 2]) assert.equal(payload(index, "1"), BYTES)
  })

  it("carried checksums are partial where a device has to fill them in; filled ones are all right", () => {
    const verify = (bytes: Uint8Array): boolean =>
      bytes[13] !== 0 || Ipv4.totalLength(bytes, 14) + 14 > bytes.length || Checksum.verifyTransport(bytes, 14)
    assert.ok(captured({ checksums: "carried" }).file.packets.some((one) => !verify(one.bytes)))
    assert.ok(captured({ checksums: "filled" }).file.packets.every((one) => verify(one.bytes)))
  })

  it("changes nothing: the same fingerprint as a run without it", () => {
    const plain = pair()
    transfer(plain, BYTES)
    run(plain, 1e9)
    assert.equal(captured().net.world.fingerprint(), plain.world.fingerprint())
  })

  it("keeps at most snapLength bytes, only what the filter wants, and the comments it is given", () => {
    const { file } = captured(
      { snapLength: 60, filter: (bytes) => bytes[13] === 6, comment: () => "noted" },
      ({ world }) => {
        for (const island of world.islands) island.trace.on = true
      }
    )
    assert.ok(file.packets.length > 0)
    for (const one of file.packets) {
      assert.ok(one.bytes.length <= 60 && one.bytes[13] === 6)
      assert.deepEqual(one.comments, ["noted"])
    }
  })
})

describe("a traced run", () => {
  it("time never goes backwards along any journey; a packet's walk names hosts, cores and kernel functions", () => {
    const net = pair()
    for (const island of net.world.islands) island.trace.on = true
    transfer(net, 20_000)
    run(net, 1e9)
    Walk.assertMonotone(net.world.islands)
    const names = HostNames.ofHosts([net.a.host, net.b.host])
    const records = TraceReader.read(net.world.islands, { names })
    const journeys = Walk.packetsOf(records).map((packet) => Walk.walk(records, packet))
    const crossing = journeys.filter((journey) => journey.hosts.length === 2 && journey.hosts[0] === "a")
    assert.ok(crossing.length > 0)
    const functions = crossing.flatMap((journey) => journey.steps.map((step) => step.function))
    for (const wanted of ["ip_queue_xmit", "dev_queue_xmit", "igb_xmit_frame", "ip_rcv", "tcp_v4_rcv"]) {
      assert.ok(functions.includes(wanted), `${wanted} is on the way`)
    }
    const text = Walk.format(crossing[0]!)
    assert.match(text, /^a {2}at [\d.]+ s\n/)
    assert.match(text, /softirq .*init\/eth0/)
    assert.equal(HostNames.dropNotes(records).size, 0)
  })
})
