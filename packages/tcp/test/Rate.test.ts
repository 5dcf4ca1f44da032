import { assert, describe, it } from "vitest"
import { pair } from "../src/SimpleHost.ts"
import { sent } from "./Sent.ts"

const MS = 1e6

describe("delivery rate", () => {
  it("is the segments of a flight over its round trip", () => {
    const puppet = sent(10)
    const sock = puppet.sock!
    puppet.run(9 * MS)
    puppet.say({ seq: 1, ack: 10_001 })
    assert.strictEqual(sock.rateDelivered, 10)
    assert.strictEqual(sock.rateIntervalUs, 10_000)
    // The write found the path idle.
    assert.isTrue(sock.rateAppLimited)
  })

  it("of a long transfer is the link's", () => {
    const rate = 20e6
    const { clock, client, server } = pair(5, { delay: 10 * MS, rate })
    server.listen(80)
    server.onAccept = () => {}
    const stream = client.connect(server.address, 80)
    stream.write(new Uint8Array(4_000_000))
    clock.runUntil(1.5e9)
    const sock = stream.sock
    const measured = (sock.rateDelivered * sock.mssCache * 8e6) / sock.rateIntervalUs
    // The link counts 58 bytes of headers more for each segment, and the header's own 32.
    const goodput = (rate * sock.mssCache) / (sock.mssCache + 90)
    assert.isAbove(measured, goodput * 0.95)
    assert.isBelow(measured, goodput * 1.05)
  })
})
