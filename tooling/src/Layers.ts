/**
 * Who may import whom: the one table of the layers, and the dependency-cruiser rules made from it.
 *
 * `tooling/layers.json` holds the rules that `.dependency-cruiser.cjs` reads (a CommonJS file cannot load TypeScript on
 * Node 20); `pnpm generate` writes it and a test proves it equals this table.
 */

/** A permission narrower than a whole package. It narrows `src/` only: tests, benches and examples import it whole. */
export interface PartOf {
  readonly package: string
  /** Only this folder of the imported package's `src/`. */
  readonly folder: string
  /** Only from this folder of the importing package's `src/`; absent: from anywhere in `src/`. */
  readonly from?: string
}

export interface Layer {
  readonly name: string
  /** Whole packages by name, parts of packages as {@link PartOf}. */
  readonly imports: ReadonlyArray<string | PartOf>
}

/** The shape of a dependency-cruiser `forbidden` rule, as far as it is used here. */
export interface Rule {
  readonly name: string
  readonly comment: string
  readonly severity: "error"
  readonly from: { readonly path?: string; readonly pathNot?: string }
  readonly to: {
    readonly path?: string
    readonly pathNot?: string
    readonly circular?: true
    readonly couldNotResolve?: true
    readonly dependencyTypes?: ReadonlyArray<string>
    readonly viaOnly?: { readonly dependencyTypesNot: ReadonlyArray<string> }
  }
}

const upToKernel = ["wire", "sim", "memory", "hardware", "tcp", "kernel-net"]
const upToSockets = [...upToKernel, "sockets"]
const upToObserve = [...upToSockets, "observe"]
const upToTools = [...upToObserve, "tools"]
const upToTopology = [...upToTools, "containers", "packetdrill", "topology"]

/** The packages, lowest first. An app may import every package, never another app. */
export const layers: ReadonlyArray<Layer> = [
  { name: "wire", imports: [] },
  { name: "sim", imports: [] },
  { name: "memory", imports: ["sim"] },
  { name: "hardware", imports: ["wire", "sim", "memory"] },
  { name: "tcp", imports: ["wire", "sim"] },
  {
    name: "kernel-net",
    imports: [
      "wire",
      "sim",
      "memory",
      { package: "hardware", folder: "cpu" },
      { package: "hardware", folder: "nic", from: "driver" }
    ]
  },
  { name: "sockets", imports: upToKernel },
  { name: "observe", imports: upToSockets },
  { name: "tools", imports: upToObserve },
  { name: "containers", imports: upToTools },
  { name: "packetdrill", imports: upToTools },
  { name: "topology", imports: [...upToTools, "containers", "packetdrill"] },
  { name: "labs", imports: upToTopology }
]

/** Names of the packages that `layer` may import at least a part of. */
export const reachable = (layer: Layer): ReadonlyArray<string> => [
  ...new Set(layer.imports.map((entry) => (typeof entry === "string" ? entry : entry.package)))
]

const anyOf = (names: ReadonlyArray<string>): string => `(${names.join("|")})`

const packageRule = (layer: Layer): Rule => ({
  name: `layer-${layer.name}`,
  comment: `${layer.name} may import ${reachable(layer).join(", ") || "nothing of ours"}.`,
  severity: "error",
  from: { path: `^packages/${layer.name}/` },
  to: {
    path: "^(packages|apps)/",
    pathNot: `^${anyOf([layer.name, ...reachable(layer)].map((name) => `packages/${name}/`))}`
  }
})

const partsOf = (layer: Layer): ReadonlyArray<PartOf> => layer.imports.filter((entry) => typeof entry !== "string")

/** Of a package that is open in part, `src/` imports only the folders of the table. */
const partRules = (layer: Layer): ReadonlyArray<Rule> =>
  [...new Set(partsOf(layer).map((part) => part.package))].map((name) => {
    const folders = partsOf(layer).flatMap((part) => (part.package === name ? [part.folder] : []))
    return {
      name: `part-${layer.name}-${name}`,
      comment: `The src of ${layer.name} imports of ${name} only ${folders.join(", ")}.`,
      severity: "error",
      from: { path: `^packages/${layer.name}/src/` },
      to: { path: `^packages/${name}/`, pathNot: `^packages/${name}/src/${anyOf(folders)}/` }
    }
  })

const gateRules = (layer: Layer): ReadonlyArray<Rule> =>
  partsOf(layer).flatMap((part) =>
    part.from === undefined
      ? []
      : [
          {
            name: `gate-${layer.name}-${part.package}-${part.folder}`,
            comment: `The src of ${layer.name} imports ${part.package}/${part.folder} only from its ${part.from}/ folder.`,
            severity: "error" as const,
            from: { path: `^packages/${layer.name}/src/`, pathNot: `^packages/${layer.name}/src/${part.from}/` },
            to: { path: `^packages/${part.package}/src/${part.folder}/` }
          }
        ]
  )

const privateRules = (layer: Layer): Rule => ({
  name: `private-${layer.name}`,
  comment: `src/internal and src/hot are private to ${layer.name}.`,
  severity: "error",
  from: { pathNot: `^packages/${layer.name}/` },
  to: { path: `^packages/${layer.name}/src/(internal|hot)/` }
})

const generalRules: ReadonlyArray<Rule> = [
  {
    name: "could-not-resolve",
    comment: "An import that does not resolve (an undeclared dependency) would hide a layer violation.",
    severity: "error",
    from: {},
    to: { couldNotResolve: true }
  },
  {
    name: "no-cycles",
    comment: "Modules that need each other at run time are one module.",
    severity: "error",
    from: {},
    to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } }
  },
  {
    name: "known-packages",
    comment: "A package stands in the table of tooling/src/Layers.ts.",
    severity: "error",
    from: {},
    to: { path: "^packages/", pathNot: `^packages/${anyOf(layers.map((layer) => layer.name))}/` }
  },
  {
    name: "apps-are-apart",
    comment: "An app imports packages, never another app.",
    severity: "error",
    from: { path: "^apps/([^/]+)/" },
    to: { path: "^apps/", pathNot: "^apps/$1/" }
  },
  {
    name: "tooling-is-for-tests",
    comment: "Only tests, benches and examples import tooling.",
    severity: "error",
    from: { path: "^(packages|apps)/[^/]+/src/" },
    to: { path: "^tooling/" }
  },
  {
    name: "tooling-stands-alone",
    comment: "Tooling judges the packages; it does not import them.",
    severity: "error",
    from: { path: "^tooling/" },
    to: { path: "^(packages|apps)/" }
  },
  {
    name: "tests-stay-outside",
    comment: "src imports nothing from test, bench or examples.",
    severity: "error",
    from: { path: "^(packages|apps)/[^/]+/src/" },
    to: { path: "^(packages|apps)/[^/]+/(test|bench|examples)/" }
  },
  {
    name: "no-node-below-apps",
    comment: "The code below apps also loads in a browser.",
    severity: "error",
    from: { path: "^packages/[^/]+/src/" },
    to: { dependencyTypes: ["core"] }
  },
  {
    name: "no-platform-below-apps",
    comment: "Effect's Node platform belongs to apps.",
    severity: "error",
    from: { path: "^packages/" },
    to: { path: "node_modules/@effect/platform" }
  },
  {
    name: "no-effect-in-hot",
    comment: "Code in hot/ runs once a frame: it imports no effect.",
    severity: "error",
    from: { path: "^packages/[^/]+/src/hot/" },
    to: { path: "node_modules/(effect|@effect)/" }
  },
  {
    name: "no-dev-dependency-in-src",
    comment: "What src needs is in the dependencies, not in the devDependencies.",
    severity: "error",
    from: { path: "^(packages|apps)/[^/]+/src/" },
    to: { dependencyTypes: ["npm-dev"] }
  }
]

/** The `forbidden` rules of dependency-cruiser; what `tooling/layers.json` holds. */
export const rules: ReadonlyArray<Rule> = [
  ...layers.map(packageRule),
  ...layers.flatMap(partRules),
  ...layers.flatMap(gateRules),
  ...layers.map(privateRules),
  ...generalRules
]

/** The text of `tooling/layers.json`. */
export const json = (): string => `${JSON.stringify(rules, null, 2)}\n`
