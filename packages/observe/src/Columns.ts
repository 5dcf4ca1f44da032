/**
 * Text in columns, and numbers in the forms the tools print. Locale-free and engine-independent: every digit is made from
 * whole numbers.
 */

export const left = (text: string | number, width: number): string => String(text).padEnd(width)
export const right = (text: string | number, width: number): string => String(text).padStart(width)

/** `value` with `digits` digits behind the point, rounded half up; like C's `%.2f` but for ties. */
export const fixed = (value: number, digits: number): string => {
  if (!Number.isFinite(value)) return value > 0 ? "inf" : value < 0 ? "-inf" : "nan"
  let scale = 1
  for (let i = 0; i < digits; i++) scale *= 10
  const scaled = Math.round(Math.abs(value) * scale)
  const whole = Math.floor(scaled / scale)
  const sign = value < 0 && scaled > 0 ? "-" : ""
  return digits === 0 ? `${sign}${whole}` : `${sign}${whole}.${String(scaled - whole * scale).padStart(digits, "0")}`
}

/** `value` with up to `digits` significant digits and no trailing zeros, like C's `%g` for the range tools print. */
export const general = (value: number, digits = 6): string => {
  if (value === 0 || !Number.isFinite(value)) return value === 0 ? "0" : fixed(value, 0)
  let magnitude = 0
  for (let rest = Math.abs(value); rest >= 10; rest /= 10) magnitude++
  for (let rest = Math.abs(value); rest < 1; rest *= 10) magnitude--
  const behind = Math.max(0, Math.min(15, digits - 1 - magnitude))
  const text = fixed(value, behind)
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text
}

/** Hexadecimal without prefix, `width` digits at least. */
export const hex = (value: number, width = 1): string => value.toString(16).padStart(width, "0")

/** Four bytes as a machine with the least significant byte first reads them, eight capital digits: addresses in /proc. */
export const machineHex = (value: number): string => {
  const swapped = ((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)
  return hex(swapped >>> 0, 8).toUpperCase()
}

/** Nanoseconds as seconds with six digits: the time column of tcpdump -tt and of traces. */
export const seconds = (nanos: number, digits = 6): string => {
  const whole = Math.floor(nanos / 1_000_000_000)
  const rest = Math.floor(nanos - whole * 1_000_000_000)
  return digits === 0 ? String(whole) : `${whole}.${String(rest).padStart(9, "0").slice(0, digits)}`
}

/** Lines joined, with a newline behind each; no lines give the empty text. */
export const lines = (all: ReadonlyArray<string>): string => (all.length === 0 ? "" : `${all.join("\n")}\n`)

/**
 * Rows as columns as wide as their widest cell, two blanks apart, without trailing blanks.
 *
 * @param numeric indices of columns that are set flush right
 */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>, numeric: ReadonlySet<number> = new Set()): string => {
  const widths: Array<number> = []
  for (const row of rows) row.forEach((cell, at) => (widths[at] = Math.max(widths[at] ?? 0, cell.length)))
  return lines(
    rows.map((row) =>
      row
        .map((cell, at) => (numeric.has(at) ? right(cell, widths[at]!) : left(cell, widths[at]!)))
        .join("  ")
        .trimEnd()
    )
  )
}

/**
 * A counter in six places as iptables -L -v prints it: plain below 100,000, then K, M, G, T by thousands
 * (iptables: xtables_print_num).
 */
export const counter = (value: number): string => {
  if (value <= 99_999) return right(value, 5)
  let rest = Math.round(value / 1000)
  if (rest <= 9999) return `${right(rest, 4)}K`
  rest = Math.round(rest / 1000)
  if (rest <= 9999) return `${right(rest, 4)}M`
  rest = Math.round(rest / 1000)
  if (rest <= 9999) return `${right(rest, 4)}G`
  return `${right(Math.round(rest / 1000), 4)}T`
}
