/** What the tests of this package share: a sink, frames, the conservation law. */
import assert from "node:assert/strict"
import { Actor, KIND_FRAME } from "@darkfiber/sim/Actor"
import type { Island } from "@darkfiber/sim/Island"
import { World } from "@darkfiber/sim/World"
import * as Checksum from "@darkfiber/wire/Checksum"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Udp from "@darkfiber/wire/Udp"
import type { LinkEnd } from "../src/link/LinkEnd.ts"
import type { Nic } from "../src/nic/Nic.ts"

export interface Arrival {
  readonly time: number
  readonly port: number
  readonly bytes: Uint8Array
  readonly flags: number
}

/** A station that takes every frame and remembers it. */
export class Sink extends Actor {
  readonly arrivals: Array<Arrival> = []
  readonly carrier: Array<readonly [time: number, up: boolean]> = []
  readonly ends: Array<LinkEnd> = []

  constructor(island: Island, name: string) {
    super(island, name, 100_000)
  }

  plug(end: LinkEnd): void {
    end.attach(this, this.ends.length)
    this.ends.push(end)
  }

  override poll(mailbox: Actor["mailbox"], count: number, now: number): void {
    const slab = this.island.world.slab
    for (let i = 0; i < count; i++) {
      mailbox.shift()
      const port = mailbox.kind === KIND_FRAME ? mailbox.b & 0xffff : mailbox.a
      const end = this.ends[port]!
      if (mailbox.kind !== KIND_FRAME) {
        if (end.control(mailbox.kind, mailbox.b, now)) this.carrier.push([now, end.carrier])
        continue
      }
      const frame = mailbox.a
      if (!end.receive(frame, mailbox.b)) continue
      this.arrivals.push({ time: now, port, bytes: slab.view(frame).slice(), flags: slab.flags[frame]! })
      this.island.ledger.delivered++
      slab.free(frame)
    }
  }

  override overflow(): void {
    throw new Error("the sink is full")
  }

  /** Sends bytes out of a port at the island's present or later. */
  send(port: number, bytes: Uint8Array, at: number): number {
    const frame = this.island.world.slab.from(bytes)
    this.island.ledger.created++
    return this.ends[port]!.send(frame, at)
  }
}

/** created - delivered - dropped - in flight, over all islands: 0 when the account is right. */
export const imbalance = (world: World): number => {
  let balance = 0
  for (const island of world.islands) {
    balance += island.ledger.created - island.ledger.delivered - island.ledger.dropped
    island.queue.forEach((_time, _target, kind) => {
      if (kind === KIND_FRAME) balance--
    })
    for (const actor of island.actors) actor.walkFrames((weight) => (balance -= weight))
  }
  return balance
}

export const drops = (island: Island, reason: number): number => island.ledger.byReason[reason] ?? 0

export interface FrameParts {
  readonly destination?: number
  readonly source?: number
  readonly from?: number
  readonly to?: number
  readonly sourcePort?: number
  readonly destinationPort?: number
  readonly payload?: number
  readonly ttl?: number
  readonly tos?: number
}

export const ip = (text: string): number =>
  text.split(".").reduce((value, byte) => (value << 8) | Number.parseInt(byte, 10), 0)

/** A UDP datagram in Ethernet with right checksums. */
export const udp = (parts: FrameParts = {}): Uint8Array => {
  const payload = parts.payload ?? 18
  const bytes = new Uint8Array(42 + payload)
  let at = Ethernet.write(
    bytes,
    0,
    parts.destination ?? MacAddress.local(2),
    parts.source ?? MacAddress.local(1),
    0x800
  )
  at = Ipv4.write(bytes, at, 28 + payload, Ipv4.PROTOCOL_UDP, parts.from ?? ip("10.0.0.1"), parts.to ?? ip("10.0.0.2"))
  Ipv4.setTimeToLive(bytes, 14, parts.ttl ?? 64)
  Ipv4.setTos(bytes, 14, parts.tos ?? 0)
  Ipv4.writeChecksum(bytes, 14)
  at = Udp.write(bytes, at, parts.sourcePort ?? 1000, parts.destinationPort ?? 2000, 8 + payload)
  for (let i = at; i < bytes.length; i++) bytes[i] = i * 7
  Checksum.fillTransport(bytes, 14)
  return bytes
}

/** A TCP header in Ethernet, with `payload` bytes behind it and the checksum left partial. */
export const tcp = (payload: number, flags: number, sequence: number): Uint8Array => {
  const bytes = new Uint8Array(54 + payload)
  let at = Ethernet.write(bytes, 0, MacAddress.local(2), MacAddress.local(1), 0x800)
  at = Ipv4.write(bytes, at, 40 + payload, Ipv4.PROTOCOL_TCP, ip("10.0.0.1"), ip("10.0.0.2"))
  Ipv4.setIdentification(bytes, 14, 0xfffe)
  Ipv4.writeChecksum(bytes, 14)
  Tcp.setSourcePort(bytes, at, 1000)
  Tcp.setDestinationPort(bytes, at, 80)
  Tcp.setSequence(bytes, at, sequence)
  Tcp.setHeaderLength(bytes, at, 20)
  Tcp.setFlags(bytes, at, flags)
  for (let i = 54; i < bytes.length; i++) bytes[i] = i * 13
  Checksum.setPartial(bytes, 14)
  return bytes
}

/** Two sinks on two islands with a link between them: `a` sends, `b` receives, or the other way. */
export const sinksOn = (seed = 1): { readonly world: World; readonly a: Sink; readonly b: Sink } => {
  const world = new World(seed)
  return { world, a: new Sink(world.newIsland("a"), "a"), b: new Sink(world.newIsland("b"), "b") }
}

/** One counter of `ethtool -S`. */
export const statistic = (nic: Nic, name: string): number => {
  const row = nic.statistics().find(([key]) => key === name)
  assert.ok(row !== undefined, `no counter ${name}`)
  return row[1]
}
