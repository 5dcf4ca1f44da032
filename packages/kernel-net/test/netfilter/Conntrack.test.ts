import assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Hooks from "../../src/Hooks.ts"
import { entryOf } from "../../src/netfilter/Conntrack.ts"
import * as Entry from "../../src/netfilter/ConntrackEntry.ts"
import { linux310, linux6x } from "../../src/netfilter/ConntrackNet.ts"
import * as T from "../../src/netfilter/TcpTracking.ts"
import { address, device, echo, type Ends, Harness, icmpError, inPath, outPath, reverse, tcp, udp } from "./Harness.ts"

const SECOND = 1e9
const eth0 = device("eth0", 2)
const ends: Ends = {
  source: address(10, 0, 0, 1),
  destination: address(10, 0, 0, 2),
  sourcePort: 40000,
  destinationPort: 80
}
const back = reverse(ends)

/** One packet in, as the hooks of a path see it: its entry's state and relation. */
const pass = (
  h: Harness,
  packet: Uint8Array,
  path: ReadonlyArray<number> = inPath
): { info: number; entry: Entry.Entry | null } => {
  const skb = h.skb(packet)
  h.run(skb, path, eth0, eth0)
  const found = { info: skb.conntrackInfo, entry: entryOf(skb) }
  h.free(skb)
  return found
}

describe("TCP states", () => {
  type Step = readonly ["original" | "reply", number]
  const table: ReadonlyArray<readonly [string, ReadonlyArray<Step>, string, number]> = [
    ["a SYN", [["original", Tcp.SYN]], "SYN_SENT", 120],
    [
      "SYN, SYN+ACK",
      [
        ["original", Tcp.SYN],
        ["reply", Tcp.SYN | Tcp.ACK]
      ],
      "SYN_RECV",
      60
    ],
    [
      "a handshake",
      [
        ["original", Tcp.SYN],
        ["reply", Tcp.SYN | Tcp.ACK],
        ["original", Tcp.ACK]
      ],
      "ESTABLISHED",
      432_000
    ],
    [
      "FIN",
      [
        ["original", Tcp.SYN],
        ["reply", Tcp.SYN | Tcp.ACK],
        ["original", Tcp.ACK],
        ["original", Tcp.FIN | Tcp.ACK]
      ],
      "FIN_WAIT",
      120
    ],
    [
      "FIN, ACK",
      [
        ["original", Tcp.SYN],
        ["reply", Tcp.SYN | Tcp.ACK],
        ["original", Tcp.ACK],
        ["original", Tcp.FIN | Tcp.ACK],
        ["reply", Tcp.ACK]
      ],
      "CLOSE_WAIT",
      60
    ],
    [
      "FIN, ACK, FIN",
      [
        ["original", Tcp.SYN],
        ["reply", Tcp.SYN | Tcp.ACK],
        ["original", Tcp.ACK],
        ["original", Tcp.FIN | Tcp.ACK],
        ["reply", Tcp.ACK],
        ["reply", Tcp.FIN | Tcp.ACK]
      ],
      "LAST_ACK",
      30
    ],
    [
      "FIN, ACK, FIN, ACK",
      [
        ["original", Tcp.SYN],
        ["reply", Tcp.SYN | Tcp.ACK],
        ["original", Tcp.ACK],
        ["original", Tcp.FIN | Tcp.ACK],
        ["reply", Tcp.ACK],
        ["reply", Tcp.FIN | Tcp.ACK],
        ["original", Tcp.ACK]
      ],
      "TIME_WAIT",
      120
    ],
    [
      "RST",
      [
        ["original", Tcp.SYN],
        ["reply", Tcp.SYN | Tcp.ACK],
        ["original", Tcp.ACK],
        ["reply", Tcp.RST | Tcp.ACK]
      ],
      "CLOSE",
      10
    ],
    [
      "SYN both ways",
      [
        ["original", Tcp.SYN],
        ["reply", Tcp.SYN]
      ],
      "SYN_SENT2",
      120
    ],
    ["data without a handshake", [["original", Tcp.ACK]], "ESTABLISHED", 300]
  ]
  for (const [name, steps, state, seconds] of table) {
    it(`${name} leads to ${state}, which lives ${seconds} s`, () => {
      const h = new Harness()
      let entry: Entry.Entry | null = null
      for (const [from, flags] of steps) entry = pass(h, tcp(from === "original" ? ends : back, flags)).entry
      assert.equal(T.names[entry!.state], state)
      assert.ok(Math.abs(entry!.deadline - h.core.time - seconds * SECOND) < 1e6)
    })
  }

  it("every combination of direction, event and state gives a state, INVALID or IGNORED", () => {
    for (const direction of [0, 1])
      for (let event = 0; event < 6; event++)
        for (let state = 0; state < T.STATES; state++) {
          const next = T.next(direction, event, state)
          assert.ok(next >= 0 && next <= T.IGNORED)
        }
  })

  it("a reset that answers a SYN removes the entry", () => {
    const h = new Harness()
    pass(h, tcp(ends, Tcp.SYN))
    assert.equal(h.table.confirmed, 1)
    pass(h, tcp(back, Tcp.RST | Tcp.ACK))
    assert.equal(h.table.confirmed, 0)
    assert.equal(h.state.count, 0)
  })

  it("only an answered handshake is assured", () => {
    const h = new Harness()
    const syn = pass(h, tcp(ends, Tcp.SYN))
    assert.equal(syn.entry!.isAssured(), false)
    pass(h, tcp(back, Tcp.SYN | Tcp.ACK))
    assert.equal(pass(h, tcp(ends, Tcp.ACK)).entry!.isAssured(), true)
  })

  it("a closed connection reopens when the other side had closed first, or when its SYN is answered", () => {
    const h = new Harness()
    const flow: ReadonlyArray<readonly [Ends, number]> = [
      [ends, Tcp.SYN],
      [back, Tcp.SYN | Tcp.ACK],
      [ends, Tcp.ACK],
      [back, Tcp.FIN | Tcp.ACK],
      [ends, Tcp.FIN | Tcp.ACK],
      [back, Tcp.ACK]
    ]
    for (const [from, flags] of flow) pass(h, tcp(from, flags))
    const again = pass(h, tcp(ends, Tcp.SYN))
    assert.equal(again.info, Entry.INFO_NEW)
    assert.equal(T.names[again.entry!.state], "SYN_SENT")
    assert.equal(h.table.confirmed, 1)
  })

  it("a closer that reuses its port comes back to life by the SYN+ACK", () => {
    const h = new Harness()
    const flow: ReadonlyArray<readonly [Ends, number]> = [
      [ends, Tcp.SYN],
      [back, Tcp.SYN | Tcp.ACK],
      [ends, Tcp.ACK],
      [ends, Tcp.FIN | Tcp.ACK],
      [back, Tcp.FIN | Tcp.ACK],
      [ends, Tcp.ACK]
    ]
    for (const [from, flags] of flow) pass(h, tcp(from, flags))
    assert.equal(T.names[h.table.oldest!.state], "TIME_WAIT")
    pass(h, tcp(ends, Tcp.SYN, 0, 500))
    assert.equal(T.names[h.table.oldest!.state], "TIME_WAIT")
    pass(h, tcp(back, Tcp.SYN | Tcp.ACK, 0, 9, 501))
    assert.equal(T.names[h.table.oldest!.state], "SYN_RECV")
  })
})

describe("relations", () => {
  it("NEW until answered, ESTABLISHED both ways from then on", () => {
    const h = new Harness()
    assert.equal(pass(h, udp(ends)).info, Entry.INFO_NEW)
    assert.equal(pass(h, udp(ends)).info, Entry.INFO_NEW)
    assert.equal(pass(h, udp(back), outPath).info, Entry.INFO_ESTABLISHED_REPLY)
    assert.equal(pass(h, udp(ends)).info, Entry.INFO_ESTABLISHED)
    assert.equal(h.table.confirmed, 1)
  })

  it("an ICMP error belongs to the flow it quotes", () => {
    const h = new Harness()
    const sent = udp(ends)
    pass(h, sent, outPath)
    const router = address(10, 0, 0, 9)
    const error = pass(h, icmpError(router, ends.source, 3, 1, sent))
    assert.equal(error.info, Entry.INFO_RELATED_REPLY)
    const other = udp({ ...ends, sourcePort: 1 })
    assert.equal(pass(h, icmpError(router, ends.source, 3, 1, other)).entry, null)
  })

  it("an echo reply without a request is INVALID", () => {
    const h = new Harness()
    assert.equal(pass(h, echo(ends, 0, 7)).entry, null)
    assert.equal(h.state.stats.invalid, 1)
    assert.equal(h.state.count, 0)
    pass(h, echo(ends, 8, 7))
    assert.equal(pass(h, echo(back, 0, 7), outPath).info, Entry.INFO_ESTABLISHED_REPLY)
  })

  it("a packet that is dropped before the end leaves no entry behind", () => {
    const h = new Harness()
    h.use("filter").policy("INPUT", "DROP")
    pass(h, udp(ends))
    assert.equal(h.table.confirmed, 0)
    assert.equal(h.state.count, 0)
    assert.equal(h.memory.cache("nf_conntrack").activeObjects, 0)
  })
})

describe("timeouts", () => {
  it("UDP: 30 s, as a stream 180 s (3.10); 120 s, and only 2 s after the first packet (6.x)", () => {
    const life = (profile: typeof linux310, gap: number): number => {
      const h = new Harness(profile)
      pass(h, udp(ends))
      pass(h, udp(back), outPath)
      h.core.time += gap
      const entry = pass(h, udp(ends)).entry!
      return Math.round((entry.deadline - h.core.time) / SECOND)
    }
    assert.equal(life(linux310, 0), 180)
    assert.equal(life(linux6x, 0), 30)
    assert.equal(life(linux6x, 2.1e9), 120)
  })

  it("an expired entry is not found, and the collector removes the rest", () => {
    const h = new Harness()
    pass(h, udp(ends))
    pass(h, udp({ ...ends, sourcePort: 1 }))
    const first = pass(h, echo(ends, 8, 1)).entry!
    assert.equal(h.table.confirmed, 3)
    h.core.time += 31 * SECOND
    assert.equal(pass(h, udp(ends)).info, Entry.INFO_NEW)
    assert.equal(h.table.confirmed, 3)
    assert.notEqual(h.table.oldest, null)
    h.table.collect(h.core.time)
    assert.equal(h.table.confirmed, 1)
    assert.equal(first.uses, 0)
    assert.equal(h.state.count, 1)
  })

  it("the collector is armed for the earliest deadline, at least a second ahead", () => {
    const h = new Harness()
    pass(h, tcp(ends, Tcp.SYN))
    assert.ok(Math.abs(h.collectAt - 120 * SECOND) < 1e6)
    pass(h, udp(ends))
    assert.ok(Math.abs(h.collectAt - 30 * SECOND) < 1e6)
  })
})

describe("a full table", () => {
  const fill = (h: Harness, count: number, assured: boolean): void => {
    for (let i = 0; i < count; i++) {
      const own = { ...ends, sourcePort: 1000 + i }
      pass(h, udp(own))
      if (!assured) continue
      pass(h, udp(reverse(own)), outPath)
      pass(h, udp(own))
    }
  }

  it("drops the packet when all flows are assured", () => {
    const h = new Harness()
    h.sysctl.set("net.netfilter.nf_conntrack_max", "50")
    fill(h, 50, true)
    pass(h, udp({ ...ends, sourcePort: 60000 }))
    assert.equal(h.state.stats.dropped, 1)
    assert.equal(h.environment.drops.length, 1)
    assert.equal(h.state.count, 50)
  })

  it("gives up a flow that is not", () => {
    const h = new Harness()
    h.sysctl.set("net.netfilter.nf_conntrack_max", "50")
    fill(h, 50, false)
    pass(h, udp({ ...ends, sourcePort: 60000 }))
    assert.equal(h.state.stats.earlyDropped, 1)
    assert.equal(h.state.stats.dropped, 0)
    assert.equal(h.state.count, 50)
    assert.equal(h.memory.cache("nf_conntrack").activeObjects, 50)
  })
})

describe("robustness", () => {
  it("never throws on random bytes, and counts every entry", () =>
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 20, maxLength: 80 }), { maxLength: 30 }), (packets) => {
        const h = new Harness()
        h.use("nat")
        h.use("filter")
        for (const packet of packets) {
          packet[0] = 0x45
          if (packet[9]! < 128) packet[9] = [1, 6, 17][packet[9]! % 3]!
          if ((packet[8]! & 1) === 0) packet.set([0, packet.length], 2)
          if ((packet[8]! & 2) === 0) packet.set([0, 0], 6)
          const skb = h.skb(packet)
          h.run(skb, [Hooks.PRE_ROUTING, Hooks.LOCAL_IN], eth0, eth0)
          h.free(skb)
        }
        assert.equal(h.state.count, h.table.confirmed)
        assert.equal(h.memory.cache("nf_conntrack").activeObjects, h.state.count)
        h.table.flush(h.state, () => true)
        assert.equal(h.memory.cache("nf_conntrack").activeObjects, 0)
        assert.equal(h.world.slab.live, 0)
      }),
      { numRuns: cases(100) }
    ))

  it("finds each of many flows by both its tuples", () => {
    const h = new Harness()
    for (let i = 0; i < 3000; i++) pass(h, udp({ ...ends, sourcePort: i }))
    for (let i = 0; i < 3000; i++) {
      const found = pass(h, udp(reverse({ ...ends, sourcePort: i })), outPath)
      assert.equal(found.info, Entry.INFO_ESTABLISHED_REPLY)
    }
    assert.equal(h.table.confirmed, 3000)
  })
})
