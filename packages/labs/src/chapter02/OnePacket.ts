/**
 * 2.2.1: one packet. A datagram reaches a reader that waits for it; the trace of the receiving host tells in which order
 * the kernel's parts see it.
 *
 * A first datagram before the trace begins has resolved the neighbour, so that nothing but the one packet is on the wire.
 */
import { SOCK_DGRAM } from "@darkfiber/sockets/Socket"
import * as Sys from "@darkfiber/sockets/Sys"
import type { DataCentre } from "@darkfiber/topology/DataCentre"
import type { SimHost } from "@darkfiber/topology/SimHost"
import { Effect } from "effect"
import { all, exactly, inOrder, type Lab, type LabInput, type LabOutcome } from "../Lab.ts"
import * as Scene from "../Scene.ts"

const PORT = 9000
/** How long a busy reader works before it looks at its socket. */
const WORK = 5 * Scene.MILLISECOND
const COPY = "copy to user"

/** The kernel function that a step of the order is seen by. */
const steps: ReadonlyArray<readonly [step: string, kernelFunction: string]> = [
  ["dma", "dma"],
  ["igb_msix_ring", "igb_msix_ring"],
  ["napi_schedule", "napi_schedule"],
  ["net_rx_action", "net_rx_action"],
  ["igb_poll", "igb_poll"],
  ["netif_receive_skb", "netif_receive_skb"],
  ["ip_rcv", "ip_rcv"],
  ["udp_rcv", "udp_rcv"],
  ["queue to socket", "udp_queue_rcv_skb"],
  ["wake", "try_to_wake_up"],
  [COPY, COPY]
]
const names = new Map(steps.map(([step, kernelFunction]) => [kernelFunction, step]))

const sender = Effect.gen(function* () {
  const fd = yield* Sys.socket(SOCK_DGRAM)
  yield* Sys.connect(fd, { address: Scene.RIGHT, port: PORT })
  yield* Sys.send(fd, new Uint8Array(1))
  return fd
})

/** Sends the warm-up datagram at once and the measured one at `at`. */
const send = (payload: number, at: number) =>
  Effect.gen(function* () {
    const fd = yield* sender
    yield* Sys.nanosleep(at - (yield* Sys.clockGettime))
    yield* Sys.send(fd, new Uint8Array(payload))
  })

const read = (isBusy: boolean, got: (count: number, time: number) => void) =>
  Effect.gen(function* () {
    const buffer = new Uint8Array(65_536)
    const fd = yield* Sys.socket(SOCK_DGRAM)
    yield* Sys.bind(fd, { address: 0, port: PORT })
    yield* Sys.recv(fd, buffer)
    if (isBusy) yield* Sys.compute(WORK)
    const count = yield* Sys.recv(fd, buffer)
    got(count, yield* Sys.clockGettime)
    yield* Sys.close(fd)
  })

/**
 * Notes when the kernel of `host` has copied bytes to a user: between two hits of the trace. The copy itself is no kernel
 * function of the trace.
 */
const watchCopies = (host: SimHost, noted: (time: number) => void): void => {
  const { kernel } = host
  let copied = kernel.copiedBytes
  let last = 0
  kernel.island.trace.watch = (_point, time) => {
    if (kernel.copiedBytes !== copied) noted(last)
    copied = kernel.copiedBytes
    last = time
  }
}

const measure = (input: LabInput): LabOutcome => {
  const payload = input.knobs.int("payload")
  const isBusy = input.knobs.text("reader") === "busy"
  const centre = Scene.pair(input)
  const left = Scene.hostOf(centre, "left")
  const right = Scene.hostOf(centre, "right")
  const got = { bytes: 0, time: 0 }
  const reader = Scene.spawn(
    right,
    "reader",
    read(isBusy, (bytes, time) => Object.assign(got, { bytes, time }))
  )
  Scene.run(centre, Scene.MILLISECOND)
  Scene.spawn(left, "sender", send(payload, 3 * Scene.MILLISECOND))
  Scene.run(centre, Scene.MILLISECOND)
  const eth0 = Scene.device(right, "eth0")
  const before = { interrupts: Scene.nicInterrupts(eth0), netRx: Scene.netRx(right) }
  const copies: Array<number> = []
  Scene.trace(centre)
  watchCopies(right, (time) => copies.push(time))
  Scene.runUntil(centre, reader, Scene.SECOND)
  Scene.stopTrace(centre)
  const interrupts = Scene.nicInterrupts(eth0) - before.interrupts
  const netRx = Scene.netRx(right) - before.netRx
  Scene.conserved(centre)
  const seen = events(centre, right, copies)
  const arrived = seen[0]?.time ?? 0
  return {
    answer:
      `${[...new Set(seen.map((event) => event.name))].join(" < ")}: ${got.bytes} bytes are with the reader ` +
      `${got.time - arrived} ns after their DMA, by ${interrupts} hard IRQ and ${netRx} NET_RX.`,
    findings: {
      a: inOrder(
        steps.map(([step]) => step),
        seen.map((event) => event.name)
      ),
      b: all([
        { ...exactly(1, interrupts), expected: "1 hard IRQ", measured: `${interrupts} hard IRQ` },
        { ...exactly(1, netRx), expected: "1 NET_RX", measured: `${netRx} NET_RX` }
      ])
    }
  }
}

interface Event {
  readonly time: number
  readonly name: string
}

/** The steps that the receiving host went through, in the order of time. */
const events = (centre: DataCentre, host: SimHost, copies: ReadonlyArray<number>): ReadonlyArray<Event> => {
  const traced = Scene.records(centre).filter((record) => record.host === host.name)
  const hits = traced.map((record) => ({ time: record.time, name: names.get(record.function) ?? "" }))
  return [...hits, ...copies.map((time) => ({ time, name: COPY }))]
    .sort((before, after) => before.time - after.time)
    .filter((event) => event.name !== "")
}

export const onePacket: Lab = {
  id: "2.2.1",
  knobs: {
    payload: { form: "int", minimum: 1, maximum: 1472 },
    reader: { form: "text", choices: ["blocked", "busy"] }
  },
  run: (input) => Effect.sync(() => measure(input))
}
