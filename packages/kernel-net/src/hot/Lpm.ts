/**
 * Longest-prefix match over 32-bit keys: a path-compressed binary trie (PATRICIA). A node holds a prefix; its children
 * hold longer prefixes that begin with it, told apart by the next bit. Nodes without a value only fork.
 *
 *     0/0 ── 10.0.0.0/8 ─┬─ 10.0.0.0/24
 *                        └─ 10.128.0.0/9 ─ ...
 *
 * Linux has a level-compressed trie for the same look-up (net/ipv4/fib_trie.c).
 */

export class LpmNode<V> {
  /** Int32, bits behind `length` are 0. */
  readonly prefix: number
  /** 0 to 32. */
  readonly length: number
  readonly mask: number
  value: V | null
  zero: LpmNode<V> | null
  one: LpmNode<V> | null

  constructor(prefix: number, length: number, value: V | null) {
    this.prefix = prefix
    this.length = length
    this.mask = maskOf(length)
    this.value = value
    this.zero = null
    this.one = null
  }
}

export class Lpm<V> {
  private readonly root: LpmNode<V>
  /** Nodes with a value. */
  size: number

  constructor() {
    this.root = new LpmNode<V>(0, 0, null)
    this.size = 0
  }

  /** The value of exactly this prefix. */
  get(prefix: number, length: number): V | null {
    const node = this.find(prefix, length)
    return node === null ? null : node.value
  }

  /** Sets the value of a prefix. */
  set(prefix: number, length: number, value: V): void {
    const key = prefix & maskOf(length)
    let node = this.root
    for (;;) {
      if (node.length === length) {
        if (node.value === null) this.size++
        node.value = value
        return
      }
      const child = bit(key, node.length) === 0 ? node.zero : node.one
      if (child === null) {
        this.size++
        link(node, new LpmNode(key, length, value))
        return
      }
      const common = Math.min(commonBits(child.prefix, key), length, child.length)
      if (common === child.length) {
        node = child
        continue
      }
      this.size++
      if (common === length) {
        const fresh = new LpmNode(key, length, value)
        link(fresh, child)
        link(node, fresh)
        return
      }
      const fork = new LpmNode<V>(key & maskOf(common), common, null)
      link(fork, child)
      link(fork, new LpmNode(key, length, value))
      link(node, fork)
      return
    }
  }

  /** Takes a prefix out. @returns false when it was not there */
  delete(prefix: number, length: number): boolean {
    const key = prefix & maskOf(length)
    let above: LpmNode<V> | null = null
    let parent: LpmNode<V> | null = null
    let node: LpmNode<V> | null = this.root
    while (node !== null && (node.length < length || node.prefix !== key)) {
      if (node.length >= length || ((key ^ node.prefix) & node.mask) !== 0) return false
      above = parent
      parent = node
      node = bit(key, node.length) === 0 ? node.zero : node.one
    }
    if (node === null || node.length !== length || node.value === null) return false
    node.value = null
    this.size--
    if (parent !== null) splice(parent, node)
    if (parent !== null && above !== null && parent.value === null) splice(above, parent)
    return true
  }

  /** The shortest prefix with a value that covers `key`; `longer` goes on from it. */
  shortest(key: number): LpmNode<V> | null {
    return this.root.value === null ? longer(this.root, key) : this.root
  }

  /** Visits every prefix with a value in ascending order, shorter before longer. */
  forEach(visit: (prefix: number, length: number, value: V) => void): void {
    walkAll(this.root, visit)
  }

  private find(prefix: number, length: number): LpmNode<V> | null {
    const key = prefix & maskOf(length)
    let node: LpmNode<V> | null = this.root
    while (node !== null && node.length < length) node = bit(key, node.length) === 0 ? node.zero : node.one
    return node !== null && node.length === length && node.prefix === key ? node : null
  }
}

/** The next longer prefix with a value that covers `key`, after one that does; null when there is none. */
export const longer = <V>(from: LpmNode<V>, key: number): LpmNode<V> | null => {
  let node: LpmNode<V> | null = from
  do {
    if (node.length === 32) return null
    node = bit(key, node.length) === 0 ? node.zero : node.one
    if (node === null || ((key ^ node.prefix) & node.mask) !== 0) return null
  } while (node.value === null)
  return node
}

/** The mask of a prefix length as int32. */
export const maskOf = (length: number): number => (length === 0 ? 0 : -1 << (32 - length))

const bit = (key: number, index: number): number => (key >>> (31 - index)) & 1

const commonBits = (left: number, right: number): number => Math.clz32(left ^ right)

const link = <V>(parent: LpmNode<V>, child: LpmNode<V>): void => {
  if (bit(child.prefix, parent.length) === 0) parent.zero = child
  else parent.one = child
}

/** Takes a node without value and with less than two children out from under its parent. */
const splice = <V>(parent: LpmNode<V>, node: LpmNode<V>): void => {
  if (node.zero !== null && node.one !== null) return
  const child = node.zero ?? node.one
  if (parent.zero === node) parent.zero = child
  else parent.one = child
}

const walkAll = <V>(node: LpmNode<V> | null, visit: (prefix: number, length: number, value: V) => void): void => {
  if (node === null) return
  if (node.value !== null) visit(node.prefix, node.length, node.value)
  walkAll(node.zero, visit)
  walkAll(node.one, visit)
}
