/** Whatever a program asks for, the answer is a result or an errno: never a throw, never a leak, never a hang. */
import { Effect } from "effect"
import * as fc from "fast-check"
import { assert, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as Sys from "../src/Sys.ts"
import { allWell, box, newNet, settle } from "./Net.ts"

const fd = fc.oneof(fc.integer({ min: -2, max: 12 }), fc.constantFrom(NaN, 1e9, 2.5))
const small = fc.oneof(fc.integer({ min: -3, max: 20 }), fc.constantFrom(-(2 ** 31), 2 ** 31 - 1, 65_535, 65_536, NaN))
const endpoint = fc.record({
  address: fc.constantFrom("127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "10.1.1.1", "nonsense", 0, -1),
  port: fc.oneof(fc.constantFrom(0, 7, 8, 9, 65_535, 65_536, -1, NaN), fc.integer({ min: 1, max: 20 }))
})
const bytes = fc.nat(3000).map((length) => new Uint8Array(length))
const flags = fc.constantFrom(0, 0x40, 0x42, 0x1, 0x20 | 0x40, 0x2000 | 0x40, 0x100 | 0x40, 0x8000 | 0x40, -1)

type Call = Effect.Effect<unknown, { readonly _tag: string; readonly errno: number }>

const call: fc.Arbitrary<Call> = fc.oneof(
  fc
    .tuple(fc.constantFrom(1, 2, 3, 0x801, 0x802, 7, -1), fc.constantFrom(0, 1, 6, 17, 99), fc.constantFrom(2, 10, 0))
    .map(([type, protocol, family]) => Sys.socket(type, protocol, family)),
  fc.tuple(fd, endpoint).map(([at, to]) => Sys.bind(at, to)),
  fc.tuple(fd, small).map(([at, backlog]) => Sys.listen(at, backlog)),
  fc.tuple(fd, flags).map(([at, flag]) => Effect.andThen(Sys.setNonblock(at, true), Sys.accept(at, flag))),
  fc
    .tuple(fd, endpoint, fc.constantFrom(0, 2, 10))
    .map(([at, to, family]) => Effect.andThen(Sys.setNonblock(at, true), Sys.connect(at, to, family))),
  fc.tuple(fd, bytes, endpoint, flags).map(([at, data, to, flag]) => Sys.sendto(at, data, to, flag | 0x40)),
  fc.tuple(fd, bytes, flags).map(([at, data, flag]) => Sys.send(at, data, flag | 0x40)),
  fc.tuple(fd, bytes, flags).map(([at, data, flag]) => Sys.recv(at, data, flag | 0x40)),
  fc.tuple(fd, bytes).map(([at, data]) => Effect.andThen(Sys.setNonblock(at, true), Sys.read(at, data))),
  fc.tuple(fd, bytes).map(([at, data]) => Effect.andThen(Sys.setNonblock(at, true), Sys.write(at, data))),
  fc.tuple(fd, small).map(([at, how]) => Sys.shutdown(at, how)),
  fd.map((at) => Sys.close(at)),
  fd.map((at) => Sys.getsockname(at)),
  fd.map((at) => Sys.getpeername(at)),
  fd.map((at) => Sys.dup(at)),
  fc.tuple(fd, fc.constantFrom(0, 3, 4, 9), small).map(([at, command, value]) => Sys.fcntl(at, command, value)),
  fc
    .tuple(
      fd,
      fc.constantFrom(0, 1, 6, 9),
      fc.integer({ min: 0, max: 50 }),
      fc.oneof(small, fc.constantFrom("lo", "", "x"))
    )
    .map(([at, level, name, value]) => Sys.setsockopt(at, level, name, value)),
  fc
    .tuple(fd, fc.constantFrom(0, 1, 6, 9), fc.integer({ min: 0, max: 50 }))
    .map(([at, level, name]) => Sys.getsockopt(at, level, name)),
  fc.constant(Sys.epollCreate1 as Call),
  fc
    .tuple(fd, bytes, bytes, flags)
    .map(([at, one, two, flag]) => Sys.sendmsg(at, { iov: [one, two] }, flag | 0x40 | 0x4000000)),
  fc.tuple(fd, bytes, flags).map(([at, into, flag]) => Sys.recvmsg(at, { iov: [into, into] }, flag | 0x40)),
  fc.tuple(fd, fc.constantFrom(0x541b, 0x5411, 0x5421, 0x894b, 1)).map(([at, request]) => Sys.ioctl(at, request)),
  fc.constantFrom(0x800, 0x800 | 1).map((flag) => Sys.pipe(flag) as Call),
  fc.tuple(fc.constantFrom("/run/a", "/tmp", "b"), small).map(([path, flag]) => Sys.open(path, flag)),
  fc.tuple(fd, fd, small, fc.constantFrom(2, 6)).map(([from, to, length, flag]) => Sys.tee(from, to, length, flag)),
  fc
    .tuple(fd, fd, small, fc.constantFrom(-1, 0, 5))
    .map(([from, to, length, at]) =>
      Effect.andThen(
        Effect.ignore(Sys.setNonblock(from, true)),
        Effect.andThen(Effect.ignore(Sys.setNonblock(to, true)), Sys.splice(from, to, length, 2, at))
      )
    ),
  fc.tuple(fd, fd, small).map(([to, from, length]) => Sys.sendfile(to, from, length)),
  fc
    .tuple(fd, small, fd, fc.integer(), fc.integer())
    .map(([epfd, operation, at, events, data]) => Sys.epollCtl(epfd, operation, at, events, data)),
  fc.tuple(fd, small, fc.constantFrom(0, 1000)).map(([epfd, max, timeout]) => Sys.epollWait(epfd, max, timeout)),
  fc
    .array(fc.record({ fd: fc.integer({ min: -1, max: 9 }), events: fc.nat(0xff), revents: fc.constant(0) }), {
      maxLength: 5
    })
    .map((fds) => Sys.poll(fds, 1000)),
  fc.tuple(small, small).map(([soft, hard]) => Sys.setrlimitNofile(soft, Math.max(hard, 8))),
  fc.constantFrom(0, 1, 1e6, -1, NaN).map((ns) => Sys.nanosleep(ns)),
  fc.tuple(fc.integer({ min: 50, max: 60 }), small).map(([pid, signal]) => Sys.kill(pid, signal)),
  fc.constantFrom([0], [7], []).map((cores) => Sys.schedSetaffinity(cores))
)

it("random calls with random arguments", () =>
  fc.assert(
    fc.property(
      fc.array(call, { maxLength: 60 }),
      fc.constantFrom("3.10" as const, "6.x" as const),
      (calls, kernel) => {
        const net = newNet(1)
        const a = box(net, "a", kernel)
        let made = 0
        a.spawn(
          "fuzz",
          Effect.forEach(
            calls,
            (one) =>
              Effect.match(one, {
                onFailure: (error) => {
                  assert.match(error._tag, /^E[A-Z0-9]+$/)
                  assert.isAbove(error.errno, 0)
                  made++
                },
                onSuccess: () => made++
              }),
            { discard: true }
          ),
          { uid: 1000 }
        )
        settle(net, 400_000_000_000)
        allWell(a)
        assert.strictEqual(made, calls.length)
        assert.strictEqual(a.processes.epollLimits.watches, 0)
        assert.strictEqual(a.host.liveSkbs, 0)
        assert.strictEqual(a.host.memory.activeObjects("TCP"), 0)
        a.host.memory.check()
      }
    ),
    { numRuns: cases(150) }
  ))
