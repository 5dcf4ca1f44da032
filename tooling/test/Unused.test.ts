import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { withFiles, type Files } from "../src/Planted.ts"
import { root } from "../src/Sources.ts"

const wire = JSON.stringify({
  name: "@darkfiber/wire",
  type: "module",
  exports: { "./internal/*": null, "./hot/*": null, "./*": { "@darkfiber/source": "./src/*.ts" } },
  dependencies: { effect: "4.1.0" }
})
const ground: Files = {
  "package.json": `{"name":"darkfiber","private":true,"type":"module"}`,
  "pnpm-workspace.yaml": "packages: [packages/*]\n",
  "packages/wire/package.json": wire,
  "packages/wire/src/Udp.ts": `export { used } from "./internal/Used.ts"\nexport * as Effect from "effect/Effect"\n`,
  "packages/wire/src/sub/Public.ts": "export const anyone = 1\n",
  "packages/wire/src/internal/Used.ts": "export const used = 1\n",
  "packages/wire/test/Udp.test.ts": `import * as Udp from "../src/Udp.ts"\nUdp.used\n`,
  "node_modules/effect/package.json": `{"name":"effect","version":"4.1.0"}`
}

/** Runs knip with the real configuration; what it reports, without line numbers. */
const unused = (planted: Files): string =>
  withFiles({ ...ground, ...planted, "knip.json": readFileSync(join(root, "knip.json"), "utf8") }, (folder) => {
    const knip = join(root, "node_modules/knip/bin/knip.js")
    const run = spawnSync(process.execPath, [knip, "--no-progress", "--no-config-hints"], {
      cwd: folder,
      encoding: "utf8"
    })
    assert.oneOf(run.status, [0, 1], run.stderr)
    assert.strictEqual(run.status === 0, run.stdout.trim() === "", run.stdout + run.stderr)
    return run.stdout
  })

describe("knip with this configuration", () => {
  it("takes every module outside internal and hot as public", () => assert.strictEqual(unused({}).trim(), ""))

  it("reports planted files, exports and dependencies that nobody uses, and imports nobody declares", () => {
    const found = unused({
      "packages/wire/src/internal/Lonely.ts": "export const a = 1\n",
      "packages/wire/src/hot/Lonely.ts": "export const a = 1\n",
      "packages/wire/src/internal/Used.ts": "export const used = 1\nexport const spare = 2\n",
      "packages/wire/src/Tcp.ts": `import "fast-check"\n`,
      "packages/wire/package.json": wire.replace(`"effect"`, `"yaml":"2.9.1","effect"`)
    })
    assert.match(
      found,
      /Unused files \(2\)\s+packages\/wire\/src\/hot\/Lonely.ts\s+packages\/wire\/src\/internal\/Lonely.ts/
    )
    assert.match(found, /Unused exports \(1\)\s+spare /)
    assert.match(found, /Unused dependencies \(1\)\s+yaml /)
    assert.match(found, /Unlisted dependencies \(1\)\s+fast-check /)
  })
})
