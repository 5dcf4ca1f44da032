/** A host's process side without a network: cores, memory, processes. */
import { Core } from "@darkfiber/hardware/cpu/Core"
import * as Caches from "@darkfiber/memory/Caches"
import { Memory, memoryDefaults } from "@darkfiber/memory/Memory"
import type { Island } from "@darkfiber/sim/Island"
import { Runtime } from "@darkfiber/sim/Runtime"
import { costTable } from "@darkfiber/sim/TracePoint"
import { World } from "@darkfiber/sim/World"
import { ProcessTable } from "../src/Processes.ts"
import { linux310, type SocketsProfile } from "../src/SocketsProfile.ts"

export interface Machine {
  readonly world: World
  readonly island: Island
  readonly runtime: Runtime
  readonly cores: ReadonlyArray<Core>
  readonly memory: Memory
  readonly processes: ProcessTable
}

export const machine = (
  seed: number,
  cores: number,
  options: { readonly profile?: SocketsProfile; readonly costs?: Record<string, number> } = {}
): Machine => {
  const world = new World(seed)
  const runtime = new Runtime(world)
  const island = world.newIsland("m")
  const { costs } = costTable(options.costs ?? {})
  const list = Array.from({ length: cores }, (_, i) => new Core(island, `m/cpu${i}`, i, costs))
  const memory = new Memory({
    ...memoryDefaults,
    cpus: cores,
    caches: options.profile?.name === "6.x" ? Caches.linux6xCaches : Caches.linux310Caches
  })
  const processes = new ProcessTable({
    name: "m",
    island,
    cores: list,
    memory,
    profile: options.profile ?? linux310,
    fibers: runtime.group(island, "m"),
    totalBytes: memoryDefaults.totalBytes
  })
  return { world, island, runtime, cores: list, memory, processes }
}
