/** A host with only lo, and views of it. */
import * as Device from "@darkfiber/kernel-net/Device"
import { Host } from "@darkfiber/kernel-net/Host"
import { linux310 } from "@darkfiber/kernel-net/Profile"
import * as Links from "@darkfiber/observe/Links"
import { formatAddress } from "@darkfiber/observe/LinkText"
import type { Place } from "@darkfiber/observe/Machine"
import * as Procfs from "@darkfiber/observe/Procfs"
import { World } from "@darkfiber/sim/World"

export const main = (): string => {
  const world = new World(1)
  const host = new Host(world, { name: "web1", profile: linux310, cores: 2, memoryBytes: 4 * 1024 ** 3 })
  host.boot.run()
  Device.up(host.init.loopback!)
  const place: Place = { host, processes: null, tcp: null, net: host.init }
  world.run(1_000_000_000)
  return Links.list(place.net).map(formatAddress).join("") + Procfs.read(place, "/proc/softirqs")!.split("\n")[0]!
}
