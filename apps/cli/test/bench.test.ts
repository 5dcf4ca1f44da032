/** Small runs of every speed scenario: they do their work, keep the laws, and do it the same way each time. */
import { describe, expect, it } from "vitest"
import { Mersenne } from "../src/bench/Mersenne.ts"
import { BadOption, type Values } from "../src/bench/Options.ts"
import { scenarios } from "../src/bench/Scenarios.ts"

const run = (name: string, options: Values) => scenarios[name]!.run(options)

/** Options of a run of some milliseconds, and what it comes to. */
const small: ReadonlyArray<{
  readonly name: string
  readonly options: Values
  readonly expected: Readonly<Record<string, number>>
}> = [
  { name: "s1-bulk", options: { gb: "0.002" }, expected: { rx_bytes: 2_000_000, flows_done: 1, frames_dropped: 0 } },
  {
    name: "s2-leafspine",
    options: { mb: "0.05", leaves: "2", perLeaf: "4", spines: "2" },
    expected: { flows: 8, flows_done: 8, rx_bytes: 400_000 }
  },
  {
    name: "s2-leafspine",
    options: { mb: "0.1", leaves: "2", perLeaf: "4", spines: "2", pattern: "incast", fan: "7", queue: "20" },
    expected: { flows: 7, flows_done: 7, rx_bytes: 700_000 }
  },
  {
    name: "s2-leafspine",
    options: { mb: "0.02", leaves: "2", perLeaf: "3", spines: "2", pattern: "alltoall" },
    expected: { flows: 30, flows_done: 30, rx_bytes: 600_000 }
  },
  { name: "s3-rpc", options: { hosts: "6", conns: "2", rpcs: "300" }, expected: { conns: 6, frames_dropped: 0 } },
  {
    name: "s4-conns",
    options: { conns: "200", rate: "1e5" },
    expected: { conns: 200, established: 200, frame_hops: 1200, frames_dropped: 0 }
  },
  {
    name: "s5-bridge",
    options: { endpoints: "6", secs: "0.01", pps: "5000" },
    expected: { udp_tx: 270, udp_rx: 270, frames_dropped: 0 }
  },
  {
    name: "s5-bridge",
    options: { endpoints: "6", mode: "tcp", mb: "0.05" },
    expected: { flows_done: 6, rx_bytes: 300_000 }
  },
  {
    name: "s6-scale",
    options: { hosts: "16", perLeaf: "8", secs: "0.05", pps: "200" },
    expected: { hosts: 16, udp_tx: 160, udp_rx: 160, frames_dropped: 0 }
  }
]

describe.each(small)("$name $options", ({ name, options, expected }) => {
  const filled = { ...options, checksum: "1" }
  const leased = run(name, filled)

  it("does its work", () => {
    expect(leased).toMatchObject(expected)
    expect(leased["frame_hops"]).toBeGreaterThan(0)
  })

  it("does the same with programs as fibers, with actors as fibers, and again", () => {
    for (const other of [{ programs: "fiber" }, { dispatch: "fiber" }, {}]) {
      const again = run(name, { ...filled, ...other })
      expect(again["fingerprint"]).toBe(leased["fingerprint"])
      expect(again["sim_s"]).toBe(leased["sim_s"])
    }
  })

  it("moves the same frames with carried checksums", () => {
    expect(run(name, options)["frame_hops"]).toBe(leased["frame_hops"])
  })
})

describe("s2-leafspine", () => {
  it("has other flows meet with another seed", () => {
    const options = { mb: "0.02", leaves: "2", perLeaf: "4", spines: "2" }
    expect(run("s2-leafspine", { ...options, seed: "2" })["fingerprint"]).not.toBe(
      run("s2-leafspine", options)["fingerprint"]
    )
  })
})

describe("fabric", () => {
  it("delivers or drops every packet", () => {
    const line = run("fabric", { nodes: "8", perLeaf: "4", spines: "2", ms: "0.2" })
    expect(line["packets_tx"]).toBeGreaterThan(100)
    expect(Number(line["packets_rx"]) + Number(line["frames_dropped"])).toBe(line["packets_tx"])
    expect(run("fabric", { nodes: "8", perLeaf: "4", spines: "2", ms: "0.2" })["fingerprint"]).toBe(line["fingerprint"])
  })
})

describe("options", () => {
  it("that do not exist or cannot be read are refused", () => {
    expect(() => run("s1-bulk", { megabytes: "1" })).toThrow(BadOption)
    expect(() => run("s1-bulk", { gb: "much" })).toThrow(BadOption)
    expect(() => run("s1-bulk", { delay: "5" })).toThrow(BadOption)
    expect(() => run("s1-bulk", { programs: "both" })).toThrow(BadOption)
  })
})

describe("Mersenne", () => {
  it("gives std::mt19937's ten-thousandth number for its default seed", () => {
    const random = new Mersenne(5489)
    for (let i = 1; i < 10_000; i++) random.next()
    expect(random.next()).toBe(4_123_659_995) // C++ standard [rand.predef]
  })
})
