/** Hosts with processes and a network: lo, and igb ports joined by cables. */
import { Link } from "@darkfiber/hardware/link/Link"
import { Nic } from "@darkfiber/hardware/nic/Nic"
import * as Device from "@darkfiber/kernel-net/Device"
import { Igb } from "@darkfiber/kernel-net/driver/Igb"
import { Host } from "@darkfiber/kernel-net/Host"
import * as KernelProfile from "@darkfiber/kernel-net/Profile"
import { Runtime } from "@darkfiber/sim/Runtime"
import { World } from "@darkfiber/sim/World"
import { make } from "@darkfiber/wire/MacAddress"
import type { Effect } from "effect"
import { assert } from "vitest"
import * as HostSockets from "../src/HostSockets.ts"
import type { HostProfile, HostSockets as Sockets } from "../src/HostSockets.ts"
import { Process } from "../src/Process.ts"
import type { SpawnOptions } from "../src/Processes.ts"

export type KernelName = "3.10" | "6.x"

export interface Net {
  readonly world: World
  readonly runtime: Runtime
}

export interface Box extends Sockets {
  readonly profile: HostProfile
  spawn(name: string, effect: Effect.Effect<unknown, unknown>, options?: SpawnOptions): Process
}

export const newNet = (seed = 1): Net => {
  const world = new World(seed)
  return { world, runtime: new Runtime(world) }
}

const MEMORY = 4 * 1024 ** 3

export const box = (net: Net, name: string, kernel: KernelName = "6.x", cores = 1): Box => {
  const profile = HostSockets.profiles[kernel]
  const kernelProfile = kernel === "6.x" ? KernelProfile.linux6x : KernelProfile.linux310
  const host = new Host(net.world, {
    name,
    profile: kernelProfile,
    cores,
    memoryBytes: MEMORY,
    sysctls: [HostSockets.sysctls(profile, MEMORY)]
  })
  assert.strictEqual(host.boot.run(), 0)
  const fibers = net.runtime.group(host.island, name)
  const sockets = HostSockets.attach(host, { profile, fibers, memoryBytes: MEMORY })
  Device.up(host.init.loopback!)
  return {
    ...sockets,
    profile,
    spawn: (processName, effect, options) => {
      const process = sockets.processes.spawn(processName, host.init, effect, options)
      assert.instanceOf(process, Process)
      return process as Process
    }
  }
}

export const ip = (text: string): number => text.split(".").reduce((sum, part) => (sum << 8) | Number(part), 0)

/** A port eth0 with an address. */
export const port = (on: Box, address: string): { readonly nic: Nic; readonly igb: Igb } => {
  const nic = new Nic(on.host.island, `${on.host.name}/eth0`, { mac: make(0x020000000000 + (ip(address) & 0xffff)) })
  const igb = new Igb(on.host, on.host.init, "eth0", nic)
  assert.strictEqual(Device.addAddress(igb.dev, ip(address), 24), 0)
  return { nic, igb }
}

export interface Cable {
  readonly rate?: number
  readonly delay?: number
  readonly loss?: number
}

/** Two hosts, 10.0.0.1 and 10.0.0.2, joined by a cable. */
export const pair = (net: Net, kernel: KernelName = "6.x", cable: Cable = {}, cores = 1): readonly [Box, Box] => {
  const a = box(net, "a", kernel, cores)
  const b = box(net, "b", kernel, cores)
  const left = port(a, "10.0.0.1")
  const right = port(b, "10.0.0.2")
  const { rate = 1e9, delay = 10_000, loss = 0 } = cable
  const link = new Link(net.world, "a-b", { rate, delay, loss })
  left.nic.connect(link.a)
  right.nic.connect(link.b)
  Device.up(left.igb.dev)
  Device.up(right.igb.dev)
  return [a, b]
}

/** Runs, and checks that nothing broke: no defect, and every frame created has ended or is somewhere. */
export const settle = (net: Net, until: number): void => {
  net.world.run(until)
  for (const defect of net.world.defects) throw defect.error
  let created = 0
  let ended = 0
  let flying = 0
  for (const island of net.world.islands) {
    created += island.ledger.created
    ended += island.ledger.delivered + island.ledger.dropped
    for (const actor of island.actors) if (actor.alive) actor.walkFrames((weight) => (flying += weight))
  }
  assert.strictEqual(created, ended + flying)
}

/** No process of these hosts failed, and what they took is given back. */
export const allWell = (...boxes: ReadonlyArray<Box>): void => {
  for (const { processes } of boxes) {
    for (const exit of processes.exits) if (exit.reason !== "exited") throw exit.error ?? new Error(exit.reason)
    assert.deepStrictEqual(
      processes.list().map((process) => process.name),
      []
    )
    assert.strictEqual(processes.files.count, 0)
  }
}
