/** The files of the repository that the checks read: everything but what is installed, built or written by a run. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export interface Source {
  /** From the repository's root, with forward slashes. */
  readonly path: string
  readonly text: string
}

/** The repository's root folder. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url))

const skippedAnywhere = new Set(["node_modules", "dist", ".git", ".turbo"])
/** As in `.gitignore`, at the root only. */
const skippedAtRoot = new Set(["tmp", "out", "build"])
const skippedFile = /\.(tsbuildinfo|log|pcap|pcapng|png|ico|woff2|gz|bin)$/

const walk = (base: string, folder: string, into: Array<string>): void => {
  const entries = readdirSync(join(base, folder), { withFileTypes: true })
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`
    if (skippedAnywhere.has(entry.name) || (folder === "" && skippedAtRoot.has(entry.name))) continue
    if (entry.isDirectory()) walk(base, path, into)
    else if (entry.isFile() && !skippedFile.test(entry.name)) into.push(path)
  }
}

/** Paths of the text files under `base`, in a fixed order. */
export const paths = (base: string = root): ReadonlyArray<string> => {
  const found: Array<string> = []
  walk(base, "", found)
  return found
}

/** The text files under `base` with their contents, in a fixed order. */
export const read = (base: string = root): ReadonlyArray<Source> =>
  paths(base).map((path) => ({ path, text: readFileSync(join(base, path), "utf8") }))

export const isTypeScript = (path: string): boolean => /\.[cm]?ts$/.test(path)
/** Code below apps: it takes no time, no chance and nothing else from its engine. */
export const isBelowApps = (path: string): boolean => /^packages\/[^/]+\/src\//.test(path)
export const isHot = (path: string): boolean => /^packages\/[^/]+\/src\/hot\//.test(path)
export const isTest = (path: string): boolean => /^((packages|apps)\/[^/]+|tooling)\/test\//.test(path)
