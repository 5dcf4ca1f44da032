import assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as BridgeDevice from "../../src/bridge/BridgeDevice.ts"
import type { Bridge } from "../../src/bridge/Bridge.ts"
import { BLOCKING, DISABLED, FORWARDING, LEARNING, LISTENING } from "../../src/bridge/PortState.ts"
import * as Device from "../../src/Device.ts"
import { EBUSY, EINVAL, ELOOP } from "../../src/Errno.ts"
import type { NetDevice } from "../../src/NetDevice.ts"
import { of as netfilterOf } from "../../src/netfilter/Setup.ts"
import { linux310, linux6x } from "../../src/Profile.ts"
import { remove as removeVeth } from "../../src/veth/Veth.ts"
import { address, frame, Lab } from "./Lab.ts"

const broadcast = 0xffff_ffff_ffff

interface Switch {
  readonly lab: Lab
  readonly br: NetDevice
  readonly bridge: Bridge
  /** The bridge's ends and the far ends, in namespaces of their own. */
  readonly near: ReadonlyArray<NetDevice>
  readonly far: ReadonlyArray<NetDevice>
}

const make = (ports: number, profile = linux310): Switch => {
  const lab = new Lab(profile)
  const { dev, bridge } = lab.bridge(lab.host.init, "br0")
  const near: Array<NetDevice> = []
  const far: Array<NetDevice> = []
  for (let i = 0; i < ports; i++) {
    const [own, other] = lab.veth(lab.host.init, `veth${i}`, lab.netns(`net${i}`), "eth0")
    assert.equal(BridgeDevice.addPort(dev, own), 0)
    near.push(own)
    far.push(other)
  }
  return { lab, br: dev, bridge, near, far }
}

/** Frames each far end received since the last call. */
const counter = (s: Switch): (() => ReadonlyArray<number>) => {
  let before = s.far.map((dev) => dev.stats.rxPackets)
  return () => {
    const now = s.far.map((dev) => dev.stats.rxPackets)
    const gained = now.map((count, i) => count - before[i]!)
    before = now
    return gained
  }
}

describe("ports", () => {
  it("lo, bridges, and ports already are refused", () => {
    const { lab, br, near } = make(1)
    assert.equal(BridgeDevice.addPort(br, lab.host.init.loopback!), -EINVAL)
    assert.equal(BridgeDevice.addPort(br, lab.bridge(lab.host.init, "br1").dev), -ELOOP)
    assert.equal(BridgeDevice.addPort(br, near[0]!), -EBUSY)
    assert.equal(BridgeDevice.addPort(near[0]!, br), -EINVAL)
  })

  it("give the bridge the lowest address and the smallest MTU, and take them back", () => {
    const { br, bridge, near } = make(3)
    const lowest = Math.min(...near.map((dev) => dev.mac))
    assert.equal(br.mac, lowest)
    assert.equal(bridge.id, `8000.${lowest.toString(16).padStart(12, "0")}`)
    Device.setMtu(near[1]!, 1000)
    bridge.followPorts()
    assert.equal(br.mtu, 1000)
    assert.ok(near.every((dev) => dev.promiscuity === 1 && dev.master === br))
    assert.equal(BridgeDevice.removePort(br, near[1]!), 0)
    assert.equal(br.mtu, 1500)
    assert.equal(near[1]!.promiscuity, 0)
    assert.equal(near[1]!.rxHandler, null)
  })

  it("a deleted veth leaves the bridge, a deleted bridge its ports", () => {
    const { lab, br, bridge, near } = make(2)
    removeVeth(null, near[0]!)
    assert.equal(bridge.ports.length, 1)
    assert.equal(BridgeDevice.remove(null, br, false), -EBUSY)
    assert.equal(BridgeDevice.remove(null, br, true), 0)
    assert.equal(near[1]!.master, null)
    assert.equal(lab.host.init.deviceByName("br0"), null)
  })

  it("setMaster moves a port to another bridge", () => {
    const { lab, bridge, near } = make(1)
    const other = lab.bridge(lab.host.init, "br1")
    assert.equal(BridgeDevice.setMaster(near[0]!, other.dev), 0)
    assert.equal(bridge.ports.length, 0)
    assert.equal(other.bridge.ports.length, 1)
    assert.equal(BridgeDevice.setMaster(near[0]!, null), 0)
    assert.equal(other.bridge.ports.length, 0)
  })
})

describe("forwarding", () => {
  it("floods what it does not know to the n - 1 other ports, and learns", () => {
    const s = make(4)
    const seen = counter(s)
    s.lab.send(s.far[0]!, frame(s.far[2]!.mac, s.far[0]!.mac))
    assert.deepEqual(seen(), [0, 1, 1, 1])
    s.lab.send(s.far[2]!, frame(s.far[0]!.mac, s.far[2]!.mac))
    assert.deepEqual(seen(), [1, 0, 0, 0])
    s.lab.send(s.far[0]!, frame(s.far[2]!.mac, s.far[0]!.mac))
    assert.deepEqual(seen(), [0, 0, 1, 0])
    s.lab.conserve()
  })

  it("floods broadcasts to ports and host; each copy is in the account", () => {
    const s = make(4)
    const seen = counter(s)
    const before = s.lab.host.island.ledger.created
    s.lab.send(s.far[1]!, frame(broadcast, s.far[1]!.mac))
    assert.deepEqual(seen(), [1, 0, 1, 1])
    assert.equal(s.br.stats.rxPackets, 1)
    assert.equal(s.lab.host.island.ledger.created - before, 1 + 3)
    s.lab.conserve()
  })

  it("frames to the bridge's own address go up and nowhere else", () => {
    const s = make(3)
    const seen = counter(s)
    s.lab.send(s.far[0]!, frame(s.br.mac, s.far[0]!.mac))
    assert.deepEqual(seen(), [0, 0, 0])
    assert.equal(s.br.stats.rxPackets, 1)
  })

  it("an entry dies after 300 s without a frame, and the next frame is flooded", () => {
    const s = make(3)
    s.lab.send(s.far[0]!, frame(broadcast, s.far[0]!.mac))
    s.lab.send(s.far[1]!, frame(broadcast, s.far[1]!.mac))
    const seen = counter(s)
    s.lab.wait(299e9 - 10e6)
    s.lab.send(s.far[1]!, frame(s.far[0]!.mac, s.far[1]!.mac))
    assert.deepEqual(seen(), [1, 0, 0])
    s.lab.wait(2e9)
    s.lab.send(s.far[1]!, frame(s.far[0]!.mac, s.far[1]!.mac))
    assert.deepEqual(seen(), [1, 0, 1])
    s.lab.wait(400e9)
    assert.equal(s.bridge.fdb.learned, 0)
  })

  it("an address that comes from another port moves", () => {
    const s = make(3)
    const mac = 0x02_00_00_00_00_77
    s.lab.send(s.far[0]!, frame(broadcast, mac))
    s.lab.send(s.far[1]!, frame(broadcast, mac))
    const seen = counter(s)
    s.lab.send(s.far[2]!, frame(mac, s.far[2]!.mac))
    assert.deepEqual(seen(), [0, 1, 0])
  })

  it("nothing goes back to where it came from, unless hairpin is on", () => {
    const s = make(2)
    const other = 0x02_00_00_00_00_88
    s.lab.send(s.far[0]!, frame(broadcast, other))
    const seen = counter(s)
    s.lab.send(s.far[0]!, frame(other, s.far[0]!.mac))
    assert.deepEqual(seen(), [0, 0])
    s.bridge.port(s.near[0]!)!.hairpin = true
    s.lab.send(s.far[0]!, frame(other, s.far[0]!.mac))
    assert.deepEqual(seen(), [1, 0])
    s.lab.conserve()
  })

  it("link-local groups stay, except the bridge group without STP; pause frames die", () => {
    const s = make(2)
    const seen = counter(s)
    s.lab.send(s.far[0]!, frame(0x01_80_c2_00_00_0e, s.far[0]!.mac))
    assert.deepEqual(seen(), [0, 0])
    s.lab.send(s.far[0]!, frame(0x01_80_c2_00_00_01, s.far[0]!.mac))
    assert.deepEqual(seen(), [0, 0])
    s.lab.send(s.far[0]!, frame(0x01_80_c2_00_00_00, s.far[0]!.mac))
    assert.deepEqual(seen(), [0, 1])
    s.bridge.setStp(true)
    s.lab.wait(31e9)
    s.lab.send(s.far[0]!, frame(0x01_80_c2_00_00_00, s.far[0]!.mac))
    assert.deepEqual(seen(), [0, 0])
    s.lab.conserve()
  })

  it("a group address as source is refused", () => {
    const s = make(2)
    const seen = counter(s)
    s.lab.send(s.far[0]!, frame(broadcast, 0x01_00_00_00_00_01))
    assert.deepEqual(seen(), [0, 0])
    assert.equal(s.bridge.fdb.learned, 0)
  })

  it("an MTU too small for the frame drops it", () => {
    const s = make(2)
    const seen = counter(s)
    Device.setMtu(s.near[1]!, 100)
    s.lab.send(s.far[0]!, frame(broadcast, s.far[0]!.mac, 200))
    assert.deepEqual(seen(), [0, 0])
    s.lab.conserve()
  })
})

describe("states", () => {
  it("without STP a port forwards at once; with it after twice the forward delay", () => {
    const s = make(2)
    const states = (): ReadonlyArray<number> => s.bridge.ports.map((port) => port.state)
    assert.deepEqual(states(), [FORWARDING, FORWARDING])
    s.bridge.setStp(true)
    assert.deepEqual(states(), [LISTENING, LISTENING])
    const seen = counter(s)
    s.lab.send(s.far[0]!, frame(broadcast, s.far[0]!.mac))
    assert.equal(s.bridge.fdb.learned, 0)
    s.lab.wait(15.1e9)
    assert.deepEqual(states(), [LEARNING, LEARNING])
    s.lab.send(s.far[0]!, frame(broadcast, s.far[0]!.mac))
    assert.equal(s.bridge.fdb.learned, 1)
    assert.deepEqual(seen(), [0, 0])
    s.lab.wait(15.1e9)
    assert.deepEqual(states(), [FORWARDING, FORWARDING])
    s.lab.send(s.far[0]!, frame(broadcast, s.far[0]!.mac))
    assert.deepEqual(seen(), [0, 1])
  })

  it("a port without carrier is disabled and what it taught is forgotten", () => {
    const s = make(2)
    s.lab.send(s.far[0]!, frame(broadcast, s.far[0]!.mac))
    assert.equal(s.bridge.fdb.learned, 1)
    Device.down(null, s.far[0]!)
    assert.equal(s.bridge.port(s.near[0]!)!.state, DISABLED)
    assert.equal(s.bridge.fdb.learned, 0)
    Device.up(s.far[0]!)
    assert.equal(s.bridge.port(s.near[0]!)!.state, FORWARDING)
  })

  it("the bridge loses its carrier with its last port", () => {
    const s = make(1)
    assert.equal(s.br.carrier, true)
    s.bridge.port(s.near[0]!)!.setState(BLOCKING)
    assert.equal(s.br.carrier, false)
  })
})

describe("the host and its containers", () => {
  const addressed = (profile = linux310): Switch => {
    const s = make(2, profile)
    s.far.forEach((dev, i) => Device.addAddress(dev, address(192, 168, 0, 101 + i), 24))
    return s
  }

  it("ping each other over the bridge, with and without an address on it", () => {
    const s = addressed()
    const first = s.far[0]!.net
    assert.equal(s.lab.ping(first, address(192, 168, 0, 102), 3), 3)
    Device.addAddress(s.br, address(192, 168, 0, 100), 24)
    assert.equal(s.lab.ping(s.lab.host.init, address(192, 168, 0, 101), 3), 3)
    assert.equal(s.lab.ping(first, address(192, 168, 0, 100), 3), 3)
    s.lab.conserve()
  })

  it("the third port sees the ARP request once and no ping", () => {
    const s = make(3, linux6x)
    s.far.forEach((dev, i) => Device.addAddress(dev, address(192, 168, 0, 101 + i), 24))
    const seen = counter(s)
    s.lab.ping(s.far[0]!.net, address(192, 168, 0, 102), 1)
    assert.equal(seen()[2], 1)
    s.lab.ping(s.far[0]!.net, address(192, 168, 0, 102), 20)
    assert.equal(seen()[2], 0)
  })

  it("FORWARD DROP blocks bridged pings if and only if bridge-nf-call-iptables is 1", () => {
    for (const [profile, initially] of [
      [linux310, 0],
      [linux6x, 2]
    ] as const) {
      const s = addressed(profile)
      const net = s.lab.host.init
      netfilterOf(net).table("filter").policy("FORWARD", "DROP")
      assert.equal(s.lab.ping(s.far[0]!.net, address(192, 168, 0, 102), 2), initially)
      assert.equal(net.setSysctl("net.bridge.bridge-nf-call-iptables", "0"), 0)
      assert.equal(s.lab.ping(s.far[0]!.net, address(192, 168, 0, 102), 2), 2)
      assert.equal(net.setSysctl("net.bridge.bridge-nf-call-iptables", "1"), 0)
      assert.equal(s.lab.ping(s.far[0]!.net, address(192, 168, 0, 102), 2), 0)
      s.lab.conserve()
    }
  })
})

describe("conservation", () => {
  it("whatever frames come, each ends once and none goes back to its port", () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(3), fc.nat(7), fc.nat(7), fc.integer({ min: 0, max: 1600 })), { maxLength: 40 }),
        fc.boolean(),
        (frames, promiscuous) => {
          const s = make(4)
          if (promiscuous) s.br.promiscuity++
          const macs = [...s.far.map((dev) => dev.mac), s.br.mac, broadcast, 0x01_00_5e_00_00_01, 0x02_99_00_00_00_01]
          const seen = counter(s)
          for (const [from, to, as, length] of frames) {
            s.lab.send(s.far[from]!, frame(macs[to]!, macs[as]!, length))
            const gained = seen()
            assert.equal(gained[from], 0)
          }
          s.lab.conserve()
          assert.equal(s.lab.host.liveSkbs, 0)
          assert.equal(s.lab.world.slab.live, 0)
        }
      ),
      { numRuns: cases(25) }
    ))
})
