/**
 * `pnpm test:kernel` runs the recorded packetdrill scripts on this machine's kernel: each in a network namespace of its own, by
 * the `packetdrill` that is in PATH (or that the variable PACKETDRILL names). The simulator is held to the same texts.
 *
 * Skips with a word where it cannot run. A script may fail by the machine's load, so it is tried up to three times.
 */
import { execFile, spawnSync } from "node:child_process"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { root } from "./Sources.ts"

const SCRIPTS = join(root, "packages/packetdrill/test/scripts")
const TRIES = 3
const AT_ONCE = 4
const UNSHARE = "unshare"

const packetdrill = process.env["PACKETDRILL"] ?? "packetdrill"

/** Why it cannot run here; undefined where it can. */
const obstacle = (): string | undefined => {
  if (process.platform !== "linux") return "this is no Linux"
  if (spawnSync(packetdrill, ["--version"]).error !== undefined)
    return `there is no ${packetdrill} (PACKETDRILL names one)`
  const namespace = spawnSync(UNSHARE, ["-n", "ip", "link", "set", "lo", "up"])
  return namespace.status === 0 ? undefined : "a network namespace needs root, unshare and ip"
}

const scripts = (): ReadonlyArray<string> =>
  readdirSync(SCRIPTS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((folder) =>
      readdirSync(join(SCRIPTS, folder.name))
        .filter((name) => name.endsWith(".pkt"))
        .map((name) => `${folder.name}/${name}`)
    )
    .toSorted()

const shell = 'ip link set lo up && cd "$1" && exec "$2" --tolerance_usecs=15000 "$3"'

/** @returns what packetdrill said; undefined when the kernel does what the script says */
const run = (path: string): Promise<string | undefined> => {
  const [folder, name] = path.split("/") as [string, string]
  const words = ["-n", "sh", "-c", shell, "sh", join(SCRIPTS, folder), packetdrill, name]
  return new Promise((resolve) => {
    execFile(UNSHARE, words, { timeout: 120_000 }, (error, _stdout, stderr) => {
      resolve(error === null ? undefined : stderr.trim() || error.message)
    })
  })
}

const judge = async (path: string, triesLeft: number): Promise<string | undefined> => {
  const said = await run(path)
  return said === undefined || triesLeft === 1 ? said : judge(path, triesLeft - 1)
}

const why = obstacle()
if (why === undefined) {
  const all = scripts()
  const rest = [...all]
  let failed = 0
  const work = async (): Promise<void> => {
    const path = rest.shift()
    if (path === undefined) return
    const said = await judge(path, TRIES)
    if (said !== undefined) {
      failed++
      process.stdout.write(`${path}: ${said}\n`)
    }
    await work()
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  process.stdout.write(`${all.length - failed} of ${all.length} scripts pass on this kernel\n`)
  process.exitCode = failed === 0 && all.length > 0 ? 0 : 1
} else {
  process.stdout.write(`test:kernel skipped: ${why}\n`)
}
