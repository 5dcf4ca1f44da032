/**
 * The neighbour state machine (RFC 4861 §7.3 as Linux uses it for ARP): a pure step.
 *
 * ```
 *            Send                    Reply
 *   None ───────────→ Incomplete ─────────────→ Reachable ──time──→ Stale
 *    ↑  Failed ─Send─→  │  │ 3 requests              ↑  ↖ Confirm     │ Send
 *    └──────────────────┘  ↓ unanswered              │    └────────── Delay
 *                        Failed ←── 3 unicasts ── Probe ←──── 5 s ─────┘
 *   Permanent, NoArp: set by hand or by the device, never time out
 * ```
 *
 * Linux: neigh_timer_handler, __neigh_event_send, neigh_update (net/core/neighbour.c).
 */

export type State =
  | { readonly _tag: "None" }
  | { readonly _tag: "Incomplete"; readonly tries: number }
  | { readonly _tag: "Reachable"; readonly mac: number; readonly confirmedAt: number }
  | { readonly _tag: "Stale"; readonly mac: number }
  | { readonly _tag: "Delay"; readonly mac: number; readonly since: number; readonly confirmedAt: number }
  | { readonly _tag: "Probe"; readonly mac: number; readonly tries: number; readonly confirmedAt: number }
  | { readonly _tag: "Failed" }
  | { readonly _tag: "Permanent"; readonly mac: number }
  | { readonly _tag: "NoArp"; readonly mac: number }

export type Tag = State["_tag"]

export type Event =
  /** A packet wants to go there. */
  | { readonly _tag: "Send" }
  | { readonly _tag: "Timer" }
  /** An ARP packet names the address: a solicited reply proves the way back, anything else does not. */
  | { readonly _tag: "Learn"; readonly mac: number; readonly solicited: boolean; readonly override: boolean }
  /** An upper layer has proof that the neighbour answers (TCP's ACKs). */
  | { readonly _tag: "Confirm" }
  /** The user sets a permanent entry. */
  | { readonly _tag: "Set"; readonly mac: number }
  /** The user removes it, or the device goes down. */
  | { readonly _tag: "Invalidate" }

export type EventTag = Event["_tag"]

export interface Timing {
  /** ns, already drawn at random. */
  readonly reachable: number
  readonly retrans: number
  readonly delayProbe: number
  readonly ucastProbes: number
  readonly mcastProbes: number
  /** When it was last used to send, ns. */
  readonly usedAt: number
}

/** What the table has to do; times are absolute ns. */
export interface Step {
  readonly next: State
  /** Arms the timer; 0 stops it; -1 leaves it. */
  readonly timerAt: number
  /** Asks who has the address: everybody, or the known MAC. */
  readonly solicit: "none" | "broadcast" | "unicast"
  /** The address is known: sends what waits. */
  readonly flush: boolean
  /** The address cannot be found: what waits fails with host unreachable. */
  readonly fail: boolean
}

const stay = (state: State): Step => ({ next: state, timerAt: -1, solicit: "none", flush: false, fail: false })
const go = (next: State, timerAt: number): Step => ({ next, timerAt, solicit: "none", flush: false, fail: false })

/** True for states in which a packet may leave (Linux: NUD_VALID). */
export const isValid = (state: State): boolean => {
  switch (state._tag) {
    case "Reachable":
    case "Stale":
    case "Delay":
    case "Probe":
    case "Permanent":
    case "NoArp":
      return true
    case "None":
    case "Incomplete":
    case "Failed":
      return false
    default:
      return state satisfies never
  }
}

/** True for states in which the cached header is used without a look at the state (Linux: NUD_CONNECTED). */
export const isConnected = (state: State): boolean =>
  state._tag === "Reachable" || state._tag === "Permanent" || state._tag === "NoArp"

/** The MAC of a state, -1 when it has none. */
export const macOf = (state: State): number => ("mac" in state ? state.mac : -1)

/** The neighbour's next state and what is to be done. */
export const step = (state: State, event: Event, timing: Timing, now: number): Step => {
  switch (event._tag) {
    case "Send":
      return onSend(state, timing, now)
    case "Timer":
      return onTimer(state, timing, now)
    case "Learn":
      return onLearn(state, event.mac, event.solicited, event.override, timing, now)
    case "Confirm":
      return onConfirm(state, timing, now)
    case "Set":
      return { ...go({ _tag: "Permanent", mac: event.mac }, 0), flush: !isValid(state) }
    case "Invalidate":
      return { ...go({ _tag: "Failed" }, 0), fail: state._tag === "Incomplete" }
    default:
      return event satisfies never
  }
}

/** Linux: __neigh_event_send. */
const onSend = (state: State, timing: Timing, now: number): Step => {
  switch (state._tag) {
    case "None":
    case "Failed":
      if (timing.mcastProbes === 0) return { ...go({ _tag: "Failed" }, 0), fail: true }
      return {
        ...go({ _tag: "Incomplete", tries: 1 }, now + atLeastHalfSecond(timing.retrans)),
        solicit: "broadcast"
      }
    case "Stale":
      return go({ _tag: "Delay", mac: state.mac, since: now, confirmedAt: 0 }, now + timing.delayProbe)
    case "Incomplete":
    case "Reachable":
    case "Delay":
    case "Probe":
    case "Permanent":
    case "NoArp":
      return stay(state)
    default:
      return state satisfies never
  }
}

/** Linux: neigh_timer_handler. */
const onTimer = (state: State, timing: Timing, now: number): Step => {
  switch (state._tag) {
    case "Incomplete":
      if (state.tries >= timing.mcastProbes) return { ...go({ _tag: "Failed" }, 0), fail: true }
      return {
        ...go({ _tag: "Incomplete", tries: state.tries + 1 }, now + atLeastHalfSecond(timing.retrans)),
        solicit: "broadcast"
      }
    case "Reachable": {
      const until = state.confirmedAt + timing.reachable
      if (now < until) return go(state, until)
      if (now <= timing.usedAt + timing.delayProbe) {
        return go(
          { _tag: "Delay", mac: state.mac, since: now, confirmedAt: state.confirmedAt },
          now + timing.delayProbe
        )
      }
      return go({ _tag: "Stale", mac: state.mac }, 0)
    }
    case "Delay":
      if (state.confirmedAt > 0 && now <= state.confirmedAt + timing.delayProbe) {
        const next: State = { _tag: "Reachable", mac: state.mac, confirmedAt: state.confirmedAt }
        return go(next, state.confirmedAt + timing.reachable)
      }
      return probe(state.mac, 1, state.confirmedAt, timing, now)
    case "Probe":
      if (state.tries >= timing.ucastProbes) return { ...go({ _tag: "Failed" }, 0), fail: true }
      return probe(state.mac, state.tries + 1, state.confirmedAt, timing, now)
    case "None":
    case "Stale":
    case "Failed":
    case "Permanent":
    case "NoArp":
      return stay(state)
    default:
      return state satisfies never
  }
}

const probe = (mac: number, tries: number, confirmedAt: number, timing: Timing, now: number): Step => ({
  ...go({ _tag: "Probe", mac, tries, confirmedAt }, now + atLeastHalfSecond(timing.retrans)),
  solicit: "unicast"
})

/** Linux: neigh_update. */
const onLearn = (
  state: State,
  mac: number,
  solicited: boolean,
  override: boolean,
  timing: Timing,
  now: number
): Step => {
  switch (state._tag) {
    case "Permanent":
    case "NoArp":
      return stay(state)
    case "None":
    case "Incomplete":
    case "Failed":
      return { ...learned(mac, solicited, timing, now), flush: true }
    case "Reachable":
    case "Stale":
    case "Delay":
    case "Probe":
      if (mac !== state.mac && !override) return stay(state)
      // An unproven mention of the known address changes nothing while the entry is proven.
      if (mac === state.mac && !solicited && state._tag === "Reachable") return stay(state)
      return learned(mac, solicited, timing, now)
    default:
      return state satisfies never
  }
}

const learned = (mac: number, solicited: boolean, timing: Timing, now: number): Step =>
  solicited ? go({ _tag: "Reachable", mac, confirmedAt: now }, now + timing.reachable) : go({ _tag: "Stale", mac }, 0)

/** Linux: dst_confirm; the timer draws the conclusion, but for PROBE, which ends at once. */
const onConfirm = (state: State, timing: Timing, now: number): Step => {
  switch (state._tag) {
    case "Reachable":
      return { ...stay(state), next: { _tag: "Reachable", mac: state.mac, confirmedAt: now } }
    case "Delay":
      return { ...stay(state), next: { _tag: "Delay", mac: state.mac, since: state.since, confirmedAt: now } }
    case "Probe":
      return go({ _tag: "Reachable", mac: state.mac, confirmedAt: now }, now + timing.reachable)
    case "None":
    case "Incomplete":
    case "Stale":
    case "Failed":
    case "Permanent":
    case "NoArp":
      return stay(state)
    default:
      return state satisfies never
  }
}

const HALF_SECOND = 500_000_000
const atLeastHalfSecond = (ns: number): number => (ns < HALF_SECOND ? HALF_SECOND : ns)
