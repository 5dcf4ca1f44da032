/**
 * Big-endian (network order) numbers in a byte array, at any offset and alignment.
 *
 * Every function works on `(bytes, at)`, allocates nothing and checks nothing: the caller knows that the bytes are there.
 * 32-bit values come in two forms. {@link i32} gives a signed int32, which V8 keeps in a register or as a small integer:
 * the data path uses it for IPv4 addresses and TCP sequence numbers. {@link u32} gives the unsigned number, which may need
 * a heap number: for display and for comparisons with written constants.
 */

/** The unsigned byte at `at`. Precondition: `at < bytes.length`. */
export const u8 = (bytes: Uint8Array, at: number): number => bytes[at]!

/** The unsigned 16-bit number at `at`. Precondition: `at + 2 <= bytes.length`. */
export const u16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!

/** The unsigned 24-bit number at `at`. Precondition: `at + 3 <= bytes.length`. */
export const u24 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!

/** The signed 32-bit number at `at`. Precondition: `at + 4 <= bytes.length`. */
export const i32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!

/** The unsigned 32-bit number at `at`, 0 to 4,294,967,295. Precondition: `at + 4 <= bytes.length`. */
export const u32 = (bytes: Uint8Array, at: number): number => i32(bytes, at) >>> 0

/** The unsigned 48-bit number at `at`, a safe integer. Precondition: `at + 6 <= bytes.length`. */
export const u48 = (bytes: Uint8Array, at: number): number => u16(bytes, at) * 0x1_0000_0000 + u32(bytes, at + 2)

/** Writes the low 8 bits of `value`. */
export const setU8 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value
}

/** Writes the low 16 bits of `value`. */
export const setU16 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

/** Writes the low 24 bits of `value`. */
export const setU24 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >>> 16
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value
}

/** Writes the low 32 bits of `value`; takes signed and unsigned numbers alike. */
export const setI32 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

/** Writes a 48-bit number. Precondition: `0 <= value < 2^48`. */
export const setU48 = (bytes: Uint8Array, at: number, value: number): void => {
  setU16(bytes, at, Math.floor(value / 0x1_0000_0000))
  setI32(bytes, at + 2, value)
}

/** Copies `length` bytes forwards, byte by byte: quicker than `set` with `subarray` for the few bytes of a header. */
export const copy = (
  source: Uint8Array,
  sourceAt: number,
  target: Uint8Array,
  targetAt: number,
  length: number
): void => {
  for (let i = 0; i < length; i++) target[targetAt + i] = source[sourceAt + i]!
}

/** Whether `length` bytes at two places are the same. Bytes outside an array equal only bytes outside the other. */
export const equal = (
  left: Uint8Array,
  leftAt: number,
  right: Uint8Array,
  rightAt: number,
  length: number
): boolean => {
  for (let i = 0; i < length; i++) if (left[leftAt + i] !== right[rightAt + i]) return false
  return true
}

/** Writes `length` zeros from `at` on. */
export const clear = (bytes: Uint8Array, at: number, length: number): void => {
  for (let i = 0; i < length; i++) bytes[at + i] = 0
}
