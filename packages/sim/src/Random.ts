/**
 * One random stream: sfc32 over 32-bit integers, seeded from the run's seed and the stream's name, so that adding a
 * stream changes no other one. The same draws on every engine: only integer arithmetic and one exact division.
 */

/** FNV-1a over the UTF-16 units of `text`, then a murmur finish. */
export const hashText = (text: string, seed: number): number => {
  let hash = (0x811c9dc5 ^ seed) | 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193)
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193)
  }
  return finish32(hash)
}

/** The finishing mix of murmur3: every input bit reaches every output bit. */
export const finish32 = (value: number): number => {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

export class RandomStream {
  private a: number
  private b: number
  private c: number
  private counter: number

  /**
   * @param seed the run's seed, any integer
   * @param name `component/incarnation/purpose`
   */
  constructor(seed: number, name: string) {
    const low = seed | 0
    const high = Math.floor(seed / 4294967296) | 0
    this.a = hashText(name, low)
    this.b = hashText(name, high ^ 0x9e3779b9)
    this.c = finish32(low ^ Math.imul(high, 0x85ebca6b) ^ 0x6a09e667)
    this.counter = 1
    for (let i = 0; i < 12; i++) this.u32()
  }

  /** A whole number from 0 to 2^32 - 1. */
  u32(): number {
    return this.i32() >>> 0
  }

  /** A signed 32-bit number. */
  i32(): number {
    const sum = (this.a + this.b + this.counter) | 0
    this.counter = (this.counter + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0
    return sum
  }

  /** A whole number from 0 to `bound - 1`, without bias. `bound` is 1 to 2^32. */
  below(bound: number): number {
    const excess = 4294967296 % bound
    const limit = 4294967296 - excess
    for (;;) {
      const value = this.u32()
      if (value < limit) return value % bound
    }
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  /** A number in [0, 1) with 53 random bits. */
  unit(): number {
    return ((this.u32() >>> 5) * 67108864 + (this.u32() >>> 6)) / 9007199254740992
  }

  /** True with probability `p`. Draws even when `p` is 0 or 1, so that a changed `p` moves no later draw. */
  chance(p: number): boolean {
    return this.unit() < p
  }

  /** Fills `into` with random bytes. */
  bytes(into: Uint8Array): void {
    for (let i = 0; i < into.length; i += 4) {
      const word = this.i32()
      into[i] = word
      if (i + 1 < into.length) into[i + 1] = word >>> 8
      if (i + 2 < into.length) into[i + 2] = word >>> 16
      if (i + 3 < into.length) into[i + 3] = word >>> 24
    }
  }
}
