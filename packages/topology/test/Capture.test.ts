import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Result } from "effect"
import { describe, it } from "vitest"
import * as Checksum from "@darkfiber/wire/Checksum"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Pcapng from "@darkfiber/wire/Pcapng"
import * as PcapngReader from "@darkfiber/wire/PcapngReader"
import { assertLaws, build, captureAll, MS } from "./Centre.ts"
import { mixed, RECEIVE, SEND } from "./Mixed.ts"
import { Book } from "./Streams.ts"

const record = (text: string, until: number) => {
  const chunks: Array<Uint8Array> = []
  const book = new Book()
  const centre = build(text, { loader: book.loader })
  const capture = captureAll(centre, (chunk) => chunks.push(chunk), "filled")
  while (centre.now < until) {
    centre.run(centre.now + 5 * MS)
    capture.flush(centre.now)
  }
  capture.close()
  assertLaws(centre, "captured")
  const bytes = Pcapng.concat(chunks)
  return { bytes, centre, file: Result.getOrThrow(PcapngReader.read(bytes)) }
}

/** Two flows over a switch, of which one crosses a link that loses and reorders. */
const flows = `
hosts:
  a: { nics: { eth0: { address: 10.0.0.1/24 } }, processes: [ ${SEND("10.0.0.3:80", 1, 300_000, 2)} ] }
  b: { nics: { eth0: { address: 10.0.0.2/24 } }, processes: [ ${SEND("10.0.0.4:80", 50, 300_000, 2)} ] }
  c: { nics: { eth0: { address: 10.0.0.3/24 } }, processes: [ ${RECEIVE(80)} ] }
  d: { nics: { eth0: { address: 10.0.0.4/24 } }, processes: [ ${RECEIVE(80)} ] }
switches: { s: { ports: 4 } }
links: [ ${["a", "b", "c", "d"].map((host, at) => `{ endpoints: ["${host}:eth0", "s:port${at + 1}"], delay: 20us }`).join(", ")} ]
faults: [ { kind: drop, link: "a:eth0", direction: from, at: 200us, share: 2% },
          { kind: reorder, link: "a:eth0", direction: from, at: 200us, share: 2%, by: 300us } ]
`

describe("a capture with checksums filled in", () => {
  it("has right checksums in every packet, on every link and device, through NAT, offloads and fragments", () => {
    const { file } = record(mixed({ cores: 2, loss: "1%", faults: "" }), 40 * MS)
    assert.equal(file.interfaces.length, 4 + 3 + 3 + 2 * 2 + 2 * 2)
    const count = { ip: 0, transport: 0, fragments: 0 }
    for (const { bytes, interfaceIndex, time } of file.packets) {
      if (bytes[12] !== 8 || bytes[13] !== 0) continue
      const where = `${file.interfaces[interfaceIndex]!.name} at ${time} ns`
      assert.ok(Ipv4.verifyChecksum(bytes, 14), `IP of ${where}`)
      count.ip++
      if (Ipv4.isFragment(bytes, 14)) count.fragments++
      else {
        assert.ok(14 + Ipv4.totalLength(bytes, 14) <= bytes.length, `length of ${where}`)
        assert.ok(Checksum.verifyTransport(bytes, 14), `transport of ${where}`)
        count.transport++
      }
    }
    assert.ok(count.ip > 2000 && count.transport > 2000 && count.fragments > 20, JSON.stringify(count))
  })
})

const TSHARK = "/usr/bin/tshark"

describe.skipIf(!existsSync(TSHARK))("tshark (skipped where it is not installed)", () => {
  const fields = (
    bytes: Uint8Array,
    filter: string,
    ...names: ReadonlyArray<string>
  ): ReadonlyArray<ReadonlyArray<string>> => {
    const folder = mkdtempSync(join(tmpdir(), "darkfiber-"))
    try {
      const path = join(folder, "run.pcapng")
      writeFileSync(path, bytes)
      const checks = ["ip.check_checksum", "tcp.check_checksum", "udp.check_checksum"].flatMap((each) => [
        "-o",
        `${each}:TRUE`
      ])
      const wanted = names.flatMap((each) => ["-e", each])
      const text = execFileSync(TSHARK, ["-n", "-r", path, ...checks, "-Y", filter, "-T", "fields", ...wanted], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
        maxBuffer: 1 << 28
      })
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => line.split("\t"))
    } finally {
      rmSync(folder, { recursive: true })
    }
  }
  const bad =
    "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 || icmp.checksum.status == 0"

  it("reads it all: no malformed packet, no bad checksum", () => {
    const { bytes, file } = record(mixed({ cores: 2, loss: "1%", faults: "" }), 40 * MS)
    assert.equal(fields(bytes, "frame", "frame.number").length, file.packets.length)
    assert.deepEqual(fields(bytes, bad, "frame.number", "frame.interface_name", "_ws.col.Info").slice(0, 5), [])
  })

  it("sees retransmissions, gaps and reordering only in flows whose frames were dropped or reordered", () => {
    const { bytes, centre } = record(flows, 100 * MS)
    const flags =
      "tcp.analysis.retransmission || tcp.analysis.fast_retransmission || tcp.analysis.spurious_retransmission || " +
      "tcp.analysis.lost_segment || tcp.analysis.out_of_order || tcp.analysis.duplicate_ack"
    const onWire = (host: string): ReadonlyArray<ReadonlyArray<string>> =>
      fields(wireOf(bytes, `${host}:eth0--`), flags, "ip.src", "ip.dst", "_ws.col.Info")
    assert.ok(onWire("c").length > 5, "the flow that loses shows it")
    assert.deepEqual(onWire("d"), [], "the other one has nothing to show")
    assert.deepEqual(onWire("b"), [], "at neither end")
    assert.deepEqual(fields(bytes, bad, "frame.number"), [])
    const dropped = centre.links.map((link) => link.a.counters.txFaulted + link.b.counters.txFaulted)
    assert.ok(dropped[0]! > 0)
    assert.deepEqual(dropped.slice(1), [0, 0, 0])
  })
})

/** The packets of one link alone: a packet that is seen at several places looks like a retransmission of itself. */
const wireOf = (bytes: Uint8Array, link: string): Uint8Array => {
  const file = Result.getOrThrow(PcapngReader.read(bytes))
  const index = file.interfaces.findIndex((each) => each.name.startsWith(link))
  const { description, name } = file.interfaces[index]!
  return Pcapng.concat([
    Pcapng.sectionHeader({ application: "darkfiber" }),
    Pcapng.interfaceDescription({ name, description }),
    ...file.packets
      .filter((each) => each.interfaceIndex === index)
      .map(({ bytes: packet, flags, originalLength, time }) =>
        Pcapng.enhancedPacket({ interfaceIndex: 0, time, bytes: packet, originalLength, flags })
      )
  ])
}
