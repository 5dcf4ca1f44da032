/**
 * Names that hot code handles as small integers: trace points, drop reasons.
 *
 * A number is only an index into tables of this process. It never reaches output, order or a hash: those use the name.
 */
import { hashText } from "./Random.ts"

export class SymbolTable {
  private readonly names: Array<string> = []
  private readonly ids = new Map<string, number>()
  private readonly hashes: Array<number> = []

  /** The id of `name`, the same one for each call with this name. */
  define(name: string): number {
    const known = this.ids.get(name)
    if (known !== undefined) return known
    const id = this.names.length
    this.names.push(name)
    this.hashes.push(hashText(name, 0))
    this.ids.set(name, id)
    return id
  }

  /** The id of a name that was defined before, or -1. */
  find(name: string): number {
    return this.ids.get(name) ?? -1
  }

  name(id: number): string {
    return this.names[id] ?? `#${id}`
  }

  /** A hash of the name, for fingerprints. */
  hash(id: number): number {
    return this.hashes[id] ?? 0
  }

  get count(): number {
    return this.names.length
  }

  /** All names, in the order of their definition. */
  all(): ReadonlyArray<string> {
    return this.names
  }
}
