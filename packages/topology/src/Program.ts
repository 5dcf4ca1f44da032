/**
 * A program: what a process of a topology runs. Built-in ones and a user's own have the same form.
 */
import type { Effect } from "effect"
import type { Workload } from "./Workload.ts"

/** What a program is told about itself. */
export interface ProgramEnvironment {
  readonly host: string
  /** Container or namespace, empty for the host itself. */
  readonly place: string
  readonly name: string
  readonly workload: Workload
}

/** The arguments of the topology file, as they stand there. */
export type Arguments = { readonly [name: string]: unknown }

/**
 * Makes the first thread of a process. It fails with what its `Sys` calls fail with, or throws: then the process dies
 * with a reported exit and the world goes on.
 */
export type Program = (args: Arguments, environment: ProgramEnvironment) => Effect.Effect<unknown, unknown>

/** Finds a program by the name that stands in the topology. */
export type ProgramLoader = (program: string) => Program | undefined
