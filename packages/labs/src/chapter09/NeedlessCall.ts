/**
 * 9.1-1: what a needless local call costs.
 *
 *     before   application ── lo ──▶ sidecar (helper) ── lo ──▶ application
 *     after    application: helper in process
 *
 * The same requests both ways; the difference in CPU time of the whole host is set against the CPU time of the same
 * exchange over lo alone, without an application's or a helper's work.
 */
import { SOCK_STREAM } from "@darkfiber/sockets/Socket"
import { SOL_TCP, TCP_NODELAY } from "@darkfiber/sockets/SocketOptions"
import * as Sys from "@darkfiber/sockets/Sys"
import type { SimHost } from "@darkfiber/topology/SimHost"
import * as Streams from "@darkfiber/topology/programs/Streams"
import { Effect } from "effect"
import { atLeast, type Lab, type LabInput, type LabOutcome } from "../Lab.ts"
import * as Scene from "../Scene.ts"

const PORT = 15001
const LOCAL = { address: "127.0.0.1", port: PORT }
const REQUESTS = 200
/** Bytes of a call and of its answer. */
const MESSAGE = 200
/** What the helper itself works, wherever it runs, ns. */
const HELPER = 2_000
/** Least fall of CPU time in the default mix, percent. */
const FALL = 20

interface Mix {
  /** Calls over lo, or in process. */
  readonly overLo: boolean
  readonly calls: number
  readonly appWork: number
  readonly helperWork: number
}

const sidecar = (work: number) =>
  Effect.gen(function* () {
    const listener = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.bind(listener, LOCAL)
    yield* Sys.listen(listener, 1)
    const fd = yield* Sys.accept(listener)
    yield* Sys.setsockopt(fd, SOL_TCP, TCP_NODELAY, 1)
    const buffer = new Uint8Array(MESSAGE)
    const answer = new Uint8Array(MESSAGE)
    while ((yield* Streams.recvCount(fd, buffer, MESSAGE)) === MESSAGE) {
      if (work > 0) yield* Sys.compute(work)
      yield* Streams.sendAll(fd, answer)
    }
  })

const application = (host: SimHost, mix: Mix, noted: (cpu: number) => void) =>
  Effect.gen(function* () {
    const message = new Uint8Array(MESSAGE)
    const buffer = new Uint8Array(MESSAGE)
    const fd = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.connect(fd, LOCAL)
    yield* Sys.setsockopt(fd, SOL_TCP, TCP_NODELAY, 1)
    const ask = Effect.andThen(Streams.sendAll(fd, message), Streams.recvCount(fd, buffer, MESSAGE))
    yield* ask
    const call = mix.overLo ? ask : Sys.compute(mix.helperWork)
    const before = Scene.busy(host)
    for (let i = 0; i < REQUESTS; i++) {
      if (mix.appWork > 0) yield* Sys.compute(mix.appWork)
      for (let k = 0; k < mix.calls; k++) yield* call
    }
    noted(Scene.busy(host) - before)
  })

/** CPU time of all requests together, ns. */
const cpuOfRequests = (input: LabInput, mix: Mix): number => {
  const centre = Scene.pair(input)
  const host = Scene.hostOf(centre, "left")
  Scene.spawn(host, "sidecar", sidecar(mix.helperWork))
  Scene.run(centre, Scene.MILLISECOND)
  let cpu = NaN
  const process = Scene.spawn(
    host,
    "application",
    application(host, mix, (nanos) => (cpu = nanos))
  )
  Scene.runUntil(centre, process, 10_000 * Scene.SECOND, 10 * Scene.MILLISECOND)
  Scene.conserved(centre)
  return cpu
}

const percent = (part: number, whole: number): number => Math.round((part / whole) * 1000) / 10

const each = (total: number): number => Math.round((total / REQUESTS) * 100) / 100

const sentence = (mode: string, before: number, after: number): string => {
  if (mode === "before") return `A request with its sidecar call over lo costs ${each(before)} ns of CPU time`
  if (mode === "after") return `A request with its helper in process costs ${each(after)} ns of CPU time`
  return `CPU time a request falls from ${each(before)} ns over lo to ${each(after)} ns in process, by ${percent(before - after, before)} %`
}

const measure = (input: LabInput): LabOutcome => {
  const { knobs } = input
  const calls = knobs.int("callsPerRequest")
  const mix: Mix = { overLo: true, calls, appWork: knobs.nanos("appWork"), helperWork: HELPER }
  const before = cpuOfRequests(input, mix)
  const after = cpuOfRequests(input, { ...mix, overLo: false })
  const exchange = cpuOfRequests(input, { overLo: true, calls, appWork: 0, helperWork: 0 })
  const fall = before - after
  return {
    answer: `${sentence(knobs.text("mode"), before, after)}; the lo exchange alone costs ${each(exchange)} ns.`,
    findings: {
      a: atLeast(FALL, percent(fall, before), " %"),
      b: atLeast(exchange, fall, ` ns in ${REQUESTS} requests`)
    }
  }
}

export const needlessCall: Lab = {
  id: "9.1-1",
  knobs: {
    callsPerRequest: { form: "int", minimum: 1, maximum: 100 },
    appWork: { form: "time" },
    mode: { form: "text", choices: ["both", "before", "after"] }
  },
  run: (input) => Effect.sync(() => measure(input))
}
