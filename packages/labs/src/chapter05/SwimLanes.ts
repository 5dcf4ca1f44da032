/**
 * 5.2.3: where the time of a request and its response goes.
 *
 *     client  send ─▶ doorbell                                                        DMA ─▶ recv returns
 *     wire                     ══ bits and delay ══▶                    ◀══ bits and delay ══
 *     server                                       DMA ─▶ recv ─▶ send ─▶ doorbell
 *
 * The ends of the parts on the hosts come from the trace and from the programs' clocks; the parts on the wire are what the
 * frames' lengths, the rate and the delay of the cable make. Their sum has to be the time that the client measures.
 */
import { SOCK_STREAM } from "@darkfiber/sockets/Socket"
import * as Sys from "@darkfiber/sockets/Sys"
import type { DataCentre } from "@darkfiber/topology/DataCentre"
import * as Streams from "@darkfiber/topology/programs/Streams"
import { Effect } from "effect"
import { all, exactly, type Lab, type LabInput, type LabOutcome } from "../Lab.ts"
import * as Scene from "../Scene.ts"
import * as WireTap from "../WireTap.ts"

const PORT = 8000
const REQUEST = 200
const RESPONSE = 300

/** Times that the programs read from their clocks in the exchange that counts, ns. */
interface Clocks {
  sent: number
  requested: number
  answering: number
  received: number
}

const server = (exchanges: number, clocks: Clocks) =>
  Effect.gen(function* () {
    const listener = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.bind(listener, { address: 0, port: PORT })
    yield* Sys.listen(listener, 1)
    const fd = yield* Sys.accept(listener)
    const buffer = new Uint8Array(1000)
    const response = new Uint8Array(RESPONSE)
    for (let i = 0; i < exchanges; i++) {
      yield* Streams.recvCount(fd, buffer, REQUEST)
      clocks.requested = yield* Sys.clockGettime
      clocks.answering = yield* Sys.clockGettime
      yield* Streams.sendAll(fd, response)
    }
  })

const client = (beforeLast: () => void, clocks: Clocks) =>
  Effect.gen(function* () {
    const fd = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.connect(fd, { address: Scene.RIGHT, port: PORT })
    const buffer = new Uint8Array(1000)
    const request = new Uint8Array(REQUEST)
    const exchange = Effect.gen(function* () {
      clocks.sent = yield* Sys.clockGettime
      yield* Streams.sendAll(fd, request)
      yield* Streams.recvCount(fd, buffer, RESPONSE)
      clocks.received = yield* Sys.clockGettime
    })
    // The first exchange ends the handshake's quick acknowledgements; then everything comes to rest.
    yield* exchange
    yield* Sys.nanosleep(Scene.SECOND)
    beforeLast()
    yield* exchange
  })

interface Part {
  readonly name: string
  readonly nanos: number
}

interface Lanes {
  readonly rtt: number
  readonly parts: ReadonlyArray<Part>
  /** Data segments, and those of them that had a wire delay, by direction. */
  readonly segments: ReadonlyArray<string>
  readonly acknowledgements: number
}

const exchange = (input: LabInput): Lanes => {
  const centre = Scene.pair(input, { delay: Math.max(1, Math.round(input.knobs.nanos("rtt") / 2)) })
  const clocks: Clocks = { sent: 0, requested: 0, answering: 0, received: 0 }
  Scene.spawn(Scene.hostOf(centre, "right"), "server", server(2, clocks))
  Scene.run(centre, Scene.MILLISECOND)
  const wire = WireTap.tap(centre)
  let seenBefore = 0
  const begin = (): void => {
    seenBefore = wire.length
    Scene.trace(centre)
  }
  const process = Scene.spawn(Scene.hostOf(centre, "left"), "client", client(begin, clocks))
  Scene.runUntil(centre, process, 1000 * Scene.SECOND, 10 * Scene.MILLISECOND)
  Scene.stopTrace(centre)
  Scene.conserved(centre)
  const frames = wire.slice(seenBefore).filter((frame) => frame.time <= clocks.received)
  const segments = frames.filter((frame) => WireTap.isTcp(frame) && WireTap.tcpPayload(frame) > 0)
  return {
    rtt: clocks.received - clocks.sent,
    parts: partsOf(centre, segments, clocks),
    segments: segments.map((frame) => frame.from),
    acknowledgements: frames.length - segments.length
  }
}

const partsOf = (
  centre: DataCentre,
  segments: ReadonlyArray<WireTap.WireFrame>,
  clocks: Clocks
): ReadonlyArray<Part> => {
  const rows = Scene.records(centre)
  const [request, response] = segments
  if (request === undefined || response === undefined) return []
  const at = (host: string, name: string, frame: WireTap.WireFrame): number =>
    rows.find((row) => row.host === host && row.function === name && row.detail === frame.bytes.length)?.time ?? NaN
  return [
    { name: "client sends", nanos: at("left", "igb_xmit_frame", request) - clocks.sent },
    { name: "wire there", nanos: request.delay },
    { name: "server receives", nanos: clocks.requested - at("right", "dma", request) },
    { name: "server works", nanos: clocks.answering - clocks.requested },
    { name: "server sends", nanos: at("right", "igb_xmit_frame", response) - clocks.answering },
    { name: "wire back", nanos: response.delay },
    { name: "client receives", nanos: clocks.received - at("left", "dma", response) }
  ]
}

const measure = (input: LabInput): LabOutcome => {
  const { acknowledgements, parts, rtt, segments } = exchange(input)
  const sum = parts.reduce((total, part) => total + part.nanos, 0)
  const count = (from: string): number => segments.filter((each) => each === from).length
  return {
    answer:
      `${parts.map((part) => `${part.name} ${part.nanos}`).join(" + ")} = ${sum} ns; the client measures ${rtt} ns, ` +
      `with ${segments.length} data segments and ${acknowledgements} pure ACKs on the wire.`,
    findings: {
      a: all([
        { ...exactly(2, segments.length), expected: "2 data segments", measured: `${segments.length} data segments` },
        { ...exactly(1, count("left")), expected: "1 wire delay there", measured: `${count("left")} there` },
        { ...exactly(1, count("right")), expected: "1 wire delay back", measured: `${count("right")} back` }
      ]),
      b: { ...exactly(sum, rtt), expected: `${sum} ns, the sum of ${parts.length} parts`, measured: `${rtt} ns` }
    }
  }
}

export const swimLanes: Lab = {
  id: "5.2.3",
  knobs: { rtt: { form: "time" } },
  run: (input) => Effect.sync(() => measure(input))
}
