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
  /** Texts: the form in which one is kept; null for one that is refused. */
  readonly normalize?: (text: string) => string | null
}

/** Who is told when a table's values have changed. */
export interface SysctlWatcher {
  sysctlsChanged(): void
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

/** Editions of one kernel's values that are kept for others to share; beyond it a table has values of its own. */
const EDITIONS_MAX = 1024

/**
 * What one kernel has, by name; one object for all hosts of a profile with the same slices.
 *
 * Most namespaces have the same values, and those that differ were changed alike. So tables share arrays of values that
 * nobody writes to: a change of one place leads from one edition to another, and is remembered.
 */
export class SysctlDefaults {
  readonly entries: ReadonlyMap<string, SysctlDefault>
  private first: Float64Array
  /** By edition, then by place and value: the edition that differs from it in that place. */
  private readonly changes: Map<Float64Array, Map<string, Float64Array>>
  private editions: number
  /** With the entries of modules. */
  private readonly longer: WeakMap<ReadonlyArray<SysctlDefault>, SysctlDefaults>

  constructor(entries: ReadonlyMap<string, SysctlDefault>) {
    this.entries = entries
    this.first = new Float64Array(0)
    this.changes = new Map()
    this.editions = 0
    this.longer = new WeakMap()
  }

  /** The defaults' values by slot, for every slot there is by now. */
  get numbers(): Float64Array {
    if (this.first.length < slotCount) {
      this.first = new Float64Array(slotCount)
      for (const { name, value } of this.entries.values()) {
        if (typeof value === "number") this.first[define(name)] = value
        else if (typeof value !== "string") this.first.set(value, define(name))
      }
    }
    return this.first
  }

  /** The edition that differs from `numbers` in one place; null when there are too many already. */
  edition(numbers: Float64Array, slot: number, value: number): Float64Array | null {
    const known = this.changes.get(numbers)
    const key = `${slot}=${value}`
    const found = known?.get(key)
    if (found !== undefined) return found
    if (this.editions === EDITIONS_MAX) return null
    this.editions++
    const made = changed(numbers, slot, value)
    if (known === undefined) this.changes.set(numbers, new Map([[key, made]]))
    else known.set(key, made)
    return made
  }

  /** These and the entries of a module; what both have stays as it is here. */
  with(entries: ReadonlyArray<SysctlDefault>): SysctlDefaults {
    const known = this.longer.get(entries)
    if (known !== undefined) return known
    const made = join([entries, [...this.entries.values()]])
    this.longer.set(entries, made)
    return made
  }
}

const changed = (numbers: Float64Array, slot: number, value: number): Float64Array => {
  const made = new Float64Array(Math.max(numbers.length, slotCount))
  made.set(numbers)
  made[slot] = value
  return made
}

/** Defaults that have been joined already, by the slices they are of: a function's results, kept. */
interface Joined {
  defaults: SysctlDefaults | null
  readonly longer: WeakMap<ReadonlyArray<SysctlDefault>, Joined>
}
const joined: Joined = { defaults: null, longer: new WeakMap() }

/** Joins the slices of several packages; a later slice replaces an earlier one's entry. */
export const defaultsOf = (slices: ReadonlyArray<ReadonlyArray<SysctlDefault>>): SysctlDefaults => {
  let place = joined
  for (const slice of slices) {
    let next = place.longer.get(slice)
    if (next === undefined) {
      next = { defaults: null, longer: new WeakMap() }
      place.longer.set(slice, next)
    }
    place = next
  }
  place.defaults ??= join(slices)
  return place.defaults
}

const join = (slices: ReadonlyArray<ReadonlyArray<SysctlDefault>>): SysctlDefaults => {
  const all = new Map<string, SysctlDefault>()
  for (const slice of slices) {
    for (const entry of slice) {
      define(entry.name)
      all.set(entry.name, entry)
    }
  }
  return new SysctlDefaults(all)
}

export class SysctlTable {
  /** Grows when a module is loaded. */
  defaults: SysctlDefaults
  /** Values by slot, to be read only; a sysctl with three numbers takes three places. */
  numbers: Float64Array
  /** The array is this table's alone. */
  private own: boolean
  /** Texts that were set. */
  private texts: Map<string, string> | null
  /** Who keeps what it computed from the values. */
  private watchers: Array<SysctlWatcher> | null

  constructor(defaults: SysctlDefaults, parent: SysctlTable | null) {
    this.defaults = defaults
    this.numbers = defaults.numbers
    this.own = false
    this.texts = null
    this.watchers = null
    if (parent !== null) this.inherit(parent)
  }

  /** Whether `numbers` may belong to other tables too, and so never changes. */
  get isShared(): boolean {
    return !this.own
  }

  /** Tells `watcher` of each change from now on. */
  watch(watcher: SysctlWatcher): void {
    this.watchers = this.watchers === null ? [watcher] : [...this.watchers, watcher]
  }

  /** The first number of a sysctl by its slot. */
  get(slot: number): number {
    return this.numbers[slot]!
  }

  has(name: string): boolean {
    return this.defaults.entries.has(name)
  }

  /** As /proc/sys prints it, tabs between numbers; null for a name this kernel has not. */
  format(name: string): string | null {
    const entry = this.defaults.entries.get(name)
    if (entry === undefined) return null
    if (typeof entry.value === "string") return this.texts?.get(name) ?? entry.value
    const slot = define(name)
    const width = typeof entry.value === "number" ? 1 : entry.value.length
    return Array.from(this.numbers.subarray(slot, slot + width)).join("\t")
  }

  /** A text that was set; null when it has its default still. */
  writtenText(name: string): string | null {
    return this.texts?.get(name) ?? null
  }

  /** Sets from the text a user writes. @returns 0, -ENOENT, -EACCES or -EINVAL */
  set(name: string, text: string): number {
    const entry = this.defaults.entries.get(name)
    if (entry === undefined) return -ENOENT
    if (entry.readOnly === true) return -EACCES
    if (typeof entry.value === "string") {
      const kept = entry.normalize === undefined ? text.trim() : entry.normalize(text)
      if (kept === null) return -EINVAL
      this.putText(name, kept)
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
    for (let i = 0; i < values.length; i++) this.put(slot + i, values[i]!)
    return 0
  }

  /** Changes one number by its place, unchecked. */
  put(slot: number, value: number): void {
    if (this.numbers[slot] === value) return
    if (!this.own) {
      const edition = this.defaults.edition(this.numbers, slot, value)
      this.own = edition === null
      this.numbers = edition ?? changed(this.numbers, slot, value)
    } else if (slot < this.numbers.length) this.numbers[slot] = value
    else this.numbers = changed(this.numbers, slot, value)
    this.tell()
  }

  /** Adds the sysctls of a module that is loaded, with their defaults (Linux: register_net_sysctl). */
  register(entries: ReadonlyArray<SysctlDefault>): void {
    this.defaults = this.defaults.with(entries)
    for (const { name } of entries) {
      const { value } = this.defaults.entries.get(name)!
      if (typeof value === "number") this.put(define(name), value)
    }
  }

  private putText(name: string, text: string): void {
    this.texts ??= new Map()
    this.texts.set(name, text)
    this.tell()
  }

  private tell(): void {
    if (this.watchers === null) return
    for (const watcher of this.watchers) watcher.sysctlsChanged()
  }

  private inherit(parent: SysctlTable): void {
    for (const entry of this.defaults.entries.values()) {
      if (entry.scope !== "global") continue
      if (typeof entry.value === "string") {
        const text = parent.texts?.get(entry.name)
        if (text !== undefined) this.putText(entry.name, text)
      } else {
        const slot = define(entry.name)
        for (let i = 0; i < WIDTH_MAX; i++) this.put(slot + i, parent.numbers[slot + i]!)
      }
    }
  }
}

const parseNumber = (word: string): number => (/^-?(\d+|0x[0-9a-f]+)$/i.test(word) ? Number(word) : Number.NaN)
