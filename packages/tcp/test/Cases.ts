/** How many cases a property tries: its usual number times `DARKFIBER_CASES`, and `DARKFIBER_LONG_CASES` at least. */
const factor = Number(process.env["DARKFIBER_CASES"] ?? "1")
const least = Number(process.env["DARKFIBER_LONG_CASES"] ?? "1")

export const cases = (usual: number): number => Math.max(1, Math.round(usual * factor), least)
