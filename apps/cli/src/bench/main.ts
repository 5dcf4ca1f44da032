/**
 * The scenarios without the command line around them: `node dist/bench/main.js SCENARIO --name=value …`. Prints one JSON
 * line on stdout.
 */
import { BadOption } from "./Options.ts"
import { scenarios } from "./Scenarios.ts"

const parse = (args: ReadonlyArray<string>): Record<string, string> => {
  const options: Record<string, string> = {}
  for (let i = 0; i < args.length; i++) {
    const match = /^--([A-Za-z]+)(?:=(.*))?$/.exec(args[i]!)
    if (match === null) throw new BadOption(`${args[i]} is no option`)
    const value = match[2] ?? args[++i]
    if (value === undefined) throw new BadOption(`${args[i - 1]} needs a value`)
    options[match[1]!] = value
  }
  return options
}

const main = (name: string | undefined, args: ReadonlyArray<string>): void => {
  const scenario = Object.hasOwn(scenarios, name ?? "") ? scenarios[name!] : undefined
  if (scenario === undefined) {
    throw new BadOption(`a scenario is one of ${Object.keys(scenarios).join(", ")}, not ${name}`)
  }
  process.stdout.write(`${JSON.stringify(scenario.run(parse(args)))}\n`)
}

try {
  main(process.argv[2], process.argv.slice(3))
} catch (error) {
  process.stderr.write(
    `${error instanceof Error ? (error instanceof BadOption ? error.message : error.stack) : error}\n`
  )
  process.exitCode = error instanceof BadOption ? 2 : 3
}
