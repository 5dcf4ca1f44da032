/**
 * How many cases a property tries, so that one environment lengthens every property at once.
 *
 * `DARKFIBER_CASES` multiplies each property's usual number (`2.5`, `100`); `DARKFIBER_LONG_CASES` is the least number
 * any property tries. `pnpm test:long` sets both (vitest.config.ts); unset, a property tries its usual number.
 */

export type Environment = Readonly<Record<string, string | undefined>>

const positive = (name: string, environment: Environment, unset: number): number => {
  const text = environment[name]
  if (text === undefined || text === "") return unset
  const value = Number(text)
  if (!Number.isFinite(value) || value <= 0) throw new Error(`${name} must be a number above zero, not "${text}"`)
  return value
}

/** The number of cases where a property usually tries `usual`; a whole number, at least 1. */
export const casesIn = (environment: Environment, usual: number): number =>
  Math.max(
    1,
    Math.round(usual * positive("DARKFIBER_CASES", environment, 1)),
    Math.ceil(positive("DARKFIBER_LONG_CASES", environment, 1))
  )

/** {@link casesIn} this process's environment: `fc.assert(property, { numRuns: cases(200) })`. */
export const cases = (usual: number): number => casesIn(process.env, usual)

/** Whether this is a long run, for tests that are a single long case. */
export const isLong = (): boolean => positive("DARKFIBER_LONG_CASES", process.env, 1) > 1
