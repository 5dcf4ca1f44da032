/**
 * `darkfiber bench SCENARIO [name=value …]`: the speed scenarios, one JSON line each.
 */
import { Console, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { BadOption } from "./bench/Options.ts"
import { scenarios } from "./bench/Scenarios.ts"
import { badInput } from "./Failure.ts"

const flags = {
  scenario: Argument.String("scenario").pipe(Argument.withDescription(`one of ${Object.keys(scenarios).join(", ")}`)),
  settings: Argument.String("setting").pipe(
    Argument.withDescription("name=value, such as gb=1 or hosts=4096"),
    Argument.variadic()
  ),
  list: Flag.Boolean("list").pipe(Flag.withDescription("print the scenario's settings"), Flag.withDefault(false))
}

export const bench = Command.make("bench", flags, ({ list, scenario: name, settings }) =>
  Effect.gen(function* () {
    const scenario = Object.hasOwn(scenarios, name) ? scenarios[name] : undefined
    if (scenario === undefined) {
      return yield* badInput(`there is no scenario ${name}, expected one of ${Object.keys(scenarios).join(", ")}`)
    }
    if (list) return yield* Console.log(JSON.stringify(scenario.options))
    const values: Record<string, string> = {}
    for (const setting of settings) {
      const at = setting.indexOf("=")
      if (at < 1) return yield* badInput(`${setting}: expected name=value`)
      values[setting.slice(0, at)] = setting.slice(at + 1)
    }
    const line = yield* Effect.suspend(() => {
      try {
        return Effect.succeed(scenario.run(values))
      } catch (error) {
        return error instanceof BadOption ? Effect.fail(badInput(error.message)) : Effect.die(error)
      }
    })
    yield* Console.log(JSON.stringify(line))
  })
).pipe(Command.withDescription("Runs a speed scenario and prints one JSON line"))
