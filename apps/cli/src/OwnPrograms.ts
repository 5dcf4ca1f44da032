/**
 * A user's own programs: `./mine.ts#main` in a topology, a module file beside it and the name of an export.
 */
import * as Path from "node:path"
import { pathToFileURL } from "node:url"
import type * as Plan from "@darkfiber/topology/Plan"
import type { Program, ProgramLoader } from "@darkfiber/topology/Program"
import * as ProgramNames from "@darkfiber/topology/ProgramNames"
import { Effect } from "effect"
import { badInput, type Failure } from "./Failure.ts"

const processesOf = (plan: Plan.Plan): ReadonlyArray<Plan.ProcessPlan> =>
  plan.hosts.flatMap((host) => [
    ...host.processes,
    ...host.containers.flatMap((each) => each.processes),
    ...host.namespaces.flatMap((each) => each.processes)
  ])

/**
 * Imports the modules that the plan names.
 *
 * @param folder that their paths start from: the topology file's
 */
export const load = (plan: Plan.Plan, folder: string): Effect.Effect<ProgramLoader, Failure> =>
  Effect.gen(function* () {
    const programs = new Map<string, Program>()
    for (const { program } of processesOf(plan)) {
      const own = ProgramNames.own(program)
      if (own === undefined || programs.has(program)) continue
      const file = Path.resolve(folder, own.file)
      const module = yield* Effect.tryPromise({
        try: () => import(pathToFileURL(file).href) as Promise<Record<string, unknown>>,
        catch: (error) => badInput(`${program}: ${error instanceof Error ? error.message : String(error)}`)
      })
      const member = module[own.member]
      if (typeof member !== "function")
        return yield* badInput(`${program}: ${own.file} exports no function ${own.member}`)
      programs.set(program, member as Program)
    }
    return (program) => programs.get(program)
  })
