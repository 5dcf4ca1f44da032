/** UDP: a sender with a steady gap, and a sink. */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { LeasedProgram } from "@darkfiber/sockets/Leased"
import { SOCK_DGRAM } from "@darkfiber/sockets/Socket"
import * as Sys from "@darkfiber/sockets/Sys"
import type { Task } from "@darkfiber/sockets/Task"
import { Effect } from "effect"
import * as Calls from "./Calls.ts"
import type { Program } from "./Testbed.ts"

/** Bytes a read may take. */
export const DATAGRAM_MAX = 2048

/** Datagrams of all programs of a scenario. */
export class Datagrams {
  sent: number
  received: number
  bytes: number

  constructor() {
    this.sent = 0
    this.received = 0
    this.bytes = 0
  }
}

export interface SenderOptions {
  readonly size: number
  readonly port: number
  /** The first one's time and the time between two, ns. */
  readonly start: number
  readonly gap: number
  /** Address of the next datagram. */
  readonly target: () => number
}

class LeasedSender implements LeasedProgram {
  private readonly options: SenderOptions
  private readonly count: Datagrams
  private readonly payload: Uint8Array
  private phase: number
  private fd: number
  private next: number

  constructor(options: SenderOptions, count: Datagrams) {
    this.options = options
    this.count = count
    this.payload = payloadOf(options.size)
    this.phase = 0
    this.fd = -1
    this.next = options.start
  }

  run(core: Core, task: Task): number {
    const { options } = this
    switch (this.phase++) {
      case 0:
        return Calls.socket(task, SOCK_DGRAM)
      case 1:
        this.fd = Calls.result(task, "socket")
        return this.sleep(core, task)
      case 2:
        Calls.result(task, "nanosleep")
        this.next += options.gap
        this.count.sent++
        return Calls.sendto(task, this.fd, this.payload, options.size, options.target(), options.port)
      default:
        Calls.result(task, "sendto")
        return this.sleep(core, task)
    }
  }

  private sleep(core: Core, task: Task): number {
    this.phase = 2
    const left = this.next - core.time
    return Calls.nanosleep(task, left > 0 ? left : 0)
  }
}

const fiberSender = (options: SenderOptions, count: Datagrams) =>
  Effect.gen(function* () {
    const payload = payloadOf(options.size)
    const { port } = options
    const fd = yield* Sys.socket(SOCK_DGRAM)
    for (let next = options.start; ; next += options.gap) {
      const left = next - (yield* Sys.clockGettime)
      yield* Sys.nanosleep(left > 0 ? left : 0)
      count.sent++
      yield* Sys.sendto(fd, payload, { address: options.target(), port })
    }
  })

export const sender = (options: SenderOptions, count: Datagrams): Program => ({
  fiber: () => fiberSender(options, count),
  leased: () => new LeasedSender(options, count)
})

class LeasedSink implements LeasedProgram {
  private readonly port: number
  private readonly count: Datagrams
  private readonly buffer: Uint8Array
  private phase: number
  private fd: number

  constructor(port: number, count: Datagrams, buffer: Uint8Array) {
    this.port = port
    this.count = count
    this.buffer = buffer
    this.phase = 0
    this.fd = -1
  }

  run(_core: Core, task: Task): number {
    switch (this.phase++) {
      case 0:
        return Calls.socket(task, SOCK_DGRAM)
      case 1:
        this.fd = Calls.result(task, "socket")
        return Calls.bind(task, this.fd, this.port)
      case 2:
        Calls.result(task, "bind")
        return Calls.recv(task, this.fd, this.buffer)
      default:
        this.count.bytes += Calls.result(task, "recv")
        this.count.received++
        this.phase = 3
        return Calls.recv(task, this.fd, this.buffer)
    }
  }
}

const fiberSink = (port: number, count: Datagrams, buffer: Uint8Array) =>
  Effect.gen(function* () {
    const fd = yield* Sys.socket(SOCK_DGRAM)
    yield* Sys.bind(fd, { address: 0, port })
    for (;;) {
      const bytes = yield* Sys.recv(fd, buffer)
      count.bytes += bytes
      count.received++
    }
  })

/** Reads for ever into `buffer`, which several sinks may share. */
export const sink = (port: number, count: Datagrams, buffer: Uint8Array): Program => ({
  fiber: () => fiberSink(port, count, buffer),
  leased: () => new LeasedSink(port, count, buffer)
})

const payloads = new Map<number, Uint8Array>()

/** One payload for all senders of a size. */
const payloadOf = (size: number): Uint8Array => {
  let payload = payloads.get(size)
  if (payload === undefined) payloads.set(size, (payload = Calls.pattern(size)))
  return payload
}
