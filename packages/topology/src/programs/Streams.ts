/**
 * Reading and writing whole messages over stream sockets.
 */
import * as Sys from "@darkfiber/sockets/Sys"
import type { Errno } from "@darkfiber/sockets/SystemError"
import { Effect } from "effect"

/** Writes all of `data`, however many calls it takes. Bytes written. */
export const sendAll = (fd: number, data: Uint8Array): Effect.Effect<number, Errno> =>
  Effect.flatMap(Sys.send(fd, data), (taken) =>
    taken >= data.length ? Effect.succeed(data.length) : sendRest(fd, data, taken)
  )

const sendRest = (fd: number, data: Uint8Array, from: number): Effect.Effect<number, Errno> =>
  Effect.gen(function* () {
    let at = from
    while (at < data.length) at += yield* Sys.send(fd, data.subarray(at))
    return at
  })

/**
 * Reads until `wanted` bytes have come, into `buffer` again and again.
 *
 * @returns bytes read; less than `wanted` when the stream ended
 */
export const recvCount = (fd: number, buffer: Uint8Array, wanted: number): Effect.Effect<number, Errno> =>
  Effect.gen(function* () {
    let total = 0
    while (total < wanted) {
      const room = wanted - total
      const count = yield* Sys.recv(fd, room < buffer.length ? buffer.subarray(0, room) : buffer)
      if (count <= 0) return total
      total += count
    }
    return total
  })

/** Payload that is the same on every run and differs along its length. */
export const pattern = (length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >>> 8) * 7) & 255
  return bytes
}
