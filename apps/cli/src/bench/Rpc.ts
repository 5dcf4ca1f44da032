/** Closed-loop RPC over one persistent TCP connection: a client that asks and waits, a server that answers. */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { LeasedProgram } from "@darkfiber/sockets/Leased"
import { SOCK_STREAM } from "@darkfiber/sockets/Socket"
import { SOL_TCP, TCP_NODELAY } from "@darkfiber/sockets/SocketOptions"
import * as Sys from "@darkfiber/sockets/Sys"
import type { Task } from "@darkfiber/sockets/Task"
import { Effect } from "effect"
import * as Calls from "./Calls.ts"
import type { Program } from "./Testbed.ts"

/** Bytes a read may take. */
const READ_BYTES = 65_536

/** RPCs completed, written by the clients. */
export class Tally {
  completed: number

  constructor() {
    this.completed = 0
  }
}

export interface RpcOptions {
  readonly requestBytes: number
  readonly responseBytes: number
}

export interface ClientOptions extends RpcOptions {
  readonly address: number
  readonly port: number
  /** When it connects, ns. */
  readonly start: number
}

class LeasedClient implements LeasedProgram {
  private readonly options: ClientOptions
  private readonly tally: Tally
  private readonly request: Uint8Array
  private readonly buffer: Uint8Array
  private phase: number
  private fd: number
  private got: number

  constructor(options: ClientOptions, tally: Tally, buffer: Uint8Array) {
    this.options = options
    this.tally = tally
    this.request = Calls.pattern(options.requestBytes)
    this.buffer = buffer
    this.phase = 0
    this.fd = -1
    this.got = 0
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
        return Calls.setsockopt(task, this.fd, SOL_TCP, TCP_NODELAY, 1)
      case 3:
        Calls.result(task, "setsockopt")
        return Calls.connect(task, this.fd, options.address, options.port)
      case 4:
        Calls.result(task, "connect")
        return Calls.send(task, this.fd, this.request, options.requestBytes)
      case 5:
        Calls.result(task, "send")
        return Calls.recv(task, this.fd, this.buffer)
      default: {
        const count = Calls.result(task, "recv")
        if (count === 0) throw new Error("the server has gone")
        this.got += count
        if (this.got < options.responseBytes) {
          this.phase = 6
          return Calls.recv(task, this.fd, this.buffer)
        }
        this.got = 0
        this.tally.completed++
        this.phase = 5
        return Calls.send(task, this.fd, this.request, options.requestBytes)
      }
    }
  }
}

const fiberClient = (options: ClientOptions, tally: Tally, buffer: Uint8Array) =>
  Effect.gen(function* () {
    const request = Calls.pattern(options.requestBytes)
    yield* Sys.nanosleep(options.start)
    const fd = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.setsockopt(fd, SOL_TCP, TCP_NODELAY, 1)
    yield* Sys.connect(fd, options)
    for (;;) {
      yield* Sys.send(fd, request)
      for (let got = 0; got < options.responseBytes;) {
        const count = yield* Sys.recv(fd, buffer)
        if (count === 0) return yield* Effect.die(new Error("the server has gone"))
        got += count
      }
      tally.completed++
    }
  })

/** Asks for ever. Clients of one machine share `buffer`. */
export const client = (options: ClientOptions, tally: Tally, buffer: Uint8Array): Program => ({
  fiber: () => fiberClient(options, tally, buffer),
  leased: () => new LeasedClient(options, tally, buffer)
})

class LeasedServer implements LeasedProgram {
  private readonly port: number
  private readonly options: RpcOptions
  private readonly response: Uint8Array
  private readonly buffer: Uint8Array
  private phase: number
  private listener: number
  private fd: number
  private got: number

  constructor(port: number, options: RpcOptions, buffer: Uint8Array) {
    this.port = port
    this.options = options
    this.response = Calls.pattern(options.responseBytes)
    this.buffer = buffer
    this.phase = 0
    this.listener = -1
    this.fd = -1
    this.got = 0
  }

  run(_core: Core, task: Task): number {
    const { options } = this
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
        return Calls.setsockopt(task, this.fd, SOL_TCP, TCP_NODELAY, 1)
      case 5:
        Calls.result(task, "setsockopt or send")
        return Calls.recv(task, this.fd, this.buffer)
      default: {
        const count = Calls.result(task, "recv")
        if (count === 0) throw new Error("the client has gone")
        this.got += count
        if (this.got < options.requestBytes) {
          this.phase = 6
          return Calls.recv(task, this.fd, this.buffer)
        }
        this.got -= options.requestBytes
        this.phase = 5
        return Calls.send(task, this.fd, this.response, options.responseBytes)
      }
    }
  }
}

const fiberServer = (port: number, options: RpcOptions, buffer: Uint8Array) =>
  Effect.gen(function* () {
    const response = Calls.pattern(options.responseBytes)
    const listener = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.bind(listener, { address: 0, port })
    yield* Sys.listen(listener, 1)
    const fd = yield* Sys.accept(listener)
    yield* Sys.setsockopt(fd, SOL_TCP, TCP_NODELAY, 1)
    for (let got = 0; ; got -= options.requestBytes) {
      while (got < options.requestBytes) {
        const count = yield* Sys.recv(fd, buffer)
        if (count === 0) return yield* Effect.die(new Error("the client has gone"))
        got += count
      }
      yield* Sys.send(fd, response)
    }
  })

export const server = (port: number, options: RpcOptions, buffer: Uint8Array): Program => ({
  fiber: () => fiberServer(port, options, buffer),
  leased: () => new LeasedServer(port, options, buffer)
})

export const readBuffer = (): Uint8Array => new Uint8Array(READ_BYTES)
