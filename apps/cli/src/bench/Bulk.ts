/** One TCP flow: a source that connects, writes and closes, and a sink that reads to the end. */
import { LEASE_EXIT, type LeasedProgram } from "@darkfiber/sockets/Leased"
import { SOCK_STREAM } from "@darkfiber/sockets/Socket"
import * as Sys from "@darkfiber/sockets/Sys"
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { Task } from "@darkfiber/sockets/Task"
import { Effect } from "effect"
import * as Calls from "./Calls.ts"
import type { Machine, Program, Testbed } from "./Testbed.ts"

const WRITE_BYTES = 65_536
const READ_BYTES = 262_144

/** What a flow has come to, written by its programs. */
export class Flow {
  received: number
  /** When its last byte and the end were read, ns; 0 before. */
  doneAt: number

  constructor() {
    this.received = 0
    this.doneAt = 0
  }
}

export interface SourceOptions {
  readonly address: number
  readonly port: number
  readonly bytes: number
  /** When it connects, ns. */
  readonly start: number
}

class LeasedSource implements LeasedProgram {
  private readonly options: SourceOptions
  private phase: number
  private fd: number
  private left: number

  constructor(options: SourceOptions) {
    this.options = options
    this.phase = 0
    this.fd = -1
    this.left = options.bytes
  }

  run(_core: Core, task: Task): number {
    const { options } = this
    switch (this.phase++) {
      case 0:
        return Calls.nanosleep(task, options.start)
      case 1:
        Calls.result(task, "nanosleep")
        return Calls.socket(task, SOCK_STREAM)
      case 2:
        this.fd = Calls.result(task, "socket")
        return Calls.connect(task, this.fd, options.address, options.port)
      case 3:
        Calls.result(task, "connect")
        return this.write(task)
      case 4:
        this.left -= Calls.result(task, "send")
        if (this.left === 0) return Calls.close(task, this.fd)
        this.phase = 4
        return this.write(task)
      default:
        task.r0 = 0
        return LEASE_EXIT
    }
  }

  private write(task: Task): number {
    return Calls.send(task, this.fd, outgoing, this.left < WRITE_BYTES ? this.left : WRITE_BYTES)
  }
}

const outgoing = Calls.pattern(WRITE_BYTES)

const fiberSource = ({ address, port, bytes, start }: SourceOptions) =>
  Effect.gen(function* () {
    yield* Sys.nanosleep(start)
    const fd = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.connect(fd, { address, port })
    let left = bytes
    while (left > 0) {
      const sent = yield* Sys.send(fd, left < WRITE_BYTES ? outgoing.subarray(0, left) : outgoing)
      left -= sent
    }
    yield* Sys.close(fd)
  })

const source = (options: SourceOptions): Program => ({
  fiber: () => fiberSource(options),
  leased: () => new LeasedSource(options)
})

/** Readers of one machine take turns with one buffer: its bytes are looked at before anybody else runs. */
class LeasedSink implements LeasedProgram {
  private readonly port: number
  private readonly flow: Flow
  private readonly buffer: Uint8Array
  private phase: number
  private listener: number
  private fd: number

  constructor(port: number, flow: Flow, buffer: Uint8Array) {
    this.port = port
    this.flow = flow
    this.buffer = buffer
    this.phase = 0
    this.listener = -1
    this.fd = -1
  }

  run(core: Core, task: Task): number {
    const { flow } = this
    switch (this.phase++) {
      case 0:
        return Calls.socket(task, SOCK_STREAM)
      case 1:
        this.listener = Calls.result(task, "socket")
        return Calls.bind(task, this.listener, this.port)
      case 2:
        Calls.result(task, "bind")
        return Calls.listen(task, this.listener, 1)
      case 3:
        Calls.result(task, "listen")
        return Calls.accept(task, this.listener)
      case 4:
        this.fd = Calls.result(task, "accept")
        return Calls.recv(task, this.fd, this.buffer)
      case 5: {
        const count = Calls.result(task, "recv")
        flow.received += count
        if (count > 0) {
          this.phase = 5
          return Calls.recv(task, this.fd, this.buffer)
        }
        flow.doneAt = core.time
        return Calls.close(task, this.fd)
      }
      default:
        task.r0 = 0
        return LEASE_EXIT
    }
  }
}

const fiberSink = (port: number, flow: Flow, buffer: Uint8Array) =>
  Effect.gen(function* () {
    const listener = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.bind(listener, { address: 0, port })
    yield* Sys.listen(listener, 1)
    const fd = yield* Sys.accept(listener)
    for (;;) {
      const count = yield* Sys.recv(fd, buffer)
      flow.received += count
      if (count === 0) break
    }
    flow.doneAt = yield* Sys.clockGettime
    yield* Sys.close(fd)
  })

const sink = (port: number, flow: Flow, buffer: Uint8Array): Program => ({
  fiber: () => fiberSink(port, flow, buffer),
  leased: () => new LeasedSink(port, flow, buffer)
})

/** The flows of a scenario: each has its own port at its receiver. */
export class Flows {
  readonly flows: Array<Flow>
  private readonly ports: Map<Machine, number>
  private readonly buffers: Map<Machine, Uint8Array>

  constructor() {
    this.flows = []
    this.ports = new Map()
    this.buffers = new Map()
  }

  add(from: Machine, to: Machine, address: number, bytes: number, start: number): void {
    const flow = new Flow()
    const port = this.ports.get(to) ?? FIRST_PORT
    this.ports.set(to, port + 1)
    let buffer = this.buffers.get(to)
    if (buffer === undefined) this.buffers.set(to, (buffer = new Uint8Array(READ_BYTES)))
    this.flows.push(flow)
    to.start(`sink${port}`, sink(port, flow, buffer))
    from.start(`source${this.flows.length}`, source({ address, port, bytes, start }))
  }

  get done(): number {
    return this.flows.reduce((count, flow) => count + (flow.doneAt > 0 ? 1 : 0), 0)
  }

  get received(): number {
    return this.flows.reduce((sum, flow) => sum + flow.received, 0)
  }

  /** Seconds until the last flow was done. */
  get seconds(): number {
    return this.flows.reduce((last, flow) => Math.max(last, flow.doneAt), 0) / 1e9
  }

  /** Runs until all flows are done, `step` ns at a time, at most until `limit`. */
  run(bed: Testbed, step: number, limit: number): void {
    for (let until = step; this.done < this.flows.length && until <= limit; until += step) {
      bed.world.run(until)
      if (bed.world.defects.length > 0) return
    }
  }
}

const FIRST_PORT = 5000
