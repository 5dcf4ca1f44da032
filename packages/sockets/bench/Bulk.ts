/**
 * A TCP stream between two hosts over a 10 Gb/s cable: CPU time a megabyte.
 *
 *     npx tsx --conditions=@darkfiber/source packages/sockets/bench/Bulk.ts [megabytes]
 */
import { Link } from "@darkfiber/hardware/link/Link"
import { Nic } from "@darkfiber/hardware/nic/Nic"
import * as Device from "@darkfiber/kernel-net/Device"
import { Igb } from "@darkfiber/kernel-net/driver/Igb"
import { Host } from "@darkfiber/kernel-net/Host"
import * as KernelProfile from "@darkfiber/kernel-net/Profile"
import { Runtime } from "@darkfiber/sim/Runtime"
import { World } from "@darkfiber/sim/World"
import { make } from "@darkfiber/wire/MacAddress"
import { Effect } from "effect"
import * as HostSockets from "../src/HostSockets.ts"
import { SOCK_STREAM } from "../src/Socket.ts"
import * as Sys from "../src/Sys.ts"

const megabytes = Number(process.argv[2] ?? 50)
const memoryBytes = 4 * 1024 ** 3
const world = new World(1)
const runtime = new Runtime(world)

const host = (name: string, address: number) => {
  const sysctls = [HostSockets.sysctls(HostSockets.linux6x, memoryBytes)]
  const made = new Host(world, { name, profile: KernelProfile.linux6x, cores: 1, memoryBytes, sysctls })
  made.boot.run()
  const fibers = runtime.group(made.island, name)
  const sockets = HostSockets.attach(made, { profile: HostSockets.linux6x, fibers, memoryBytes })
  const nic = new Nic(made.island, `${name}/eth0`, { mac: make(0x020000000000 + address) })
  const igb = new Igb(made, made.init, "eth0", nic)
  Device.addAddress(igb.dev, address, 24)
  return { ...sockets, nic, igb }
}

const a = host("a", 0x0a000001)
const b = host("b", 0x0a000002)
const link = new Link(world, "a-b", { rate: 10e9, delay: 10_000, loss: 0 })
a.nic.connect(link.a)
b.nic.connect(link.b)
Device.up(a.igb.dev)
Device.up(b.igb.dev)

const total = megabytes * 1_000_000
let end = 0
b.processes.spawn(
  "sink",
  b.host.init,
  Effect.gen(function* () {
    const listener = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.bind(listener, { address: "10.0.0.2", port: 5001 })
    yield* Sys.listen(listener, 1)
    const fd = yield* Sys.accept(listener)
    const buffer = new Uint8Array(131_072)
    while ((yield* Sys.recv(fd, buffer)) > 0);
    end = yield* Sys.clockGettime
  })
)
a.processes.spawn(
  "source",
  a.host.init,
  Effect.gen(function* () {
    const fd = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.connect(fd, { address: "10.0.0.2", port: 5001 })
    const data = new Uint8Array(131_072)
    let left = total
    while (left > 0) left -= yield* Sys.send(fd, left < data.length ? data.subarray(0, left) : data)
    yield* Sys.close(fd)
  })
)
const before = process.cpuUsage()
world.run(100_000_000_000)
const used = process.cpuUsage(before)
const cpuMs = (used.user + used.system) / 1000
const hops = world.islands.reduce((sum, island) => sum + island.ledger.hops, 0)
console.log(
  JSON.stringify({
    megabytes,
    cpu_ms: Math.round(cpuMs),
    ms_a_megabyte: cpuMs / megabytes,
    frame_hops: hops,
    hops_per_cpu_s: Math.round((hops / cpuMs) * 1000),
    goodput_gbps: (total * 8) / end,
    switches: [a.processes.scheduler.switches, b.processes.scheduler.switches],
    defects: world.defects.length
  })
)
