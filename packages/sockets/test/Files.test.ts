import { Effect } from "effect"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import { fileMaxDefault, File, FileSystem, FileTable } from "../src/Files.ts"
import { nullFile } from "../src/NullFile.ts"
import { linux310 } from "../src/SocketsProfile.ts"
import * as Sys from "../src/Sys.ts"
import { machine } from "./World.ts"

const system = (): FileSystem => {
  const m = machine(1, 1)
  return new FileSystem(m.memory, linux310.files, 4 * 1024 ** 3, 0)
}

describe("descriptors", () => {
  it("are always the lowest free number", () =>
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant(-1), fc.nat(40)), { maxLength: 120 }), (steps) => {
        const files = new FileTable(system())
        const open = new Set<number>()
        for (const step of steps) {
          if (step >= 0) {
            assert.strictEqual(files.take(step) !== null, open.delete(step))
            continue
          }
          let lowest = 0
          while (open.has(lowest)) lowest++
          const fd = files.reserve()
          assert.strictEqual(fd, lowest)
          files.install(fd, new File(files.system, nullFile, null))
          open.add(fd)
        }
        assert.strictEqual(files.open, open.size)
      }),
      { numRuns: cases(100) }
    ))

  it("the first that fails is min(soft nofile, nr_open rounded up to 64), a matrix", () => {
    for (const soft of [10, 64, 100, 1024, 5000]) {
      for (const nrOpen of [64, 100, 128, 1000, 4096]) {
        const files = new FileTable(system())
        files.system.nrOpen = nrOpen
        files.soft = soft
        let fd = files.reserve()
        while (fd >= 0) {
          files.install(fd, new File(files.system, nullFile, null))
          fd = files.reserve()
        }
        assert.strictEqual(fd, -24)
        assert.strictEqual(files.open, Math.min(soft, Math.ceil(nrOpen / 64) * 64), `${soft} ${nrOpen}`)
      }
    }
  })

  it("a hard limit above fs.nr_open is EPERM, a raised one too for others than root", () => {
    const files = new FileTable(system())
    assert.strictEqual(files.setLimit(10, 2_000_000, true), -1)
    assert.strictEqual(files.setLimit(10, 5000, false), -1)
    assert.strictEqual(files.setLimit(5000, 4096, true), -22)
    assert.strictEqual(files.setLimit(5000, 5000, true), 0)
  })
})

describe("files", () => {
  it("fs.file-max defaults to a tenth of the memory in KB, at least 8192", () => {
    assert.strictEqual(fileMaxDefault(4 * 1024 ** 3, 0), 419_430)
    assert.strictEqual(fileMaxDefault(16 * 1024 ** 2, 0), 8192)
  })

  it("a user gets ENFILE at fs.file-max, root goes on", () => {
    const m = machine(1, 1)
    m.processes.files.max = 6
    const results: Array<string> = []
    const open = (name: string) =>
      Effect.gen(function* () {
        for (let i = 0; i < 8; i++) {
          results.push(
            yield* Effect.match(Sys.epollCreate1, {
              onFailure: (error) => `${name} ${error._tag}`,
              onSuccess: (fd) => `${name} ${fd}`
            })
          )
        }
      })
    m.processes.spawn("user", null, open("user"), { uid: 1000 })
    m.world.run(1_000_000)
    m.processes.spawn("root", null, open("root"), { uid: 0 })
    m.world.run(2_000_000)
    assert.deepStrictEqual(m.world.defects, [])
    assert.deepStrictEqual(results.slice(0, 6), ["user 3", "user 4", "user 5", "user 6", "user 7", "user ENFILE"])
    assert.strictEqual(results.at(-1), "root 10")
    assert.isAbove(m.processes.files.refused, 0)
    assert.strictEqual(m.processes.files.count, 0)
    m.memory.check()
  })

  it("EMFILE at the soft limit: that many less three, and one less after a close", () => {
    const m = machine(1, 1)
    const results: Array<unknown> = []
    m.processes.spawn(
      "p",
      null,
      Effect.gen(function* () {
        for (let i = 0; i < 8; i++) {
          results.push(
            yield* Effect.match(Sys.epollCreate1, { onFailure: (error) => error._tag, onSuccess: (fd) => fd })
          )
        }
        yield* Sys.close(4)
        results.push(yield* Sys.dup(3))
      }),
      { nofile: { soft: 8, hard: 8 } }
    )
    m.world.run(10_000_000)
    assert.deepStrictEqual(m.world.defects, [])
    assert.deepStrictEqual(results, [3, 4, 5, 6, 7, "EMFILE", "EMFILE", "EMFILE", 4])
  })
})
