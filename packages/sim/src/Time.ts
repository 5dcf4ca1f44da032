/**
 * Virtual time: an integer number of nanoseconds since the start of the run, in a JS number.
 * Exact up to 2^53 ns, about 104 days.
 */
import type { Brand } from "effect"

export type Nanos = number & Brand.Brand<"Nanos">

/** Bits in one second of a link. */
export type BitsPerSecond = number & Brand.Brand<"BitsPerSecond">

/** No event: later than every time. */
export const never: Nanos = Infinity as Nanos

export const zero: Nanos = 0 as Nanos

/** Rounds to a whole nanosecond: fractions would break "the same instant". */
export const nanos = (value: number): Nanos => Math.round(value) as Nanos
export const micros = (value: number): Nanos => Math.round(value * 1_000) as Nanos
export const millis = (value: number): Nanos => Math.round(value * 1_000_000) as Nanos
export const seconds = (value: number): Nanos => Math.round(value * 1_000_000_000) as Nanos

export const bitsPerSecond = (value: number): BitsPerSecond => value as BitsPerSecond

/** Time a frame of `bytes` occupies a wire of `rate`, rounded up to a whole nanosecond. */
export const serializationDelay = (bytes: number, rate: BitsPerSecond): Nanos =>
  Math.ceil((bytes * 8_000_000_000) / rate) as Nanos
