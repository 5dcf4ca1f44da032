/**
 * Programs that prove a TCP stream whole: every byte has a value that follows from the stream's number and the byte's
 * place, the receiver checks each one as it comes, and answers with the SHA-256 of all of them.
 *
 *     sender  → number, length (8 bytes) · content · FIN
 *     sender  ← SHA-256 of the content · FIN
 */
import { createHash } from "node:crypto"
import { Effect } from "effect"
import { SOCK_STREAM } from "@darkfiber/sockets/Socket"
import { SO_RCVTIMEO, SO_REUSEADDR, SO_SNDTIMEO, SOL_SOCKET } from "@darkfiber/sockets/SocketOptions"
import * as Sys from "@darkfiber/sockets/Sys"
import type { Errno } from "@darkfiber/sockets/SystemError"
import type { Program, ProgramLoader } from "../src/Program.ts"
import { sendAll } from "../src/programs/Streams.ts"

export interface Stream {
  readonly id: number
  readonly length: number
  readonly started: number
  ended: number
  /** What the sender saw: `whole`, `open`, or the errno that ended it. */
  outcome: string
  /** What the receivers of this number saw, one entry a connection. */
  readonly received: Array<{ bytes: number; outcome: string }>
}

/** Streams of a sender's second life are numbered from here on. */
const LIVES = 10_000

/** Everything the streams of one run have to say. */
export class Book {
  readonly streams: Array<Stream> = []
  /** Bytes that were not those sent at that place, digests that differ. Empty in a right run. */
  readonly wrong: Array<string> = []

  /** Senders and receivers that write into this book, as `./streams.ts#send` and `./streams.ts#receive`. */
  readonly loader: ProgramLoader = (program) =>
    program === "./streams.ts#send" ? this.send : program === "./streams.ts#receive" ? this.receive : undefined

  /** One stream after another: `to`, `id` of the first, `length`, `count`, `gap` ns, `patience` ns. */
  private readonly send: Program = (args, { workload }) => {
    const { count, gap, id, length, patience, to } = args as {
      readonly to: string
      readonly id: number
      readonly length: number
      readonly count: number
      readonly gap: number
      readonly patience: number
    }
    const [address, port] = to.split(":") as [string, string]
    const one = (number: number) =>
      Effect.gen({ self: this }, function* () {
        const started = yield* Sys.clockGettime
        // A host that boots again sends its streams again, under numbers of their own.
        const before = this.streams.filter((each) => each.id % LIVES === number).length
        const stream: Stream = { id: number + before * LIVES, length, started, ended: 0, outcome: "open", received: [] }
        this.streams.push(stream)
        workload.request()
        const outcome = yield* Effect.result(this.transfer(stream, { address, port: Number(port) }, patience))
        stream.ended = yield* Sys.clockGettime
        stream.outcome = outcome._tag === "Success" ? outcome.success : outcome.failure._tag
        if (stream.outcome === "whole") workload.complete(stream.ended - started)
        else workload.fail(stream.outcome)
      })
    return Effect.gen(function* () {
      for (let i = 0; i < count; i++) {
        yield* one(id + i)
        if (gap > 0) yield* Sys.nanosleep(gap)
      }
    })
  }

  private transfer(
    stream: Stream,
    to: { readonly address: string; readonly port: number },
    patience: number
  ): Effect.Effect<string, Errno> {
    const { id, length } = stream
    const hash = createHash("sha256")
    return Effect.gen({ self: this }, function* () {
      const fd = yield* Sys.socket(SOCK_STREAM)
      yield* Sys.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, patience)
      yield* Sys.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, patience)
      const conversation = Effect.gen({ self: this }, function* () {
        yield* Sys.connect(fd, to)
        const head = new Uint8Array(8)
        new DataView(head.buffer).setUint32(0, id)
        new DataView(head.buffer).setUint32(4, length)
        yield* sendAll(fd, head)
        for (let at = 0; at < length;) {
          const chunk = contentOf(id, at, Math.min(length - at, 16_384))
          let sent = 0
          while (sent < chunk.length) {
            const taken = yield* Sys.send(fd, chunk.subarray(sent))
            if (taken <= 0) return "EAGAIN"
            sent += taken
          }
          hash.update(chunk)
          at += chunk.length
        }
        yield* Sys.shutdown(fd, 1)
        const answer = new Uint8Array(64)
        let have = 0
        while (have < 32) {
          const count = yield* Sys.recv(fd, answer.subarray(have))
          if (count === Sys.AGAIN) return "EAGAIN"
          if (count === 0) return "ENODATA"
          have += count
        }
        if (have > 32) this.wrong.push(`stream ${id}: ${have} bytes of digest`)
        const digest = hash.digest("hex")
        const theirs = Array.from(answer.subarray(0, 32), (byte) => byte.toString(16).padStart(2, "0")).join("")
        if (digest !== theirs) this.wrong.push(`stream ${id}: sent ${digest}, received ${theirs}`)
        return "whole"
      })
      const outcome = yield* Effect.result(conversation)
      yield* Effect.ignore(Sys.close(fd))
      return outcome._tag === "Success" ? outcome.success : yield* Effect.fail(outcome.failure)
    })
  }

  /** Serves `port`; gives a connection up after `patience` ns of silence. */
  private readonly receive: Program = (args, { workload }) => {
    const { patience, port } = args as { readonly port: number; readonly patience: number }
    const serve = (fd: number) =>
      Effect.gen({ self: this }, function* () {
        yield* Effect.ignore(this.take(fd, patience, workload))
        yield* Effect.ignore(Sys.close(fd))
      })
    return Effect.gen(function* () {
      const listener = yield* Sys.socket(SOCK_STREAM)
      yield* Sys.setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, 1)
      yield* Sys.bind(listener, { address: 0, port })
      yield* Sys.listen(listener, 128)
      for (;;) yield* Sys.spawnThread(serve(yield* Sys.accept(listener)))
    })
  }

  private take(fd: number, patience: number, workload: { bytesReceived: number }): Effect.Effect<void, Errno> {
    const hash = createHash("sha256")
    return Effect.gen({ self: this }, function* () {
      yield* Sys.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, patience)
      const buffer = new Uint8Array(65_536)
      let have = 0
      while (have < 8) {
        const count = yield* Sys.recv(fd, buffer.subarray(have, 8))
        if (count <= 0) return
        have += count
      }
      const view = new DataView(buffer.buffer)
      const id = view.getUint32(0)
      const length = view.getUint32(4)
      const stream = this.streams.find((each) => each.id === id)
      if (stream === undefined || stream.length !== length) {
        this.wrong.push(`a stream begins with number ${id} and length ${length}, which nobody sent`)
        return
      }
      const record = { bytes: 0, outcome: "open" }
      stream.received.push(record)
      const body = Effect.gen({ self: this }, function* () {
        for (;;) {
          const count = yield* Sys.recv(fd, buffer)
          if (count === Sys.AGAIN) return "EAGAIN"
          if (count === 0) break
          this.check(id, record.bytes, buffer.subarray(0, count))
          hash.update(buffer.subarray(0, count))
          record.bytes += count
          workload.bytesReceived += count
        }
        if (record.bytes !== length) {
          this.wrong.push(`stream ${id} ended after ${record.bytes} of ${length} bytes without an error`)
        }
        yield* sendAll(fd, hash.digest())
        yield* Sys.shutdown(fd, 1)
        return "whole"
      })
      const outcome = yield* Effect.result(body)
      record.outcome = outcome._tag === "Success" ? outcome.success : outcome.failure._tag
    })
  }

  private check(id: number, at: number, bytes: Uint8Array): void {
    const wanted = contentOf(id, at, bytes.length)
    if (Buffer.compare(wanted, bytes) === 0) return
    const place = wanted.findIndex((byte, index) => byte !== bytes[index])
    this.wrong.push(`stream ${id}: byte ${at + place} is ${bytes[place]}, was sent as ${wanted[place]}`)
  }
}

/** Bytes `at` … `at + length` of stream `id`. */
export const contentOf = (id: number, at: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) {
    const place = at + i
    bytes[i] = place * 131 + (place >>> 8) * 17 + (place >>> 16) * 7 + id * 29
  }
  return bytes
}
