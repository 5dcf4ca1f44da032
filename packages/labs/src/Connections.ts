/**
 * Many connections: a server that accepts whatever comes, and clients that open one after another and keep them all.
 */
import { SOCK_STREAM } from "@darkfiber/sockets/Socket"
import * as Sys from "@darkfiber/sockets/Sys"
import type { Errno } from "@darkfiber/sockets/SystemError"
import { Effect } from "effect"

/** Descriptors for a million connections: as `ulimit -n` after fs.nr_open allows it. */
export const nofile = { soft: 1_000_000, hard: 1_000_000 } as const

/** What a client has come to. */
export interface Opened {
  count: number
  /** Why it stopped; empty when it has all it wanted. */
  errno: string
}

/** Accepts for ever and keeps every connection open; tells of each. */
export const acceptor = (port: number, backlog: number, accepted: () => void): Effect.Effect<never, Errno> =>
  Effect.gen(function* () {
    const listener = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.bind(listener, { address: 0, port })
    yield* Sys.listen(listener, backlog)
    for (;;) {
      yield* Sys.accept(listener)
      accepted()
    }
  })

/** Opens up to `wanted` connections in all, one after the other, and keeps them; the first failure ends it. */
export const open = (to: Sys.Endpoint, wanted: number, opened: Opened): Effect.Effect<void, Errno> =>
  Effect.gen(function* () {
    while (opened.count < wanted && opened.errno === "") {
      const fd = yield* Sys.socket(SOCK_STREAM)
      yield* Effect.matchEffect(Sys.connect(fd, to), {
        onSuccess: () => Effect.sync(() => opened.count++),
        onFailure: (error) => Effect.sync(() => (opened.errno = error._tag))
      })
    }
  })

/** Does nothing for ever: the process lives on, and with it what it has open. */
export const stay: Effect.Effect<void, Errno> = Sys.nanosleep(Number.MAX_SAFE_INTEGER)
