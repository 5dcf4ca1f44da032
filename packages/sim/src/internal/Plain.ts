/**
 * Looks over MessagePack bytes before a decoder allocates for them: only numbers, booleans, nil, text, bytes and arrays,
 * with lengths that the bytes can hold. Maps and extensions are refused, so no decoder hook is reached.
 */

const BAD = -1
/** Arrays within arrays. */
const DEPTH_MAX = 8

const length = (bytes: Uint8Array, at: number, size: number): number => {
  if (at + size > bytes.length) return BAD
  let value = 0
  for (let i = 0; i < size; i++) value = value * 256 + bytes[at + i]!
  return value
}

/** The end of a text, bytes or number token at `at`; BAD when it is not one. */
const leafEnd = (bytes: Uint8Array, at: number): number => {
  const token = bytes[at]!
  const sized = (size: number): number => {
    const count = length(bytes, at + 1, size)
    return count === BAD ? BAD : at + 1 + size + count
  }
  if (token <= 0x7f || token >= 0xe0) return at + 1
  if (token >= 0xa0 && token <= 0xbf) return at + 1 + (token & 0x1f)
  if (token === 0xc0 || token === 0xc2 || token === 0xc3) return at + 1
  if (token >= 0xc4 && token <= 0xc6) return sized(1 << (token - 0xc4))
  if (token >= 0xd9 && token <= 0xdb) return sized(1 << (token - 0xd9))
  if (token === 0xca) return at + 5
  if (token === 0xcb) return at + 9
  if (token >= 0xcc && token <= 0xcf) return at + 1 + (1 << (token - 0xcc))
  if (token >= 0xd0 && token <= 0xd3) return at + 1 + (1 << (token - 0xd0))
  return BAD
}

/** The end of the value at `at`, or -1 when it is not plain or not whole. */
export const valueEnd = (bytes: Uint8Array, at: number): number => {
  const left: Array<number> = [1]
  let position = at
  while (left.length > 0) {
    const top = left.length - 1
    if (left[top] === 0) {
      left.pop()
      continue
    }
    left[top] = left[top]! - 1
    if (position >= bytes.length) return BAD
    const token = bytes[position]!
    const size = token === 0xdc ? 2 : token === 0xdd ? 4 : 0
    if (size > 0 || (token >= 0x90 && token <= 0x9f)) {
      const count = size > 0 ? length(bytes, position + 1, size) : token & 0x0f
      position += 1 + size
      if (count === BAD || count > bytes.length - position || left.length > DEPTH_MAX) return BAD
      left.push(count)
      continue
    }
    position = leafEnd(bytes, position)
    if (position === BAD || position > bytes.length) return BAD
  }
  return position
}
