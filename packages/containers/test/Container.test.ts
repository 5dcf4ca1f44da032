import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Netfilter from "@darkfiber/kernel-net/netfilter/Setup"
import * as Conservation from "@darkfiber/sim/Conservation"
import * as Container from "../src/Container.ts"
import { ip, type Machine, Town } from "./Town.ts"

const http = { hostPort: 8080, containerPort: 80, protocol: "tcp" } as const
const dns = { hostPort: 5353, containerPort: 53, protocol: "udp" } as const

const assertLaws = ({ world }: Town): void => {
  assert.deepEqual(Conservation.check(world).violations, [])
  assert.deepEqual(world.defects, [])
}

const served = (): { readonly town: Town; readonly web: Container.Container } => {
  const town = new Town()
  const web = town.container(2, [http, dns])
  town.serve(town.docker, web.net, 80)
  town.serve(town.docker, web.net, 53)
  town.run(1e6)
  return { town, web }
}

describe("a published port", () => {
  it("leads from outside to the container, which sees the client's own address", () => {
    const { town } = served()
    const { host } = town.outside
    assert.equal(town.ask(town.outside, host.init, "10.0.0.1", 8080), "10.0.0.2")
    assert.equal(town.ask(town.outside, host.init, "10.0.0.1", 5353, "udp"), "10.0.0.2")
    assertLaws(town)
  })

  it("is one port of one protocol: the others are refused, and the container's own network is not reachable", () => {
    const { town } = served()
    const { host } = town.outside
    assert.equal(town.ask(town.outside, host.init, "10.0.0.1", 80), "ECONNREFUSED")
    assert.equal(town.ask(town.outside, host.init, "10.0.0.1", 5353), "ECONNREFUSED")
    assert.equal(town.ask(town.outside, host.init, "10.0.0.1", 8080, "udp"), "ECONNREFUSED")
    assert.equal(town.ask(town.outside, host.init, "172.17.0.2", 80), "ENETUNREACH")
  })

  it("leads from the host itself by the host's own address, which the container sees", () => {
    const { town } = served()
    assert.equal(town.ask(town.docker, town.docker.host.init, "10.0.0.1", 8080), "10.0.0.1")
    assert.equal(town.ask(town.docker, town.docker.host.init, "172.17.0.1", 8080), "172.17.0.1")
    assertLaws(town)
  })

  it("does not lead from the host by 127.0.0.1: the container takes that source for a martian and the client waits", () => {
    const { town, web } = served()
    // What connect() says when SO_SNDTIMEO ends it.
    assert.equal(town.ask(town.docker, town.docker.host.init, "127.0.0.1", 8080), "EINPROGRESS")
    assert.equal(web.eth0.stats.txPackets, 0)
    assertLaws(town)
  })

  it("is refused from a container by the host's address: the rule leaves out what comes over the bridge", () => {
    const { town, web } = served()
    const other = town.container(3)
    assert.equal(town.ask(town.docker, other.net, "10.0.0.1", 8080), "ECONNREFUSED")
    assert.equal(town.ask(town.docker, web.net, "10.0.0.1", 8080), "ECONNREFUSED")
    // By the container's own address it is the bridge's way, without NAT.
    assert.equal(town.ask(town.docker, other.net, "172.17.0.2", 80), "172.17.0.3")
  })

  it("may be the same number for both protocols and lead to two containers", () => {
    const town = new Town()
    const one = town.container(2, [{ hostPort: 53, containerPort: 53, protocol: "tcp" }])
    const two = town.container(3, [{ hostPort: 53, containerPort: 53, protocol: "udp" }])
    town.serve(town.docker, one.net, 53)
    town.run(1e6)
    assert.equal(town.ask(town.outside, town.outside.host.init, "10.0.0.1", 53), "10.0.0.2")
    assert.equal(town.ask(town.outside, town.outside.host.init, "10.0.0.1", 53, "udp"), "ECONNREFUSED")
    town.serve(town.docker, two.net, 53)
    assert.equal(town.ask(town.outside, town.outside.host.init, "10.0.0.1", 53, "udp"), "10.0.0.2")
  })
})

describe("from a container", () => {
  it("the outside sees the host's address (MASQUERADE), and the host itself the container's", () => {
    const town = new Town()
    const { net } = town.container(2)
    town.serve(town.outside, town.outside.host.init, 80)
    town.serve(town.docker, town.docker.host.init, 80)
    town.run(1e6)
    assert.equal(town.ask(town.docker, net, "10.0.0.2", 80), "10.0.0.1")
    assert.equal(town.ask(town.docker, net, "10.0.0.2", 80, "udp"), "10.0.0.1")
    assert.equal(town.ask(town.docker, net, "172.17.0.1", 80), "172.17.0.2")
    assertLaws(town)
  })

  it("twelve containers reach each other over the bridge, all at once the outside", () => {
    const town = new Town()
    const numbers = Array.from({ length: 12 }, (_, at) => at + 2)
    const all = numbers.map((number) => town.container(number))
    for (const { net } of all) town.serve(town.docker, net, 80)
    town.serve(town.outside, town.outside.host.init, 80)
    town.run(1e6)
    numbers.forEach((number, at) => {
      const next = numbers[(at + 5) % numbers.length]!
      assert.equal(town.ask(town.docker, all[at]!.net, `172.17.0.${next}`, 80), `172.17.0.${number}`)
      assert.equal(town.ask(town.docker, all[at]!.net, "10.0.0.2", 80), "10.0.0.1")
    })
    assertLaws(town)
  })
})

/** What a host holds: objects of every cache, devices, rules, tracked flows. */
const holdings = ({ host }: Machine) => ({
  objects: [...host.memory.usedCaches()].map((cache) => [cache.shape.name, cache.activeObjects]),
  devices: host.netns.map((net) => [net.name, net.devices.map((dev) => dev.name)]),
  rules: Netfilter.of(host.init).save(false)
})

describe("a container that is removed", () => {
  it("gives everything back: objects, devices, rules, routes, namespace; and its number can be used again", () => {
    const town = new Town()
    // What is loaded and stays: the nat table, caches, the way out.
    Container.removeContainer(town.docker.host, town.container(9, [http]))
    const before = holdings(town.docker)
    for (let round = 0; round < 3; round++) {
      const made = [2, 3, 4].map((number) => town.container(number, number === 2 ? [http, dns] : []))
      assert.notDeepEqual(holdings(town.docker), before)
      for (const each of made) Container.removeContainer(town.docker.host, each)
      assert.deepEqual(holdings(town.docker), before)
    }
    assertLaws(town)
  })

  it("takes its traffic along: packets in flight are dropped with a reason, tracked flows end, the port is refused", () => {
    const { town, web } = served()
    const { host, processes } = town.docker
    assert.equal(town.ask(town.outside, town.outside.host.init, "10.0.0.1", 8080), "10.0.0.2")
    for (const process of processes.list()) processes.kill(process.pid, 9)
    town.run(1e6)
    Container.removeContainer(host, web)
    assertLaws(town)
    assert.equal(town.ask(town.outside, town.outside.host.init, "10.0.0.1", 8080), "ECONNREFUSED")
    // The host's own entries go by their timeouts.
    town.run(600e9)
    assert.equal(host.memory.activeObjects("nf_conntrack"), 0)
    assertLaws(town)
  })
})

describe("a recipe that fails", () => {
  it("names the step and the errno, and leaves nothing behind", () => {
    const town = new Town()
    Container.removeContainer(town.docker.host, town.container(9, [http]))
    town.container(2)
    const before = holdings(town.docker)
    assert.throws(() => town.container(2), /veth of c2 failed with errno 17/)
    const { host } = town.docker
    const options = {
      bridge: town.bridge,
      address: { address: ip("172.17.0.3"), prefix: 24 },
      gateway: null,
      mac: 3,
      publish: [http]
    }
    // A gateway that is on no network of the container.
    assert.throws(
      () => Container.createContainer(host, { ...options, name: "x", gateway: ip("1.2.3.4") }),
      /route of x/
    )
    // A bridge that is none.
    assert.throws(
      () => Container.createContainer(host, { ...options, name: "x", bridge: host.init.loopback! }),
      /into lo/
    )
    assert.deepEqual(holdings(town.docker), before)
    assert.throws(() => Container.createBridge(host, "br0", null, false), Container.RecipeFailed)
  })

  it("long names get devices of their own", () => {
    assert.equal(Container.portName("web"), "veth-web")
    assert.notEqual(Container.portName("frontend-srv-01"), Container.portName("frontend-srv-02"))
    assert.ok(Container.portName("frontend-srv-01").length <= 15)
  })
})
