/** Bridges and namespaces are actors: their fibers, and what happens when a function they lend to a core throws. */
import assert from "node:assert/strict"
import { Cause, Exit } from "effect"
import { describe, it } from "vitest"
import * as BridgeDevice from "@darkfiber/kernel-net/bridge/BridgeDevice"
import { placeOf } from "@darkfiber/observe/Machine"
import * as Shell from "@darkfiber/tools/Shell"
import type { DataCentre } from "../src/DataCentre.ts"
import * as Summary from "../src/Summary.ts"
import { assertLaws, build, MS, SECOND } from "./Centre.ts"

/** A host with a container that pings its gateway and somebody who is not there; two more hosts that talk. */
const text = `
hosts:
  a:
    nics: { eth0: { address: 10.0.0.1/24 } }
    bridges: { br0: { address: 172.17.0.1/24 } }
    containers:
      web:
        processes:
          - { program: ping, args: { to: 172.17.0.1, interval: 10ms } }
          - { program: ping, args: { to: 172.17.0.9, interval: 10ms } }
  b:
    nics: { eth0: { address: 10.0.0.2/24 } }
    processes: [ { program: udp-echo-server, args: { port: 7 } } ]
  c:
    nics: { eth0: { address: 10.0.0.3/24 } }
    processes: [ { program: udp-probe, args: { to: "10.0.0.2:7", gap: 5ms } } ]
switches: { s: { ports: 3 } }
links:
  - { endpoints: ["a:eth0", "s:port1"] }
  - { endpoints: ["b:eth0", "s:port2"] }
  - { endpoints: ["c:eth0", "s:port3"] }
`

const run = (centre: DataCentre, line: string): string => {
  const { kernel: host, sockets } = centre.hosts[0]!
  const place = placeOf({ host, processes: sockets.processes, tcp: sockets.tcp })!
  let said = ""
  Shell.spawn(place, line, ({ code, stderr, stdout }) => (said = `${code} ${stdout}${stderr}`))
  centre.run(centre.now + 1 * MS)
  return said
}

/** Makes a function throw from 5 ms on. */
const breaking = <A extends ReadonlyArray<unknown>, R>(centre: DataCentre, whole: (...args: A) => R) => {
  const { island } = centre.hosts[0]!
  return (...args: A): R => {
    if (island.now >= 5 * MS) throw new Error("planted")
    return whole(...args)
  }
}

const bridgeOf = (centre: DataCentre) => BridgeDevice.of(centre.hosts[0]!.kernel.init.deviceByName("br0")!)!

interface Plant {
  readonly what: string
  readonly actor: string
  readonly plant: (centre: DataCentre) => void
}

const plants: ReadonlyArray<Plant> = [
  {
    what: "a bridge's frame path",
    actor: "a/br0",
    plant: (centre) => {
      const bridge = bridgeOf(centre)
      bridge.fdb.learn = breaking(centre, bridge.fdb.learn.bind(bridge.fdb))
    }
  },
  {
    what: "a bridge's timer",
    actor: "a/br0",
    plant: (centre) => {
      const bridge = bridgeOf(centre)
      bridge.ageingTime = 1 * MS
      bridge.expire = breaking(centre, bridge.expire.bind(bridge))
    }
  },
  {
    what: "a namespace's receive path",
    actor: "a/netns/web#1",
    plant: (centre) => {
      const { hooks } = centre.hosts[0]!.netns("web")!
      hooks.isEmpty = breaking(centre, hooks.isEmpty.bind(hooks))
    }
  },
  {
    what: "a namespace's timer",
    actor: "a/netns/web#1",
    plant: (centre) => {
      const net = centre.hosts[0]!.netns("web")!
      const { neighbours } = net.host
      const timersOf = neighbours.timersOf.bind(neighbours)
      neighbours.timersOf = (neighbour) => {
        const owner = timersOf(neighbour)
        if (neighbour.dev.net !== net) return owner
        return { lender: owner.lender.bind(owner), expire: breaking(centre, owner.expire.bind(owner)) }
      }
    }
  }
]

describe("a defect in", () => {
  for (const { actor, plant, what } of plants) {
    it(`${what} is that actor's: its host panics, the others go on, and both dispatch modes agree`, () => {
      const facts = (["poll", "fiber"] as const).map((dispatch) => {
        const centre = build(text, { dispatch })
        plant(centre)
        centre.run(2 * SECOND)
        assert.deepEqual(
          centre.panics.map((panic) => [panic.host, panic.actor, String(panic.error)]),
          [["a", actor, "Error: planted"]]
        )
        assert.deepEqual(
          centre.world.defects.map((each) => [each.actor, each.time]),
          [[actor, centre.panics[0]!.time]]
        )
        const ends = centre.runtime.supervisor.failures.filter((each) => each.name === actor)
        assert.ok(ends.length === 1 && Exit.isFailure(ends[0]!.exit) && Cause.hasDies(ends[0]!.exit.cause))
        assert.equal(centre.host("a")!.isUp, false)
        const probe = centre.hosts[2]!.workloads[0]!
        const before = probe.completed
        centre.run(2 * SECOND + 30 * MS)
        assert.ok(probe.completed > before, "b and c still talk")
        assert.deepEqual(Summary.summarize(centre).violations, [])
        return [centre.panics[0]!.time, centre.world.fingerprint()]
      })
      assert.deepEqual(facts[0], facts[1])
    })
  }

  it("a namespace's send path, on the stack of the program that calls, is no defect of the program", () => {
    const centre = build(text)
    const { hooks } = centre.hosts[2]!.kernel.init
    hooks.isEmpty = (): boolean => {
      throw new Error("planted")
    }
    centre.run(50 * MS)
    assert.deepEqual(
      centre.panics.map((panic) => [panic.host, panic.actor]),
      [["c", "c/netns/init"]]
    )
    assert.deepEqual(Summary.summarize(centre).violations, [])
  })

  it("a configuration command is the namespace's", () => {
    const centre = build(text)
    const { init } = centre.hosts[0]!.kernel
    init.setSysctl = (): number => {
      throw new Error("planted")
    }
    centre.run(5 * MS)
    run(centre, "sysctl -w net.ipv4.ip_forward=1")
    assert.deepEqual(
      centre.panics.map((panic) => [panic.host, panic.actor]),
      [["a", "a/netns/init"]]
    )
  })
})

describe("the fiber of", () => {
  const namesOf = (centre: DataCentre): ReadonlyArray<string> => {
    const { actors } = centre.hosts[0]!.island
    return actors.filter((each) => centre.runtime.fiberOf(each) !== undefined).map((each) => each.name)
  }

  for (const dispatch of ["poll", "fiber"] as const) {
    it(`a namespace and a bridge lives as long as the thing does (${dispatch})`, () => {
      const centre = build(text, { dispatch })
      const atBoot = ["a/cpu0", "a/cpu1", "a/netns/init", "a/eth0", "a/br0", "a/netns/web#1"]
      assert.deepEqual([...namesOf(centre)].sort(), [...atBoot].sort())
      centre.run(1 * MS)
      assert.equal(run(centre, "ip netns add x && ip link add br1 type bridge && ip link set br1 up"), "0 ")
      assert.deepEqual(namesOf(centre).slice(-2), ["a/netns/x#2", "a/br1"])
      assert.equal(run(centre, "ip link del br1 && ip netns del x"), "0 ")
      assert.deepEqual([...namesOf(centre)].sort(), [...atBoot].sort())
      assert.deepEqual(centre.runtime.supervisor.failures, [])
      assertLaws(centre, "at the end")
    })
  }

  it("either ends with its host and begins anew with the next incarnation", () => {
    const centre = build(`${text}faults: [ { kind: crash, host: a, at: 5ms, for: 5ms } ]`)
    centre.run(1 * MS)
    const first = namesOf(centre)
    centre.run(7 * MS)
    assert.deepEqual(namesOf(centre), [])
    centre.run(100 * MS)
    assert.deepEqual(
      namesOf(centre).filter((name) => !name.includes("eth0")),
      first.filter((name) => !name.includes("eth0"))
    )
    const { kernel } = centre.hosts[0]!
    assert.ok(centre.runtime.fiberOf(kernel.init.actor) !== undefined)
    assert.deepEqual(centre.panics, [])
  })
})
