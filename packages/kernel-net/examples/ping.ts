/** Two hosts and a cable: one ping, its round trip, and where its packets went. */
import { Link } from "@darkfiber/hardware/link/Link"
import { Nic } from "@darkfiber/hardware/nic/Nic"
import * as Device from "@darkfiber/kernel-net/Device"
import { Igb } from "@darkfiber/kernel-net/driver/Igb"
import { Host } from "@darkfiber/kernel-net/Host"
import { PingSock } from "@darkfiber/kernel-net/Ping"
import { linux310 } from "@darkfiber/kernel-net/Profile"
import { check } from "@darkfiber/sim/Conservation"
import { World } from "@darkfiber/sim/World"
import { of } from "@darkfiber/wire/Ipv4Address"
import { local } from "@darkfiber/wire/MacAddress"

const world = new World(1)
const link = new Link(world, "cable", { rate: 1e9, delay: 1000 })

const boot = (n: number): Igb => {
  const host = new Host(world, { name: `host${n}`, profile: linux310, cores: 1, memoryBytes: 4294967296 })
  host.boot.run()
  const nic = new Nic(host.island, `host${n}/eth0`, { mac: local(n) })
  nic.connect(n === 1 ? link.a : link.b)
  const igb = new Igb(host, host.init, "eth0", nic)
  Device.addAddress(igb.dev, of(10, 0, 0, n), 24)
  return igb
}

/** Pings host2 from host1. @returns what happened, in a line */
export const run = (): string => {
  const ports = [boot(1), boot(2)]
  for (const port of ports) Device.up(port.dev)
  const { host } = ports[0]!
  const core = host.cores[0]!
  const sock = new PingSock(host.init)
  let left = 1
  core.tasks = {
    // One system call, then nothing more to do.
    step: () => (left-- > 0 && sock.send(core, of(10, 0, 0, 2), 1, new Uint8Array(56)) > 0 ? 0 : 1),
    wakeKsoftirqd: () => {}
  }
  core.kick(0)
  world.run(1e9)
  const reply = sock.takeReceived()!
  const { created, delivered, dropped } = check(world)
  return `${reply.length} bytes after ${reply.timestamp} ns; created ${created}, delivered ${delivered}, dropped ${dropped}`
}
