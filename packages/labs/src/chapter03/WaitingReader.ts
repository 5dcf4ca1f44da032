/**
 * 3.3.1: what a process does in recv when the queue is empty. Two readers of connections on which nothing has come: one
 * waits, one must not. The peer writes one byte long after, which ends a wait without a time-out.
 */
import { MSG_DONTWAIT, SOCK_STREAM, type Socket } from "@darkfiber/sockets/Socket"
import { SO_RCVTIMEO, SOL_SOCKET } from "@darkfiber/sockets/SocketOptions"
import * as Sys from "@darkfiber/sockets/Sys"
import { stateLetter, type Task } from "@darkfiber/sockets/Task"
import type { DataCentre } from "@darkfiber/topology/DataCentre"
import { Effect } from "effect"
import { all, exactly, holds, type Lab, type LabInput, type LabOutcome } from "../Lab.ts"
import * as Scene from "../Scene.ts"

const PORT = 9000
const LOCAL = { address: "127.0.0.1", port: PORT }
/** When the reader calls recv, and when its peer writes. */
const RECV_AT = 5 * Scene.MILLISECOND
const WRITE_AT = 200 * Scene.MILLISECOND

const sleepUntil = (time: number) => Effect.flatMap(Sys.clockGettime, (now) => Sys.nanosleep(Math.max(0, time - now)))

const peer = Effect.gen(function* () {
  const listener = yield* Sys.socket(SOCK_STREAM)
  yield* Sys.bind(listener, LOCAL)
  yield* Sys.listen(listener, 1)
  const fd = yield* Sys.accept(listener)
  yield* sleepUntil(WRITE_AT)
  yield* Sys.send(fd, new Uint8Array(1))
})

/** What the reader itself sees. */
interface Noted {
  fd: number
  /** Voluntary switches before the call and after it. */
  before: number
  after: number
  /** Bytes, or `Sys.AGAIN`. */
  result: number
  /** Time of the call, ns. */
  called: number
  returned: number
}

const reader = (flags: number, timeout: number, task: () => Task, noted: Noted) =>
  Effect.gen(function* () {
    const fd = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.connect(fd, LOCAL)
    if (timeout > 0) yield* Sys.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeout)
    yield* sleepUntil(RECV_AT)
    const buffer = new Uint8Array(100)
    const called = yield* Sys.clockGettime
    const before = task().voluntary
    const result = yield* Sys.recv(fd, buffer, flags)
    const returned = yield* Sys.clockGettime
    Object.assign(noted, { fd, before, after: task().voluntary, called, result, returned })
  })

/** What the kernel shows while the reader is in recv. */
interface Waiting {
  readonly state: string
  /** Wait-queue entries of the socket, and how many of them have the reader as their private field. */
  readonly entries: number
  readonly own: number
  readonly wakeFunction: string
}

interface Observed extends Noted {
  readonly waiting: Waiting | null
}

const observe = (input: LabInput, mode: string): Observed => {
  const centre = Scene.pair(input)
  const host = Scene.hostOf(centre, "left")
  const noted: Noted = { fd: -1, before: 0, after: 0, result: 0, called: 0, returned: 0 }
  Scene.spawn(host, "peer", peer)
  Scene.run(centre, Scene.MILLISECOND)
  const flags = mode === "blocking" ? 0 : MSG_DONTWAIT
  const process = Scene.spawn(
    host,
    "reader",
    reader(flags, input.knobs.nanos("timeout"), () => task, noted)
  )
  const task = process.threads[0]!
  Scene.run(centre, RECV_AT - centre.now)
  const waiting = lookAt(centre, task)
  Scene.runUntil(centre, process, 100 * Scene.SECOND)
  Scene.conserved(centre)
  return { ...noted, waiting }
}

/** The reader as it waits in recv; null when it comes back without waiting. */
const lookAt = (centre: DataCentre, task: Task): Waiting | null => {
  const STEP = 500
  while (task.process?.exit === null) {
    Scene.run(centre, STEP)
    const socket = task.file?.object as Socket | undefined
    if (task.call?.name !== "recvfrom" || socket === undefined || task.runQueue.current === task) continue
    const entries = socket.wait.list()
    return {
      state: stateLetter(task.state),
      entries: entries.length,
      own: entries.filter((entry) => entry.owner === task).length,
      wakeFunction: entries[0]?.func ?? ""
    }
  }
  return null
}

const gained = ({ after, before }: Observed): number => after - before

const resultText = (result: number): string => (result === Sys.AGAIN ? "EAGAIN" : `${result} byte`)

const describe = (mode: string, observed: Observed): string => {
  const { called, result, returned, waiting } = observed
  const queue =
    waiting === null
      ? "does not wait"
      : `sleeps in state ${waiting.state} with ${waiting.entries} wait-queue entry (${waiting.wakeFunction})`
  return (
    `${mode}: it ${queue}; recv gives ${resultText(result)} after ${returned - called} ns ` +
    `and ${gained(observed)} voluntary switches.`
  )
}

const measure = (input: LabInput): LabOutcome => {
  const mode = input.knobs.text("mode")
  const blocking = observe(input, "blocking")
  const nonblocking = observe(input, "nonblocking")
  const { waiting } = blocking
  return {
    answer: describe(mode, mode === "blocking" ? blocking : nonblocking),
    findings: {
      a: all([
        { ...exactly("S", waiting?.state ?? "none"), expected: "state S (INTERRUPTIBLE)" },
        holds(
          "1 entry, private = the reader",
          waiting?.entries === 1 && waiting.own === 1,
          `${waiting?.entries ?? 0} entries, ${waiting?.own ?? 0} with the reader as private`
        ),
        { ...exactly(1, gained(blocking)), expected: "switches +1", measured: `switches +${gained(blocking)}` }
      ]),
      b: all([
        exactly("EAGAIN", resultText(nonblocking.result)),
        { ...exactly(0, gained(nonblocking)), expected: "switches +0", measured: `switches +${gained(nonblocking)}` }
      ])
    }
  }
}

export const waitingReader: Lab = {
  id: "3.3.1",
  knobs: { mode: { form: "text" }, timeout: { form: "time" } },
  run: (input) => Effect.sync(() => measure(input))
}
