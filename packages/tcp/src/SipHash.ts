/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012; Linux: siphash, lib/siphash.c) of eight bytes: what a Fast Open cookie is made
 * of. 64-bit words are pairs of int32, low half first, so that no bigint is needed.
 */

/** v0 to v3, low and high half of each. */
const v = new Int32Array(8)

const add = (a: number, b: number): void => {
  const low = (v[a]! >>> 0) + (v[b]! >>> 0)
  v[a + 1] = v[a + 1]! + v[b + 1]! + (low > 0xffff_ffff ? 1 : 0)
  v[a] = low
}

/** `v[a] = rotl(v[a], bits) ^ v[b]`, for 0 < bits < 32. */
const rotateXor = (a: number, bits: number, b: number): void => {
  const low = v[a]!
  const high = v[a + 1]!
  v[a] = ((low << bits) | (high >>> (32 - bits))) ^ v[b]!
  v[a + 1] = ((high << bits) | (low >>> (32 - bits))) ^ v[b + 1]!
}

/** `v[a] = rotl(v[a], 32)`. */
const swap = (a: number): void => {
  const low = v[a]!
  v[a] = v[a + 1]!
  v[a + 1] = low
}

const round = (): void => {
  add(0, 2)
  rotateXor(2, 13, 0)
  swap(0)
  add(4, 6)
  rotateXor(6, 16, 4)
  add(0, 6)
  rotateXor(6, 21, 0)
  add(4, 2)
  rotateXor(2, 17, 4)
  swap(4)
}

const word = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)

const putWord = (value: number, bytes: Uint8Array, at: number): void => {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

const mix = (low: number, high: number): void => {
  v[6] = v[6]! ^ low
  v[7] = v[7]! ^ high
  round()
  round()
  v[0] = v[0]! ^ low
  v[1] = v[1]! ^ high
}

/**
 * Hashes `data[at … at + 8)` under a key of 16 bytes into `into[0 … 8)`, all little-endian.
 */
export const hash8 = (key: Uint8Array, data: Uint8Array, at: number, into: Uint8Array): void => {
  const k0 = word(key, 0)
  const k1 = word(key, 4)
  const k2 = word(key, 8)
  const k3 = word(key, 12)
  // "somepseudorandomlygeneratedbytes".
  v[0] = 0x70736575 ^ k0
  v[1] = 0x736f6d65 ^ k1
  v[2] = 0x6e646f6d ^ k2
  v[3] = 0x646f7261 ^ k3
  v[4] = 0x6e657261 ^ k0
  v[5] = 0x6c796765 ^ k1
  v[6] = 0x79746573 ^ k2
  v[7] = 0x74656462 ^ k3
  mix(word(data, at), word(data, at + 4))
  // The last block: no bytes left, and the length in its top byte.
  mix(0, 8 << 24)
  v[4] = v[4]! ^ 0xff
  for (let i = 0; i < 4; i++) round()
  putWord(v[0]! ^ v[2]! ^ v[4]! ^ v[6]!, into, 0)
  putWord(v[1]! ^ v[3]! ^ v[5]! ^ v[7]!, into, 4)
}
