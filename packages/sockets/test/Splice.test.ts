/** Pipes, files in memory, and what goes between them and sockets without a copy. */
import { cases } from "@darkfiber/tooling/Cases"
import { Effect, Fiber } from "effect"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as FileCalls from "../src/FileCalls.ts"
import * as Ioctl from "../src/Ioctl.ts"
import { BadPointer } from "../src/Message.ts"
import { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY, SEEK_END, SEEK_SET } from "../src/PathCalls.ts"
import { POLLERR, POLLHUP, POLLIN, POLLOUT } from "../src/Poll.ts"
import { SOCK_STREAM } from "../src/Socket.ts"
import { SPLICE_F_NONBLOCK } from "../src/SpliceCalls.ts"
import * as Sys from "../src/Sys.ts"
import { allWell, type Box, box, newNet, pair, settle } from "./Net.ts"

const MS = 1_000_000
const S = 1_000 * MS
const O_NONBLOCK = 0x800

const run = (program: (a: Box) => Effect.Effect<unknown, unknown>): void => {
  const net = newNet()
  const a = box(net, "a")
  const pages = net.world.pages.live
  a.spawn("p", program(a))
  settle(net, 100 * S)
  allWell(a)
  a.layer.abandon()
  assert.strictEqual(net.world.pages.live, pages)
}

const outcome = <A>(effect: Effect.Effect<A, { readonly _tag: string }>): Effect.Effect<A | string> =>
  Effect.catch(effect, (error) => Effect.succeed(error._tag))

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31) >> 3)

describe("a pipe", () => {
  it("holds 16 pages, and as many as F_SETPIPE_SZ says", () =>
    run(() =>
      Effect.gen(function* () {
        const { read, write } = yield* Sys.pipe(O_NONBLOCK)
        assert.strictEqual(yield* Sys.write(write, bytes(100_000)), 65_536)
        assert.strictEqual(yield* Sys.write(write, bytes(1)), Sys.AGAIN)
        assert.strictEqual(yield* Sys.ioctl(read, Ioctl.SIOCINQ), 65_536)
        assert.strictEqual(yield* Sys.fcntl(read, FileCalls.F_GETPIPE_SZ), 65_536)
        assert.strictEqual(yield* outcome(Sys.fcntl(write, FileCalls.F_SETPIPE_SZ, 4096)), "EBUSY")
        assert.strictEqual(yield* Sys.fcntl(write, FileCalls.F_SETPIPE_SZ, 70_000), 131_072)
        assert.strictEqual(yield* Sys.write(write, bytes(100_000)), 65_536)
        assert.strictEqual(yield* outcome(Sys.fcntl(0, FileCalls.F_GETPIPE_SZ)), "EBADF")
      })
    ))

  it("takes PIPE_BUF bytes as a whole or not at all", () =>
    run(() =>
      Effect.gen(function* () {
        const { read, write } = yield* Sys.pipe(O_NONBLOCK)
        yield* Sys.write(write, bytes(65_536 - 4095))
        assert.strictEqual(yield* Sys.write(write, bytes(4096)), Sys.AGAIN)
        assert.strictEqual(yield* Sys.write(write, bytes(4097)), 4095)
        yield* Sys.read(read, new Uint8Array(4096))
        assert.strictEqual(yield* Sys.write(write, bytes(4096)), 4096)
      })
    ))

  it("blocks readers and writers, and says when the other end is closed", () =>
    run(() =>
      Effect.gen(function* () {
        const { read, write } = yield* Sys.pipe()
        const reader = yield* Effect.forkChild(Sys.read(read, new Uint8Array(10)))
        yield* Sys.nanosleep(MS)
        const fds = [
          { fd: read, events: POLLIN, revents: 0 },
          { fd: write, events: POLLOUT, revents: 0 }
        ]
        yield* Sys.poll(fds, 0)
        assert.deepStrictEqual(
          fds.map((entry) => entry.revents),
          [0, POLLOUT]
        )
        yield* Sys.write(write, bytes(4))
        assert.strictEqual(yield* Fiber.join(reader), 4)
        const writer = yield* Effect.forkChild(Sys.write(write, bytes(70_000)))
        yield* Sys.nanosleep(MS)
        yield* Sys.read(read, new Uint8Array(10_000))
        assert.strictEqual(yield* Fiber.join(writer), 70_000)
        yield* Sys.close(write)
        assert.strictEqual(yield* Sys.read(read, new Uint8Array(70_000)), 60_000)
        assert.strictEqual(yield* Sys.read(read, new Uint8Array(1)), 0)
        yield* Sys.poll(fds, 0)
        assert.strictEqual(fds[0]!.revents, POLLHUP)
        const other = yield* Sys.pipe()
        yield* Sys.close(other.read)
        assert.strictEqual(yield* outcome(Sys.write(other.write, bytes(1))), "EPIPE")
        const broken = [{ fd: other.write, events: POLLOUT, revents: 0 }]
        yield* Sys.poll(broken, 0)
        assert.strictEqual(broken[0]!.revents, POLLOUT | POLLERR)
        assert.strictEqual(yield* outcome(Sys.read(other.write, new Uint8Array(1))), "EBADF")
      })
    ))

  it("gives out what was put in, however it is cut", () =>
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(9000), fc.nat(9000)), { minLength: 1, maxLength: 12 }), (rounds) =>
        run(() =>
          Effect.gen(function* () {
            const { read, write } = yield* Sys.pipe(O_NONBLOCK)
            const into: Array<number> = []
            const from: Array<number> = []
            let next = 0
            for (const [writes, reads] of rounds) {
              const data = Uint8Array.from({ length: writes }, () => next++)
              const count = yield* Sys.write(write, data)
              if (count > 0) from.push(...data.subarray(0, count))
              const buffer = new Uint8Array(reads)
              const got = yield* Sys.read(read, buffer)
              if (got > 0) into.push(...buffer.subarray(0, got))
            }
            assert.deepStrictEqual(into, from.slice(0, into.length))
            assert.strictEqual(yield* Sys.ioctl(read, Ioctl.SIOCINQ), from.length - into.length)
          })
        )
      ),
      { numRuns: cases(40) }
    ))
})

describe("a file in memory", () => {
  it("is made, written, read, cut and forgotten", () =>
    run(() =>
      Effect.gen(function* () {
        assert.strictEqual(yield* outcome(Sys.open("/run/x")), "ENOENT")
        assert.strictEqual(yield* outcome(Sys.open("/nowhere/x", O_CREAT)), "ENOENT")
        assert.strictEqual(yield* outcome(Sys.open("/run", O_RDWR)), "EISDIR")
        const fd = yield* Sys.open("/run/x", O_RDWR | O_CREAT | O_EXCL)
        assert.strictEqual(yield* outcome(Sys.open("/run/x", O_CREAT | O_EXCL)), "EEXIST")
        assert.strictEqual(yield* outcome(Sys.open("/run/x/y", O_CREAT)), "ENOTDIR")
        assert.strictEqual(yield* Sys.write(fd, bytes(10_000)), 10_000)
        assert.strictEqual(yield* Sys.lseek(fd, -6000, SEEK_END), 4000)
        const buffer = new Uint8Array(100)
        yield* Sys.read(fd, buffer)
        assert.deepStrictEqual(buffer, bytes(10_000).subarray(4000, 4100))
        yield* Sys.ftruncate(fd, 50)
        yield* Sys.ftruncate(fd, 100)
        yield* Sys.lseek(fd, 0, SEEK_SET)
        assert.strictEqual(yield* Sys.read(fd, buffer), 100)
        assert.deepStrictEqual(buffer.subarray(50), new Uint8Array(50))
        yield* Sys.fallocate(fd, 0, 8000, 1000)
        assert.strictEqual(yield* Sys.lseek(fd, 0, SEEK_END), 9000)
        assert.strictEqual(yield* outcome(Sys.lseek(fd, -9001, SEEK_END)), "EINVAL")
        const tail = yield* Sys.open("/run/x", O_WRONLY | O_APPEND)
        yield* Sys.write(tail, bytes(5))
        assert.strictEqual(yield* outcome(Sys.read(tail, buffer)), "EBADF")
        assert.strictEqual(yield* Sys.lseek(fd, 0, SEEK_END), 9005)
        assert.strictEqual(yield* outcome(Sys.write(fd, new BadPointer(3))), "EFAULT")
        yield* Sys.unlink("/run/x")
        assert.strictEqual(yield* outcome(Sys.open("/run/x")), "ENOENT")
        yield* Sys.lseek(fd, 0, SEEK_SET)
        assert.strictEqual(yield* Sys.read(fd, buffer), 100)
        const empty = yield* Sys.open("/run/y", O_CREAT | O_TRUNC | O_WRONLY)
        assert.strictEqual(yield* outcome(Sys.lseek(yield* Sys.socket(SOCK_STREAM), 0)), "ESPIPE")
        yield* Sys.close(empty)
      })
    ))
})

/** A program on a that is connected to one on b, over a cable. */
const joined = (
  left: (fd: number, a: Box) => Effect.Effect<unknown, unknown>,
  right: (fd: number, b: Box) => Effect.Effect<unknown, unknown>
): void => {
  const net = newNet()
  const pages = net.world.pages.live
  const [a, b] = pair(net, "6.x", { delay: 100_000 })
  b.spawn(
    "right",
    Effect.gen(function* () {
      const listener = yield* Sys.socket(SOCK_STREAM)
      yield* Sys.bind(listener, { address: "10.0.0.2", port: 9 })
      yield* Sys.listen(listener, 1)
      yield* right(yield* Sys.accept(listener), b)
    })
  )
  a.spawn(
    "left",
    Effect.gen(function* () {
      const fd = yield* Sys.socket(SOCK_STREAM)
      yield* Sys.connect(fd, { address: "10.0.0.2", port: 9 })
      yield* left(fd, a)
    })
  )
  settle(net, 100 * S)
  allWell(a, b)
  for (const one of [a, b]) one.layer.abandon()
  assert.strictEqual(a.host.liveSkbs + b.host.liveSkbs, 0)
  for (const one of [a, b]) one.tcp.abandon(0)
  assert.strictEqual(net.world.pages.live, pages)
}

const readAll = (fd: number, into: Array<number>) =>
  Effect.gen(function* () {
    const buffer = new Uint8Array(65_536)
    for (;;) {
      const count = yield* Sys.read(fd, buffer)
      if (count === 0) return
      for (let i = 0; i < count; i++) into.push(buffer[i]!)
    }
  })

describe("sendfile", () => {
  it("sends a file's pages without a copy, from its position or from an offset", () => {
    const got: Array<number> = []
    const data = bytes(100_000)
    joined(
      (fd, a) =>
        Effect.gen(function* () {
          assert.strictEqual(a.layer.ramFiles.put("/run/data", data), 0)
          const file = yield* Sys.open("/run/data", O_RDONLY)
          const copied = a.host.copiedBytes
          assert.strictEqual(yield* Sys.sendfile(fd, file, 200_000), 100_000)
          assert.strictEqual(yield* Sys.sendfile(fd, file, 10), 0)
          assert.strictEqual(yield* Sys.sendfile(fd, file, 10, 5), 10)
          assert.strictEqual(yield* Sys.lseek(file, 0, 1), 100_000)
          assert.strictEqual(a.host.copiedBytes, copied)
          assert.strictEqual(yield* outcome(Sys.sendfile(fd, fd, 10)), "EINVAL")
          assert.strictEqual(yield* outcome(Sys.sendfile(file, file, 10)), "EBADF")
          assert.strictEqual(yield* outcome(Sys.sendfile(99, file, 10)), "EBADF")
        }),
      (fd) => readAll(fd, got)
    )
    assert.deepStrictEqual(Uint8Array.from(got), Uint8Array.from([...data, ...data.subarray(5, 15)]))
  })
})

describe("splice", () => {
  it("passes a stream through a pipe in both directions, without a copy", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 120_000 }),
        fc.integer({ min: 1, max: 70_000 }),
        fc.integer({ min: 1, max: 70_000 }),
        (total, takes, gives) => {
          const data = bytes(total)
          const got: Array<number> = []
          joined(
            (fd) =>
              Effect.gen(function* () {
                let at = 0
                while (at < total) at += yield* Sys.write(fd, data.subarray(at))
                yield* Sys.shutdown(fd, 1)
                yield* readAll(fd, got)
              }),
            (fd, b) =>
              Effect.gen(function* () {
                const { read, write } = yield* Sys.pipe()
                const copied = b.host.copiedBytes
                for (;;) {
                  const count = yield* Sys.splice(fd, write, takes)
                  if (count === 0) break
                  let left = count
                  while (left > 0) left -= yield* Sys.splice(read, fd, Math.min(left, gives))
                }
                assert.strictEqual(b.host.copiedBytes, copied)
              })
          )
          assert.deepStrictEqual(Uint8Array.from(got), data)
        }
      ),
      { numRuns: cases(15) }
    ))

  it("waits, or says EAGAIN; a socket's time-out and the pipe's flag count apart", () =>
    joined(
      (fd) => Effect.andThen(Sys.nanosleep(S), Sys.write(fd, bytes(10))),
      (fd) =>
        Effect.gen(function* () {
          const { read, write } = yield* Sys.pipe()
          assert.strictEqual(yield* Sys.splice(read, fd, 10, SPLICE_F_NONBLOCK), Sys.AGAIN)
          yield* Sys.setNonblock(fd, true)
          assert.strictEqual(yield* Sys.splice(fd, write, 10), Sys.AGAIN)
          yield* Sys.setNonblock(fd, false)
          assert.strictEqual(yield* Sys.splice(fd, write, 100), 10)
          assert.strictEqual(yield* outcome(Sys.splice(fd, fd, 10)), "EINVAL")
          assert.strictEqual(yield* outcome(Sys.splice(read, write, 10)), "EINVAL")
          assert.strictEqual(yield* outcome(Sys.splice(read, fd, 10, 64)), "EINVAL")
          assert.strictEqual(yield* outcome(Sys.splice(read, fd, 10, 0, 3)), "ESPIPE")
          assert.strictEqual(yield* outcome(Sys.splice(write, fd, 10)), "EBADF")
          yield* Sys.close(read)
          assert.strictEqual(yield* outcome(Sys.splice(fd, write, 10)), "EPIPE")
        })
    ))

  it("moves pages between pipes and files; tee leaves them where they are", () =>
    run((a) =>
      Effect.gen(function* () {
        assert.strictEqual(a.layer.ramFiles.put("/run/in", bytes(9000)), 0)
        const file = yield* Sys.open("/run/in")
        const one = yield* Sys.pipe()
        const two = yield* Sys.pipe()
        const copied = a.host.copiedBytes
        assert.strictEqual(yield* Sys.splice(file, one.write, 8000), 8000)
        assert.strictEqual(yield* Sys.tee(one.read, two.write, 5000), 5000)
        assert.strictEqual(yield* Sys.splice(one.read, two.write, 8000), 8000)
        assert.strictEqual(a.host.copiedBytes, copied)
        const out = yield* Sys.open("/run/out", O_RDWR | O_CREAT)
        assert.strictEqual(yield* Sys.splice(two.read, out, 13_000), 13_000)
        assert.strictEqual(a.host.copiedBytes, copied + 13_000)
        yield* Sys.lseek(out, 0, SEEK_SET)
        const all = new Uint8Array(13_000)
        yield* Sys.read(out, all)
        const data = bytes(9000)
        assert.deepStrictEqual(all, Uint8Array.from([...data.subarray(0, 5000), ...data.subarray(0, 8000)]))
      })
    ))
})
