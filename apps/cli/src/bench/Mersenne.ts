/**
 * The Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998), as C++'s `std::mt19937`: so that flows go between the same
 * hosts as in the rival's program.
 */
const SIZE = 624
const SHIFT = 397

export class Mersenne {
  private readonly state: Uint32Array
  private index: number

  constructor(seed: number) {
    this.state = new Uint32Array(SIZE)
    this.state[0] = seed
    for (let i = 1; i < SIZE; i++) {
      const before = this.state[i - 1]!
      this.state[i] = Math.imul(1_812_433_253, before ^ (before >>> 30)) + i
    }
    this.index = SIZE
  }

  /** The next number, 0 to 2^32 - 1. */
  next(): number {
    if (this.index === SIZE) this.twist()
    let value = this.state[this.index++]!
    value ^= value >>> 11
    value ^= (value << 7) & 0x9d2c_5680
    value ^= (value << 15) & 0xefc6_0000
    return (value ^ (value >>> 18)) >>> 0
  }

  private twist(): void {
    const { state } = this
    for (let i = 0; i < SIZE; i++) {
      const bits = (state[i]! & 0x8000_0000) | (state[(i + 1) % SIZE]! & 0x7fff_ffff)
      const odd = (bits & 1) === 0 ? 0 : 0x9908_b0df
      state[i] = state[(i + SHIFT) % SIZE]! ^ (bits >>> 1) ^ odd
    }
    this.index = 0
  }
}
