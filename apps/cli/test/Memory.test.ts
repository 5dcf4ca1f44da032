/** What a simulated host takes of this process's memory. */
import v8 from "node:v8"
import vm from "node:vm"
import { describe, expect, it } from "vitest"
import { LeafSpine } from "../src/bench/LeafSpine.ts"
import { common, Options, settingOf } from "../src/bench/Options.ts"
import { Testbed } from "../src/bench/Testbed.ts"

/** Bytes of V8's heap a host may take; 30 kB were measured, and the budget is 14 (docs/PERFORMANCE.md). */
const MOST = 36_000
const HOSTS = 256

v8.setFlagsFromString("--expose-gc")
const gc = vm.runInNewContext("gc") as (() => void) | undefined

const build = (hosts: number): LeafSpine => {
  const bed = new Testbed(settingOf(new Options(common, {})))
  const net = new LeafSpine(bed, { spines: 2, leaves: hosts / 32, perLeaf: 32, edge: 1e10, uplink: 4e10 })
  bed.lend()
  return net
}

const aliveBytes = (): number => {
  for (let i = 0; i < 3; i++) gc!()
  return process.memoryUsage().heapUsed
}

describe("memory", () => {
  it.skipIf(gc === undefined)(`a built host without programs takes less than ${MOST} bytes (needs V8's gc)`, () => {
    const first = build(64)
    const before = aliveBytes()
    const second = build(HOSTS)
    const perHost = (aliveBytes() - before) / HOSTS
    expect(first.hosts.length + second.hosts.length).toBe(64 + HOSTS)
    expect(perHost).toBeGreaterThan(5000)
    expect(perHost).toBeLessThan(MOST)
  })
})
