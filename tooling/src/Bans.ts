/**
 * The bans that oxlint cannot express, checked on the syntax tree.
 *
 * oxlint bans globals, properties and imports by name (`.oxlintrc.json`); it has no rule for an operator, for a name
 * that starts with something, or for an object whose every use must be one of a list.
 */
import ts from "typescript"
import { isBelowApps, isHot, isTest, isTypeScript, type Source } from "./Sources.ts"

export interface Finding {
  readonly rule: string
  readonly path: string
  /** 1 is the first line. */
  readonly line: number
  readonly message: string
}

interface Ban {
  readonly rule: string
  readonly applies: (path: string) => boolean
  /** What is wrong with this node; undefined when nothing is. */
  readonly judge: (node: ts.Node, path: string) => string | undefined
}

/** What IEEE 754 or ECMAScript defines to the last bit, so that every engine gives the same number. */
const exactMath = new Set(
  ["abs", "ceil", "clz32", "floor", "fround", "imul", "max", "min", "round", "sign", "sqrt", "trunc"].concat([
    "E",
    "LN10",
    "LN2",
    "LOG10E",
    "LOG2E",
    "PI",
    "SQRT1_2",
    "SQRT2"
  ])
)
const engineDependent = new Set(["Intl", "WeakRef", "FinalizationRegistry", "SharedArrayBuffer", "Atomics", "Function"])
const localeMethods = /^(localeCompare|toLocale[A-Z]\w*)$/
const runtimeFile = "packages/sim/src/Runtime.ts"

const isOwnName = (node: ts.Identifier): boolean => {
  const parent = node.parent
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node
  if (ts.isQualifiedName(parent)) return parent.right === node
  return (
    (ts.isPropertyAssignment(parent) ||
      ts.isPropertySignature(parent) ||
      ts.isPropertyDeclaration(parent) ||
      ts.isMethodDeclaration(parent) ||
      ts.isMethodSignature(parent) ||
      ts.isImportSpecifier(parent) ||
      ts.isExportSpecifier(parent) ||
      ts.isBindingElement(parent)) &&
    (parent.name === node || ("propertyName" in parent && parent.propertyName === node))
  )
}
const isInType = (node: ts.Node): boolean => ts.isPartOfTypeNode(node) || ts.isTypeReferenceNode(node.parent)

const specifierOf = (node: ts.Node): string | undefined => {
  if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
    return ts.isStringLiteral(node.moduleSpecifier) ? node.moduleSpecifier.text : undefined
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const argument = node.arguments[0]
    return argument !== undefined && ts.isStringLiteralLike(argument) ? argument.text : undefined
  }
  return undefined
}

/** The names an import of `from` binds without a namespace. */
const importedNames = (node: ts.Node, from: string): ReadonlyArray<string> => {
  if (!ts.isImportDeclaration(node) || specifierOf(node) !== from) return []
  const bindings = node.importClause?.namedBindings
  if (bindings === undefined || !ts.isNamedImports(bindings)) return []
  return bindings.elements.map((element) => (element.propertyName ?? element.name).text)
}

const judgeMath = (node: ts.Node): string | undefined => {
  if (!ts.isIdentifier(node) || node.text !== "Math" || isOwnName(node) || isInType(node)) return undefined
  const parent = node.parent
  const name = ts.isPropertyAccessExpression(parent) && parent.expression === node ? parent.name.text : undefined
  if (name === undefined) return "Math may only be used as Math.name, so that what is used can be seen"
  return exactMath.has(name) ? undefined : `engines approximate Math.${name}; sim has its own functions`
}

const judgePower = (node: ts.Node): string | undefined =>
  ts.isBinaryExpression(node) &&
  (node.operatorToken.kind === ts.SyntaxKind.AsteriskAsteriskToken ||
    node.operatorToken.kind === ts.SyntaxKind.AsteriskAsteriskEqualsToken)
    ? "engines approximate **; multiply, or write the constant"
    : undefined

const judgeEngine = (node: ts.Node): string | undefined => {
  if (!ts.isIdentifier(node)) return undefined
  if (engineDependent.has(node.text) && !isOwnName(node) && !isInType(node)) {
    return `${node.text} depends on the engine or on its garbage collector`
  }
  return localeMethods.test(node.text) && ts.isPropertyAccessExpression(node.parent)
    ? `${node.text} depends on the machine's locale; compare with < and format by hand`
    : undefined
}

const judgeRun = (node: ts.Node): string | undefined => {
  const direct = importedNames(node, "effect/Effect").find((name) => /^run[A-Z]/.test(name))
  if (direct !== undefined) return `${direct} starts a fiber outside the simulation's scheduler`
  if (specifierOf(node) === "effect/ManagedRuntime" || importedNames(node, "effect").includes("ManagedRuntime")) {
    return "a ManagedRuntime runs fibers outside the simulation's scheduler"
  }
  return ts.isPropertyAccessExpression(node) &&
    ts.isIdentifier(node.expression) &&
    node.expression.text === "Effect" &&
    /^run[A-Z]/.test(node.name.text)
    ? `Effect.${node.name.text} starts a fiber outside the simulation's scheduler; only ${runtimeFile} may`
    : undefined
}

const judgeRelative = (node: ts.Node, path: string): string | undefined => {
  const specifier = specifierOf(node)
  if (specifier === undefined || !specifier.startsWith(".")) return undefined
  const home = /^((packages|apps)\/[^/]+|tooling)\//.exec(path)?.[0]
  if (home === undefined) return undefined
  const target = new URL(specifier, `file:///${path}`).pathname.slice(1)
  return target.startsWith(home) ? undefined : "a relative import stays in its package; import others by name"
}

const judgeExtension = (node: ts.Node): string | undefined => {
  const specifier = specifierOf(node)
  return specifier !== undefined && specifier.startsWith(".") && !/\.(ts|cjs|mjs|json)$/.test(specifier)
    ? "a relative import names its file with .ts"
    : undefined
}

const judgeDefaultExport = (node: ts.Node): string | undefined => {
  const isDefault =
    (ts.isExportAssignment(node) && node.isExportEquals !== true) ||
    (node.kind === ts.SyntaxKind.DefaultKeyword && node.parent !== undefined && ts.canHaveModifiers(node.parent)) ||
    (ts.isExportSpecifier(node) && node.name.text === "default")
  return isDefault ? "no default exports" : undefined
}

const judgeBarrel = (node: ts.Node): string | undefined =>
  ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined && node.exportClause === undefined
    ? "no barrels: who needs the module imports it"
    : undefined

const judgeEnum = (node: ts.Node): string | undefined =>
  ts.isEnumDeclaration(node) ? "constants are `as const`, never enums" : undefined

const judgeFocus = (node: ts.Node): string | undefined => {
  if (!ts.isPropertyAccessExpression(node) || !/^(only|skip|todo|fails)$/.test(node.name.text)) return undefined
  const head = /^(it|test|describe|suite|bench)\b/.exec(node.expression.getText())
  return head === null ? undefined : `.${node.name.text} on ${head[0]} leaves tests out`
}

const everywhere = isTypeScript
/** Tools that want a default export of their configuration. */
const isConfiguration = (path: string): boolean => /(^|\/)[\w-]+\.config\.ts$/.test(path)

export const bans: ReadonlyArray<Ban> = [
  { rule: "math", applies: isBelowApps, judge: judgeMath },
  { rule: "power", applies: isBelowApps, judge: judgePower },
  { rule: "engine", applies: isBelowApps, judge: judgeEngine },
  { rule: "effect-run", applies: (path) => isBelowApps(path) && path !== runtimeFile, judge: judgeRun },
  { rule: "relative-import", applies: everywhere, judge: judgeRelative },
  { rule: "import-extension", applies: everywhere, judge: judgeExtension },
  { rule: "default-export", applies: (path) => everywhere(path) && !isConfiguration(path), judge: judgeDefaultExport },
  { rule: "barrel", applies: everywhere, judge: judgeBarrel },
  { rule: "enum", applies: everywhere, judge: judgeEnum },
  { rule: "focused-test", applies: isTest, judge: judgeFocus }
]

const parse = (source: Source): ts.SourceFile =>
  ts.createSourceFile(source.path, source.text, ts.ScriptTarget.ES2023, true, ts.ScriptKind.TS)

/** What breaks a ban in one source file, in the order of its lines. */
export const check = (source: Source): ReadonlyArray<Finding> => {
  const asked = bans.filter((ban) => isTypeScript(source.path) && ban.applies(source.path))
  if (asked.length === 0) return []
  const file = parse(source)
  const findings: Array<Finding> = []
  const visit = (node: ts.Node): void => {
    for (const ban of asked) {
      const message = ban.judge(node, source.path)
      if (message === undefined) continue
      const line = file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1
      findings.push({ rule: ban.rule, path: source.path, line, message })
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return findings
}

/** An import of a source file. */
export interface Import {
  readonly specifier: string
  /** Erased by the compiler: it brings no code. */
  readonly isTypeOnly: boolean
}

const isErased = (node: ts.Node): boolean => {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly
  return ts.isImportDeclaration(node) && node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
}

/** The imports and re-exports of a source file, in order. */
export const imports = (source: Source): ReadonlyArray<Import> => {
  const found: Array<Import> = []
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node)
    if (specifier !== undefined) found.push({ specifier, isTypeOnly: isErased(node) })
    ts.forEachChild(node, visit)
  }
  visit(parse(source))
  return found
}

/** The hot files that load `effect` through some chain of modules; each finding shows its chain. */
export const hotReachesEffect = (sources: ReadonlyArray<Source>): ReadonlyArray<Finding> => {
  const files = new Map(sources.filter((source) => isTypeScript(source.path)).map((source) => [source.path, source]))
  const next = new Map<string, ReadonlyArray<string>>()
  const targets = (path: string): ReadonlyArray<string> => {
    const known = next.get(path)
    if (known !== undefined) return known
    const source = files.get(path)
    const specifiers = source === undefined ? [] : imports(source).filter((entry) => !entry.isTypeOnly)
    const found = specifiers.map((entry) => resolve(path, entry.specifier))
    next.set(path, found)
    return found
  }
  return [...files.keys()].filter(isHot).flatMap((path) => {
    const chain = chainToEffect(path, targets)
    return chain === undefined ? [] : [{ rule: "hot-effect", path, line: 1, message: chain.join(" -> ") }]
  })
}

const resolve = (path: string, specifier: string): string => {
  if (specifier.startsWith(".")) return new URL(specifier, `file:///${path}`).pathname.slice(1)
  const ours = /^@darkfiber\/([^/]+)\/(.+)$/.exec(specifier)
  return ours === null ? specifier : `packages/${ours[1]}/src/${ours[2]}.ts`
}

const chainToEffect = (
  start: string,
  targets: (path: string) => ReadonlyArray<string>
): ReadonlyArray<string> | undefined => {
  const seen = new Set([start])
  const queue: Array<ReadonlyArray<string>> = [[start]]
  for (let chain = queue.shift(); chain !== undefined; chain = queue.shift()) {
    for (const target of targets(chain.at(-1) ?? start)) {
      if (/^@?effect(\/|$)/.test(target)) return [...chain, target]
      if (seen.has(target)) continue
      seen.add(target)
      queue.push([...chain, target])
    }
  }
  return undefined
}
