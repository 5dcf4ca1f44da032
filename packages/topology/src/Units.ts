/**
 * Numbers with units as people write them in a topology file. Each reader gives a plain number in one base unit, or
 * `undefined` when the text is not of the form; the patterns stand in the JSON Schema too.
 */

export const durationPattern = /^(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)$/
export const ratePattern = /^(\d+(?:\.\d+)?)(bps|kbps|Mbps|Gbps|Tbps)$/
export const sizePattern = /^(\d+(?:\.\d+)?)(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$/
export const shareText = /^(\d+(?:\.\d+)?)%$/

const durationUnits: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1_000,
  ms: 1_000_000,
  s: 1_000_000_000,
  m: 60_000_000_000,
  h: 3_600_000_000_000
}
const rateUnits: Readonly<Record<string, number>> = { bps: 1, kbps: 1e3, Mbps: 1e6, Gbps: 1e9, Tbps: 1e12 }
const sizeUnits: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 1024,
  MiB: 1048576,
  GiB: 1073741824,
  TiB: 1099511627776
}

/** Longest duration, ns: 50 days, so that the sum of two is an exact time. */
export const DURATION_MAX = 4_320_000_000_000_000

const read = (text: string, pattern: RegExp, units: Readonly<Record<string, number>>): number | undefined => {
  const match = pattern.exec(text)
  if (match === null) return undefined
  return Math.round(Number(match[1]) * units[match[2]!]!)
}

/** Nanoseconds of a text such as `250us` or `1.5s`. */
export const duration = (text: string): number | undefined => read(text, durationPattern, durationUnits)
/** Bits per second of a text such as `10Gbps`. */
export const rate = (text: string): number | undefined => read(text, ratePattern, rateUnits)
/** Bytes of a text such as `4GiB`. */
export const size = (text: string): number | undefined => read(text, sizePattern, sizeUnits)
/** A share from 0 to 1 of a text such as `0.1%`. */
export const share = (text: string): number | undefined => {
  const match = shareText.exec(text)
  return match === null ? undefined : Number(match[1]) / 100
}
