/**
 * A real host with namespaces, and a task on each core that runs what a test wants to send. No NIC: the outside world is
 * one more namespace behind a veth pair.
 */
import assert from "node:assert/strict"
import { type Core, STEP_IDLE, STEP_MORE, type TaskSource } from "@darkfiber/hardware/cpu/Core"
import { World } from "@darkfiber/sim/World"
import * as Checksum from "@darkfiber/wire/Checksum"
import { create as createBridge, of as bridgeOf } from "../../src/bridge/BridgeDevice.ts"
import type { Bridge } from "../../src/bridge/Bridge.ts"
import * as Device from "../../src/Device.ts"
import { devQueueXmit } from "../../src/DevXmit.ts"
import { Host } from "../../src/Host.ts"
import type { NetDevice, Tap } from "../../src/NetDevice.ts"
import type { Netns } from "../../src/Netns.ts"
import { PingSock } from "../../src/Ping.ts"
import { type KernelProfile, linux310 } from "../../src/Profile.ts"
import * as Skb from "../../src/Skb.ts"
import type { SkBuff } from "../../src/SkBuff.ts"
import { UdpSock } from "../../src/Udp.ts"
import { create as createVeth, peerOf } from "../../src/veth/Veth.ts"

class Tasks implements TaskSource {
  private readonly queue: Array<(core: Core) => void> = []

  add(task: (core: Core) => void): void {
    this.queue.push(task)
  }
  step(core: Core): number {
    const task = this.queue.shift()
    if (task === undefined) return STEP_IDLE
    core.charge(100)
    task(core)
    return STEP_MORE
  }
  wakeKsoftirqd(core: Core): void {
    this.queue.push((at) => {
      if (at.ksoftirqdStep()) this.wakeKsoftirqd(core)
    })
  }
}

/** A frame as a tap saw it. */
export interface Seen {
  readonly device: string
  readonly outgoing: boolean
  readonly bytes: Uint8Array
}

export const address = (a: number, b: number, c: number, d: number): number => (a << 24) | (b << 16) | (c << 8) | d

export class Lab {
  readonly world: World
  readonly host: Host
  private readonly tasks: Tasks

  constructor(profile: KernelProfile = linux310, seed = 1) {
    this.world = new World(seed)
    this.host = new Host(this.world, { name: "host", profile, cores: 1, memoryBytes: 4 * 2 ** 30 })
    assert.equal(this.host.boot.run(), 0)
    this.tasks = new Tasks()
    this.host.cores[0]!.tasks = this.tasks
    Device.up(this.host.init.loopback!)
  }

  netns(name: string): Netns {
    const net = this.host.createNetns(name)
    if (typeof net === "number") throw new Error(`namespace ${name}: ${net}`)
    Device.up(net.loopback!)
    return net
  }

  /** A pair, both ends up. */
  veth(net: Netns, name: string, peerNet: Netns, peerName: string): readonly [NetDevice, NetDevice] {
    const dev = createVeth(net, name, peerNet, peerName)
    if (typeof dev === "number") throw new Error(`veth ${name}: ${dev}`)
    const peer = peerOf(dev)!
    Device.up(dev)
    Device.up(peer)
    return [dev, peer]
  }

  /** A bridge, up. */
  bridge(net: Netns, name: string): { readonly dev: NetDevice; readonly bridge: Bridge } {
    const dev = createBridge(net, name)
    if (typeof dev === "number") throw new Error(`bridge ${name}: ${dev}`)
    Device.up(dev)
    return { dev, bridge: bridgeOf(dev)! }
  }

  /** Runs `task` on the core, then everything for `time` ns. */
  run(task: (core: Core) => void, time = 100e6): void {
    this.tasks.add(task)
    this.host.cores[0]!.kick(this.host.island.now)
    this.wait(time)
  }

  wait(time: number): void {
    this.world.run(this.host.island.now + time)
    assert.deepEqual(this.world.defects, [])
  }

  /** Sends a raw Ethernet frame out of a device. */
  send(dev: NetDevice, frame: Uint8Array, time = 1e6): void {
    this.run((core) => {
      const skb = Skb.alloc(this.host, core, 0, frame.length)!
      this.host.world.slab.bytes.set(frame, Skb.put(skb, frame.length))
      skb.macHeader = skb.data
      skb.dev = dev
      skb.protocol = (frame[12]! << 8) | frame[13]!
      this.host.bornSkb(skb)
      devQueueXmit(core, skb)
    }, time)
  }

  /** Answers to `count` pings. */
  ping(net: Netns, destination: number, count = 1): number {
    const sock = new PingSock(net)
    let answers = 0
    for (let i = 0; i < count; i++) {
      this.run((core) => sock.send(core, destination, i, new Uint8Array(56)))
      for (let skb = sock.takeReceived(); skb !== null; skb = sock.takeReceived()) {
        answers++
        this.host.consumeSkb(null, skb)
      }
    }
    sock.close(null)
    return answers
  }

  udp(net: Netns, port: number): UdpSock {
    const sock = new UdpSock(net)
    assert.equal(sock.bind(0, port), 0)
    return sock
  }

  /** The frames of a device, both ways. */
  capture(dev: NetDevice): Array<Seen> {
    const seen: Array<Seen> = []
    const tap: Tap = {
      frame: (on, skb, outgoing) => {
        const start = outgoing ? skb.data : skb.macHeader
        const bytes = this.world.slab.bytes.slice(start, skb.data + skb.headLength)
        seen.push({ device: on.name, outgoing, bytes })
      }
    }
    dev.taps.push(tap)
    return seen
  }

  /** Frames created = delivered + dropped + in flight, and nothing leaked. */
  conserve(): void {
    let flying = 0
    this.host.walkFrames((weight) => {
      flying += weight
    })
    const ledger = this.host.island.ledger
    assert.equal(ledger.created, ledger.delivered + ledger.dropped + flying)
  }
}

/** Takes all datagrams of a socket: source address and port of each. */
export const received = (
  lab: Lab,
  sock: UdpSock
): ReadonlyArray<{ readonly source: number; readonly port: number }> => {
  const all: Array<{ readonly source: number; readonly port: number }> = []
  for (let skb: SkBuff | null = sock.takeReceived(); skb !== null; skb = sock.takeReceived()) {
    const bytes = lab.world.slab.bytes
    const ip = skb.networkHeader
    const view = new DataView(bytes.buffer)
    all.push({ source: view.getInt32(ip + 12), port: view.getUint16(ip + ((bytes[ip]! & 15) << 2)) })
    lab.host.consumeSkb(null, skb)
  }
  return all
}

/** An Ethernet frame with an unknown EtherType and `length` bytes behind the header. */
export const frame = (destination: number, source: number, length = 46, type = 0x88b5): Uint8Array => {
  const bytes = new Uint8Array(14 + length)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, Math.floor(destination / 2 ** 32))
  view.setUint32(2, destination % 2 ** 32)
  view.setUint16(6, Math.floor(source / 2 ** 32))
  view.setUint32(8, source % 2 ** 32)
  view.setUint16(12, type)
  return bytes
}

/** Whether a captured IPv4 frame has right checksums; partial ones may stand. */
export const isRight = (bytes: Uint8Array): boolean =>
  Checksum.sum(bytes, 14, (bytes[14]! & 15) << 2) === 0xffff && Checksum.verifyTransport(bytes, 14)
