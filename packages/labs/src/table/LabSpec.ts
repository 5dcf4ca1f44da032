/** Kernel profiles a lab runs under. */
export const profiles = ["3.10", "6.x"] as const
export type Profile = (typeof profiles)[number]

/**
 * How a check judges: an exact value, a value in a range, a ratio of two runs, an order of values, a sequence of
 * events, or the presence of something.
 */
export const checkKinds = ["exact", "range", "ratio", "order", "sequence", "presence"] as const
export type CheckKind = (typeof checkKinds)[number]

/**
 * Where a check's figure comes from: Linux 3.10.65 source, the author's articles and repository, the book's opening
 * chapter, readers' notes, our own inference, or a measurement on Linux 6.18.
 */
export const checkSources = ["K310", "AUTH", "BOOK", "NOTE", "INF", "M618"] as const
export type CheckSource = (typeof checkSources)[number]

/** One claim a lab's run must prove. */
export interface CheckSpec {
  /** A letter, unique in its lab. */
  readonly id: string
  readonly claim: string
  readonly kind: CheckKind
  readonly source: CheckSource
  /** Only under these profiles; under all of the lab's when absent. */
  readonly profile?: ReadonlyArray<Profile>
}

/** One lab: a question, the knobs that set the scene, and what must come out. */
export interface LabSpec {
  readonly id: string
  /** Number of the book's section the lab belongs to. */
  readonly section: string
  readonly titleEn: string
  readonly titleZh: string
  readonly question: string
  /** `name=default (alternatives)`. */
  readonly knobs: ReadonlyArray<string>
  readonly profile: ReadonlyArray<Profile>
  readonly checks: ReadonlyArray<CheckSpec>
}

/** A numbered section of the book. */
export interface Section {
  readonly number: string
  readonly titleZh: string
  readonly titleEn: string
  /** Ids of the labs that answer it, in the book's order. */
  readonly labs: ReadonlyArray<string>
}

/** Key of a check in a table file: id, kind, source, and the profile when it holds for one only. */
export type CheckKey = `${string} ${CheckKind} ${CheckSource}` | `${string} ${CheckKind} ${CheckSource} ${Profile}`

/** A lab as the table files write it: checks as `"a exact K310": "claim"`, to keep one check on one line. */
export interface LabRow extends Omit<LabSpec, "checks"> {
  readonly checks: Readonly<Record<CheckKey, string>>
}

/** One file of the table. */
export interface TablePart {
  readonly sections: ReadonlyArray<Section>
  readonly labs: ReadonlyArray<LabRow>
}
