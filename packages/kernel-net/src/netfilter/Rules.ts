/**
 * iptables rules as plain data: what a parser of `iptables` commands makes, what `IptablesTable` takes.
 *
 * Addresses are int32, ports 0 to 65,535, ranges include both ends. A packet matches a rule when all its matches hold;
 * `invert` is the `!` of the command line.
 */

export const TABLE_NAMES = ["raw", "mangle", "nat", "filter"] as const
export type TableName = (typeof TABLE_NAMES)[number]

/** States of `--ctstate`, a bit each (Linux: XT_CONNTRACK_STATE_*). */
export const STATE_INVALID = 1
export const STATE_ESTABLISHED = 2
export const STATE_RELATED = 4
export const STATE_NEW = 8
export const STATE_UNTRACKED = 16
export const STATE_SNAT = 32
export const STATE_DNAT = 64

/** Kinds of address of `-m addrtype` (Linux: RTN_*). */
export type AddressKind = "LOCAL" | "UNICAST" | "BROADCAST" | "MULTICAST"

export type Match =
  | { readonly _tag: "Source"; readonly address: number; readonly prefixLength: number; readonly invert: boolean }
  | { readonly _tag: "Destination"; readonly address: number; readonly prefixLength: number; readonly invert: boolean }
  /** Protocol number. */
  | { readonly _tag: "Protocol"; readonly protocol: number; readonly invert: boolean }
  /** A name, or the beginning of one followed by `+`. */
  | { readonly _tag: "InInterface"; readonly name: string; readonly invert: boolean }
  | { readonly _tag: "OutInterface"; readonly name: string; readonly invert: boolean }
  | { readonly _tag: "SourcePorts"; readonly from: number; readonly to: number; readonly invert: boolean }
  | { readonly _tag: "DestinationPorts"; readonly from: number; readonly to: number; readonly invert: boolean }
  /** Of the flags in `mask` exactly those in `set` are on. `--syn` is FIN,SYN,RST,ACK SYN. */
  | { readonly _tag: "TcpFlags"; readonly mask: number; readonly set: number; readonly invert: boolean }
  /** `-m conntrack --ctstate` and `-m state --state`: STATE_* bits. */
  | { readonly _tag: "State"; readonly states: number; readonly invert: boolean }
  /** `code` -1: any. */
  | { readonly _tag: "IcmpType"; readonly type: number; readonly code: number; readonly invert: boolean }
  | { readonly _tag: "Mark"; readonly value: number; readonly mask: number; readonly invert: boolean }
  | {
      readonly _tag: "AddressType"
      readonly side: "source" | "destination"
      readonly kind: AddressKind
      readonly invert: boolean
    }
  /** A token bucket: `amount` packets a `periodNanos`, `burst` at once. */
  | { readonly _tag: "Limit"; readonly amount: number; readonly periodNanos: number; readonly burst: number }
  | { readonly _tag: "StatisticRandom"; readonly probability: number; readonly invert: boolean }
  /** Each `every`-th packet; the counter starts at `packet`, and the packet that turns it to 0 matches. */
  | { readonly _tag: "StatisticNth"; readonly every: number; readonly packet: number; readonly invert: boolean }
  | { readonly _tag: "Comment"; readonly text: string }

export type RejectWith =
  | "icmp-net-unreachable"
  | "icmp-host-unreachable"
  | "icmp-port-unreachable"
  | "icmp-proto-unreachable"
  | "icmp-net-prohibited"
  | "icmp-host-prohibited"
  | "icmp-admin-prohibited"
  | "tcp-reset"

export type Target =
  /** No -j at all: the rule only counts. */
  | { readonly _tag: "Continue" }
  | { readonly _tag: "Accept" }
  | { readonly _tag: "Drop" }
  | { readonly _tag: "Return" }
  | { readonly _tag: "Jump"; readonly chain: string }
  | { readonly _tag: "Goto"; readonly chain: string }
  | { readonly _tag: "Reject"; readonly with: RejectWith }
  /** mark = (mark & ~mask) ^ value (--set-xmark). */
  | { readonly _tag: "Mark"; readonly value: number; readonly mask: number }
  | { readonly _tag: "Log"; readonly prefix: string }
  /** CT --notrack: raw table only. */
  | { readonly _tag: "Notrack" }
  | {
      readonly _tag: "Dnat" | "Snat"
      readonly addressMin: number
      readonly addressMax: number
      /** 0 and 0 for any. */
      readonly portMin: number
      readonly portMax: number
      readonly random: boolean
      readonly persistent: boolean
    }
  | {
      readonly _tag: "Masquerade" | "Redirect"
      readonly portMin: number
      readonly portMax: number
      readonly random: boolean
    }

export interface Rule {
  readonly matches: ReadonlyArray<Match>
  readonly target: Target
}
