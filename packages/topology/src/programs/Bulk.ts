/**
 * Bulk transfer over one TCP connection, and what takes it.
 */
import { SOCK_STREAM } from "@darkfiber/sockets/Socket"
import { SO_REUSEADDR, SOL_SOCKET } from "@darkfiber/sockets/SocketOptions"
import * as Sys from "@darkfiber/sockets/Sys"
import type { Errno } from "@darkfiber/sockets/SystemError"
import { Effect, Schema } from "effect"
import type { ProgramEnvironment } from "../Program.ts"
import * as Arguments from "./Arguments.ts"
import { pattern, sendAll } from "./Streams.ts"

export const SenderArguments = Schema.Struct({
  to: Arguments.endpoint,
  bytes: Schema.optionalKey(Arguments.count(1, 1e15, "to send; default: no end")),
  chunk: Schema.optionalKey(Arguments.count(1, 1_048_576, "bytes a write; default 65536")),
  delay: Schema.optionalKey(Arguments.duration.annotate({ description: "before it connects; default 0us" })),
  retry: Schema.optionalKey(
    Arguments.duration.annotate({ description: "pause after a refused connection; default 10ms" })
  )
})

/** Counts one request: the whole transfer. A peer that is not there yet is asked again. */
export const sender = (args: typeof SenderArguments.Type, { workload }: ProgramEnvironment) =>
  Effect.gen(function* () {
    const to = Arguments.parseEndpoint(args.to)
    const chunk = pattern(args.chunk ?? 65_536)
    const delay = Arguments.nanos(args.delay, 0)
    if (delay > 0) yield* Sys.nanosleep(delay)
    const begin = yield* Sys.clockGettime
    workload.request()
    const transfer = Effect.gen(function* () {
      const fd = yield* connectPatiently(to, Arguments.nanos(args.retry, 10_000_000))
      let left = args.bytes ?? Infinity
      while (left > 0) {
        const taken = yield* sendAll(fd, left < chunk.length ? chunk.subarray(0, left) : chunk)
        workload.bytesSent += taken
        left -= taken
      }
      yield* Sys.shutdown(fd, 1)
      const rest = new Uint8Array(1024)
      while ((yield* Sys.recv(fd, rest)) > 0);
      yield* Sys.close(fd)
    })
    const outcome = yield* Effect.result(transfer)
    if (outcome._tag === "Success") workload.complete((yield* Sys.clockGettime) - begin)
    else workload.fail(outcome.failure._tag)
  })

/** Tries of a connection that is refused before it counts as failed. */
const TRIES_MAX = 100

const connectPatiently = (
  to: { readonly address: string; readonly port: number },
  pause: number
): Effect.Effect<number, Errno> =>
  Effect.gen(function* () {
    for (let tries = 1; ; tries++) {
      const fd = yield* Sys.socket(SOCK_STREAM)
      const outcome = yield* Effect.result(Sys.connect(fd, to))
      if (outcome._tag === "Success") return fd
      yield* Sys.close(fd)
      if (outcome.failure._tag !== "ECONNREFUSED" || tries >= TRIES_MAX) return yield* Effect.fail(outcome.failure)
      yield* Sys.nanosleep(pause)
    }
  })

export const SinkArguments = Schema.Struct({
  port: Arguments.port,
  buffer: Schema.optionalKey(Arguments.count(1, 16_777_216, "bytes a read; default 262144"))
})

/** Reads every connection to its end, then closes it. */
export const sink = (args: typeof SinkArguments.Type, { workload }: ProgramEnvironment) => {
  const drain = (fd: number): Effect.Effect<void, Errno> =>
    Effect.gen(function* () {
      const buffer = new Uint8Array(args.buffer ?? 262_144)
      for (;;) {
        const count = yield* Sys.recv(fd, buffer)
        if (count <= 0) break
        workload.bytesReceived += count
      }
      workload.messagesReceived++
      workload.lastReceived = yield* Sys.clockGettime
      yield* Sys.close(fd)
    }).pipe(Effect.catch(() => Effect.ignore(Sys.close(fd))))
  return Effect.gen(function* () {
    const listener = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, 1)
    yield* Sys.bind(listener, { address: 0, port: args.port })
    yield* Sys.listen(listener, 128)
    for (;;) {
      const fd = yield* Sys.accept(listener)
      yield* Sys.spawnThread(drain(fd))
    }
  })
}

export const EchoArguments = Schema.Struct({ port: Arguments.port })

/** Echoes each connection's bytes until its end. */
export const echo = (args: typeof EchoArguments.Type, { workload }: ProgramEnvironment) => {
  const serve = (fd: number): Effect.Effect<void, Errno> =>
    Effect.gen(function* () {
      const buffer = new Uint8Array(65_536)
      for (;;) {
        const count = yield* Sys.recv(fd, buffer)
        if (count <= 0) break
        workload.bytesReceived += count
        yield* sendAll(fd, buffer.subarray(0, count))
        workload.bytesSent += count
      }
      yield* Sys.close(fd)
    }).pipe(Effect.catch(() => Effect.ignore(Sys.close(fd))))
  return Effect.gen(function* () {
    const listener = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, 1)
    yield* Sys.bind(listener, { address: 0, port: args.port })
    yield* Sys.listen(listener, 511)
    for (;;) yield* Sys.spawnThread(serve(yield* Sys.accept(listener)))
  })
}
