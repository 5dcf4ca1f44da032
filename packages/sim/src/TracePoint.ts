/**
 * Trace points: the kernel functions of the call chains, under the kernel's own names.
 *
 * A package defines its points once, as constants: `const IP_RCV = TracePoint.define("ip_rcv", 120)`. The default cost
 * in nanoseconds of simulated CPU goes with it; a cost profile may replace it by name.
 */
import { SymbolTable } from "./Symbols.ts"

const table = new SymbolTable()
const costs: Array<number> = []
const knobs: Array<string> = []

/**
 * @param name the kernel function's name, such as `ip_rcv`
 * @param cost simulated nanoseconds of CPU that one pass charges by default
 * @param knob the knob of the cost table that sets the cost of all points that name it; none when left out
 */
export const define = (name: string, cost = 0, knob = ""): number => {
  const id = table.define(name)
  costs[id] = cost
  knobs[id] = knob
  return id
}

export const find = (name: string): number => table.find(name)
export const name = (id: number): string => table.name(id)
export const all = (): ReadonlyArray<string> => table.all()
/** The knob that sets the point's cost; empty without one. */
export const knobOf = (id: number): string => knobs[id] ?? ""
export const defaultCost = (id: number): number => costs[id] ?? 0

/**
 * The cost of each point, indexed by its id, with `overrides` by name. Unknown names in `overrides` are returned, so
 * that the caller can complain.
 */
export const costTable = (
  overrides: Readonly<Record<string, number>> = {}
): { readonly costs: Int32Array; readonly unknown: ReadonlyArray<string> } => {
  const result = new Int32Array(table.count)
  for (let id = 0; id < result.length; id++) result[id] = costs[id] ?? 0
  const unknown: Array<string> = []
  for (const [key, value] of Object.entries(overrides)) {
    const id = table.find(key)
    if (id < 0) unknown.push(key)
    else result[id] = Math.round(value)
  }
  return { costs: result, unknown }
}
