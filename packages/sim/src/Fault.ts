/**
 * Faults of frames: rules on a direction of a link that drop, delay, reorder, duplicate or damage what crosses it.
 *
 * A rule is plain data. Each rule draws from its own stream `fault/<rule>/<direction>`, so adding one changes no other
 * draw of the run. Judging a frame allocates nothing; the link carries the verdict out.
 */
import { CHECKSUM_VERIFIED, FCS_BAD, type FrameSlab } from "./FrameSlab.ts"
import type { RandomStream } from "./Random.ts"
import type { World } from "./World.ts"

/** Verdict bits. PASS is the absence of all others. */
export const PASS = 0
/** The link ends the frame: `dropFrame(FAULT, 1)`, then `slab.free`. */
export const DROP = 1
/** `chain.copies` more frames are made (`slab.copy`) and counted as created. */
export const DUPLICATE = 2
/** The link calls `damage` before it sends the frame; the next port drops it (rx_crc_errors). */
export const CORRUPT_FCS = 4
/** The link fills in all checksums, then calls `damage`: only the checksums of IP, TCP and UDP can catch it. */
export const CORRUPT_PAYLOAD = 8
/** The frame arrives `chain.delay` ns later. */
export const DELAY = 16

export type FaultAction =
  | { readonly _tag: "Drop" }
  /** Later by `ns` and up to `jitter` more; frames keep their order. */
  | { readonly _tag: "Delay"; readonly ns: number; readonly jitter: number }
  /** Later by 1 … `ns`, so that frames behind it overtake it. */
  | { readonly _tag: "Reorder"; readonly ns: number }
  | { readonly _tag: "Duplicate"; readonly copies: number }
  /** Flips one bit. `fcs`: as a bad cable does; `payload`: as a bad switch memory does, with a good FCS. */
  | { readonly _tag: "Corrupt"; readonly what: "fcs" | "payload" }

export interface FaultRule {
  /** Names the rule in reports and its random stream. */
  readonly id: string
  /** A direction of a link, as its owner names it; `*` is every direction. */
  readonly direction: string
  /** The rule holds for frames that enter the link at `from` ≤ time < `until`, ns. */
  readonly from: number
  readonly until: number
  /** Only frames of at least this many bytes. */
  readonly lengthMin: number
  /** Only this IP protocol (IPv4 protocol, IPv6 next header, behind one VLAN tag too); -1 for all frames. */
  readonly protocol: number
  /** Hits each n-th matching frame; 0 means `probability` decides. */
  readonly every: number
  readonly probability: number
  /** A hit also hits the following matching frames, this many in all: a burst. */
  readonly burst: number
  readonly action: FaultAction
}

/** Every frame, always. */
export const ruleDefaults: Omit<FaultRule, "id" | "action"> = {
  direction: "*",
  from: 0,
  until: Infinity,
  lengthMin: 0,
  protocol: -1,
  every: 1,
  probability: 1,
  burst: 1
}

const TAGS = { Drop: 1, Delay: 2, Reorder: 3, Duplicate: 4, Corrupt: 5 } as const

/** One rule on one direction, with its state. */
class ActiveRule {
  readonly id: string
  readonly from: number
  readonly until: number
  readonly lengthMin: number
  readonly protocol: number
  readonly every: number
  readonly probability: number
  readonly burst: number
  readonly tag: number
  readonly amount: number
  readonly jitter: number
  readonly verdict: number
  readonly random: RandomStream
  matched: number
  hits: number
  burstLeft: number

  constructor(rule: FaultRule, random: RandomStream) {
    const { action } = rule
    this.id = rule.id
    this.from = rule.from
    this.until = rule.until
    this.lengthMin = rule.lengthMin
    this.protocol = rule.protocol
    this.every = rule.every
    this.probability = rule.probability
    this.burst = rule.burst
    this.tag = TAGS[action._tag]
    this.amount = action._tag === "Duplicate" ? action.copies : "ns" in action ? action.ns : 0
    this.jitter = action._tag === "Delay" ? action.jitter : 0
    this.verdict = verdictOf(action)
    this.random = random
    this.matched = 0
    this.hits = 0
    this.burstLeft = 0
  }

  /** Whether this frame is hit. Draws for each matching frame, also inside a burst. */
  hit(): boolean {
    this.matched++
    const isChosen = this.every > 0 ? this.matched % this.every === 0 : this.random.chance(this.probability)
    if (this.burstLeft > 0) {
      this.burstLeft--
      this.hits++
      return true
    }
    if (!isChosen) return false
    this.burstLeft = this.burst - 1
    this.hits++
    return true
  }
}

const verdictOf = (action: FaultAction): number => {
  switch (action._tag) {
    case "Drop":
      return DROP
    case "Delay":
    case "Reorder":
      return DELAY
    case "Duplicate":
      return DUPLICATE
    case "Corrupt":
      return action.what === "fcs" ? CORRUPT_FCS : CORRUPT_PAYLOAD
    default:
      return action satisfies never
  }
}

/** The rules of one direction of a link, in the order given. */
export class FaultChain {
  readonly direction: string
  /** The last verdict's extra delay in ns, number of copies, and the bit to flip in the frame. */
  delay: number
  copies: number
  bit: number
  /** Index of the rule that dropped the last frame, -1. */
  droppedBy: number
  private readonly rules: Array<ActiveRule>
  /** When the last frame in order left: later ones do not overtake it. */
  private lastExit: number

  constructor(world: World, direction: string, rules: ReadonlyArray<FaultRule>) {
    this.direction = direction
    this.delay = 0
    this.copies = 0
    this.bit = 0
    this.droppedBy = -1
    this.rules = rules
      .filter((rule) => rule.direction === direction || rule.direction === "*")
      .map((rule) => new ActiveRule(rule, world.stream(`fault/${rule.id}/${direction}`)))
    this.lastExit = 0
  }

  /** False when no rule concerns this direction: the link need not ask. */
  get isActive(): boolean {
    return this.rules.length > 0
  }

  /** How often each rule matched and hit. */
  counts(): ReadonlyArray<{ readonly id: string; readonly matched: number; readonly hits: number }> {
    return this.rules.map(({ id, matched, hits }) => ({ id, matched, hits }))
  }

  /**
   * What happens to `frame`, which enters the link at `now`. A dropped frame meets no later rule.
   *
   * @returns verdict bits; `delay`, `copies` and `bit` say more
   */
  judge(now: number, frame: number, slab: FrameSlab): number {
    let verdict = PASS
    let inOrder = 0
    let late = 0
    this.copies = 0
    this.droppedBy = -1
    for (let i = 0; i < this.rules.length; i++) {
      const rule = this.rules[i]!
      if (now < rule.from || now >= rule.until || !matches(rule, frame, slab) || !rule.hit()) continue
      verdict |= rule.verdict
      if (rule.tag === TAGS.Drop) {
        this.droppedBy = i
        this.delay = 0
        return DROP
      }
      if (rule.tag === TAGS.Delay) inOrder += rule.amount + rule.random.below(rule.jitter + 1)
      else if (rule.tag === TAGS.Reorder) late += 1 + rule.random.below(rule.amount)
      else if (rule.tag === TAGS.Duplicate) this.copies += rule.amount
      else this.bit = rule.random.below(slab.length[frame]! * 8)
    }
    this.delay = this.exit(now, inOrder) + late
    return this.delay > 0 ? verdict | DELAY : verdict & ~DELAY
  }

  /** The delay that keeps the order of frames which no rule reorders. */
  private exit(now: number, delay: number): number {
    const exit = now + delay < this.lastExit ? this.lastExit : now + delay
    this.lastExit = exit
    return exit - now
  }
}

/** Flips bit `bit` of the frame, as the verdict says. */
export const damage = (slab: FrameSlab, frame: number, verdict: number, bit: number): void => {
  const at = slab.start[frame]! + (bit >> 3)
  slab.bytes[at] = slab.bytes[at]! ^ (1 << (bit & 7))
  const flags = slab.flags[frame]! & ~CHECKSUM_VERIFIED
  slab.flags[frame] = (verdict & CORRUPT_FCS) === 0 ? flags : flags | FCS_BAD
}

const matches = (rule: ActiveRule, frame: number, slab: FrameSlab): boolean => {
  const length = slab.length[frame]!
  if (length < rule.lengthMin) return false
  return rule.protocol < 0 || protocolOf(slab.bytes, slab.start[frame]!, length) === rule.protocol
}

/** The IP protocol of a frame, -1 when it is not IP or too short. */
const protocolOf = (bytes: Uint8Array, start: number, length: number): number => {
  let at = 12
  if (length < 34) return -1
  if (bytes[start + 12] === 0x81 && bytes[start + 13] === 0) at = 16
  const high = bytes[start + at]!
  const low = bytes[start + at + 1]!
  if (high === 8 && low === 0) return bytes[start + at + 11]!
  return high === 0x86 && low === 0xdd ? bytes[start + at + 8]! : -1
}
