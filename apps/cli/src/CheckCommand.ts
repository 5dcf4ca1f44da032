/**
 * `darkfiber check FILE` and `darkfiber schema`.
 */
import { Console, Effect, Schema } from "effect"
import { Argument, Command } from "effect/cli"
import { Document } from "@darkfiber/topology/Document"
import * as Input from "./Input.ts"

export const check = Command.make(
  "check",
  { file: Argument.String("file").pipe(Argument.withDescription("a topology file")) },
  ({ file }) =>
    Effect.gen(function* () {
      const plan = yield* Input.readPlan(file)
      const containers = plan.hosts.reduce((count, host) => count + host.containers.length, 0)
      yield* Console.log(
        `${file}: fine: ${plan.hosts.length} hosts, ${containers} containers, ` +
          `${plan.switches.length} switches, ${plan.routers.length} routers, ${plan.links.length} links, ` +
          `${plan.faults.length} faults`
      )
    })
).pipe(Command.withDescription("Reads a topology file and says what is wrong with it"))

/** The schema as one JSON document that editors take. */
const jsonSchema = (): string => {
  const { definitions, schema: root } = Schema.toJsonSchemaDocument(Document, { onExcessProperty: "error" })
  return JSON.stringify(
    { $schema: "https://json-schema.org/draft/2020-12/schema", ...root, $defs: definitions },
    null,
    2
  )
}

export const schema = Command.make("schema", {}, () => Effect.suspend(() => Console.log(jsonSchema()))).pipe(
  Command.withDescription("Prints the JSON Schema of topology files, for editors")
)
