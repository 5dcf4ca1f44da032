import * as Container from "@darkfiber/containers/Container"
import { Host } from "@darkfiber/kernel-net/Host"
import * as Netfilter from "@darkfiber/kernel-net/netfilter/Setup"
import { linux6x } from "@darkfiber/kernel-net/Profile"
import { World } from "@darkfiber/sim/World"

/** The nat table of a host with one container whose port 80 is published as 8080. */
export const rules = (): ReadonlyArray<string> => {
  const host = new Host(new World(1), { name: "host", profile: linux6x, cores: 1, memoryBytes: 2 ** 30 })
  host.boot.run()
  const address = (last: number) => ({ address: 0xac110000 | last, prefix: 24 })
  const bridge = Container.createBridge(host, "br0", address(1), true)
  Container.createContainer(host, {
    name: "web",
    bridge,
    address: address(2),
    gateway: address(1).address,
    mac: 0x0242ac110002,
    publish: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }]
  })
  return Netfilter.of(host.init)
    .save(false)
    .filter((line) => line.startsWith("-A"))
}
