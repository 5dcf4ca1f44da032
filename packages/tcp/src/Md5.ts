/**
 * MD5 (RFC 1321), for the signature option of RFC 2385 and nothing else: it is broken as a hash, and it is what BGP routers
 * speak. One {@link Md5} is made once and used for one message after the other; nothing is allocated per message.
 */

/** `floor(2^32 · |sin(i + 1)|)`, i = 0 … 63 (RFC 1321 §3.4). */
const SINES = Int32Array.of(
  0xd76aa478,
  0xe8c7b756,
  0x242070db,
  0xc1bdceee,
  0xf57c0faf,
  0x4787c62a,
  0xa8304613,
  0xfd469501,
  0x698098d8,
  0x8b44f7af,
  0xffff5bb1,
  0x895cd7be,
  0x6b901122,
  0xfd987193,
  0xa679438e,
  0x49b40821,
  0xf61e2562,
  0xc040b340,
  0x265e5a51,
  0xe9b6c7aa,
  0xd62f105d,
  0x02441453,
  0xd8a1e681,
  0xe7d3fbc8,
  0x21e1cde6,
  0xc33707d6,
  0xf4d50d87,
  0x455a14ed,
  0xa9e3e905,
  0xfcefa3f8,
  0x676f02d9,
  0x8d2a4c8a,
  0xfffa3942,
  0x8771f681,
  0x6d9d6122,
  0xfde5380c,
  0xa4beea44,
  0x4bdecfa9,
  0xf6bb4b60,
  0xbebfbc70,
  0x289b7ec6,
  0xeaa127fa,
  0xd4ef3085,
  0x04881d05,
  0xd9d4d039,
  0xe6db99e5,
  0x1fa27cf8,
  0xc4ac5665,
  0xf4292244,
  0x432aff97,
  0xab9423a7,
  0xfc93a039,
  0x655b59c3,
  0x8f0ccc92,
  0xffeff47d,
  0x85845dd1,
  0x6fa87e4f,
  0xfe2ce6e0,
  0xa3014314,
  0x4e0811a1,
  0xf7537e82,
  0xbd3af235,
  0x2ad7d2bb,
  0xeb86d391
)

/** Rotations, four a round. */
const SHIFTS = Uint8Array.of(7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21)

const BLOCK = 64
/** Bytes of a digest. */
export const DIGEST_BYTES = 16

export class Md5 {
  private a: number
  private b: number
  private c: number
  private d: number
  /** Bytes taken so far. */
  private length: number
  private readonly block: Uint8Array
  private readonly words: Int32Array

  constructor() {
    this.block = new Uint8Array(BLOCK)
    this.words = new Int32Array(16)
    this.a = 0
    this.b = 0
    this.c = 0
    this.d = 0
    this.length = 0
    this.start()
  }

  /** Begins a message. */
  start(): void {
    this.a = 0x67452301
    this.b = 0xefcdab89 | 0
    this.c = 0x98badcfe | 0
    this.d = 0x10325476
    this.length = 0
  }

  /** Takes `bytes[from … to)`. */
  update(bytes: Uint8Array, from: number, to: number): void {
    let used = this.length % BLOCK
    this.length += to - from
    for (let i = from; i < to; i++) {
      this.block[used++] = bytes[i]!
      if (used === BLOCK) {
        this.transform()
        used = 0
      }
    }
  }

  /** Ends the message: its digest into `into[at … at + 16)`. */
  finish(into: Uint8Array, at: number): void {
    const bits = this.length * 8
    let used = this.length % BLOCK
    this.block[used++] = 0x80
    if (used > BLOCK - 8) {
      this.block.fill(0, used)
      this.transform()
      used = 0
    }
    this.block.fill(0, used, BLOCK - 8)
    putWord(this.block, BLOCK - 8, bits | 0)
    putWord(this.block, BLOCK - 4, Math.floor(bits / 0x1_0000_0000))
    this.transform()
    putWord(into, at, this.a)
    putWord(into, at + 4, this.b)
    putWord(into, at + 8, this.c)
    putWord(into, at + 12, this.d)
  }

  private transform(): void {
    const { block, words } = this
    for (let i = 0; i < 16; i++) {
      const at = 4 * i
      words[i] = block[at]! | (block[at + 1]! << 8) | (block[at + 2]! << 16) | (block[at + 3]! << 24)
    }
    let { a, b, c, d } = this
    for (let i = 0; i < 64; i++) {
      const round = i >> 4
      let mixed: number
      let word: number
      if (round === 0) {
        mixed = (b & c) | (~b & d)
        word = i
      } else if (round === 1) {
        mixed = (d & b) | (~d & c)
        word = (5 * i + 1) & 15
      } else if (round === 2) {
        mixed = b ^ c ^ d
        word = (3 * i + 5) & 15
      } else {
        mixed = c ^ (b | ~d)
        word = (7 * i) & 15
      }
      const sum = (a + mixed + SINES[i]! + words[word]!) | 0
      const shift = SHIFTS[4 * round + (i & 3)]!
      a = d
      d = c
      c = b
      b = (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0
    }
    this.a = (this.a + a) | 0
    this.b = (this.b + b) | 0
    this.c = (this.c + c) | 0
    this.d = (this.d + d) | 0
  }
}

const putWord = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}
