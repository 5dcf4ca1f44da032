/**
 * 6.4.6-a: how long connecting takes.
 *
 *     client  connect ─▶ SYN at the NIC                                  interrupt ─▶ connect returns
 *     wire                             ── SYN ──▶            ◀── SYN-ACK ──
 *     server                                    interrupt ─▶ SYN-ACK at the NIC
 *
 * The RTT is what the two frames' lengths, the rate and the delay of the cable make. The CPU time is what the cores' own
 * accounts gain in the three stretches on which the frames wait for a core. Then a page of requests over new connections.
 */
import { SOCK_STREAM } from "@darkfiber/sockets/Socket"
import * as Sys from "@darkfiber/sockets/Sys"
import * as TracePoint from "@darkfiber/sim/TracePoint"
import type { DataCentre } from "@darkfiber/topology/DataCentre"
import type { SimHost } from "@darkfiber/topology/SimHost"
import * as Tcp from "@darkfiber/wire/Tcp"
import { Effect } from "effect"
import { atLeast, below, exactly, type Lab, type LabInput, type LabOutcome } from "../Lab.ts"
import * as Scene from "../Scene.ts"
import * as WireTap from "../WireTap.ts"

const PORT = 80
/** From this RTT on the claim about the share of CPU time holds. */
const RTT_MIN = 5 * Scene.MILLISECOND

/** A hit of a trace point, with what the host's cores have worked by then. */
interface Hit {
  readonly name: string
  readonly time: number
  readonly busy: number
}

const watch = (host: SimHost, hits: Array<Hit>): void => {
  host.island.trace.watch = (point, time) => hits.push({ name: TracePoint.name(point), time, busy: Scene.busy(host) })
}

interface Connected {
  readonly connectTime: number
  readonly rtt: number
  readonly cpu: number
}

const TRANSMIT = "igb_xmit_frame"
const INTERRUPT = "igb_msix_ring"

interface Clocks {
  called: number
  returned: number
  /** CPU time of the client's host by then. */
  busyBefore: number
  busyAfter: number
}

const client = (host: SimHost, clocks: Clocks) =>
  Effect.gen(function* () {
    const fd = yield* Sys.socket(SOCK_STREAM)
    clocks.called = yield* Sys.clockGettime
    clocks.busyBefore = Scene.busy(host)
    yield* Sys.connect(fd, { address: Scene.RIGHT, port: PORT })
    clocks.busyAfter = Scene.busy(host)
    clocks.returned = yield* Sys.clockGettime
  })

/** Two hosts that know each other's address, and a server; nothing moves. */
const quiet = (input: LabInput, rtt: number): DataCentre => {
  const centre = Scene.pair(input, { delay: Math.max(1, Math.round(rtt / 2)) })
  const left = Scene.hostOf(centre, "left")
  Scene.start(Scene.hostOf(centre, "right"), "http-server", { port: PORT })
  const { process } = Scene.start(left, "ping", { to: Scene.RIGHT, count: 1 })
  Scene.runUntil(centre, process, 100 * Scene.SECOND, 100 * Scene.MILLISECOND)
  return centre
}

const connectOnce = (input: LabInput, rtt: number): Connected => {
  const centre = quiet(input, rtt)
  const left = Scene.hostOf(centre, "left")
  const right = Scene.hostOf(centre, "right")
  const serverBefore = Scene.busy(right)
  const wire = WireTap.tap(centre)
  const clientHits: Array<Hit> = []
  const serverHits: Array<Hit> = []
  Scene.trace(centre)
  watch(left, clientHits)
  watch(right, serverHits)
  const clocks: Clocks = { called: 0, returned: 0, busyBefore: 0, busyAfter: 0 }
  const process = Scene.spawn(left, "client", client(left, clocks))
  Scene.runUntil(centre, process, 100 * Scene.SECOND)
  Scene.stopTrace(centre)
  Scene.conserved(centre)
  const syn = wire.find((frame) => WireTap.isTcp(frame) && WireTap.tcpFlags(frame) === Tcp.SYN)
  const synAck = wire.find((frame) => WireTap.isTcp(frame) && WireTap.tcpFlags(frame) === (Tcp.SYN | Tcp.ACK))
  return {
    connectTime: clocks.returned - clocks.called,
    rtt: (syn?.delay ?? NaN) + (synAck?.delay ?? NaN),
    cpu: clientCpu(clientHits, clocks, synAck?.arrival ?? NaN) + (busyAt(serverHits, TRANSMIT) - serverBefore)
  }
}

const busyAt = (hits: ReadonlyArray<Hit>, name: string): number => hits.find((hit) => hit.name === name)?.busy ?? NaN

/** From the call to the SYN at the NIC, and from the interrupt of the SYN-ACK, which comes at `arrival`, to the return. */
const clientCpu = (hits: ReadonlyArray<Hit>, { busyAfter, busyBefore }: Clocks, arrival: number): number => {
  const interrupt = hits.findIndex((hit) => hit.name === INTERRUPT && hit.time >= arrival)
  const beforeInterrupt = hits[interrupt - 1]?.busy ?? NaN
  return busyAt(hits, TRANSMIT) - busyBefore + (busyAfter - beforeInterrupt)
}

/** Time of `count` requests one after the other, a new connection each, ns. */
const requests = (input: LabInput, rtt: number, count: number): number => {
  const centre = quiet(input, rtt)
  const begin = centre.now
  const { process, workload } = Scene.start(Scene.hostOf(centre, "left"), "http-client", {
    to: `${Scene.RIGHT}:${PORT}`,
    requests: count,
    keepAlive: false
  })
  Scene.runUntil(centre, process, 10_000 * Scene.SECOND, 10 * Scene.MILLISECOND)
  if (workload.completed !== count) throw new Error(`${workload.completed} of ${count} requests were answered`)
  return workload.lastReceived - begin
}

const percent = ({ connectTime, cpu }: Connected): number => Math.round((cpu / connectTime) * 100_000) / 1000

const measure = (input: LabInput): LabOutcome => {
  const rtt = input.knobs.nanos("rtt")
  const count = input.knobs.int("requests")
  const connected = connectOnce(input, rtt)
  const long = rtt >= RTT_MIN ? connected : connectOnce(input, RTT_MIN)
  const total = requests(input, rtt, count)
  const { connectTime, cpu, rtt: wire } = connected
  return {
    answer:
      `connect() takes ${connectTime} ns: ${wire} ns on the wire and ${cpu} ns of CPU time (${percent(connected)} %); ` +
      `${count} requests over new connections take ${total} ns, ${Math.round((total / rtt) * 100) / 100} RTT.`,
    findings: {
      a: {
        ...exactly(wire + cpu, connectTime),
        expected: `RTT ${wire} ns + CPU ${cpu} ns = ${wire + cpu} ns`,
        measured: `${connectTime} ns`
      },
      b: below(1, percent(long), rtt >= RTT_MIN ? " %" : ` % (at RTT ${RTT_MIN} ns)`),
      c: atLeast(2 * count * rtt, total, " ns")
    }
  }
}

export const connectTime: Lab = {
  id: "6.4.6-a",
  knobs: { rtt: { form: "time" }, requests: { form: "int", minimum: 1, maximum: 10_000 } },
  run: (input) => Effect.sync(() => measure(input))
}
