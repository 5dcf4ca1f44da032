import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Device from "../../src/Device.ts"
import { EEXIST, EINVAL } from "../../src/Errno.ts"
import { linux310, linux6x } from "../../src/Profile.ts"
import { create, peerOf, remove } from "../../src/veth/Veth.ts"
import { address, frame, Lab } from "../bridge/Lab.ts"

describe("pairs", () => {
  it("are each other's peer, with different addresses; deleting one removes both", () => {
    const lab = new Lab()
    const net = lab.host.init
    const dev = create(net, "veth0", net, "veth1")
    assert.ok(typeof dev !== "number")
    const peer = peerOf(dev)!
    assert.equal(peerOf(peer), dev)
    assert.notEqual(dev.mac, peer.mac)
    assert.equal(remove(null, peer), 0)
    assert.deepEqual(
      net.devices.map((each) => each.name),
      ["lo"]
    )
    assert.equal(create(net, "veth0", net, "veth0"), -EINVAL)
    assert.equal(create(net, "lo", net, "veth1"), -EEXIST)
    assert.deepEqual(
      net.devices.map((each) => each.name),
      ["lo"]
    )
  })

  it("have a carrier while both ends are up", () => {
    const lab = new Lab()
    const net = lab.host.init
    const dev = create(net, "veth0", net, "veth1")
    assert.ok(typeof dev !== "number")
    const peer = peerOf(dev)!
    const carriers = (): ReadonlyArray<boolean> => [dev.carrier, peer.carrier]
    assert.deepEqual(carriers(), [false, false])
    Device.up(dev)
    assert.deepEqual(carriers(), [false, false])
    Device.up(peer)
    assert.deepEqual(carriers(), [true, true])
    Device.down(null, dev)
    assert.deepEqual(carriers(), [false, false])
  })

  it("have pfifo_fast in 3.10 and no queue in 6.x", () => {
    for (const [profile, kind, length] of [
      [linux310, "pfifo_fast", 1000],
      [linux6x, "noqueue", 1000]
    ] as const) {
      const lab = new Lab(profile)
      const [dev] = lab.veth(lab.host.init, "veth0", lab.host.init, "veth1")
      assert.equal(dev.qdiscs[0]!.kind, kind)
      assert.equal(dev.txQueueLength, length)
    }
  })

  it("go with the namespace of either end", () => {
    const lab = new Lab()
    const net = lab.netns("net1")
    lab.veth(lab.host.init, "veth0", net, "veth1")
    lab.host.destroyNetns(null, net)
    assert.deepEqual(
      lab.host.init.devices.map((each) => each.name),
      ["lo"]
    )
  })
})

describe("frames", () => {
  it("what one end sends the other receives, counted alike; too long ones are dropped", () => {
    const lab = new Lab()
    const [dev, peer] = lab.veth(lab.host.init, "veth0", lab.netns("net1"), "veth1")
    Device.setMtu(peer, 1000)
    for (let i = 0; i < 10; i++) lab.send(dev, frame(peer.mac, dev.mac, 100))
    assert.equal(dev.stats.txPackets, 10)
    assert.equal(peer.stats.rxPackets, 10)
    assert.equal(dev.stats.txBytes, 1140)
    assert.equal(peer.stats.rxBytes, 1140)
    const unhandled = peer.stats.rxDropped // the EtherType is unknown to the receiver
    lab.send(dev, frame(peer.mac, dev.mac, 1004))
    assert.equal(peer.stats.rxPackets, 11)
    lab.send(dev, frame(peer.mac, dev.mac, 1005))
    assert.equal(peer.stats.rxPackets, 11)
    assert.equal(peer.stats.rxDropped, unhandled + 1 + 1)
    assert.equal(dev.stats.txDropped, 1)
    assert.equal(
      lab.host.cores[0]!.irqCounts.reduce((sum, count) => sum + count, 0),
      0
    )
    lab.conserve()
  })

  it("a frame for an end that is down is dropped", () => {
    const lab = new Lab(linux6x)
    const [dev, peer] = lab.veth(lab.host.init, "veth0", lab.netns("net1"), "veth1")
    Device.down(null, peer)
    lab.send(dev, frame(peer.mac, dev.mac))
    assert.equal(dev.stats.txDropped, 1)
    assert.equal(peer.stats.rxPackets, 0)
    lab.conserve()
  })

  it("two namespaces ping each other, also after an end was moved", () => {
    const lab = new Lab()
    const net = lab.netns("net1")
    const [dev, peer] = lab.veth(lab.host.init, "veth0", lab.host.init, "veth1")
    assert.equal(Device.moveTo(null, peer, net), 0)
    assert.equal(lab.host.init.deviceByName("veth1"), null)
    Device.up(peer)
    Device.addAddress(dev, address(192, 168, 1, 100), 24)
    Device.addAddress(peer, address(192, 168, 1, 101), 24)
    assert.equal(lab.ping(lab.host.init, address(192, 168, 1, 101), 3), 3)
    assert.equal(lab.ping(net, address(192, 168, 1, 100), 3), 3)
    lab.conserve()
  })
})
