/**
 * The ledger of a package: what it does of Linux's, feature by feature, held against a run of the tests.
 *
 * `ledger.yaml` says what is claimed and which tests and recorded scripts judge it. A feature is what it claims to be only
 * where at least one test or script judges it and all of them passed; what is omitted has none.
 */
import { Schema } from "effect"
import { parse } from "yaml"

const Entry = Schema.Struct({
  feature: Schema.String,
  state: Schema.Literals(["implemented", "simplified", "omitted"]),
  /** What is different. */
  but: Schema.optionalKey(Schema.String),
  /** Where the rule comes from. */
  after: Schema.String,
  /** Test files: `Rack` of the ledger's own package, `sockets/Facts` of another. */
  tests: Schema.optionalKey(Schema.Array(Schema.String)),
  /** Folders of recorded scripts. */
  scripts: Schema.optionalKey(Schema.Array(Schema.String))
})
export type Entry = typeof Entry.Type

/** What vitest's JSON reporter writes, as far as it is read. */
const Report = Schema.Struct({
  testResults: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      assertionResults: Schema.Array(Schema.Struct({ title: Schema.String, status: Schema.String }))
    })
  )
})
export type Report = typeof Report.Type

const RECORDED = "packages/packetdrill/test/Recorded.test.ts"

/**
 * Reads `ledger.yaml`.
 *
 * @throws for what is not a ledger
 */
export const read = (text: string): ReadonlyArray<Entry> =>
  Schema.decodeUnknownSync(Schema.Array(Entry))(parse(text), { onExcessProperty: "error" })

/**
 * Reads vitest's JSON report.
 *
 * @throws for what is not one
 */
export const readReport = (text: string): Report => Schema.decodeUnknownSync(Report)(JSON.parse(text))

/** The path of a test file that the ledger of `home` (`packages/tcp`) names. */
export const testPath = (home: string, test: string): string => {
  const slash = test.indexOf("/")
  return slash < 0
    ? `${home}/test/${test}.test.ts`
    : `packages/${test.slice(0, slash)}/test/${test.slice(slash + 1)}.test.ts`
}

/** What a claim of an entry is worth without a run: an error for one that nothing judges, or that something should not. */
const claimFault = ({ scripts = [], state, tests = [] }: Entry): string | undefined => {
  const judged = tests.length + scripts.length > 0
  if (state === "omitted") return judged ? "is omitted, and tests judge it" : undefined
  return judged ? undefined : `is ${state}, and nothing judges it`
}

interface Count {
  passed: number
  failed: number
}

const countTitles = (report: Report, path: string, wanted: (title: string) => boolean): Count => {
  const count: Count = { passed: 0, failed: 0 }
  for (const { assertionResults, name } of report.testResults) {
    if (!name.replaceAll("\\", "/").endsWith(path)) continue
    for (const { status, title } of assertionResults) {
      if (!wanted(title)) continue
      if (status === "passed") count.passed++
      else if (status === "failed") count.failed++
    }
  }
  return count
}

/** Each way in which the ledger of `home` says more than a run of the tests shows. */
export const faults = (home: string, entries: ReadonlyArray<Entry>, report: Report): ReadonlyArray<string> =>
  entries.flatMap((entry) => {
    const found: Array<string> = []
    const claim = claimFault(entry)
    if (claim !== undefined) found.push(claim)
    const judge = (what: string, count: Count): void => {
      if (count.failed > 0) found.push(`${count.failed} of ${what} failed`)
      else if (count.passed === 0) found.push(`${what} did not run`)
    }
    for (const test of entry.tests ?? [])
      judge(
        test,
        countTitles(report, testPath(home, test), () => true)
      )
    for (const folder of entry.scripts ?? []) {
      judge(
        `scripts/${folder}`,
        countTitles(report, RECORDED, (title) => title.startsWith(`${folder}/`))
      )
    }
    return found.map((fault) => `${entry.feature}: ${fault}`)
  })

/** Each test file and folder of scripts that is named and not there, and each folder that no entry names. */
export const danglers = (
  home: string,
  entries: ReadonlyArray<Entry>,
  paths: ReadonlySet<string>,
  folders: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const named = new Set(entries.flatMap(({ scripts = [] }) => scripts))
  return [
    ...entries
      .flatMap(({ tests = [] }) => tests.map((test) => testPath(home, test)))
      .filter((path) => !paths.has(path)),
    ...[...named].filter((folder) => !folders.includes(folder)).map((folder) => `scripts/${folder}`),
    ...folders.filter((folder) => !named.has(folder)).map((folder) => `scripts/${folder} is in no entry`)
  ]
}

const cells = ({ after, but, feature, scripts = [], state, tests = [] }: Entry): ReadonlyArray<string> => [
  feature,
  but === undefined ? state : `${state}: ${but}`,
  after,
  tests.join(", "),
  scripts.join(", ")
]

const HEAD = ["feature", "state", "after", "tests", "scripts"]

/** The table in the package's README, in the order of the entries. */
export const render = (entries: ReadonlyArray<Entry>): string => {
  const rows = entries.map((entry) => cells(entry).map((cell) => cell.replaceAll("|", "\\|")))
  return unaligned([HEAD, HEAD.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n"))
}

/** A table without the blanks and dashes that only line its columns up. */
export const unaligned = (table: string): string => table.replaceAll(/ {2,}/g, " ").replaceAll(/-{3,}/g, "---")
