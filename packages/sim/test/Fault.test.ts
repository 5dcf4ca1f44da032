import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as Fault from "../src/Fault.ts"
import { ruleKinds, ruleSwarmDefaults, swarmRules } from "../src/RuleSwarm.ts"
import { type FaultEvent, install, swarm, swarmDefaults, type SwarmTargets, targetOf } from "../src/FaultPlan.ts"
import { FCS_BAD } from "../src/FrameSlab.ts"
import { Runtime } from "../src/Runtime.ts"
import { World } from "../src/World.ts"

const rule = (id: string, action: Fault.FaultAction, changes: Partial<Fault.FaultRule> = {}): Fault.FaultRule => ({
  ...Fault.ruleDefaults,
  id,
  action,
  ...changes
})
const drop: Fault.FaultAction = { _tag: "Drop" }

/** A chain on `link/a`, and its verdicts on frames of 100 bytes that enter every 1,000 ns. */
const verdicts = (rules: ReadonlyArray<Fault.FaultRule>, count: number, seed = 1, direction = "link/a") => {
  const world = new World(seed)
  const chain = new Fault.FaultChain(world, direction, rules)
  const frame = world.slab.alloc(100)
  return Array.from({ length: count }, (_, i) => {
    const verdict = chain.judge(i * 1000, frame, world.slab)
    return { verdict, delay: chain.delay, copies: chain.copies, bit: chain.bit }
  })
}
const dropped = (rules: ReadonlyArray<Fault.FaultRule>, count: number, seed = 1, direction = "link/a") =>
  verdicts(rules, count, seed, direction).flatMap(({ verdict }, i) => (verdict === Fault.DROP ? [i] : []))

describe("FaultChain", () => {
  it("every n-th, windows, bursts and other directions", () => {
    expect(dropped([rule("r", drop, { every: 3 })], 10)).toEqual([2, 5, 8])
    expect(dropped([rule("r", drop, { every: 4, burst: 2 })], 10)).toEqual([3, 4, 7, 8])
    expect(dropped([rule("r", drop, { from: 3000, until: 5000 })], 10)).toEqual([3, 4])
    expect(dropped([rule("r", drop, { direction: "link/b" })], 10)).toEqual([])
    expect(dropped([rule("r", drop, { lengthMin: 101 })], 3)).toEqual([])
  })

  it("a probability hits about that share, the same frames for the same seed", () => {
    const half = [rule("r", drop, { every: 0, probability: 0.2 })]
    const hits = dropped(half, 10_000)
    expect(Math.abs(hits.length - 2000)).toBeLessThan(160)
    expect(dropped(half, 10_000)).toEqual(hits)
    expect(dropped(half, 10_000, 2)).not.toEqual(hits)
    expect(dropped(half, 10_000, 1, "link/b")).not.toEqual(hits)
  })

  it("adding a rule changes no draw of another one", () =>
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (seed, probability) => {
        const loss = rule("loss", drop, { every: 0, probability: 0.1 })
        const late = rule("late", { _tag: "Delay", ns: 5, jitter: 9 }, { every: 0, probability })
        expect(dropped([late, loss], 200, seed)).toEqual(dropped([loss], 200, seed))
      }),
      { numRuns: cases(100) }
    ))

  it("delay keeps the order of frames, reorder does not", () => {
    const arrivals = (action: Fault.FaultAction) =>
      verdicts([rule("r", action, { every: 0, probability: 0.5 })], 500).map(({ delay }, i) => i * 1000 + delay)
    const inOrder = arrivals({ _tag: "Delay", ns: 3000, jitter: 5000 })
    expect(inOrder).toEqual(inOrder.toSorted((left, right) => left - right))
    expect(inOrder.some((time, i) => time > i * 1000)).toBe(true)
    const shuffled = arrivals({ _tag: "Reorder", ns: 5000 })
    expect(shuffled).not.toEqual(shuffled.toSorted((left, right) => left - right))
    expect(shuffled.every((time, i) => time >= i * 1000 && time <= i * 1000 + 5000)).toBe(true)
  })

  it("rules add up; a drop ends the matter", () => {
    const all = [
      rule("d", { _tag: "Delay", ns: 10, jitter: 0 }),
      rule("c", { _tag: "Duplicate", copies: 2 }),
      rule("p", { _tag: "Corrupt", what: "payload" })
    ]
    const [first] = verdicts(all, 1)
    expect(first).toMatchObject({
      verdict: Fault.DELAY | Fault.DUPLICATE | Fault.CORRUPT_PAYLOAD,
      delay: 10,
      copies: 2
    })
    expect(verdicts([...all, rule("x", drop)], 1)[0]).toMatchObject({ verdict: Fault.DROP, delay: 0 })
  })

  it("damage flips exactly one bit inside the frame and marks a bad FCS only for fcs", () => {
    const { slab } = new World(1)
    for (const verdict of [Fault.CORRUPT_FCS, Fault.CORRUPT_PAYLOAD]) {
      const frame = slab.from(new Uint8Array(64))
      slab.flags[frame] = 5
      Fault.damage(slab, frame, verdict, 511)
      const view = slab.view(frame)
      expect([...view].filter((byte) => byte !== 0)).toEqual([128])
      expect(view[63]).toBe(128)
      expect(slab.flags[frame]).toBe(verdict === Fault.CORRUPT_FCS ? 1 | FCS_BAD : 1)
    }
  })

  it("finds the protocol in IPv4, IPv6 and behind a VLAN tag", () => {
    const world = new World(1)
    const judge = (etherType: number, at: number, tagged: boolean): number => {
      const bytes = new Uint8Array(80)
      const base = tagged ? 16 : 12
      if (tagged) bytes.set([0x81, 0], 12)
      bytes.set([etherType >> 8, etherType & 255], base)
      bytes[base + at] = 6
      const chain = new Fault.FaultChain(world, "d", [rule("tcp", drop, { protocol: 6 })])
      return chain.judge(0, world.slab.from(bytes), world.slab)
    }
    expect([judge(0x0800, 11, false), judge(0x0800, 11, true), judge(0x86dd, 8, false)]).toEqual([1, 1, 1])
    expect([judge(0x0806, 11, false), judge(0x0800, 8, false)]).toEqual([0, 0])
  })
})

const targets: SwarmTargets = {
  links: ["l0", "l1"],
  directions: ["l0/a", "l0/b"],
  hosts: ["h0", "h1", "h2"],
  cores: [{ host: "h0", core: 1 }]
}

describe("FaultPlan", () => {
  it("swarm: same seed same plan, in order, each fault ends before the window does and never overlaps itself", () =>
    fc.assert(
      fc.property(fc.maxSafeInteger(), (seed) => {
        const plan = swarm(seed, targets)
        expect(swarm(seed, targets)).toEqual(plan)
        let last = 0
        const open = new Set<string>()
        for (const event of plan) {
          expect(event.time).toBeGreaterThanOrEqual(last)
          expect(event.time).toBeLessThanOrEqual(swarmDefaults.until)
          last = event.time
          const name = `${event._tag === "Cut" || event._tag === "Heal" ? "cut" : ""}${targetOf(event)}`
          const begins = ["LinkDown", "Cut", "CrashHost"].includes(event._tag)
          if (begins || (event._tag === "SlowCore" && event.slowness > 1)) {
            expect(open.has(name)).toBe(false)
            open.add(name)
          } else expect(open.delete(name)).toBe(true)
        }
        expect(open.size).toBe(0)
      }),
      { numRuns: cases(100) }
    ))

  it("swarm: kinds are on and off from seed to seed; more links change no crash", () => {
    const plans = Array.from({ length: 64 }, (_, seed) => swarm(seed, targets))
    const share = plans.filter((plan) => plan.some((event) => event._tag === "CrashHost")).length
    expect(share).toBeGreaterThan(16)
    expect(share).toBeLessThan(48)
    const crashes = (from: SwarmTargets) => swarm(5, from).filter((event) => event._tag === "CrashHost")
    expect(crashes({ ...targets, links: ["x", "y", "z"] })).toEqual(crashes(targets))
  })

  it("swarmRules: same seed same rules, inside the window, by kind from its own stream; another id, other rules", () =>
    fc.assert(
      fc.property(fc.maxSafeInteger(), (seed) => {
        const directions = ["a", "b"]
        const options = { ...ruleSwarmDefaults, from: 1000, until: 2_000_000 }
        const rules = swarmRules(seed, ruleKinds, directions, options)
        expect(swarmRules(seed, ruleKinds, directions, options)).toEqual(rules)
        for (const rule of rules) {
          expect(rule.from).toBeGreaterThanOrEqual(1000)
          expect(rule.until).toBeLessThanOrEqual(2_000_000)
          expect(rule.until).toBeGreaterThan(rule.from)
          expect(rule.probability).toBeLessThanOrEqual(ruleSwarmDefaults.shareMax)
          expect(directions).toContain(rule.direction)
        }
        const drops = rules.filter((rule) => rule.action._tag === "Drop")
        expect(swarmRules(seed, ["drop"], directions, options)).toEqual(drops)
        if (rules.length > 0)
          expect(swarmRules(seed, ruleKinds, directions, { ...options, id: "x" })).not.toEqual(rules)
        expect(swarmRules(seed, ruleKinds, [], options)).toEqual([])
      }),
      { numRuns: cases(100) }
    ))

  it("install carries events out at their times on each island concerned, and names what has no target", () => {
    const world = new World(1)
    const runtime = new Runtime(world)
    const a = world.newIsland("a")
    const b = world.newIsland("b")
    const plan: ReadonlyArray<FaultEvent> = [
      { _tag: "LinkDown", time: 100, link: "ab" },
      { _tag: "CrashHost", time: 200, host: "b" },
      { _tag: "CrashHost", time: 300, host: "nobody" }
    ]
    const seen: Array<string> = []
    const missing = install(plan, runtime, {
      islandsOf: (event) => (event._tag === "LinkDown" ? [a, b] : targetOf(event) === "b" ? [b] : []),
      apply: (event, island, now) => seen.push(`${event._tag} ${island.name} ${now}`)
    })
    world.run(1000)
    expect(seen).toEqual(["LinkDown a 100", "LinkDown b 100", "CrashHost b 200"])
    expect(missing).toEqual([plan[2]])
  })
})
