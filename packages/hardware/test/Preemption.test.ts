import assert from "node:assert/strict"
import { World } from "@darkfiber/sim/World"
import { it } from "vitest"
import { Core, STEP_IDLE, STEP_MORE, USER } from "../src/cpu/Core.ts"

/** Two steps of user code of 1000 ns; at 400 ns the core is asked for. Where each look of the scheduler began. */
const looks = (by: "interrupt" | "kick", cuts: boolean) => {
  const world = new World(1)
  const island = world.newIsland("host")
  const core = new Core(island, "cpu0", 0, new Int32Array(0))
  const seen: Array<number> = []
  core.tasks = {
    step: (on) => {
      seen.push(on.time)
      if (seen.length > 2) return STEP_IDLE
      on.userMode(true)
      on.charge(1000)
      on.userMode(false)
      on.needResched = false
      return STEP_MORE
    },
    wakeKsoftirqd: () => {}
  }
  core.preemption = {
    arrive: () => void (core.needResched = true),
    cut: (_on, left) => {
      assert.equal(left, 600)
      return cuts
    }
  }
  const line = core.requestIrq({
    interrupt: (on) => {
      on.charge(50)
      on.needResched = true
    }
  })
  core.kick(0)
  world.run(1)
  if (by === "interrupt") core.raiseIrq(line, 400)
  else core.kick(400)
  world.run(5000)
  core.settle(5000)
  assert.equal(
    core.usage.reduce((sum, part) => sum + part),
    core.time
  )
  return { seen, user: core.spent(USER) }
}

it("a step of user code that is asked for its core ends at the kick, and what is left of it is not booked", () => {
  assert.deepEqual(looks("kick", true), { seen: [0, 400, 1400], user: 1400 })
  assert.deepEqual(looks("kick", false), { seen: [0, 1000, 2000], user: 2000 })
})

it("and after the handler, at an interrupt", () => {
  assert.deepEqual(looks("interrupt", true), { seen: [0, 450, 1450], user: 1400 })
  assert.deepEqual(looks("interrupt", false), { seen: [0, 1050, 2050], user: 2000 })
})
