/** The checks on texts and on the shape of the repository: sizes, names, words, READMEs, manifests. */
import type { Finding } from "./Bans.ts"
import { layers, reachable } from "./Layers.ts"
import { isBelowApps, isTypeScript, type Source } from "./Sources.ts"

/** Lines of a source file: from the first number on a warning, above the second a failure. */
export const linesUsual = 400
export const linesMax = 600

const lineCount = (text: string): number => text.split("\n").length - (text.endsWith("\n") ? 1 : 0)

/** Source files longer than `lines`, as `path (count)`. */
export const longFiles = (sources: ReadonlyArray<Source>, lines: number): ReadonlyArray<string> =>
  sources
    .filter((source) => isTypeScript(source.path) && lineCount(source.text) > lines)
    .map((source) => `${source.path} (${lineCount(source.text)} lines)`)

/** Written in pieces, so that this file does not contain what it looks for. */
const pieces = (...parts: ReadonlyArray<string>): string => parts.join("")
const machinePath = new RegExp(pieces("(?<![\\w.-])/(work|t", "mp|root|workspace)/"))
const machineWord = new RegExp(
  pieces(
    "\\b(cl",
    "aude|chat",
    "gpt|anth",
    "ropic|open",
    "ai|co",
    "pilot|l",
    "lm|language mo",
    "del|sub-?ag",
    "ent)\\b"
  ),
  "i"
)
const registryHost = new RegExp(
  pieces("https?://(?!registry\\.npmjs\\.org\\b)[\\w.-]*(regis", "try|artif", "actory|nexus)")
)
const unnamedTodo = new RegExp(pieces("\\b(TO", "DO|FIX", "ME|X", "XX)\\b(?!.{0,80}(#\\d|/issues/\\d))"))

const lineRules: ReadonlyArray<readonly [rule: string, pattern: RegExp, message: string]> = [
  ["machine-path", machinePath, "a path of one machine"],
  ["machine-word", machineWord, "a word that has no business here"],
  ["registry-host", registryHost, "a registry's host"]
]

const todoRule = ["todo", unnamedTodo, "an open task names its issue, as in (#12)"] as const

/** Findings on single lines of any text file. */
export const checkLines = (source: Source): ReadonlyArray<Finding> => {
  const rules = isTypeScript(source.path) ? [...lineRules, todoRule] : lineRules
  return source.text.split("\n").flatMap((text, index) =>
    rules
      .filter(([, pattern]) => pattern.test(text))
      .map(([rule, , message]) => ({
        rule,
        path: source.path,
        line: index + 1,
        message: `${message}: ${text.trim()}`
      }))
  )
}

/** Files whose name follows a table's order rather than a module's concept: the labs' rows, a file a chapter or half of one. */
const isChapterTable = (path: string): boolean => /^packages\/labs\/src\/table\/chapter\d\d[a-z]?\.ts$/.test(path)

const fileName = (path: string): string => path.slice(path.lastIndexOf("/") + 1)

/** Findings on the names of files. */
export const checkName = (path: string): ReadonlyArray<Finding> => {
  const found = (rule: string, message: string): Finding => ({ rule, path, line: 1, message })
  const name = fileName(path)
  if (/^index\.[cm]?[jt]sx?$/.test(name)) return [found("barrel", "no index files: a module has its own name")]
  if (/^(utils?|helpers?|common|misc)\.ts$/i.test(name)) return [found("name", "name the concept, not the drawer")]
  if (isChapterTable(path)) return []
  return isBelowApps(path) && isTypeScript(path) && !/^[A-Z][A-Za-z0-9]*\.ts$/.test(name)
    ? [found("name", "a module's file is in PascalCase")]
    : []
}

/** The heads of a package's README, in order (style guide §15). */
export const readmeHeads = ["What it is", "Use it alone", "How it works", "What it models", "Limits and costs"] as const

const packageNames = (sources: ReadonlyArray<Source>): ReadonlyArray<string> => [
  ...new Set(sources.flatMap((source) => (isBelowApps(source.path) ? [source.path.split("/")[1] ?? ""] : [])))
]

const checkHeads = (path: string, text: string): ReadonlyArray<Finding> => {
  const heads = text.split("\n").filter((line) => line.startsWith("## "))
  const wanted: ReadonlyArray<string> = readmeHeads
  const ours = heads.flatMap((line) => wanted.filter((head) => line.startsWith(`## ${head}`)))
  return ours.join("\n") === wanted.join("\n")
    ? []
    : [{ rule: "readme", path, line: 1, message: `wants these ## heads, in order: ${wanted.join(" · ")}` }]
}

/** Every package with sources has a README with the five heads. */
export const checkReadmes = (sources: ReadonlyArray<Source>): ReadonlyArray<Finding> =>
  packageNames(sources).flatMap((name) => {
    const path = `packages/${name}/README.md`
    const readme = sources.find((source) => source.path === path)
    return readme === undefined
      ? [{ rule: "readme", path, line: 1, message: "is missing" }]
      : checkHeads(path, readme.text)
  })

interface Manifest {
  readonly name?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly exports?: unknown
}

/** Our packages among a manifest's dependencies, without the scope. */
export const ownDependencies = (manifest: Manifest): ReadonlyArray<string> =>
  Object.keys(manifest.dependencies ?? {})
    .filter((name) => name.startsWith("@darkfiber/"))
    .map((name) => name.slice("@darkfiber/".length))
    .toSorted()

const parse = <A>(source: Source | undefined): A | undefined =>
  source === undefined ? undefined : (JSON.parse(source.text) as A)

const references = (project: { readonly references?: ReadonlyArray<{ readonly path: string }> } | undefined) =>
  (project?.references ?? []).map((reference) => fileName(reference.path)).toSorted()

const checkManifest = (sources: ReadonlyArray<Source>, path: string): ReadonlyArray<Finding> => {
  const folder = path.slice(0, path.lastIndexOf("/"))
  const name = fileName(folder)
  const manifest = parse<Manifest>(sources.find((source) => source.path === path)) ?? {}
  const own = ownDependencies(manifest)
  const project = parse<Parameters<typeof references>[0]>(
    sources.find((source) => source.path === `${folder}/tsconfig.json`)
  )
  const layer = layers.find((candidate) => candidate.name === name)
  const isPackage = path.startsWith("packages/")
  const allowed = layer === undefined ? layers.map((candidate) => candidate.name) : reachable(layer)
  const found = (message: string): Finding => ({ rule: "manifest", path, line: 1, message })
  return [
    ...(manifest.name === `@darkfiber/${name}` ? [] : [found(`its name is @darkfiber/${name}`)]),
    ...(isPackage && layer === undefined ? [found("is not in the table of tooling/src/Layers.ts")] : []),
    ...own.filter((other) => !allowed.includes(other)).map((other) => found(`may not depend on ${other}`)),
    ...(references(project).join() === own.join()
      ? []
      : [found(`tsconfig.json refers to [${references(project).join()}], dependencies are [${own.join()}]`)])
  ]
}

/** Manifests agree with the layers and with the project references. */
export const checkManifests = (sources: ReadonlyArray<Source>): ReadonlyArray<Finding> =>
  sources
    .filter((source) => /^(packages|apps)\/[^/]+\/package\.json$/.test(source.path))
    .flatMap((source) => checkManifest(sources, source.path))

/** Every package and app is a reference of the root's tsconfig.json. */
export const checkRootReferences = (sources: ReadonlyArray<Source>): ReadonlyArray<Finding> => {
  const project = parse<Parameters<typeof references>[0]>(sources.find((source) => source.path === "tsconfig.json"))
  const named = (project?.references ?? []).map((reference) => reference.path)
  return sources
    .map((source) => /^((packages|apps)\/[^/]+)\/tsconfig\.json$/.exec(source.path)?.[1])
    .filter((folder) => folder !== undefined && !named.includes(folder))
    .map((folder) => ({ rule: "manifest", path: "tsconfig.json", line: 1, message: `does not refer to ${folder}` }))
}

/** `path:line rule message`, one a line. */
export const show = (findings: ReadonlyArray<Finding>): string =>
  findings.map(({ path, line, rule, message }) => `${path}:${line} ${rule}: ${message}`).join("\n")
