/**
 * Why bytes or a text could not be read. These are plain values (no stack trace, no `Error`), because a frame that cannot
 * be read is an everyday event that gets counted, not a fault of the program.
 */

/** The bytes end before what must be there does. Offsets and lengths in bytes. */
export interface Truncated {
  readonly _tag: "Truncated"
  /** Where the unfinished thing starts. */
  readonly at: number
  /** How many bytes it needs from there. */
  readonly needed: number
  /** How many there are, never negative. */
  readonly available: number
}

/** All bytes are there, but a field contradicts its format. */
export interface Malformed {
  readonly _tag: "Malformed"
  /** Offset of the field. */
  readonly at: number
  readonly reason: string
}

/** Whatever can be wrong with bytes. */
export type Unreadable = Truncated | Malformed

/** A text is not an address (or prefix, or port) in the form its parser takes. */
export interface InvalidText {
  readonly _tag: "InvalidText"
  readonly text: string
  readonly reason: string
}

export const truncated = (at: number, needed: number, end: number): Truncated => ({
  _tag: "Truncated",
  at,
  needed,
  available: Math.max(0, end - at)
})

export const malformed = (at: number, reason: string): Malformed => ({ _tag: "Malformed", at, reason })

export const invalidText = (text: string, reason: string): InvalidText => ({ _tag: "InvalidText", text, reason })

/** One line for a person. */
export const describe = (error: Unreadable | InvalidText): string => {
  switch (error._tag) {
    case "Truncated":
      return `truncated at offset ${error.at}: needs ${error.needed} bytes, has ${error.available}`
    case "Malformed":
      return `malformed at offset ${error.at}: ${error.reason}`
    case "InvalidText":
      return `${JSON.stringify(error.text)}: ${error.reason}`
    default:
      return error satisfies never
  }
}
