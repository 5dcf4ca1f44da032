/** Commands on a simulated host: a namespace, a veth pair, a rule. */
import { Host } from "@darkfiber/kernel-net/Host"
import { linux6x } from "@darkfiber/kernel-net/Profile"
import { World } from "@darkfiber/sim/World"
import * as Shell from "@darkfiber/tools/Shell"

export const main = (): string => {
  const host = new Host(new World(1), { name: "web1", profile: linux6x, cores: 1, memoryBytes: 4 * 1024 ** 3 })
  host.boot.run()
  const place = { host, processes: null, tcp: null, net: host.init }
  Shell.execute(place, "ip netns add blue; ip link add v0 type veth peer name v1 netns blue; ip link set v0 up")
  Shell.execute(place, "ip addr add 10.0.0.1/24 dev v0; iptables -A INPUT -i v0 -p tcp --dport 80 -j DROP")
  return Shell.execute(place, "ip -br addr show v0; iptables-save | grep -- -A").stdout
}
