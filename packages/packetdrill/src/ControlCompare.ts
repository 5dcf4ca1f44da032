/** Whether a control message is the one the script expects, field by field. */
import type * as Kernel from "@darkfiber/sockets/Message"
import type * as Ast from "./Ast.ts"
import type { CallState } from "./CallState.ts"
import { Unsupported } from "./Failure.ts"
import * as Values from "./Values.ts"

/** Header of a control message, and bytes of what may follow: an int, three timespecs, an error with an address. */
const HEADER = 16
const INT = 4
const TIMESTAMPING = 48
const EXTENDED_ERROR = 32

/** Bytes of room for it, as a program would have them (CMSG_SPACE). */
export const room = (one: Ast.ControlMessage): number => {
  const padded = (bytes: number): number => HEADER + ((bytes + 7) & ~7)
  switch (one.data._tag) {
    case "Timestamping":
      return padded(TIMESTAMPING)
    case "ExtendedError":
      return padded(EXTENDED_ERROR)
    case "List":
      return Infinity
    default:
      return padded(INT)
  }
}

export const compare = (
  wanted: Ast.ControlMessage,
  found: Kernel.ControlMessage,
  index: number,
  state: CallState
): string | null => {
  const level = Values.int(wanted.level)
  const type = Values.int(wanted.type)
  if (level !== found.level) return `Bad level in cmsg ${index}: expected=${level} actual=${found.level}`
  if (type !== found.type) return `Bad type in cmsg ${index}: expected=${type} actual=${found.type}`
  switch (wanted.data._tag) {
    case "ExtendedError":
      return extendedError(wanted.data, found.data, index)
    case "Timestamping":
      return timestamp(wanted.data, found.data, index, state)
    case "List":
      return statistics()
    default: {
      const expected = Values.int(wanted.data)
      return found.data === expected
        ? null
        : `Bad data in cmsg ${index}: expected=${expected} actual=${text(found.data)}`
    }
  }
}

const text = (data: Kernel.ControlData): string => (typeof data === "number" ? String(data) : JSON.stringify(data))

const fields = ["errno", "origin", "type", "code", "info", "data"] as const

const extendedError = (wanted: Ast.ExtendedError, found: Kernel.ControlData, index: number): string | null => {
  if (typeof found !== "object" || !("origin" in found)) return `Bad data in cmsg ${index}: no extended error`
  for (const field of fields) {
    const expected = Values.number(wanted[field]) >>> 0
    const actual = found[field] >>> 0
    if (expected !== actual) return `Bad ${field} in extended err ${index}: expected=${expected} actual=${actual}`
  }
  return null
}

/** Times of a script count from its start; 0 is any. */
const timestamp = (
  wanted: { readonly seconds: number; readonly nanoseconds: number },
  found: Kernel.ControlData,
  index: number,
  state: CallState
): string | null => {
  if (wanted.seconds === 0 && wanted.nanoseconds === 0) return null
  if (typeof found !== "object" || !("seconds" in found) || !("fraction" in found)) {
    return `Bad data in cmsg ${index}: no timestamp`
  }
  const expected = wanted.seconds * 1e9 + wanted.nanoseconds
  const actual = (found["seconds"] as number) * 1e9 + (found["fraction"] as number) - state.start
  if (Math.abs(expected - actual) <= state.config.tolerance) return null
  return `Bad timestamp in scm_timestamping ${index}: expected=${expected / 1000} actual=${actual / 1000} us`
}

/** The attributes of SCM_TIMESTAMPING_OPT_STATS are not modelled. */
const statistics = (): string | null => {
  throw new Unsupported("SCM_TIMESTAMPING_OPT_STATS")
}
