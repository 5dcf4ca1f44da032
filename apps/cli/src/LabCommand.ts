/**
 * `darkfiber lab ID…`: runs labs of the book and shows claims beside measurements.
 */
import * as Table from "@darkfiber/labs/table/LabTable"
import * as Runner from "@darkfiber/labs/Runner"
import { Console, Effect, Option, Result } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { badInput, checkFailed } from "./Failure.ts"
import * as Options from "./Options.ts"

const flags = {
  ids: Argument.String("id").pipe(
    Argument.withDescription("lab ids, such as 6.4.6-a or Q1.1.5-a"),
    Argument.variadic()
  ),
  list: Flag.Boolean("list").pipe(
    Flag.withDescription("list all labs; those not built yet are marked"),
    Flag.withDefault(false)
  ),
  all: Flag.Boolean("all").pipe(Flag.withDescription("every lab that is built"), Flag.withDefault(false)),
  chapter: Flag.Int("chapter").pipe(Flag.withDescription("the labs of one chapter that are built"), Flag.optional),
  set: Flag.String("set").pipe(Flag.withDescription("knob=value; may be given again"), Flag.between(0, 32)),
  seed: Options.seed,
  kernel: Options.kernel,
  dispatch: Options.dispatch,
  json: Options.json
}

const list = (): string =>
  Table.labs
    .map((lab) => {
      const state = Runner.isAlive(lab.id) ? "     " : "later"
      return `${lab.id.padEnd(10)} ${state}  ${lab.profile.join(",").padEnd(8)}  ${lab.titleEn} — ${lab.titleZh}`
    })
    .join("\n")

const listJson = (): string => JSON.stringify(Table.labs.map((lab) => ({ ...lab, built: Runner.isAlive(lab.id) })))

const text = (report: Runner.LabReport): string => {
  const spec = Table.labById(report.lab)!
  const checks = report.checks.map(
    (check) =>
      `  ${check.pass ? "pass" : "FAIL"}  ${check.id}  ${check.claim}\n` +
      `           expected ${check.expected}\n           measured ${check.measured}`
  )
  return [
    `${report.lab}  ${spec.titleEn} (${spec.titleZh}), kernel ${report.kernel}, seed ${report.seed}`,
    `  ${spec.question}`,
    `  ${report.answer}`,
    ...checks
  ].join("\n")
}

export const lab = Command.make("lab", flags, (options) =>
  Effect.gen(function* () {
    if (options.list) return yield* Console.log(options.json ? listJson() : list())
    const chapter = Option.getOrUndefined(options.chapter)
    const wanted = options.all
      ? Table.labs.filter((each) => Runner.isAlive(each.id)).map((each) => each.id)
      : chapter !== undefined
        ? Table.labsOfChapter(chapter)
            .filter((each) => Runner.isAlive(each.id))
            .map((each) => each.id)
        : options.ids
    if (wanted.length === 0) return yield* badInput("which lab? Name ids, --chapter N, --all, or --list them")
    const kernel = Option.getOrUndefined(options.kernel)
    const reports: Array<Runner.LabReport> = []
    for (const id of wanted) {
      const { dispatch, seed, set } = options
      const several = options.all || chapter !== undefined
      if (several && kernel !== undefined && !Table.labById(id)!.profile.includes(kernel)) continue
      const outcome = yield* Runner.run(id, {
        ...(kernel === undefined ? {} : { kernel }),
        seed,
        dispatch,
        settings: set
      })
      if (Result.isFailure(outcome)) return yield* badInput(outcome.failure.message)
      reports.push(outcome.success)
      if (!options.json) yield* Console.log(text(outcome.success))
    }
    if (options.json) yield* Console.log(JSON.stringify(reports))
    const failed = reports.filter((report) => report.checks.some((check) => !check.pass))
    if (failed.length > 0)
      return yield* checkFailed(`checks failed in ${failed.map((report) => report.lab).join(", ")}`)
  })
).pipe(Command.withDescription("Runs labs of the book and shows claims beside measurements"))
