/**
 * Flags that several commands take.
 */
import { Schema } from "effect"
import { Flag } from "effect/cli"
import * as Units from "@darkfiber/topology/Units"

export const seed = Flag.Int("seed").pipe(
  Flag.withDescription("the seed that all chance of the run comes from"),
  Flag.withDefault(1)
)

export const kernel = Flag.Literals("kernel", ["3.10", "6.x"]).pipe(
  Flag.withDescription("kernel profile"),
  Flag.optional
)

export const dispatch = Flag.Literals("dispatch", ["poll", "fiber"]).pipe(
  Flag.withDescription("how actors are run: by their lent poll, or in their fibers; the result is the same"),
  Flag.withDefault("poll" as const)
)

export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("print exactly one JSON document"),
  Flag.withDefault(false)
)

/** A duration with its unit, in nanoseconds. */
export const Duration = Schema.String.check(
  Schema.isPattern(Units.durationPattern, { message: "Expected a duration with its unit, such as 5us, 10ms or 2s" })
)

export const nanosOf = (text: string): number => Units.duration(text)!
