/**
 * The end-of-run laws: frames created = delivered + dropped + in flight, by weight and counted by walking; and the slab
 * holds no frame that nobody holds.
 */
import { KIND_FRAME } from "./Actor.ts"
import * as DropReason from "./DropReason.ts"
import type { World } from "./World.ts"

export interface Violation {
  readonly law: string
  readonly expected: number
  readonly found: number
}

export interface Account {
  readonly created: number
  readonly delivered: number
  readonly dropped: number
  /** Dropped weight by reason, without zeros, in the order of the reasons' names. */
  readonly droppedByReason: Readonly<Record<string, number>>
  readonly inFlight: number
  /** Frames that crossed a link and arrived. */
  readonly hops: number
  /** Frames alive in the slab, and those found at a holder. */
  readonly slabLive: number
  readonly slabFound: number
  readonly pagesLive: number
  readonly violations: ReadonlyArray<Violation>
}

/** What the walk over schedulables cannot see. */
export interface Extra {
  /** Weight of frames in flight that no schedulable walks. */
  readonly inFlight?: number
  /** Visits slab handles that no schedulable walks. */
  readonly walkHandles?: (visit: (handle: number) => void) => void
  /** Data pages that are held, when the caller has counted them. */
  readonly pages?: number
}

/** Counts a run. A run with defects may have lost the frames that its actors held when they threw. */
export const check = (world: World, extra: Extra = {}): Account => {
  const totals = { created: 0, delivered: 0, dropped: 0, hops: 0, inFlight: extra.inFlight ?? 0 }
  const byReason: Array<number> = []
  const handles = new Handles(world)
  for (const island of world.islands) {
    const { ledger } = island
    totals.created += ledger.created
    totals.delivered += ledger.delivered
    totals.dropped += ledger.dropped
    totals.hops += ledger.hops
    for (let reason = 0; reason < ledger.byReason.length; reason++) {
      byReason[reason] = (byReason[reason] ?? 0) + ledger.byReason[reason]!
    }
    island.queue.forEach((_time, _target, kind, a) => {
      if (kind !== KIND_FRAME) return
      totals.inFlight++
      handles.visit(a)
    })
    for (const actor of island.actors) {
      actor.walkFrames((weight) => {
        totals.inFlight += weight
      })
      actor.walkHandles(handles.visit)
    }
  }
  extra.walkHandles?.(handles.visit)
  const violations: Array<Violation> = []
  const law = (name: string, expected: number, found: number): void => {
    if (expected !== found) violations.push({ law: name, expected, found })
  }
  law("created = delivered + dropped + in flight", totals.created, totals.delivered + totals.dropped + totals.inFlight)
  law("dropped = sum over reasons", totals.dropped, sum(byReason))
  law("frames in the slab = frames held", world.slab.live, handles.found)
  law("frames held twice", 0, handles.twice)
  law("frames held after they were freed", 0, handles.stale)
  if (extra.pages !== undefined) law("data pages alive = data pages held", world.pages.live, extra.pages)
  return {
    ...totals,
    droppedByReason: named(byReason),
    slabLive: world.slab.live,
    slabFound: handles.found,
    pagesLive: world.pages.live,
    violations
  }
}

/** Which slab handles were seen. */
class Handles {
  found = 0
  twice = 0
  stale = 0
  readonly visit: (handle: number) => void

  constructor(world: World) {
    const seen = new Set<number>()
    this.visit = (handle) => {
      if (!world.slab.isLive(handle)) this.stale++
      else if (seen.has(handle)) this.twice++
      else {
        seen.add(handle)
        this.found++
      }
    }
  }
}

const sum = (values: ReadonlyArray<number>): number => values.reduce((total, value) => total + value, 0)

const named = (byReason: ReadonlyArray<number>): Record<string, number> => {
  const entries = byReason.flatMap((count, reason) => (count > 0 ? [[DropReason.name(reason), count] as const] : []))
  return Object.fromEntries(entries.toSorted(([left], [right]) => (left < right ? -1 : 1)))
}
