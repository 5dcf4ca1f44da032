/** The scripts that record what a real kernel does: where they are and what becomes of them in the simulator. */
import { readdirSync, readFileSync } from "node:fs"
import * as Drill from "@darkfiber/packetdrill/Drill"
import { Result } from "effect"

const at = (folder: string): URL => new URL(`./${folder}/`, import.meta.url)

/** Paths of the scripts in the folders of `folder`, sorted. */
export const scriptsIn = (folder: string): ReadonlyArray<string> =>
  readdirSync(at(folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => readdirSync(new URL(`${entry.name}/`, at(folder))).map((name) => `${entry.name}/${name}`))
    .filter((path) => path.endsWith(".pkt"))
    .toSorted()

export const textOf = (folder: string, path: string): string => readFileSync(new URL(path, at(folder)), "utf8")

/** `pass`, or what went wrong with its line. */
export const outcomeOf = (folder: string, path: string): string => {
  const outcome = Drill.drill({ name: path, text: textOf(folder, path), readFile: () => null }, Drill.defaults)
  if (Result.isFailure(outcome)) {
    const { column, line, message } = outcome.failure
    return `syntax ${line}:${column} ${message}`
  }
  const { line, reason, result } = outcome.success
  return result === "pass" ? "pass" : `${result} ${line} ${reason}`
}
