import { readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const conditions = ["@darkfiber/source"]
/** The root is absolute: vitest reads a relative one from the working folder, which is the package's under `--root`. */
const project = (name: string, root: string, mode: string) => ({
  extends: true as const,
  test: {
    name,
    root: fileURLToPath(new URL(root, import.meta.url)),
    include: ["test/**/*.test.ts"],
    testTimeout: mode === "long" ? 600_000 : 30_000, // a project does not inherit the root's
    setupFiles: [fileURLToPath(new URL("./tooling/src/PropertySeed.ts", import.meta.url))]
  }
})
const folders = (parent: string): ReadonlyArray<string> =>
  readdirSync(new URL(parent, import.meta.url), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted()

/** Where to write vitest's JSON report; none when unset. */
const report = process.env["DARKFIBER_TEST_REPORT"]
/** `vitest run --mode long`: every property tries 20 times its cases, and 2,000 at least (tooling/src/Cases.ts). */
const longCases = { DARKFIBER_CASES: "20", DARKFIBER_LONG_CASES: "2000" }

/** One project a package, so that `pnpm --filter` can test one alone. */
export default defineConfig(({ mode }) => ({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    env: mode === "long" ? { ...longCases, ...process.env } : {},
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
    projects: [
      ...folders("./packages").map((name) => project(name, `./packages/${name}`, mode)),
      ...folders("./apps").map((name) => project(name, `./apps/${name}`, mode)),
      project("tooling", "./tooling", mode)
    ]
  }
}))
