/**
 * Opens what a command is given: topology files, and the data centre that stands for none.
 */
import { fileURLToPath } from "node:url"
import { Effect, FileSystem, Result } from "effect"
import type * as Plan from "@darkfiber/topology/Plan"
import * as Read from "@darkfiber/topology/Read"
import * as Resolve from "@darkfiber/topology/Resolve"
import { badInput, type Failure } from "./Failure.ts"

/** What `up` runs when no file is named. */
export const defaultTopology: string = fileURLToPath(new URL("../topologies/two-racks.yaml", import.meta.url))

/** A file's bytes; a missing or unreadable one is wrong use. */
const readBytes = (file: string): Effect.Effect<Uint8Array, Failure, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const status = yield* files
      .stat(file)
      .pipe(Effect.mapError(() => badInput(`${file}: no such file, or not readable`)))
    if (status.type !== "File") return yield* badInput(`${file}: not a file`)
    if (Number(status.size) > Read.FILE_MAX) {
      return yield* badInput(`${file}:1:1: the file has ${status.size} bytes, a topology has at most ${Read.FILE_MAX}`)
    }
    return yield* files.readFile(file).pipe(Effect.mapError(() => badInput(`${file}: not readable`)))
  })

/** A topology file, checked and resolved. */
export const readPlan = (file: string): Effect.Effect<Plan.Plan, Failure, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const bytes = yield* readBytes(file)
    const source = Read.read(file, bytes)
    if (Result.isFailure(source)) return yield* badInput(source.failure.message)
    const plan = Resolve.resolve(source.success.document)
    if (Result.isSuccess(plan)) return plan.success
    const diagnostics = plan.failure
      .map((problem) => ({ file, ...source.success.locate(problem.path, problem.onKey), message: problem.message }))
      .sort((left, right) => left.line - right.line || left.column - right.column)
    return yield* badInput(diagnostics.map(Read.formatDiagnostic).join("\n"))
  })
