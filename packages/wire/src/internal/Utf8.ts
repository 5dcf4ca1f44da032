/** UTF-8 (RFC 3629), because a TextEncoder belongs to the platform and not to the language. */

const REPLACEMENT = 0xfffd

/** The UTF-8 bytes of a text; a lone surrogate becomes U+FFFD. */
export const encode = (text: string): Uint8Array => {
  const bytes: Array<number> = []
  for (const character of text) {
    const point = character.codePointAt(0)!
    push(bytes, point >= 0xd800 && point <= 0xdfff ? REPLACEMENT : point)
  }
  return Uint8Array.from(bytes)
}

const push = (bytes: Array<number>, point: number): void => {
  if (point < 0x80) bytes.push(point)
  else if (point < 0x800) bytes.push(0xc0 | (point >> 6), 0x80 | (point & 63))
  else if (point < 0x1_0000) bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63))
  else {
    bytes.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63))
  }
}

/** The text of bytes from `at` to `end`; every byte that fits no valid sequence becomes U+FFFD. */
export const decode = (bytes: Uint8Array, at: number, end: number): string => {
  let text = ""
  let i = at
  while (i < end) {
    const length = sequenceLength(bytes[i]!)
    const point = i + length <= end ? pointAt(bytes, i, length) : -1
    if (point < 0) {
      text += "\ufffd"
      i++
    } else {
      text += String.fromCodePoint(point)
      i += length
    }
  }
  return text
}

const sequenceLength = (first: number): number => {
  if (first < 0x80) return 1
  if (first >= 0xc2 && first < 0xe0) return 2
  if (first >= 0xe0 && first < 0xf0) return 3
  return first >= 0xf0 && first < 0xf5 ? 4 : 0
}

/** The code point of a sequence, or -1 when it is not valid (stray bytes, overlong forms, surrogates). */
const pointAt = (bytes: Uint8Array, at: number, length: number): number => {
  if (length === 0) return -1
  if (length === 1) return bytes[at]!
  let point = bytes[at]! & (0xff >> (length + 1))
  for (let i = 1; i < length; i++) {
    const byte = bytes[at + i]!
    if ((byte & 0xc0) !== 0x80) return -1
    point = (point << 6) | (byte & 63)
  }
  const smallest = length === 2 ? 0x80 : length === 3 ? 0x800 : 0x1_0000
  return point < smallest || point > 0x10_ffff || (point >= 0xd800 && point <= 0xdfff) ? -1 : point
}
