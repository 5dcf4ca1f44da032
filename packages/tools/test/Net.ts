/** Simulated hosts for tests: eth0 on a cable, processes, a shell on each. */
import assert from "node:assert/strict"
import { Link } from "@darkfiber/hardware/link/Link"
import { Nic } from "@darkfiber/hardware/nic/Nic"
import { Igb } from "@darkfiber/kernel-net/driver/Igb"
import { Host } from "@darkfiber/kernel-net/Host"
import * as KernelProfile from "@darkfiber/kernel-net/Profile"
import type { Place } from "@darkfiber/observe/Machine"
import { Runtime } from "@darkfiber/sim/Runtime"
import { World } from "@darkfiber/sim/World"
import * as HostSockets from "@darkfiber/sockets/HostSockets"
import type { Outcome } from "@darkfiber/tools/Outcome"
import * as Shell from "@darkfiber/tools/Shell"
import { make } from "@darkfiber/wire/MacAddress"

export type KernelName = "3.10" | "6.x"

export interface Net {
  readonly world: World
  readonly runtime: Runtime
}

export const newNet = (seed = 1): Net => {
  const world = new World(seed)
  return { world, runtime: new Runtime(world) }
}

const MEMORY = 4 * 1024 ** 3

/** A host with lo up and nothing else. */
export const box = (net: Net, name: string, kernel: KernelName = "6.x", cores = 2): Place => {
  const profile = HostSockets.profiles[kernel]
  const host = new Host(net.world, {
    name,
    profile: kernel === "6.x" ? KernelProfile.linux6x : KernelProfile.linux310,
    cores,
    memoryBytes: MEMORY,
    sysctls: [HostSockets.sysctls(profile, MEMORY)]
  })
  assert.equal(host.boot.run(), 0)
  const fibers = net.runtime.group(host.island, name)
  const { processes, tcp } = HostSockets.attach(host, { profile, fibers, memoryBytes: MEMORY })
  const place: Place = { host, processes, tcp, net: host.init }
  ok(place, "ip link set lo up")
  return place
}

/** A port eth0 of a host; its MAC ends in `number`. */
export const port = (place: Place, number: number): Nic => {
  const { host } = place
  const nic = new Nic(host.island, `${host.name}/eth0`, {
    mac: make(0x020000000000 + number),
    rxQueues: 2,
    txQueues: 2
  })
  void new Igb(host, host.init, "eth0", nic)
  return nic
}

/** Two hosts, 10.0.0.1 and 10.0.0.2, joined by a cable. */
export const pair = (net: Net, kernel: KernelName = "6.x"): readonly [Place, Place, Link] => {
  const a = box(net, "a", kernel)
  const b = box(net, "b", kernel)
  const link = new Link(net.world, "a-b", { rate: 1e9, delay: 10_000 })
  port(a, 1).connect(link.a)
  port(b, 2).connect(link.b)
  ok(a, "ip addr add 10.0.0.1/24 dev eth0 && ip link set eth0 up")
  ok(b, "ip addr add 10.0.0.2/24 dev eth0 && ip link set eth0 up")
  return [a, b, link]
}

/** Runs a line at once; it has to succeed. Its output. */
export const ok = (place: Place, line: string): string => {
  const result = Shell.execute(place, line)
  assert.deepEqual({ line, code: result.code, stderr: result.stderr }, { line, code: 0, stderr: result.stderr })
  return result.stdout
}

/** Starts a line as a process. Its outcome, once it has ended. */
export const start = (place: Place, line: string): { outcome: Outcome | null } => {
  const box: { outcome: Outcome | null } = { outcome: null }
  const process = Shell.spawn(place, line, (result) => (box.outcome = result))
  assert.notEqual(typeof process, "number")
  return box
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
  assert.equal(created, ended + flying)
}

/** Runs a line at once; it has to fail. Its status and what it said. */
export const fails = (place: Place, line: string): readonly [number, string] => {
  const { code, stderr } = Shell.execute(place, line)
  assert.notEqual(code, 0, `${line} succeeded`)
  return [code, stderr]
}

/** A host without a cable. */
export const lone = (kernel: KernelName = "6.x"): Place => box(newNet(), "h", kernel)
