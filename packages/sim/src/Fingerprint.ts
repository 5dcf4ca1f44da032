/**
 * A 64-bit chain over what happened on one island, kept as two 32-bit lanes.
 *
 * What goes in: frames delivered to actors, results of system calls, process exits, drops. Never polls or batches.
 */
export class Fingerprint {
  private low: number
  private high: number

  constructor(seed: number) {
    this.low = seed | 0
    this.high = 0x9e3779b9 | 0
  }

  /** Adds one 32-bit word. */
  word(value: number): void {
    const low = Math.imul(this.low ^ value, 0x85ebca6b)
    this.low = (low << 13) | (low >>> 19)
    const high = Math.imul((this.high + value) ^ this.low, 0xc2b2ae35)
    this.high = (high << 17) | (high >>> 15)
  }

  /** Adds a time in nanoseconds. */
  time(value: number): void {
    this.word(value | 0)
    this.word((value / 4294967296) | 0)
  }

  /** Adds the characters of `text`. */
  text(text: string): void {
    for (let i = 0; i < text.length; i++) this.word(text.charCodeAt(i))
    this.word(text.length)
  }

  /** 16 hexadecimal digits. */
  value(): string {
    return hex(this.high) + hex(this.low)
  }

  /** Adds another chain's value. */
  chain(other: Fingerprint): void {
    this.word(other.low)
    this.word(other.high)
  }
}

const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, "0")

/** Words of a frame's head that always count: the headers of Ethernet, IP and TCP with timestamps. */
const HEAD_WORDS = 17
/** Words sampled from the rest of the frame. */
const SAMPLES = 8

/**
 * A hash of one frame's bytes: the first 68 bytes in full, and 8 words spread evenly over the rest.
 *
 * Hashing every byte costs more than the whole hop of a frame (docs/decisions/fingerprint.md), and a payload that
 * differs shows in the results of the reads.
 *
 * @param words the slab as 32-bit words
 * @param start byte offset of the frame, a multiple of 4 or it is rounded down
 */
export const hashFrame = (words: Int32Array, start: number, length: number): number => {
  const first = start >> 2
  const count = (length + 3) >> 2
  const whole = length >> 2
  let hash = length
  const head = whole < HEAD_WORDS ? whole : HEAD_WORDS
  for (let i = 0; i < head; i++) {
    hash = Math.imul(hash ^ words[first + i]!, 0x9e3779b1)
    hash = (hash << 15) | (hash >>> 17)
  }
  if (whole < count) {
    const rest = words[first + whole]! & ((1 << ((length & 3) << 3)) - 1)
    hash = Math.imul(hash ^ rest, 0x9e3779b1)
    hash ^= hash >>> 15
  }
  const left = whole - head
  if (left > 0) {
    const step = left <= SAMPLES ? 1 : (left / SAMPLES) | 0
    for (let i = head; i < whole; i += step) {
      hash = Math.imul(hash ^ words[first + i]!, 0x85ebca6b)
      hash ^= hash >>> 13
    }
  }
  return hash | 0
}
