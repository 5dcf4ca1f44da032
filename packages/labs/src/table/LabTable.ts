import * as Chapter01a from "./chapter01a.ts"
import * as Chapter01b from "./chapter01b.ts"
import * as Chapter02 from "./chapter02.ts"
import * as Chapter03 from "./chapter03.ts"
import * as Chapter04a from "./chapter04a.ts"
import * as Chapter04b from "./chapter04b.ts"
import * as Chapter05 from "./chapter05.ts"
import * as Chapter06a from "./chapter06a.ts"
import * as Chapter06b from "./chapter06b.ts"
import * as Chapter07 from "./chapter07.ts"
import * as Chapter08 from "./chapter08.ts"
import * as Chapter09a from "./chapter09a.ts"
import * as Chapter09b from "./chapter09b.ts"
import * as Chapter10a from "./chapter10a.ts"
import * as Chapter10b from "./chapter10b.ts"
import {
  checkKinds,
  checkSources,
  profiles,
  type CheckSpec,
  type LabRow,
  type LabSpec,
  type Profile,
  type Section,
  type TablePart
} from "./LabSpec.ts"

/**
 * The table of all labs: which section of the book is answered by which lab, and what each lab must prove.
 *
 * The rows stand in one file a chapter, long chapters in several (`chapter06a.ts` …). Everything here is frozen.
 */
const parts: ReadonlyArray<TablePart> = [
  Chapter01a,
  Chapter01b,
  Chapter02,
  Chapter03,
  Chapter04a,
  Chapter04b,
  Chapter05,
  Chapter06a,
  Chapter06b,
  Chapter07,
  Chapter08,
  Chapter09a,
  Chapter09b,
  Chapter10a,
  Chapter10b
]

/** Turns `"a range AUTH 3.10"` into a check. A key outside of the closed lists is a defect of the table. */
const checkOf = (key: string, claim: string): CheckSpec => {
  const [id = "", kindWord, sourceWord, profileWord, ...rest] = key.split(" ")
  const kind = checkKinds.find((known) => known === kindWord)
  const source = checkSources.find((known) => known === sourceWord)
  const profile = profiles.find((known) => known === profileWord)
  if (id === "" || kind === undefined || source === undefined || rest.length > 0) throw new Error(`no check: ${key}`)
  if (profileWord === undefined) return Object.freeze({ id, claim, kind, source })
  if (profile === undefined) throw new Error(`no check: ${key}`)
  return Object.freeze({ id, claim, kind, source, profile: Object.freeze([profile]) })
}

const labOf = (row: LabRow): LabSpec =>
  Object.freeze({
    ...row,
    knobs: Object.freeze([...row.knobs]),
    profile: Object.freeze([...row.profile]),
    checks: Object.freeze(Object.entries(row.checks).map(([key, claim]) => checkOf(key, claim)))
  })

const sectionOf = (section: Section): Section => Object.freeze({ ...section, labs: Object.freeze([...section.labs]) })

/** Every section, in the book's order. */
export const sections: ReadonlyArray<Section> = Object.freeze(parts.flatMap((part) => part.sections.map(sectionOf)))

/** Every lab, in the book's order. */
export const labs: ReadonlyArray<LabSpec> = Object.freeze(parts.flatMap((part) => part.labs.map(labOf)))

/** Numbers of sections that no lab answers. */
export const sectionsWithoutLab: ReadonlyArray<string> = Object.freeze(
  sections.filter((section) => section.labs.length === 0).map((section) => section.number)
)

const labsById: ReadonlyMap<string, LabSpec> = new Map(labs.map((lab) => [lab.id, lab]))
const sectionsByNumber: ReadonlyMap<string, Section> = new Map(sections.map((section) => [section.number, section]))

/** The chapter a section number belongs to: 6 for "6.4.2". */
export const chapterOf = (sectionNumber: string): number => Number.parseInt(sectionNumber, 10)

/** Chapters that have labs, ascending. */
export const chapters: ReadonlyArray<number> = Object.freeze(
  [...new Set(sections.map((section) => chapterOf(section.number)))].sort((a, b) => a - b)
)

/** The lab of that id, such as "6.4.1" or "Q1.1.1-a". */
export const labById = (id: string): LabSpec | undefined => labsById.get(id)

/** The section of that number. */
export const sectionByNumber = (number: string): Section | undefined => sectionsByNumber.get(number)

/** A chapter's sections, in the book's order; none for a chapter that does not exist. */
export const sectionsOfChapter = (chapter: number): ReadonlyArray<Section> =>
  sections.filter((section) => chapterOf(section.number) === chapter)

/** A chapter's labs, in the book's order. */
export const labsOfChapter = (chapter: number): ReadonlyArray<LabSpec> =>
  labs.filter((lab) => chapterOf(lab.section) === chapter)

/** The labs of one section, in its order. */
export const labsOfSection = (number: string): ReadonlyArray<LabSpec> =>
  (sectionByNumber(number)?.labs ?? []).flatMap((id) => labById(id) ?? [])

/** The checks of a lab that hold under a profile; none when the lab does not run under it. */
export const checksUnder = (lab: LabSpec, profile: Profile): ReadonlyArray<CheckSpec> =>
  lab.profile.includes(profile)
    ? lab.checks.filter((check) => check.profile === undefined || check.profile.includes(profile))
    : []
