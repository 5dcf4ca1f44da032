/**
 * 4.4.4-a: what happens when the neighbour's address is not known.
 *
 * Several datagrams at once to a host that has not been spoken to: the wire shows the question, the answer, then the
 * datagrams that waited. And one datagram with its echo, cold and then warm: what the cold one takes longer is what the
 * trace says that it waited for the answer.
 */
import { SOCK_DGRAM } from "@darkfiber/sockets/Socket"
import * as Sys from "@darkfiber/sockets/Sys"
import * as Arp from "@darkfiber/wire/Arp"
import { Effect } from "effect"
import { all, exactly, inOrder, type Lab, type LabInput, type LabOutcome } from "../Lab.ts"
import * as Scene from "../Scene.ts"
import * as WireTap from "../WireTap.ts"

const PORT = 7
/** One way: long beside what the hosts take to work, so that one frame is done with before the next comes. */
const DELAY = 100_000
const OPTIONS = { delay: DELAY }

const open = Effect.gen(function* () {
  const fd = yield* Sys.socket(SOCK_DGRAM)
  yield* Sys.connect(fd, { address: Scene.RIGHT, port: PORT })
  return fd
})

/** Sends `count` numbered datagrams one behind the other. */
const burst = (count: number) =>
  Effect.gen(function* () {
    const fd = yield* open
    for (let i = 1; i <= count; i++) yield* Sys.send(fd, new Uint8Array([i >>> 8, i & 255]))
    const buffer = new Uint8Array(100)
    for (let i = 0; i < count; i++) yield* Sys.recv(fd, buffer)
  })

/** One frame of the wire, in words. */
const describe = (frame: WireTap.WireFrame): string => {
  if (WireTap.isArp(frame)) {
    const operation = WireTap.arpOperation(frame)
    return `ARP ${operation === Arp.REQUEST ? "request" : operation === Arp.REPLY ? "reply" : operation}`
  }
  const at = WireTap.udpPayload(frame)
  return `packet ${(frame.bytes[at]! << 8) | frame.bytes[at + 1]!}`
}

/** What crossed the wire, up to the last datagram of the sender, echoes left out. */
const crossed = (input: LabInput, count: number): ReadonlyArray<string> => {
  const centre = Scene.pair(input, OPTIONS)
  Scene.start(Scene.hostOf(centre, "right"), "udp-echo-server", { port: PORT })
  Scene.run(centre, Scene.MILLISECOND)
  const frames = WireTap.tap(centre)
  const sender = Scene.spawn(Scene.hostOf(centre, "left"), "sender", burst(count))
  Scene.runUntil(centre, sender, 10 * Scene.SECOND)
  Scene.conserved(centre)
  return WireTap.ordered(frames)
    .filter((frame) => WireTap.isArp(frame) || frame.from === "left")
    .map(describe)
}

interface Exchange {
  /** From the call of send to the return of recv, ns. */
  readonly rtt: number
  /** From IP's last function to the queue of the device, ns: the neighbour's turn, and the wait when it was not known. */
  readonly resolved: number
}

interface Times {
  readonly cold: Exchange
  readonly warm: Exchange
}

const exchanges = (noted: (rtt: number) => void) =>
  Effect.gen(function* () {
    const fd = yield* open
    const buffer = new Uint8Array(100)
    for (let i = 0; i < 2; i++) {
      const begin = yield* Sys.clockGettime
      yield* Sys.send(fd, new Uint8Array(56))
      yield* Sys.recv(fd, buffer)
      noted((yield* Sys.clockGettime) - begin)
      yield* Sys.nanosleep(10 * Scene.MILLISECOND)
    }
  })

const measureTimes = (input: LabInput): Times => {
  const centre = Scene.pair(input, OPTIONS)
  Scene.start(Scene.hostOf(centre, "right"), "udp-echo-server", { port: PORT })
  Scene.run(centre, Scene.MILLISECOND)
  Scene.trace(centre)
  const rtts: Array<number> = []
  const process = Scene.spawn(
    Scene.hostOf(centre, "left"),
    "sender",
    exchanges((rtt) => rtts.push(rtt))
  )
  Scene.runUntil(centre, process, 10 * Scene.SECOND)
  Scene.stopTrace(centre)
  Scene.conserved(centre)
  const rows = Scene.records(centre).filter((row) => row.host === "left" && row.packet !== 0)
  const resolved = rows
    .filter((row) => row.function === "ip_finish_output2")
    .map((row) => {
      const queued = rows.find((next) => next.packet === row.packet && next.function === "dev_queue_xmit")
      return (queued?.time ?? Infinity) - row.time
    })
  const exchange = (index: number): Exchange => ({ rtt: rtts[index]!, resolved: resolved[index] ?? Infinity })
  return { cold: exchange(0), warm: exchange(1) }
}

const measure = (input: LabInput): LabOutcome => {
  const count = input.knobs.int("packets")
  const wire = crossed(input, count)
  const packets = Array.from({ length: count }, (_, index) => `packet ${index + 1}`)
  const { cold, warm } = measureTimes(input)
  const waited = cold.resolved - warm.resolved
  return {
    answer:
      `${wire.join(", ")}; the first RTT of ${cold.rtt} ns is ${warm.rtt} ns for the data and ${waited} ns ` +
      `for the ARP exchange.`,
    findings: {
      a: all([
        inOrder(["ARP request", "ARP reply", ...packets], wire),
        { ...exactly(count + 2, wire.length), expected: `${count + 2} frames`, measured: `${wire.length} frames` }
      ]),
      b: {
        ...exactly(warm.rtt + waited, cold.rtt),
        expected: `${warm.rtt} ns + ${waited} ns = ${warm.rtt + waited} ns`,
        measured: `${cold.rtt} ns`
      }
    }
  }
}

export const coldSend: Lab = {
  id: "4.4.4-a",
  knobs: { packets: { form: "int", minimum: 1, maximum: 20 } },
  run: (input) => Effect.sync(() => measure(input))
}
