/**
 * The graph of the packages as a mermaid drawing for the root's README.
 *
 * An edge is a dependency a manifest declares or a source file imports. The drawing leaves out an edge that a longer way
 * already shows, so that what remains can be read.
 */
import { imports } from "./Bans.ts"
import { isTypeScript, type Source } from "./Sources.ts"
import { ownDependencies } from "./Tidy.ts"

/** Each package or app, by its folder's name, with the packages it needs, both in the order of their names. */
export type Graph = ReadonlyMap<string, ReadonlyArray<string>>

const importedPackages = (sources: ReadonlyArray<Source>, folder: string): ReadonlyArray<string> =>
  sources
    .filter((source) => source.path.startsWith(`${folder}/src/`) && isTypeScript(source.path))
    .flatMap((source) => imports(source))
    .flatMap(({ specifier }) => /^@darkfiber\/([^/]+)\//.exec(specifier)?.[1] ?? [])

/** Reads the graph from the manifests and imports among `sources`. */
export const graph = (sources: ReadonlyArray<Source>): Graph => {
  const nodes = new Map<string, ReadonlyArray<string>>()
  for (const source of sources) {
    const folder = /^((packages|apps)\/[^/]+)\/package\.json$/.exec(source.path)?.[1]
    if (folder === undefined) continue
    const name = folder.slice(folder.indexOf("/") + 1)
    const needs = new Set([...ownDependencies(JSON.parse(source.text)), ...importedPackages(sources, folder)])
    needs.delete(name)
    nodes.set(name, [...needs].toSorted())
  }
  return new Map([...nodes].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

const reaches = (nodes: Graph, from: string, to: string): boolean => {
  const seen = new Set<string>()
  const rest = [...(nodes.get(from) ?? [])]
  for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
    if (name === to) return true
    if (seen.has(name)) continue
    seen.add(name)
    rest.push(...(nodes.get(name) ?? []))
  }
  return false
}

/** The same graph without the edges that a longer way shows. */
export const reduce = (nodes: Graph): Graph =>
  new Map(
    [...nodes].map(([name, needs]) => [
      name,
      needs.filter((need) => !needs.some((other) => other !== need && reaches(nodes, other, need)))
    ])
  )

/** A fenced mermaid block, users above what they use. */
export const render = (nodes: Graph): string => {
  const lines = [...reduce(nodes)].flatMap(([name, needs]) =>
    needs.length === 0 && ![...nodes.values()].some((others) => others.includes(name))
      ? [`  ${name}`]
      : needs.map((need) => `  ${name} --> ${need}`)
  )
  return ["```mermaid", "graph TD", ...lines, "```"].join("\n")
}
