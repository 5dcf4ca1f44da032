/** Idle TCP connections: a client that opens one after the other and keeps them, and a server that accepts for ever. */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { LEASE_EXIT, type LeasedProgram } from "@darkfiber/sockets/Leased"
import { SOCK_STREAM } from "@darkfiber/sockets/Socket"
import * as Sys from "@darkfiber/sockets/Sys"
import type { Task } from "@darkfiber/sockets/Task"
import { Effect } from "effect"
import * as Calls from "./Calls.ts"
import type { Program } from "./Testbed.ts"

/** Connections of all programs of a scenario. */
export class Connections {
  connected: number
  accepted: number

  constructor() {
    this.connected = 0
    this.accepted = 0
  }
}

export interface OpenerOptions {
  readonly address: number
  readonly port: number
  readonly count: number
  /** When the `i`-th is opened, ns. */
  readonly at: (i: number) => number
}

class LeasedOpener implements LeasedProgram {
  private readonly options: OpenerOptions
  private readonly tally: Connections
  private phase: number
  private opened: number
  private fd: number

  constructor(options: OpenerOptions, tally: Connections) {
    this.options = options
    this.tally = tally
    this.phase = 0
    this.opened = 0
    this.fd = -1
  }

  run(core: Core, task: Task): number {
    const { options } = this
    switch (this.phase++) {
      case 0:
        return this.sleep(core, task)
      case 1:
        Calls.result(task, "nanosleep")
        return Calls.socket(task, SOCK_STREAM)
      case 2:
        this.fd = Calls.result(task, "socket")
        return Calls.connect(task, this.fd, options.address, options.port)
      case 3:
        Calls.result(task, "connect")
        this.tally.connected++
        this.opened++
        this.phase = 1
        return this.sleep(core, task)
      default:
        task.r0 = 0
        return LEASE_EXIT
    }
  }

  /** Until the next one's time; for ever after the last, so that none is closed. */
  private sleep(core: Core, task: Task): number {
    const { options, opened } = this
    const left = opened < options.count ? options.at(opened) - core.time : FOR_EVER
    return Calls.nanosleep(task, left > 0 ? left : 0)
  }
}

/** Three months, ns. */
const FOR_EVER = 8e15

const fiberOpener = (options: OpenerOptions, tally: Connections) =>
  Effect.gen(function* () {
    for (let i = 0; i < options.count; i++) {
      const left = options.at(i) - (yield* Sys.clockGettime)
      yield* Sys.nanosleep(left > 0 ? left : 0)
      const fd = yield* Sys.socket(SOCK_STREAM)
      yield* Sys.connect(fd, options)
      tally.connected++
    }
    yield* Sys.nanosleep(FOR_EVER)
  })

/** Opens `count` connections and keeps them. */
export const opener = (options: OpenerOptions, tally: Connections): Program => ({
  fiber: () => fiberOpener(options, tally),
  leased: () => new LeasedOpener(options, tally)
})

class LeasedAcceptor implements LeasedProgram {
  private readonly port: number
  private readonly backlog: number
  private readonly tally: Connections
  private phase: number
  private listener: number

  constructor(port: number, backlog: number, tally: Connections) {
    this.port = port
    this.backlog = backlog
    this.tally = tally
    this.phase = 0
    this.listener = -1
  }

  run(_core: Core, task: Task): number {
    switch (this.phase++) {
      case 0:
        return Calls.socket(task, SOCK_STREAM)
      case 1:
        this.listener = Calls.result(task, "socket")
        return Calls.bind(task, this.listener, this.port)
      case 2:
        Calls.result(task, "bind")
        return Calls.listen(task, this.listener, this.backlog)
      case 3:
        Calls.result(task, "listen")
        return Calls.accept(task, this.listener)
      default:
        Calls.result(task, "accept")
        this.tally.accepted++
        return Calls.accept(task, this.listener)
    }
  }
}

const fiberAcceptor = (port: number, backlog: number, tally: Connections) =>
  Effect.gen(function* () {
    const listener = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.bind(listener, { address: 0, port })
    yield* Sys.listen(listener, backlog)
    for (;;) {
      yield* Sys.accept(listener)
      tally.accepted++
    }
  })

/** Accepts whoever comes and keeps the descriptor. */
export const acceptor = (port: number, backlog: number, tally: Connections): Program => ({
  fiber: () => fiberAcceptor(port, backlog, tally),
  leased: () => new LeasedAcceptor(port, backlog, tally)
})
