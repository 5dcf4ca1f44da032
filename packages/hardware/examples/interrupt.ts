import { World } from "@darkfiber/sim/World"
import * as Frame from "@darkfiber/wire/Frame"
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import { Core } from "@darkfiber/hardware/cpu/Core"
import { Link } from "@darkfiber/hardware/link/Link"
import { Nic } from "@darkfiber/hardware/nic/Nic"
import { Switch } from "@darkfiber/hardware/switch/Switch"

/** Two cards on a switch: one sends a datagram, the other one's core takes the interrupt. */
const world = new World(1)
const sender = new Nic(world.newIsland("left"), "left/eth0", { mac: MacAddress.local(1) })
const receiver = new Nic(world.newIsland("right"), "right/eth0", { mac: MacAddress.local(2) })
const bridge = new Switch(world.newIsland("switch"), "switch")
for (const nic of [sender, receiver]) {
  const link = new Link(world, nic.name, { rate: 10_000_000_000, delay: 500 })
  nic.connect(link.a)
  bridge.plug(link.b)
}

export const lines: Array<string> = []
const core = new Core(receiver.island, "right/cpu0", 0, new Int32Array(0))
const line = core.requestIrq({
  interrupt: (on) => {
    lines.push(`${on.time} ns: hard IRQ`)
    on.charge(1000)
    while (receiver.rxReady(0, on.time) > 0) {
      const frame = receiver.rxTake(0)
      lines.push(`${on.time} ns: ${world.slab.length[frame]} bytes that arrived at ${receiver.rxTakenAt(0)} ns`)
      on.island.ledger.delivered++
      world.slab.free(frame)
      receiver.rxRefill(0, 1)
    }
    receiver.unmask(0, on.time)
  }
})
receiver.setVector(0, core, line)
receiver.rxRefill(0, 255)

const ends: Frame.Ends = {
  sourceMac: MacAddress.local(1),
  destinationMac: MacAddress.local(2),
  source: Ipv4Address.of(10, 0, 0, 1),
  destination: Ipv4Address.of(10, 0, 0, 2)
}
const bytes = Frame.udp(ends, { sourcePort: 40_000, destinationPort: 7 }, new Uint8Array(58))
const packet = sender.txAcquire(0)
packet.frame = world.slab.from(bytes)
packet.headAt = world.slab.start[packet.frame]!
packet.headLength = bytes.length
packet.giveAway = true
sender.island.ledger.created++
sender.txPost(0, packet, 0)
world.run(1_000_000)

for (const [name, value] of receiver.statistics()) if (value > 0) lines.push(`${name}: ${value}`)
