/**
 * Sysctls: named numbers (or number lists, or texts) of a namespace, with the defaults of the kernel profile.
 *
 * A package defines the names it reads once, `const IP_FORWARD = Sysctl.define("net.ipv4.ip_forward")`, and reads
 * `net.sysctl.numbers[IP_FORWARD]` on the data path. A profile lists which of them exist, with default and scope. A
 * sysctl of scope `global` has one value for all namespaces of a host: setting it in one sets it in all.
 */
import { EINVAL, ENOENT, EACCES } from "./Errno.ts"

/** One value for the host, or one for each namespace. */
export type Scope = "global" | "net"

/** What a profile says about a sysctl. */
export interface SysctlDefault {
  readonly name: string
  readonly scope: Scope
  readonly value: number | ReadonlyArray<number> | string
  /** Smallest and largest number accepted (Linux: extra1, extra2). */
  readonly min?: number
  readonly max?: number
  readonly readOnly?: boolean
}

const WIDTH_MAX = 3
const slots = new Map<string, number>()
let slotCount = 0

/** The slot of a sysctl of up to three numbers: slot, slot + 1, slot + 2. */
export const define = (name: string): number => {
  const known = slots.get(name)
  if (known !== undefined) return known
  const slot = slotCount
  slotCount += WIDTH_MAX
  slots.set(name, slot)
  return slot
}

/** Defaults by name: what one kernel has. */
export type SysctlDefaults = ReadonlyMap<string, SysctlDefault>

/** Joins the slices of several packages; a later slice replaces an earlier one's entry. */
export const defaultsOf = (slices: ReadonlyArray<ReadonlyArray<SysctlDefault>>): SysctlDefaults => {
  const all = new Map<string, SysctlDefault>()
  for (const slice of slices) {
    for (const entry of slice) {
      define(entry.name)
      all.set(entry.name, entry)
    }
  }
  return all
}

export class SysctlTable {
  readonly defaults: SysctlDefaults
  /** Values by slot; a sysctl with three numbers takes three places. */
  numbers: Float64Array
  private readonly texts: Map<string, string>

  constructor(defaults: SysctlDefaults, parent: SysctlTable | null) {
    this.defaults = defaults
    this.numbers = new Float64Array(slotCount)
    this.texts = new Map()
    for (const entry of defaults.values()) this.reset(entry)
    if (parent !== null) this.inherit(parent)
  }

  /** The first number of a sysctl by its slot. */
  get(slot: number): number {
    return this.numbers[slot]!
  }

  has(name: string): boolean {
    return this.defaults.has(name)
  }

  /** As /proc/sys prints it, tabs between numbers; null for a name this kernel has not. */
  format(name: string): string | null {
    const entry = this.defaults.get(name)
    if (entry === undefined) return null
    if (typeof entry.value === "string") return this.texts.get(name)!
    const slot = define(name)
    const width = typeof entry.value === "number" ? 1 : entry.value.length
    return Array.from(this.numbers.subarray(slot, slot + width)).join("\t")
  }

  /** Sets from the text a user writes. @returns 0, -ENOENT, -EACCES or -EINVAL */
  set(name: string, text: string): number {
    const entry = this.defaults.get(name)
    if (entry === undefined) return -ENOENT
    if (entry.readOnly === true) return -EACCES
    if (typeof entry.value === "string") {
      this.texts.set(name, text.trim())
      return 0
    }
    const width = typeof entry.value === "number" ? 1 : entry.value.length
    const words = text.trim().split(/\s+/)
    if (words.length > width || words[0] === "") return -EINVAL
    const slot = define(name)
    const values = words.map(parseNumber)
    for (const value of values) {
      if (Number.isNaN(value) || value < (entry.min ?? -Infinity) || value > (entry.max ?? Infinity)) return -EINVAL
    }
    for (let i = 0; i < values.length; i++) this.numbers[slot + i] = values[i]!
    return 0
  }

  private reset(entry: SysctlDefault): void {
    if (typeof entry.value === "string") {
      this.texts.set(entry.name, entry.value)
      return
    }
    const slot = define(entry.name)
    if (typeof entry.value === "number") this.numbers[slot] = entry.value
    else for (let i = 0; i < entry.value.length; i++) this.numbers[slot + i] = entry.value[i]!
  }

  private inherit(parent: SysctlTable): void {
    for (const entry of this.defaults.values()) {
      if (entry.scope !== "global") continue
      if (typeof entry.value === "string") this.texts.set(entry.name, parent.texts.get(entry.name)!)
      else {
        const slot = define(entry.name)
        for (let i = 0; i < WIDTH_MAX; i++) this.numbers[slot + i] = parent.numbers[slot + i]!
      }
    }
  }
}

const parseNumber = (word: string): number => (/^-?(\d+|0x[0-9a-f]+)$/i.test(word) ? Number(word) : Number.NaN)
