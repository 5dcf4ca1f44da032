/**
 * `pnpm ledger REPORT` holds packages/tcp/ledger.yaml, whose table `pnpm generate` writes into the package's README, against
 * vitest's JSON report of a whole run. Exit code 1 when a claim does not hold.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Ledger from "./Ledger.ts"
import { root } from "./Sources.ts"

const home = "packages/tcp"
const [reportPath, ...rest] = process.argv.slice(2)
if (reportPath === undefined || rest.length > 0) {
  process.stderr.write("usage: pnpm ledger REPORT, REPORT being vitest's JSON (DARKFIBER_TEST_REPORT)\n")
  process.exit(2)
}
const entries = Ledger.read(readFileSync(join(root, home, "ledger.yaml"), "utf8"))
const found = Ledger.faults(home, entries, Ledger.readReport(readFileSync(reportPath, "utf8")))
for (const fault of found) process.stderr.write(`${home}/ledger.yaml: ${fault}\n`)
if (found.length > 0) process.exit(1)

const count = (state: Ledger.Entry["state"]): number => entries.filter((entry) => entry.state === state).length
process.stdout.write(
  `${home}: ${count("implemented")} features implemented, ${count("simplified")} simplified, ${count("omitted")} omitted\n`
)
