import { assert, describe, it } from "vitest"
import { checkKinds, checkSources, profiles } from "../../src/table/LabSpec.ts"
import * as LabTable from "../../src/table/LabTable.ts"

const { labs, sections } = LabTable
const unique = (values: ReadonlyArray<string>): boolean => new Set(values).size === values.length

describe("the lab table", () => {
  it("has every section, lab and check of the book's ten chapters", () => {
    assert.strictEqual(sections.length, 154)
    assert.strictEqual(labs.length, 268)
    assert.strictEqual(
      labs.reduce((count, lab) => count + lab.checks.length, 0),
      573
    )
    assert.deepStrictEqual(LabTable.chapters, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    assert.deepStrictEqual(
      LabTable.chapters.map((chapter) => LabTable.labsOfChapter(chapter).length),
      [24, 24, 19, 29, 16, 46, 22, 24, 25, 39]
    )
    assert.deepStrictEqual(
      LabTable.chapters.map((chapter) => LabTable.sectionsOfChapter(chapter).length),
      [12, 7, 13, 13, 12, 31, 18, 20, 5, 23]
    )
  })

  it("ids of labs, numbers of sections and ids of a lab's checks are unique", () => {
    assert.isTrue(unique(labs.map((lab) => lab.id)))
    assert.isTrue(unique(sections.map((section) => section.number)))
    for (const lab of labs) assert.isTrue(unique(lab.checks.map((check) => check.id)), lab.id)
  })

  it("every section names labs, which exist and name it back, and no lab stands outside of its section", () => {
    assert.deepStrictEqual(LabTable.sectionsWithoutLab, [])
    for (const section of sections) {
      for (const id of section.labs) assert.strictEqual(LabTable.labById(id)?.section, section.number, id)
    }
    for (const lab of labs) {
      assert.include(LabTable.sectionByNumber(lab.section)?.labs ?? [], lab.id)
      assert.include(LabTable.labsOfChapter(LabTable.chapterOf(lab.section)), lab)
    }
    assert.deepStrictEqual(
      sections.flatMap((section) => [...section.labs]),
      labs.map((lab) => lab.id)
    )
  })

  it("every text is there, in English and Chinese, and every kind, source and profile is a known one", () => {
    for (const section of sections) {
      assert.match(section.titleZh, /\S/, section.number)
      assert.match(section.titleEn, /[A-Za-z]/)
    }
    const chinese = sections.filter((section) => /\p{Script=Han}/u.test(section.titleZh))
    assert.isAbove(chinese.length, 140)
    for (const lab of labs) {
      assert.match(lab.titleZh, /\S/, lab.id)
      assert.match(lab.titleEn, /\S/, lab.id)
      assert.match(lab.question, /\?$/, lab.id)
      assert.isNotEmpty(lab.knobs, lab.id)
      assert.isNotEmpty(lab.profile, lab.id)
      assert.isNotEmpty(lab.checks, lab.id)
      for (const profile of lab.profile) assert.include(profiles, profile)
      for (const knob of lab.knobs) assert.match(knob, /^\w[\w.-]*=\S/, `${lab.id}: ${knob}`)
      for (const check of lab.checks) {
        assert.match(check.id, /^[a-z]$/)
        assert.include(checkKinds, check.kind)
        assert.include(checkSources, check.source)
        assert.match(check.claim, /\w/)
      }
    }
  })

  it("a check of one profile says so in its claim and belongs to a lab that runs under it", () => {
    for (const lab of labs) {
      for (const check of lab.checks) {
        if (check.profile === undefined) continue
        assert.isTrue(
          check.profile.every((profile) => lab.profile.includes(profile)),
          lab.id
        )
        if (lab.profile.length > 1)
          assert.isTrue(check.claim.startsWith(`${check.profile[0]}:`), `${lab.id} ${check.id}`)
      }
    }
  })

  it("looks up a lab with all its fields", () => {
    assert.deepStrictEqual(LabTable.labById("7.3.1"), {
      id: "7.3.1",
      section: "7.3.1",
      titleEn: "socket() objects",
      titleZh: "socket函数直接创建",
      question: "Which objects does socket() create?",
      knobs: ["type=tcp (tcp, udp)"],
      profile: ["3.10", "6.x"],
      checks: [
        {
          id: "a",
          claim:
            "3.10: one socket() adds 1 each of sock_inode_cache, TCP, dentry, filp and kmalloc-64; close() takes all of them away, at the latest after an RCU grace period",
          kind: "exact",
          source: "K310",
          profile: ["3.10"]
        },
        {
          id: "b",
          claim: "6.x: a TCP socket() takes 3640 B (TCP 2368, sock_inode_cache 832, filp 192, dentry 192, 32 + 24)",
          kind: "exact",
          source: "M618",
          profile: ["6.x"]
        },
        { id: "c", claim: "6.x: a UDP socket() takes 2680 B", kind: "exact", source: "M618", profile: ["6.x"] }
      ]
    })
    assert.deepStrictEqual(
      LabTable.labsOfSection("1.1.1").map((lab) => lab.id),
      ["Q1.1.1-a", "Q1.1.1-b", "Q1.1.1-c", "Q1.1.1-d", "Q1.1.1-e"]
    )
    assert.isUndefined(LabTable.labById("11.1"))
    assert.deepStrictEqual(LabTable.labsOfSection("11.1"), [])
    assert.deepStrictEqual(LabTable.labsOfChapter(11), [])
  })

  it("checks under a profile leave out those of the other, and all of them when the lab does not run there", () => {
    const lab = LabTable.labById("7.3.1")
    const old = LabTable.labById("7.4.1")
    if (lab === undefined || old === undefined) return assert.fail("labs 7.3.1 and 7.4.1 must exist")
    assert.deepStrictEqual(
      LabTable.checksUnder(lab, "3.10").map((check) => check.id),
      ["a"]
    )
    assert.deepStrictEqual(
      LabTable.checksUnder(lab, "6.x").map((check) => check.id),
      ["b", "c"]
    )
    assert.deepStrictEqual(LabTable.checksUnder(old, "6.x"), [])
  })

  it("is frozen all the way down", () => {
    const frozen = (value: unknown): boolean =>
      typeof value !== "object" || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen))
    assert.isTrue(frozen(labs))
    assert.isTrue(frozen(sections))
    assert.isTrue(frozen(LabTable.chapters))
  })
})
