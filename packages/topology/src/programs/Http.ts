/**
 * A request/response pair in the shape of HTTP: a request of fixed size, an answer of fixed size, connections that are
 * kept or made anew for each request.
 *
 * The first four bytes of a request say how many bytes the rest of it has, those of an answer likewise.
 */
import * as Sys from "@darkfiber/sockets/Sys"
import type { Errno } from "@darkfiber/sockets/SystemError"
import { SOCK_STREAM } from "@darkfiber/sockets/Socket"
import { SO_REUSEADDR, SOL_SOCKET, SOL_TCP, TCP_NODELAY } from "@darkfiber/sockets/SocketOptions"
import { Effect, Schema } from "effect"
import type { ProgramEnvironment } from "../Program.ts"
import * as Arguments from "./Arguments.ts"
import { pattern, recvCount, sendAll } from "./Streams.ts"

const HEAD = 4

export const ServerArguments = Schema.Struct({
  port: Arguments.port,
  body: Schema.optionalKey(Arguments.count(4, 16_777_216, "bytes of an answer, its head included; default 1000")),
  work: Schema.optionalKey(Arguments.duration.annotate({ description: "CPU time of a request; default 0us" })),
  backlog: Schema.optionalKey(Arguments.count(0, 65535, "of listen(); default 511"))
})

const message = (length: number): Uint8Array => {
  const bytes = pattern(length)
  new DataView(bytes.buffer).setUint32(0, length - HEAD)
  return bytes
}

/** Reads one message; its whole length, or 0 when the stream ended before it. */
const receive = (fd: number, buffer: Uint8Array): Effect.Effect<number, Errno> =>
  Effect.gen(function* () {
    let have = 0
    while (have < HEAD) {
      const count = yield* Sys.recv(fd, have === 0 ? buffer : buffer.subarray(have))
      if (count <= 0) return 0
      have += count
    }
    const length = HEAD + ((buffer[0]! << 24) | (buffer[1]! << 16) | (buffer[2]! << 8) | buffer[3]!)
    if (have >= length) return length
    const rest = yield* recvCount(fd, buffer, length - have)
    return have + rest === length ? length : 0
  })

/** A thread a connection: reads requests, works, answers. */
export const server = (args: typeof ServerArguments.Type, { workload }: ProgramEnvironment) => {
  const body = message(args.body ?? 1000)
  const work = Arguments.nanos(args.work, 0)
  const serve = (fd: number): Effect.Effect<void, Errno> =>
    Effect.gen(function* () {
      const buffer = new Uint8Array(16_384)
      for (;;) {
        const length = yield* receive(fd, buffer)
        if (length === 0) break
        workload.messagesReceived++
        workload.bytesReceived += length
        if (work > 0) yield* Sys.compute(work)
        yield* sendAll(fd, body)
        workload.messagesSent++
        workload.bytesSent += body.length
      }
      yield* Sys.close(fd)
    }).pipe(Effect.catch(() => Effect.ignore(Sys.close(fd))))
  return Effect.gen(function* () {
    const listener = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, 1)
    yield* Sys.bind(listener, { address: 0, port: args.port })
    yield* Sys.listen(listener, args.backlog ?? 511)
    for (;;) {
      const fd = yield* Sys.accept(listener)
      yield* Sys.spawnThread(serve(fd))
    }
  })
}

export const ClientArguments = Schema.Struct({
  to: Arguments.endpoint,
  connections: Schema.optionalKey(Arguments.count(1, 10_000, "at the same time, a thread each; default 1")),
  requests: Schema.optionalKey(Arguments.count(1, 1_000_000_000, "of each connection's thread; default: no end")),
  gap: Schema.optionalKey(
    Arguments.duration.annotate({ description: "from an answer to the next request; default 0us" })
  ),
  size: Schema.optionalKey(Arguments.count(4, 1_048_576, "bytes of a request, its head included; default 100")),
  keepAlive: Schema.optionalKey(
    Schema.Boolean.annotate({ description: "keep the connection for the next request; default true" })
  ),
  pause: Schema.optionalKey(Arguments.duration.annotate({ description: "after a failure; default 100ms" }))
})

const NO_CONNECTION = -1

export const client = (args: typeof ClientArguments.Type, { workload }: ProgramEnvironment) => {
  const to = Arguments.parseEndpoint(args.to)
  const request = message(args.size ?? 100)
  const gap = Arguments.nanos(args.gap, 0)
  const pause = Arguments.nanos(args.pause, 100_000_000)
  const keep = args.keepAlive ?? true

  const open = Effect.gen(function* () {
    const fd = yield* Sys.socket(SOCK_STREAM)
    yield* Effect.onError(Sys.connect(fd, to), () => Effect.ignore(Sys.close(fd)))
    yield* Sys.setsockopt(fd, SOL_TCP, TCP_NODELAY, 1)
    return fd
  })

  const thread = Effect.gen(function* () {
    const buffer = new Uint8Array(65_536)
    let fd = NO_CONNECTION
    const exchange = Effect.gen(function* () {
      if (fd === NO_CONNECTION) fd = yield* open
      yield* sendAll(fd, request)
      workload.messagesSent++
      workload.bytesSent += request.length
      const length = yield* receive(fd, buffer)
      workload.bytesReceived += length
      return length
    })
    const drop = Effect.suspend(() => {
      const old = fd
      fd = NO_CONNECTION
      return old === NO_CONNECTION ? Effect.void : Effect.ignore(Sys.close(old))
    })
    for (let i = 0; i < (args.requests ?? Infinity); i++) {
      const begin = yield* Sys.clockGettime
      workload.request()
      const outcome = yield* Effect.result(exchange)
      const now = yield* Sys.clockGettime
      if (outcome._tag === "Success" && outcome.success > 0) {
        workload.complete(now - begin)
        workload.messagesReceived++
        workload.lastReceived = now
        if (!keep) yield* drop
        if (gap > 0) yield* Sys.nanosleep(gap)
      } else {
        workload.fail(outcome._tag === "Success" ? "ECONNRESET" : outcome.failure._tag)
        yield* drop
        yield* Sys.nanosleep(pause)
      }
    }
    yield* drop
  })

  return Effect.gen(function* () {
    const connections = args.connections ?? 1
    for (let i = 1; i < connections; i++) yield* Sys.spawnThread(thread)
    yield* thread
  })
}
