/**
 * UDP: probes that measure, echo servers, sinks; and ping.
 */
import { SOCK_DGRAM } from "@darkfiber/sockets/Socket"
import { SO_RCVTIMEO, SOL_SOCKET } from "@darkfiber/sockets/SocketOptions"
import * as Sys from "@darkfiber/sockets/Sys"
import { Effect, Schema } from "effect"
import type { ProgramEnvironment } from "../Program.ts"
import * as Arguments from "./Arguments.ts"
import { pattern } from "./Streams.ts"

export const ProbeArguments = Schema.Struct({
  to: Arguments.endpoint,
  size: Schema.optionalKey(Arguments.count(8, 65_507, "payload bytes; default 200")),
  gap: Schema.optionalKey(Arguments.duration.annotate({ description: "from one datagram to the next; default 10ms" })),
  count: Schema.optionalKey(Arguments.count(1, 1_000_000_000, "datagrams; default: no end")),
  answer: Schema.optionalKey(
    Schema.Boolean.annotate({ description: "wait for each one's echo, at most `gap`; default true" })
  )
})

/** Sends a numbered datagram every `gap`; with `answer` it counts each as a request that the echo completes. */
export const probe = (args: typeof ProbeArguments.Type, { workload }: ProgramEnvironment) =>
  Effect.gen(function* () {
    const payload = pattern(args.size ?? 200)
    const view = new DataView(payload.buffer)
    const gap = Arguments.nanos(args.gap, 10_000_000)
    const answer = args.answer ?? true
    const buffer = new Uint8Array(65_536)
    const fd = yield* Sys.socket(SOCK_DGRAM)
    yield* Sys.connect(fd, Arguments.parseEndpoint(args.to))
    let next = yield* Sys.clockGettime
    for (let i = 0; i < (args.count ?? Infinity); i++) {
      view.setUint32(0, i)
      const begin = yield* Sys.clockGettime
      next += gap
      if (answer) workload.request()
      const outcome = yield* Effect.result(
        Effect.gen(function* () {
          yield* Sys.send(fd, payload)
          workload.messagesSent++
          workload.bytesSent += payload.length
          return answer ? yield* awaitEcho(fd, buffer, i, next) : true
        })
      )
      const now = yield* Sys.clockGettime
      if (answer) {
        if (outcome._tag === "Failure") workload.fail(outcome.failure._tag)
        else if (outcome.success) {
          workload.complete(now - begin)
          workload.messagesReceived++
          workload.bytesReceived += payload.length
        } else workload.fail("ETIMEDOUT")
      }
      if (now < next) yield* Sys.nanosleep(next - now)
    }
    yield* Sys.close(fd)
  })

/** Reads until the echo of datagram `number` is there: true; false at the deadline. Echoes of earlier ones are late. */
const awaitEcho = (fd: number, buffer: Uint8Array, number: number, deadline: number) =>
  Effect.gen(function* () {
    const view = new DataView(buffer.buffer)
    for (;;) {
      const left = deadline - (yield* Sys.clockGettime)
      if (left <= 0) return false
      yield* Sys.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, left)
      const count = yield* Sys.recv(fd, buffer)
      if (count === Sys.AGAIN) return false
      if (count >= 4 && view.getUint32(0) === number) return true
    }
  })

export const ServerArguments = Schema.Struct({ port: Arguments.port })

export const echo = (args: typeof ServerArguments.Type, { workload }: ProgramEnvironment) =>
  Effect.gen(function* () {
    const buffer = new Uint8Array(65_536)
    const fd = yield* Sys.socket(SOCK_DGRAM)
    yield* Sys.bind(fd, { address: 0, port: args.port })
    for (;;) {
      const from = yield* Sys.recvfrom(fd, buffer)
      if (from === Sys.AGAIN) continue
      workload.messagesReceived++
      workload.bytesReceived += from.count
      yield* Effect.ignore(Sys.sendto(fd, buffer.subarray(0, from.count), from))
      workload.messagesSent++
      workload.bytesSent += from.count
    }
  })

export const sink = (args: typeof ServerArguments.Type, { workload }: ProgramEnvironment) =>
  Effect.gen(function* () {
    const buffer = new Uint8Array(65_536)
    const fd = yield* Sys.socket(SOCK_DGRAM)
    yield* Sys.bind(fd, { address: 0, port: args.port })
    for (;;) {
      const count = yield* Sys.recv(fd, buffer)
      if (count < 0) continue
      workload.messagesReceived++
      workload.bytesReceived += count
    }
  })

export const PingArguments = Schema.Struct({
  to: Arguments.address,
  interval: Schema.optionalKey(Arguments.duration.annotate({ description: "default 1s" })),
  size: Schema.optionalKey(Arguments.count(8, 65_507, "payload bytes; default 56")),
  count: Schema.optionalKey(Arguments.count(1, 1_000_000_000, "echo requests; default: no end"))
})

const IPPROTO_ICMP = 1
const ECHO_REQUEST = 8
const HEADER = 8

/** As ping(8) over a ping socket: the kernel fills in identifier and checksum. */
export const ping = (args: typeof PingArguments.Type, { workload }: ProgramEnvironment) =>
  Effect.gen(function* () {
    const interval = Arguments.nanos(args.interval, 1_000_000_000)
    const packet = pattern(HEADER + (args.size ?? 56))
    packet.fill(0, 0, HEADER)
    packet[0] = ECHO_REQUEST
    const view = new DataView(packet.buffer)
    const buffer = new Uint8Array(65_536)
    const answer = new DataView(buffer.buffer)
    const fd = yield* Sys.socket(SOCK_DGRAM, IPPROTO_ICMP)
    yield* Sys.connect(fd, { address: args.to, port: 0 })
    let next = yield* Sys.clockGettime
    for (let i = 0; i < (args.count ?? Infinity); i++) {
      const number = i & 0xffff
      view.setUint16(6, number)
      const begin = yield* Sys.clockGettime
      next += interval
      workload.request()
      const outcome = yield* Effect.result(
        Effect.gen(function* () {
          yield* Sys.send(fd, packet)
          workload.messagesSent++
          for (;;) {
            const left = next - (yield* Sys.clockGettime)
            if (left <= 0) return false
            yield* Sys.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, left)
            const count = yield* Sys.recv(fd, buffer)
            if (count === Sys.AGAIN) return false
            if (count >= HEADER && answer.getUint16(6) === number) return true
          }
        })
      )
      const now = yield* Sys.clockGettime
      if (outcome._tag === "Failure") workload.fail(outcome.failure._tag)
      else if (outcome.success) {
        workload.complete(now - begin)
        workload.messagesReceived++
      } else workload.fail("ETIMEDOUT")
      if (now < next) yield* Sys.nanosleep(next - now)
    }
    yield* Sys.close(fd)
  })
