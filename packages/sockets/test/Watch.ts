/** Two hosts, a (10.0.0.1) and b (10.0.0.2), whose TCP segments are seen, and dropped where a test says so, before TCP gets them. */
import * as Hooks from "@darkfiber/kernel-net/Hooks"
import { NETFILTER_DROP } from "@darkfiber/kernel-net/Drops"
import type { SkBuff } from "@darkfiber/kernel-net/SkBuff"
import { counterNames, tcpCounters } from "@darkfiber/tcp/Counters"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Tcp from "@darkfiber/wire/Tcp"
import { Effect } from "effect"
import { assert } from "vitest"
import { SOCK_STREAM } from "../src/Socket.ts"
import * as Sys from "../src/Sys.ts"
import { type Box, type Net, newNet, pair, settle } from "./Net.ts"

export interface Seen {
  /** Seconds. */
  readonly at: number
  readonly from: "a" | "b"
  readonly flags: number
  readonly seq: number
  readonly ack: number
  /** Payload bytes; of a merged packet all of them. */
  readonly length: number
  readonly window: number
}

export interface Watch {
  readonly net: Net
  readonly a: Box
  readonly b: Box
  readonly seen: Array<Seen>
  /** True to have a segment vanish on its way. */
  drop: (segment: Seen) => boolean
}

export const S = 1_000_000_000
export const MS = 1_000_000
export const { SYN, ACK, FIN, RST, PSH } = Tcp

const hookOn = (watch: Watch, at: Box, from: "a" | "b"): void => {
  const slab = at.host.world.slab
  at.host.init.hooks.register(Hooks.PRE_ROUTING, Hooks.PRIORITY_RAW, {
    name: "watch",
    hook(core, _net, _point, skb: SkBuff) {
      const ip = skb.data
      if (Ipv4.protocol(slab.bytes, ip) !== Ipv4.PROTOCOL_TCP) return Hooks.VERDICT_ACCEPT
      const header = ip + Ipv4.headerLength(slab.bytes, ip)
      const segment: Seen = {
        at: core.time / S,
        from,
        flags: Tcp.flags(slab.bytes, header),
        seq: Tcp.sequence(slab.bytes, header),
        ack: Tcp.acknowledgment(slab.bytes, header),
        length: skb.length - Ipv4.headerLength(slab.bytes, ip) - Tcp.headerLength(slab.bytes, header),
        window: Tcp.window(slab.bytes, header)
      }
      watch.seen.push(segment)
      if (!watch.drop(segment)) return Hooks.VERDICT_ACCEPT
      at.host.dropSkb(core, skb, NETFILTER_DROP)
      return Hooks.VERDICT_GONE
    }
  })
}

export const watched = (sysctls: Readonly<Record<string, string>> = {}): Watch => {
  const net = newNet()
  const [a, b] = pair(net)
  const watch: Watch = { net, a, b, seen: [], drop: () => false }
  for (const [on, from] of [
    [b, "a"],
    [a, "b"]
  ] as const) {
    hookOn(watch, on, from)
    for (const [name, text] of Object.entries(sysctls)) {
      if (on.host.init.setSysctl(name, text) !== 0) throw new Error(`no sysctl ${name}`)
    }
  }
  return watch
}

/** Runs both programs until `seconds`. */
export const play = (
  watch: Watch,
  seconds: number,
  client: Effect.Effect<unknown, unknown>,
  server?: Effect.Effect<unknown, unknown>
): void => {
  if (server !== undefined) watch.b.spawn("server", server)
  watch.a.spawn("client", client)
  settle(watch.net, seconds * S)
}

/** A counter by its nstat name. */
export const counter = (box: Box, name: string): number => {
  const at = counterNames.findIndex((one, index) => `${index < tcpCounters ? "Tcp" : "TcpExt"}${one}` === name)
  return box.tcp.netOf(box.host.init).mib[at]!
}

/** Seconds after the first of them, without the first. */
export const after = (segments: ReadonlyArray<Seen>): ReadonlyArray<number> =>
  segments.slice(1).map((segment) => segment.at - segments[0]!.at)

export const B = { address: "10.0.0.2", port: 7 }

export const listening = (backlog = 16) =>
  Effect.gen(function* () {
    const fd = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.setsockopt(fd, 1, 2, 1)
    yield* Sys.bind(fd, B)
    yield* Sys.listen(fd, backlog)
    return fd
  })

export const dialled = Effect.gen(function* () {
  const fd = yield* Sys.socket(SOCK_STREAM)
  yield* Sys.connect(fd, B)
  return fd
})

/** Tells how a call ended, and when in seconds. */
export const told = (call: Effect.Effect<unknown, { readonly _tag: string }>, into: Array<unknown>) =>
  Effect.gen(function* () {
    const what = yield* Effect.match(call, { onFailure: (error) => error._tag as unknown, onSuccess: (value) => value })
    into.push(what, (yield* Sys.clockGettime) / S)
  })

export const text = (length: number): Uint8Array => new Uint8Array(length).fill(120)
export const forever = Effect.never

/** The nominal times, in order; none early by more than a tick, none late by more than 4 % and a few ticks of 4 ms. */
export const timetable = (actual: ReadonlyArray<number>, nominal: ReadonlyArray<number>): void => {
  assert.strictEqual(actual.length, nominal.length, `times ${actual.map((time) => time.toFixed(3)).join(" ")}`)
  actual.forEach((time, at) => within(time, nominal[at]!))
}

export const within = (time: number, nominal: number): void => {
  assert.isAtLeast(time, nominal - 0.008)
  assert.isAtMost(time, nominal * 1.04 + 0.02)
}

/** A connection over which everything that a sends is lost from now on. */
export const established = (then: (fd: number) => Effect.Effect<unknown, unknown>) =>
  Effect.flatMap(dialled, (fd) => Effect.andThen(Sys.nanosleep(100 * MS), then(fd)))

/** `count` connect()s that do not wait, `gap` ns apart. */
export const many = (count: number, gap: number) =>
  Effect.gen(function* () {
    for (let i = 0; i < count; i++) {
      const fd = yield* Sys.socket(SOCK_STREAM)
      yield* Sys.setNonblock(fd, true)
      yield* Effect.ignore(Sys.connect(fd, B))
      yield* Sys.nanosleep(gap)
    }
    yield* forever
  })

export const acceptAndStay = Effect.gen(function* () {
  yield* Sys.accept(yield* listening())
  yield* forever
})
