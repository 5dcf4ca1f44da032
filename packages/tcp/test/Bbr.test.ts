import { assert, describe, it } from "vitest"
import { type BbrState, DRAIN, modeNames, PROBE_BW, PROBE_RTT, STARTUP } from "../src/BbrState.ts"
import * as Counters from "../src/Counters.ts"
import * as Pacing from "../src/Pacing.ts"
import { pair } from "../src/SimpleHost.ts"
import type { LinkOptions } from "../src/SimpleLink.ts"
import * as SockOpt from "../src/SockOpt.ts"
import { SENT_CONGESTED } from "../src/TcpHost.ts"
import { CA_CWR, PACING_FQ, type TcpSock } from "../src/TcpSock.ts"
import { sent } from "./Sent.ts"

const MS = 1e6

interface Flow {
  readonly sock: TcpSock
  readonly state: () => BbrState
  readonly received: () => number
  readonly until: (time: number) => void
  readonly mib: (counter: number) => number
}

const flow = (link: Partial<LinkOptions>, algorithm = "bbr", bytes = 400_000_000, seed = 11): Flow => {
  const { clock, client, server } = pair(seed, link)
  let received = (): number => 0
  server.onAccept = (stream) => {
    received = () => stream.receivedBytes
  }
  server.listen(80)
  const stream = client.connect(server.address, 80, (sock) => {
    SockOpt.setCongestion(sock, algorithm)
  })
  stream.write(new Uint8Array(bytes))
  return {
    sock: stream.sock,
    state: () => stream.sock.congestionState as BbrState,
    received: () => received(),
    until: (time) => clock.runUntil(time),
    mib: (counter) => client.net.mib[counter]!
  }
}

describe("BBR", () => {
  it("goes through STARTUP and DRAIN to PROBE_BW at the link's rate, with little queue", () => {
    const test = flow({ delay: 20 * MS, rate: 20e6, queue: 1000 })
    const seen: Array<string> = []
    for (let at = 5; at < 3000; at += 5) {
      test.until(at * MS)
      if (test.sock.congestionState === null) continue
      const mode = modeNames[test.state().mode]!
      if (seen.at(-1) !== mode) seen.push(mode)
    }
    assert.deepStrictEqual(seen, ["STARTUP", "DRAIN", "PROBE_BW"])
    const before = test.received()
    test.until(6e9)
    const rate = ((test.received() - before) * 8) / 3
    const goodput = (20e6 * 1448) / (1448 + 90)
    assert.isAbove(rate, goodput * 0.93)
    assert.strictEqual(test.mib(Counters.RETRANS_SEGS), 0)
    // Not twice the path's delay: the queue stays below one bandwidth-delay product.
    assert.isBelow(test.sock.srttUs >> 3, 80_000)
    assert.isBelow(Math.abs(test.state().minRttUs - 40_000), 2_000)
  })

  it("keeps its rate at one loss in a hundred, where CUBIC does not", () => {
    const link = { delay: 20 * MS, rate: 20e6, queue: 200, loss: 0.01 }
    const bbr = flow(link)
    const cubic = flow(link, "cubic")
    bbr.until(10e9)
    cubic.until(10e9)
    assert.isAbove((bbr.received() * 8) / 10, 20e6 * 0.8)
    assert.isBelow(cubic.received(), bbr.received() * 0.6)
  })

  it("drains the queue for 200 ms when the least RTT is ten seconds old (PROBE_RTT)", () => {
    const test = flow({ delay: 10 * MS, rate: 5e6, queue: 1000 })
    const modes = new Set<number>()
    let least = Infinity
    for (let at = 9000; at < 11_500; at += 5) {
      test.until(at * MS)
      modes.add(test.state().mode)
      if (test.state().mode === PROBE_RTT) least = Math.min(least, test.sock.packetsOut)
    }
    assert.isTrue(modes.has(PROBE_RTT))
    assert.isAtMost(least, 4)
    assert.strictEqual(test.state().mode, PROBE_BW)
    assert.isFalse(modes.has(STARTUP) || modes.has(DRAIN))
  })

  it("begins its gain cycle where chance says, the same for the same seed", () => {
    const phase = (seed: number): number => {
      const test = flow({ delay: 20 * MS, rate: 20e6, queue: 1000 }, "bbr", 400_000_000, seed)
      while (test.sock.congestionState === null || test.state().mode !== PROBE_BW)
        test.until(test.sock.tcp.host.now() + MS)
      return test.state().cycleIndex
    }
    const phases = [1, 2, 3, 4, 5, 6, 7, 8].map(phase)
    assert.isAbove(new Set(phases).size, 1)
    assert.notInclude(phases, 1)
    assert.strictEqual(phase(3), phases[2])
  })
})

describe("pacing", () => {
  it("SO_MAX_PACING_RATE is kept to, exactly", () => {
    const { clock, client, server } = pair(2, { delay: 1 * MS })
    let received = (): number => 0
    server.onAccept = (stream) => {
      received = () => stream.receivedBytes
    }
    server.listen(80)
    const stream = client.connect(server.address, 80)
    Pacing.setMaxRate(stream.sock, 1_000_000)
    stream.write(new Uint8Array(20_000_000))
    clock.runUntil(1e9)
    const before = received()
    clock.runUntil(6e9)
    const rate = (received() - before) / 5
    assert.isAbove(rate, 980_000)
    assert.isBelow(rate, 1_010_000)
  })

  it("with a qdisc that paces it sends ahead, each segment with its own time, a whole one apart", () => {
    const puppet = sent(10)
    const sock = puppet.sock!
    Pacing.setMaxRate(sock, 100_000)
    sock.pacing = PACING_FQ
    sock.dataSegsOut = 10
    puppet.forget()
    const times: Array<number> = []
    const transmit = puppet.host.transmit.bind(puppet.host)
    puppet.host.transmit = (to, segment, ...rest) => {
      times.push(to.paceAt)
      return transmit(to, segment, ...rest)
    }
    puppet.say({ seq: 1, ack: 10_001 })
    puppet.run(1 * MS)
    assert.isAbove(times.length, 10)
    assert.strictEqual(sock.pacingTimer, null)
    for (let i = 2; i < times.length; i++) assert.strictEqual(times[i]! - times[i - 1]!, 10 * MS)
    assert.strictEqual(sock.rtxQueue.tail!.sentAt, times.at(-1))
  })
})

describe("a queue below", () => {
  it("that had to drop something of the flow makes it reduce its window, and what was sent counts as sent", () => {
    const puppet = sent(10)
    const sock = puppet.sock!
    const transmit = puppet.host.transmit.bind(puppet.host)
    puppet.host.transmit = (...args) => {
      transmit(...args)
      return SENT_CONGESTED
    }
    puppet.forget()
    puppet.say({ seq: 1, ack: 2001 })
    puppet.run(1 * MS)
    assert.strictEqual(sock.caState, CA_CWR)
    assert.isAbove(puppet.heard.length, 0)
    assert.strictEqual(((sock.sndNxt - sock.sndUna) | 0) / 1000, sock.packetsOut)
    assert.strictEqual(puppet.mib(Counters.RETRANS_SEGS), 0)
  })
})
