import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Device from "../src/Device.ts"
import * as Drops from "../src/Drops.ts"
import { IFF_RUNNING, type NetDevice } from "../src/NetDevice.ts"
import { profiles } from "../src/Profile.ts"
import { checkQuiet, dummy, lone, newWorld } from "./Bench.ts"
import { bed, send, socket } from "./qdisc/Bed.ts"

const MS = 1_000_000
const SECOND = 1000 * MS

/** Light by time, ms, and when the device then counts as running or not, ms. */
const table: ReadonlyArray<
  readonly [
    what: string,
    light: ReadonlyArray<readonly [number, boolean]>,
    seen: ReadonlyArray<readonly [number, boolean]>
  ]
> = [
  [
    "both ways at once after a quiet second",
    [
      [3000, false],
      [5000, true]
    ],
    [
      [3000, false],
      [5000, true]
    ]
  ],
  [
    "going a second time within a second waits for its end, coming back never does",
    [
      [3000, false],
      [3002, true],
      [3005, false],
      [4100, true]
    ],
    [
      [3000, false],
      [3002, true],
      [4000, false],
      [4100, true]
    ]
  ],
  [
    "gone and back within the wait is not noticed",
    [
      [3000, false],
      [3002, true],
      [3100, false],
      [3200, true],
      [6000, false]
    ],
    [
      [3000, false],
      [3002, true],
      [6000, false]
    ]
  ],
  [
    "a wait that comes to nothing begins a second too",
    [
      [3000, false],
      [3500, true],
      [3501, false],
      [3502, true],
      [4100, false]
    ],
    [
      [3000, false],
      [3500, true],
      [5000, false]
    ]
  ]
]

describe("linkwatch, as measured on 6.18", () => {
  for (const profile of profiles) {
    for (const [what, light, seen] of table) {
      it(`${profile.name}: ${what}`, () => {
        const world = newWorld()
        const { host, scripts } = lone(world, "h", profile)
        const { dev } = dummy(host, host.init, "d0", 1000)
        for (const [at, on] of light) scripts[0]!.at(at * MS, () => Device.setCarrier(dev, on))
        const changes: Array<readonly [number, boolean]> = []
        let before = true
        for (let at = 0; at < 7000 * MS; at += MS) {
          world.run(at + 500_000)
          const now = (dev.flags & IFF_RUNNING) !== 0
          assert.equal(dev.isClosed, !now)
          if (now !== before) changes.push([Math.floor(at / MS), now])
          before = now
        }
        const wanted = seen.filter(([, on], i) => on !== (seen[i - 1]?.[1] ?? true))
        assert.equal(changes.length, wanted.length, JSON.stringify(changes))
        changes.forEach(([at, on], i) => {
          // A wait ends with a tick of the wheel, on 6.x one of its second level.
          assert.ok(on === wanted[i]![1] && at >= wanted[i]![0] && at <= wanted[i]![0] + 64, JSON.stringify(changes))
        })
      })
    }
  }

  it("what is queued outlives a short darkness within the second, and ends when it is noticed", () => {
    const made = bed("fq maxrate 80kbit")
    const dark = (dev: NetDevice, at: number, on: boolean): void => {
      made.script.at(at, () => Device.setCarrier(dev, on))
    }
    dark(made.dev, 2 * SECOND, false)
    dark(made.dev, 2 * SECOND + MS, true)
    made.script.at(2 * SECOND + 2 * MS, (core) => {
      const sock = socket(made.host, 9)
      for (let i = 0; i < 40; i++) send(core, sock, 1514)
    })
    dark(made.dev, 2 * SECOND + 10 * MS, false)
    dark(made.dev, 2 * SECOND + 20 * MS, true)
    dark(made.dev, 2 * SECOND + 600 * MS, false)
    made.world.run(2 * SECOND + 900 * MS)
    const { length } = made.qdisc
    assert.ok(length > 10)
    assert.equal(made.host.island.ledger.byReason[Drops.QDISC_DROP] ?? 0, 0)
    made.world.run(4 * SECOND)
    assert.equal(made.qdisc.length, 0)
    assert.ok((made.host.island.ledger.byReason[Drops.QDISC_DROP] ?? 0) > 10)
    checkQuiet(made.world)
  })
})
