/**
 * The run-twice check: builds the same run twice, compares both at checkpoints, and narrows the first difference down
 * to an instant and an island. A run that passes is not proved deterministic, but most lapses show within one run.
 */
import type { World } from "./World.ts"

export interface Difference {
  /** The runs were equal after this time, ns; -1 when they differ from the start. */
  readonly after: number
  /** And differ after this time. */
  readonly by: number
  readonly island: string
  readonly what: "fingerprint" | "next event" | "ledger" | "islands"
  readonly first: string
  readonly second: string
  /** False when building the runs again moved the difference: then it depends on something outside the run. */
  readonly isStable: boolean
}

export interface RunTwiceOptions {
  /** End of the run, ns. */
  readonly until: number
  /** Checkpoints on the way to the end; at least 1. */
  readonly checkpoints: number
}

interface Found {
  readonly island: string
  readonly what: Difference["what"]
  readonly first: string
  readonly second: string
}

/** Parts into which a window is cut at each further look. */
const PARTS = 8

/**
 * @param build makes the run anew; it must use nothing but its own seed and inputs
 * @returns null when both runs were equal at every checkpoint
 */
export const runTwice = (build: () => World, options: RunTwiceOptions): Difference | null => {
  let window = firstDifference(build, -1, options.until, Math.max(1, options.checkpoints))
  if (window === null) return null
  while (window.by - window.after > 1) {
    const width: number = window.by - window.after
    const narrower = firstDifference(build, window.after, window.by, width < PARTS ? width : PARTS)
    if (narrower === null) return { ...window, isStable: false }
    // The first look after `after` may differ at `after` itself, when the difference moves from run to run.
    if (narrower.after < window.after) return { ...narrower, isStable: false }
    window = narrower
  }
  return window
}

const firstDifference = (build: () => World, from: number, until: number, parts: number): Difference | null => {
  const first = build()
  const second = build()
  const runTo = (time: number): void => {
    if (time < 0) return
    first.run(time)
    second.run(time)
  }
  runTo(from)
  const early = compare(first, second)
  if (early !== null) return { ...early, after: from < 0 ? -1 : from - 1, by: from < 0 ? 0 : from, isStable: true }
  let after = from
  for (let part = 1; part <= parts; part++) {
    const by = part === parts ? until : from + Math.floor(((until - from) * part) / parts)
    if (by <= after) continue
    runTo(by)
    const found = compare(first, second)
    if (found !== null) return { ...found, after, by, isStable: true }
    after = by
  }
  return null
}

/** The first island, in island order, in which two runs differ. */
export const compare = (first: World, second: World): Found | null => {
  const names = (world: World): string => world.islands.map((island) => island.name).join(" ")
  if (names(first) !== names(second)) {
    return { island: "-", what: "islands", first: names(first), second: names(second) }
  }
  for (let i = 0; i < first.islands.length; i++) {
    const left = first.islands[i]!
    const right = second.islands[i]!
    const pairs = [
      ["fingerprint", left.fingerprint.value(), right.fingerprint.value()],
      ["ledger", JSON.stringify(left.ledger), JSON.stringify(right.ledger)],
      ["next event", `${left.queue.nextTime}`, `${right.queue.nextTime}`]
    ] as const
    for (const [what, one, other] of pairs) {
      if (one !== other) return { island: left.name, what, first: one, second: other }
    }
  }
  return null
}
