/**
 * Q1.1.5-a: does traffic to 127.0.0.1 go through the NIC?
 *
 * Ten pings and ten requests to 127.0.0.1, with what the NIC and lo count beside; then a ping to the other end of the cable,
 * which shows that the NIC's counters do count.
 */
import type { DataCentre } from "@darkfiber/topology/DataCentre"
import type { SimHost } from "@darkfiber/topology/SimHost"
import { Effect } from "effect"
import { all, exactly, holds, type Lab, type LabInput, type LabOutcome } from "../Lab.ts"
import * as Scene from "../Scene.ts"

const PINGS = 10
const REQUESTS = 10
const LOCAL = "127.0.0.1"

interface Counted {
  readonly nic: number
  readonly interrupts: number
  readonly loRx: number
  readonly loTx: number
}

interface Local {
  readonly carrier: boolean
  readonly pings: { readonly answered: number; readonly counted: Counted }
  readonly requests: { readonly answered: number; readonly counted: Counted }
  /** NIC counters while a ping went to the other host. */
  readonly remote: { readonly answered: number; readonly counted: Counted }
}

const count = (host: SimHost): Counted => {
  const eth0 = Scene.device(host, "eth0")
  const lo = Scene.packets(Scene.device(host, "lo"))
  const { rx, tx } = Scene.packets(eth0)
  return { nic: rx + tx, interrupts: Scene.nicInterrupts(eth0), loRx: lo.rx, loTx: lo.tx }
}

/** What the counters have gained while `act` ran. */
const during = (host: SimHost, act: () => number): { readonly answered: number; readonly counted: Counted } => {
  const before = count(host)
  const answered = act()
  const after = count(host)
  return {
    answered,
    counted: {
      nic: after.nic - before.nic,
      interrupts: after.interrupts - before.interrupts,
      loRx: after.loRx - before.loRx,
      loTx: after.loTx - before.loTx
    }
  }
}

const ping = (centre: DataCentre, host: SimHost, to: string, times: number): number => {
  const { process, workload } = Scene.start(host, "ping", { to, count: times, interval: "10ms" })
  Scene.runUntil(centre, process, 10 * Scene.SECOND)
  return workload.completed
}

const exchange = (input: LabInput, cable: string): Local => {
  const centre = Scene.pair(input)
  if (cable === "unplugged") Scene.unplug(centre)
  const host = Scene.hostOf(centre, "left")
  Scene.start(host, "http-server", { port: 80 })
  Scene.run(centre, Scene.MILLISECOND)
  const pings = during(host, () => ping(centre, host, LOCAL, PINGS))
  const requests = during(host, () => {
    const { process, workload } = Scene.start(host, "http-client", { to: `${LOCAL}:80`, requests: REQUESTS })
    Scene.runUntil(centre, process, Scene.SECOND)
    return workload.completed
  })
  const remote = during(host, () => ping(centre, host, Scene.RIGHT, 1))
  Scene.conserved(centre)
  return { carrier: Scene.device(host, "eth0").carrier, pings, requests, remote }
}

const works = ({ pings, requests }: Local): boolean => pings.answered === PINGS && requests.answered === REQUESTS

const measure = (input: LabInput): LabOutcome => {
  const chosen = exchange(input, input.knobs.text("cable"))
  const unplugged = chosen.carrier ? exchange(input, "unplugged") : chosen
  const nic = chosen.pings.counted.nic + chosen.requests.counted.nic
  const interrupts = chosen.pings.counted.interrupts + chosen.requests.counted.interrupts
  const { pings, remote, requests } = chosen
  const lo = pings.counted.loRx + requests.counted.loRx
  return {
    answer:
      `${nic === 0 ? "No" : "Yes"}: ${pings.answered} pings and ${requests.answered} requests to ${LOCAL} moved the NIC's counters by ${nic} ` +
      `and lo's by ${lo} packets, cable ${chosen.carrier ? "plugged" : "unplugged"}; ` +
      `a ping to ${Scene.RIGHT} moved the NIC's by ${remote.counted.nic}.`,
    findings: {
      a: all([
        { ...exactly(0, nic), expected: "0 NIC packets", measured: `${nic} NIC packets` },
        { ...exactly(0, interrupts), expected: "0 NIC interrupts", measured: `${interrupts} NIC interrupts` }
      ]),
      b: holds(
        `${PINGS} pings and ${REQUESTS} requests are answered without carrier`,
        !unplugged.carrier && works(unplugged),
        `carrier ${unplugged.carrier ? "on" : "off"}: ${unplugged.pings.answered} pings and ` +
          `${unplugged.requests.answered} requests answered`
      ),
      c: all([
        { ...exactly(2 * PINGS, pings.counted.loRx), measured: `rx ${pings.counted.loRx}` },
        { ...exactly(2 * PINGS, pings.counted.loTx), measured: `tx ${pings.counted.loTx}` }
      ])
    }
  }
}

export const loopback: Lab = {
  id: "Q1.1.5-a",
  knobs: { cable: { form: "text" } },
  run: (input) => Effect.sync(() => measure(input))
}
