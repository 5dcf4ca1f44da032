/**
 * Arguments of built-in programs: what they may be, and in plain numbers.
 */
import { Schema } from "effect"
import * as Units from "../Units.ts"

export const port = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65535 })).annotate({
  description: "1 to 65535"
})
export const count = (minimum: number, maximum: number, description: string) =>
  Schema.Int.check(Schema.isBetween({ minimum, maximum })).annotate({ description })
export const duration = Schema.String.check(
  Schema.isPattern(Units.durationPattern, { message: "a duration with its unit, such as 5us, 10ms or 2s" })
)
export const endpoint = Schema.String.check(
  Schema.isPattern(/^(?:\d{1,3}\.){3}\d{1,3}:\d{1,5}$/, { message: "an address with a port, such as 10.0.0.1:80" })
)
export const address = Schema.String.check(
  Schema.isPattern(/^(?:\d{1,3}\.){3}\d{1,3}$/, { message: "an IPv4 address, such as 10.0.0.1" })
)

/** Nanoseconds of a checked duration; `otherwise` when it was left out. */
export const nanos = (text: string | undefined, otherwise: number): number =>
  text === undefined ? otherwise : Units.duration(text)!

/** Address and port of a checked endpoint. */
export const parseEndpoint = (text: string): { readonly address: string; readonly port: number } => {
  const at = text.lastIndexOf(":")
  return { address: text.slice(0, at), port: Number(text.slice(at + 1)) }
}
