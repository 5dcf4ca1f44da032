/** Two simulated hosts on a cable, with processes, for tests and nothing else. */
import assert from "node:assert/strict"
import { Link } from "@darkfiber/hardware/link/Link"
import { Nic } from "@darkfiber/hardware/nic/Nic"
import * as Device from "@darkfiber/kernel-net/Device"
import { Igb } from "@darkfiber/kernel-net/driver/Igb"
import { Host } from "@darkfiber/kernel-net/Host"
import * as KernelProfile from "@darkfiber/kernel-net/Profile"
import type { Place } from "@darkfiber/observe/Machine"
import { Runtime } from "@darkfiber/sim/Runtime"
import { World } from "@darkfiber/sim/World"
import * as HostSockets from "@darkfiber/sockets/HostSockets"
import * as Sys from "@darkfiber/sockets/Sys"
import { make } from "@darkfiber/wire/MacAddress"
import { Effect } from "effect"

export interface Net {
  readonly world: World
  readonly a: Place
  readonly b: Place
  readonly link: Link
}

const MEMORY = 4 * 1024 ** 3

const box = (world: World, runtime: Runtime, name: string): Place => {
  const profile = HostSockets.linux310
  const host = new Host(world, {
    name,
    profile: KernelProfile.linux310,
    cores: 2,
    memoryBytes: MEMORY,
    sysctls: [HostSockets.sysctls(profile, MEMORY)]
  })
  assert.equal(host.boot.run(), 0)
  const { processes, tcp } = HostSockets.attach(host, {
    profile,
    fibers: runtime.group(host.island, name),
    memoryBytes: MEMORY
  })
  Device.up(host.init.loopback!)
  return { host, processes, tcp, net: host.init }
}

const plug = (place: Place, link: Link, end: "a" | "b", address: number): void => {
  const nic = new Nic(place.host.island, `${place.host.name}/eth0`, { mac: make(0x020000000000 + (address & 0xff)) })
  const { dev } = new Igb(place.host, place.host.init, "eth0", nic)
  nic.connect(link[end])
  assert.equal(Device.addAddress(dev, address, 24), 0)
  Device.up(dev)
}

/** Hosts a (10.0.0.1) and b (10.0.0.2). */
export const pair = (seed = 1): Net => {
  const world = new World(seed)
  const runtime = new Runtime(world)
  const a = box(world, runtime, "a")
  const b = box(world, runtime, "b")
  const link = new Link(world, "a-b", { rate: 10e9, delay: 10_000 })
  plug(a, link, "a", 0x0a000001)
  plug(b, link, "b", 0x0a000002)
  return { world, a, b, link }
}

/** b serves on TCP port 80; a connects, sends `bytes` and closes. Both keep a UDP socket. */
export const transfer = ({ a, b }: Net, bytes: number): void => {
  const server = Effect.gen(function* () {
    const listener = yield* Sys.socket(1)
    yield* Sys.bind(listener, { address: 0, port: 80 })
    yield* Sys.listen(listener, 5)
    const udp = yield* Sys.socket(2)
    yield* Sys.bind(udp, { address: 0, port: 53 })
    const fd = yield* Sys.accept(listener)
    const buffer = new Uint8Array(65_536)
    while ((yield* Sys.recv(fd, buffer)) !== 0);
    yield* Sys.nanosleep(60e9)
  })
  const client = Effect.gen(function* () {
    yield* Sys.nanosleep(1e6)
    const fd = yield* Sys.socket(1)
    yield* Sys.connect(fd, { address: "10.0.0.2", port: 80 })
    let sent = 0
    while (sent < bytes) sent += yield* Sys.send(fd, new Uint8Array(bytes - sent))
    yield* Sys.close(fd)
  })
  b.processes!.spawn("server", b.net, server)
  a.processes!.spawn("client", a.net, client)
}

export const run = ({ world }: Net, until: number): void => {
  world.run(until)
  for (const defect of world.defects) throw defect.error
}
