/**
 * One connection drawn from a seed: a link that loses, reorders, duplicates and damages, buffers, MSS, delays, congestion
 * controls, pauses, closes, aborts, crashes. After a while the link heals, and what then must hold is checked.
 *
 * Cases are small (most streams are a few segments), because faults meet each other soonest where there is little else.
 */
import { RandomStream } from "@darkfiber/sim/Random"
import * as Congestions from "../src/Congestions.ts"
import * as Counters from "../src/Counters.ts"
import { TCP_CORK, TCP_MAXSEG, TCP_NODELAY, TCP_QUICKACK } from "../src/OptionNames.ts"
import { linux310, linux6x } from "../src/Profile.ts"
import { type Pair, pair, SimpleHost, defaultHost } from "../src/SimpleHost.ts"
import type { LinkOptions, SimpleLink } from "../src/SimpleLink.ts"
import type { SimpleStream } from "../src/SimpleStream.ts"
import * as SockOpt from "../src/SockOpt.ts"
import type { TcpSock } from "../src/TcpSock.ts"
import { cannotStall, countsHold, sequenceHolds } from "./SockLaws.ts"

const PORT = 80
const MS = 1e6
const S = 1e9
/** More events than any case has; a case beyond them goes in circles. */
const EVENTS_MAX = 400_000
/** Virtual time after the link healed in which every byte has arrived: RTOs have doubled up to then. */
const PATIENCE = 400 * S

/** What ends the connection before its time. */
type Disaster = "none" | "abort" | "powerCut" | "reboot"

interface Plan extends Pair {
  readonly random: RandomStream
  readonly disaster: Disaster
  /** The side it happens to. */
  readonly victim: 0 | 1
  readonly heal: number
  readonly up: Uint8Array
  readonly down: Uint8Array
  readonly accepted: Array<SimpleStream>
  readonly hosts: ReadonlyArray<SimpleHost>
  readonly gone: Set<SimpleHost>
  stream: SimpleStream | null
}

const pick = <A>(random: RandomStream, from: ReadonlyArray<A>): A => from[random.below(from.length)]!
const half = (random: RandomStream): boolean => random.below(2) === 0
/** Mostly 0, else up to `most` (parts in a thousand). */
const rate = (random: RandomStream, most: number): number => (half(random) ? 0 : random.below(most + 1) / 1000)

const linkOf = (random: RandomStream): LinkOptions => ({
  delay: pick(random, [0, 1000, 100_000, MS, 10 * MS, 50 * MS]) * (1 + random.below(3)),
  rate: pick(random, [0, 0, 1e6, 1e7, 1e9]),
  queue: 2 + random.below(30),
  loss: rate(random, 300),
  duplicate: rate(random, 200),
  corrupt: rate(random, 100),
  reorder: rate(random, 400),
  reorderDelay: random.below(pick(random, [MS, 20 * MS, 300 * MS]))
})

const sizeOf = (random: RandomStream): number =>
  random.below(pick(random, [1, 200, 3000, 3000, 12_000, 12_000, 60_000]) + 1)

const bytesOf = (random: RandomStream): Uint8Array => {
  const bytes = new Uint8Array(sizeOf(random))
  let value = random.i32() | 1
  for (let i = 0; i < bytes.length; i++) {
    value = (Math.imul(value, 1_103_515_245) + 12_345) | 0
    bytes[i] = value >>> 16
  }
  return bytes
}

const tune = (random: RandomStream, host: SimpleHost): void => {
  const { sysctl } = host.net
  sysctl.sack = random.below(4) === 0 ? 0 : 1
  sysctl.timestamps = random.below(3) === 0 ? 0 : 1
  sysctl.windowScaling = half(random) ? 1 : 0
  sysctl.congestionControl = random.below(Congestions.algorithms.length)
  sysctl.recovery = pick(random, [1, 1, 0, 3, 5])
  sysctl.frto = pick(random, [2, 2, 0])
  sysctl.earlyRetrans = pick(random, [3, 3, 0])
  sysctl.dsack = pick(random, [1, 1, 0])
  sysctl.slowStartAfterIdle = half(random) ? 1 : 0
  sysctl.abortOnOverflow = half(random) ? 1 : 0
  if (random.below(4) === 0) {
    // The next connection's is another, as a clock would have it: old duplicates must not fit.
    let isn = (0x7fff_ffff - random.below(20_000)) | 0
    host.tcp.initialSequence = () => (isn = (isn + 640_000) | 0) - 640_000
  }
}

const tuneSock = (random: RandomStream, sock: TcpSock): void => {
  if (random.below(3) === 0) SockOpt.set(sock, TCP_NODELAY, 1)
  if (random.below(4) === 0) SockOpt.set(sock, TCP_MAXSEG, 88 + random.below(1400))
  if (random.below(3) === 0) SockOpt.setSendBuffer(sock, random.below(20_000))
  if (random.below(3) === 0) SockOpt.setReceiveBuffer(sock, random.below(20_000))
}

const plan = (seed: number): Plan => {
  const random = new RandomStream(seed, "swarm/1/case")
  const gsoMaxSize = half(random) ? 65_536 : 0
  const host = () => ({
    mtu: 296 + random.below(1205),
    gsoMaxSize,
    profile: random.below(4) === 0 ? linux310 : linux6x
  })
  const made = pair(seed, linkOf(random), host(), host())
  const hosts = [made.client, made.server]
  for (const one of hosts) tune(random, one)
  return {
    ...made,
    random,
    hosts,
    disaster: pick<Disaster>(random, ["none", "none", "none", "abort", "powerCut", "reboot"]),
    victim: half(random) ? 0 : 1,
    heal: random.below(pick(random, [100, 1000, 8000]) * 1000) * 1000,
    up: bytesOf(random),
    down: bytesOf(random),
    accepted: [],
    gone: new Set(),
    stream: null
  }
}

/** Something at a random time before the link heals. */
const sometime = (it: Plan, run: () => void): void =>
  it.clock.at(Math.max(it.clock.now, it.random.below(it.heal / 1000 + 1) * 1000), { run })

/** Writes `data` in pieces at random times before the link heals, the rest then, and says that there is no more. */
const writeAll = (it: Plan, stream: SimpleStream, data: Uint8Array): void => {
  const { random, clock } = it
  let at = 0
  const next = (length: number): void => {
    if (stream.isClosed) return
    stream.write(data.subarray(at, at + length))
    at = Math.min(data.length, at + length)
  }
  for (let i = random.below(4); i > 0; i--) {
    const length = random.below(data.length + 1)
    sometime(it, () => next(length))
  }
  const last = (): void => {
    if (stream.isClosed) return
    stream.closeWhenEnded = true
    stream.readSize = 65_536
    SockOpt.set(stream.sock, TCP_CORK, 0)
    next(data.length)
    stream.end()
  }
  clock.at(Math.max(clock.now, it.heal), { run: last })
}

/** Pauses of the reader, other buffers, Nagle and cork: what a program may do at any time. */
const whims = (it: Plan, stream: SimpleStream): void => {
  const { random } = it
  const { sock } = stream
  for (let i = random.below(4); i > 0; i--) {
    const what = random.below(6)
    const size = random.below(10_000)
    sometime(it, () => {
      if (stream.isClosed) return
      if (what === 0) stream.readSize = 0
      else if (what === 1) stream.readSize = 1 + size
      else if (what === 2) SockOpt.set(sock, TCP_CORK, size & 1)
      else if (what === 3) SockOpt.set(sock, TCP_QUICKACK, size & 1)
      else if (what === 4) SockOpt.setReceiveBuffer(sock, size)
      else SockOpt.setSendBuffer(sock, size)
      stream.pump()
      stream.host.settle()
    })
  }
}

const strike = (it: Plan): void => {
  const host = it.hosts[it.victim]!
  const streams = it.victim === 0 ? [it.stream!] : it.accepted
  if (it.disaster === "abort") {
    for (const stream of streams) stream.close(true)
    return
  }
  it.gone.add(host)
  host.link = null
  host.receive = () => {}
  if (it.disaster !== "reboot") return
  it.link.attach(new SimpleHost(it.clock, host.address, { ...defaultHost, seed: it.random.below(1000) }))
}

const start = (it: Plan): void => {
  const { random, client, server, clock } = it
  server.onAccept = (stream) => {
    it.accepted.push(stream)
    whims(it, stream)
    writeAll(it, stream, it.down)
  }
  tuneSock(random, server.listen(PORT))
  const stream = client.connect(server.address, PORT, (sock) => tuneSock(random, sock))
  it.stream = stream
  whims(it, stream)
  writeAll(it, stream, it.up)
  if (it.disaster !== "none") sometime(it, () => strike(it))
  const heal = (): void => {
    it.link.options = { ...it.link.options, loss: 0, duplicate: 0, corrupt: 0, reorder: 0, queue: 10_000 }
  }
  clock.at(it.heal, { run: heal })
}

const check = (it: Plan): void => {
  for (const { sock, host } of [it.stream!, ...it.accepted]) {
    if (it.gone.has(host)) continue
    countsHold(sock)
    sequenceHolds(sock)
    cannotStall(sock)
  }
}

/** Runs until nothing is left to happen. @returns events */
const finish = (it: Plan, every: number): number => {
  let events = 0
  while (it.clock.step()) {
    if (++events > EVENTS_MAX) throw new Error(`still busy after ${EVENTS_MAX} events`)
    if (events % every === 0) check(it)
  }
  return events
}

const claim = (holds: boolean, text: string): void => {
  if (!holds) throw new Error(text)
}

const isPrefix = (received: Uint8Array, sent: Uint8Array): boolean => {
  if (received.length > sent.length) return false
  for (let i = 0; i < received.length; i++) if (received[i] !== sent[i]) return false
  return true
}

/** Every byte came, in order, and the ends know it. */
const checkWhole = (it: Plan, stream: SimpleStream, server: SimpleStream | undefined): void => {
  claim(stream.error === 0, `client ended with errno ${stream.error}`)
  claim(server !== undefined, "nothing was accepted")
  claim(server!.error === 0, `server ended with errno ${server!.error}`)
  claim(server!.receivedBytes === it.up.length, `server read ${server!.receivedBytes} of ${it.up.length}`)
  claim(stream.receivedBytes === it.down.length, `client read ${stream.receivedBytes} of ${it.down.length}`)
  claim(it.clock.now <= it.heal + PATIENCE, `took ${it.clock.now / S} s`)
  const [a, b] = [stream.sock, server!.sock]
  // The FIN counts as a byte, as in Linux (tcp_rcv_nxt_update).
  for (const [from, to, bytes] of [
    [a, b, it.up.length],
    [b, a, it.down.length]
  ] as const) {
    claim(to.bytesReceived === bytes + 1, `bytes_received ${to.bytesReceived} of ${bytes}`)
    // So does the SYN of the side that connects; the other's was acknowledged before its socket was there.
    claim(from.bytesAcked === bytes + (from === a ? 2 : 1), `bytes_acked ${from.bytesAcked} of ${bytes}`)
    const sent = from.bytesSent - from.bytesRetrans
    claim(sent === bytes, `bytes_sent - bytes_retrans ${sent} of ${bytes}`)
    claim(from.dataSegsOut <= from.segsOut, "data_segs_out")
    claim(to.dataSegsIn <= to.segsIn, "data_segs_in")
  }
}

const checkCounters = (it: Plan): void => {
  const { link, hosts } = it
  const sum = (counter: number): number => hosts.reduce((total, host) => total + host.net.mib[counter]!, 0)
  // Segments that are sent again count as RetransSegs only; SYN-ACKs of a request as both (Linux: tcp_make_synack).
  const out = sum(Counters.OUT_SEGS) + sum(Counters.RETRANS_SEGS)
  const [atLeast, atMost] = [out - sum(Counters.SYN_RETRANS), out]
  claim(link.sent >= atLeast && link.sent <= atMost, `OutSegs and RetransSegs ${out}, on the link ${link.sent}`)
  claim(sum(Counters.IN_SEGS) === link.arrived, `InSegs ${sum(Counters.IN_SEGS)}, off the link ${link.arrived}`)
  claim(link.sent + link.duplicated === link.arrived + link.lost, "frames of the link")
  for (const host of hosts) {
    const at = (counter: number): number => host.net.mib[counter]!
    claim(at(Counters.IN_CSUM_ERRORS) <= at(Counters.IN_ERRS), "InCsumErrors")
    claim(at(Counters.FAST_RETRANS) + at(Counters.SLOW_START_RETRANS) <= at(Counters.RETRANS_SEGS), "FastRetrans")
    claim(at(Counters.SYN_RETRANS) <= at(Counters.RETRANS_SEGS), "SynRetrans")
  }
}

const checkNothingLeft = (host: SimpleHost): void => {
  const { tcp } = host
  claim(host.liveSegments === 0, `${host.liveSegments} segments left`)
  claim(tcp.memoryPages === 0, `${tcp.memoryPages} pages left`)
  claim(tcp.orphanCount === 0 && tcp.timeWaitCount === 0 && tcp.established.count === 0, "sockets left")
  claim(host.net.mib[Counters.CURR_ESTAB] === 0, "CurrEstab")
}

/**
 * Runs the case of a seed.
 *
 * @param prepare sees link and hosts before anything happens
 * @returns how many events it had
 * @throws when something does not hold
 */
export const runCase = (
  seed: number,
  prepare?: (link: SimpleLink, hosts: ReadonlyArray<SimpleHost>) => void
): number => {
  const it = plan(seed)
  prepare?.(it.link, it.hosts)
  start(it)
  const every = it.up.length + it.down.length > 10_000 ? 16 : 1
  let events = finish(it, every)
  const stream = it.stream!
  const [server] = it.accepted
  claim(it.accepted.length <= 1, `${it.accepted.length} accepted`)
  if (server !== undefined) {
    claim(isPrefix(server.received(), it.up), "the server read what the client did not write")
    claim(isPrefix(stream.received(), it.down), "the client read what the server did not write")
  }
  // An orphan that gives up (tcp_orphan_retries) tells neither its program nor its peer.
  const gaveUp = it.hosts.some((host) => host.net.mib[Counters.ABORT_ON_TIMEOUT]! > 0)
  if (it.disaster === "none") {
    if (!gaveUp) checkWhole(it, stream, server)
    checkCounters(it)
  }
  for (const one of [stream, ...it.accepted]) one.close(true)
  events += finish(it, every)
  for (const host of it.hosts) if (!it.gone.has(host)) checkNothingLeft(host)
  return events
}
