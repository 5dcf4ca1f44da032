import assert from "node:assert/strict"
import { describe, it } from "vitest"
import type { DataCentre } from "../src/DataCentre.ts"
import { build, MS, runWithLaws, SECOND } from "./Centre.ts"
import { RECEIVE, SEND } from "./Mixed.ts"
import { Book } from "./Streams.ts"

/** Two hosts over three routers; the last link takes 1,400 bytes. The routers' ports to each other have no addresses. */
const fabric = (sysctls: string): { readonly centre: DataCentre; readonly book: Book } => {
  const book = new Book()
  const text = `
hosts:
  h1:
    sysctls: { ${sysctls} }
    nics: { eth0: { address: 10.0.1.2/24, gateway: 10.0.1.1, mtu: 9000 } }
    processes:
      - ${SEND("10.0.2.2:5001", 1, 300_000, 3)}
      - { program: udp-probe, args: { to: "10.0.2.2:7", gap: 5ms, size: 5000 } }
  h2:
    nics: { eth0: { address: 10.0.2.2/24, gateway: 10.0.2.1, mtu: 9000 } }
    processes:
      - ${RECEIVE(5001)}
      - { program: udp-echo-server, args: { port: 7 } }
routers:
  leaf1: { ports: 2 }
  spine: { ports: 2 }
  leaf2: { ports: 2, mtus: { port2: 1400 } }
links:
  - { endpoints: ["h1:eth0", "leaf1:port1"], rate: 1Gbps, delay: 5us }
  - { endpoints: ["leaf1:port2", "spine:port1"], rate: 1Gbps, delay: 5us }
  - { endpoints: ["spine:port2", "leaf2:port1"], rate: 1Gbps, delay: 5us }
  - { endpoints: ["leaf2:port2", "h2:eth0"], rate: 1Gbps, delay: 5us }
`
  return { book, centre: build(text, { seed: 1, loader: book.loader }) }
}

const leaf2 = (centre: DataCentre): DataCentre["routers"][number] =>
  centre.routers.find((each) => each.name === "leaf2")!

describe("a router whose next link takes less", () => {
  it("tells the sender, which sends less from then on: streams arrive whole", () => {
    const { book, centre } = fabric("")
    runWithLaws(centre, 100 * MS, 50)
    centre.run(1 * SECOND)
    const router = leaf2(centre)
    assert.deepEqual(book.wrong, [])
    assert.deepEqual(
      book.streams.map((each) => each.outcome),
      ["whole", "whole", "whole"]
    )
    assert.ok(router.errorsSent > 0 && router.errorsSent < 30, `${router.errorsSent} errors`)
    assert.equal(router.fragmented, 0)
  })

  it("cuts what may be cut", () => {
    const { book, centre } = fabric("net.ipv4.ip_no_pmtu_disc: 1")
    runWithLaws(centre, 100 * MS, 50)
    centre.run(1 * SECOND)
    const router = leaf2(centre)
    assert.deepEqual(book.wrong, [])
    assert.deepEqual(
      book.streams.map((each) => each.outcome),
      ["whole", "whole", "whole"]
    )
    assert.ok(router.fragmented > 100, `${router.fragmented} cut`)
    assert.equal(router.errorsSent, 0)
  })
})
