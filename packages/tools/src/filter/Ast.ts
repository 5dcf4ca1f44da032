/**
 * What a capture filter means, as data (pcap-filter(7)). `tags` is the number of VLAN tags in front of what a primitive
 * looks at: each `vlan` to its left in the expression adds one.
 */

export type Direction = "src" | "dst" | "either" | "both"

/** Which packets an address is looked for in. */
export type AddressFamily = "any" | "ip" | "arp" | "rarp"

/** Headers that `name[offset:size]` reads from. */
export type Base = "ether" | "ip" | "ip6" | "arp" | "rarp" | "tcp" | "udp" | "icmp" | "icmp6"

export type Arithmetic =
  | { readonly _tag: "Number"; readonly value: number }
  | { readonly _tag: "Length" }
  | {
      readonly _tag: "Load"
      readonly base: Base
      readonly offset: Arithmetic
      readonly size: 1 | 2 | 4
      readonly tags: number
    }
  | { readonly _tag: "Binary"; readonly op: ArithmeticOp; readonly left: Arithmetic; readonly right: Arithmetic }
  | { readonly _tag: "Negate"; readonly of: Arithmetic }

export type ArithmeticOp = "+" | "-" | "*" | "/" | "%" | "&" | "|" | "^" | "<<" | ">>"
export type RelationOp = "=" | "!=" | ">" | "<" | ">=" | "<="

export type Expression =
  | { readonly _tag: "True" }
  | { readonly _tag: "And"; readonly left: Expression; readonly right: Expression }
  | { readonly _tag: "Or"; readonly left: Expression; readonly right: Expression }
  | { readonly _tag: "Not"; readonly of: Expression }
  | {
      readonly _tag: "Address"
      readonly family: AddressFamily
      readonly direction: Direction
      /** int32, and the mask of the bits that count. */
      readonly address: number
      readonly mask: number
      readonly tags: number
    }
  | { readonly _tag: "Ether"; readonly direction: Direction; readonly mac: number }
  | {
      readonly _tag: "Port"
      /** IP protocols it is looked for in. */
      readonly protocols: ReadonlyArray<number>
      readonly direction: Direction
      readonly low: number
      readonly high: number
      readonly tags: number
    }
  /** IP protocol `protocol` over IPv4, IPv6 or both. */
  | {
      readonly _tag: "IpProtocol"
      readonly family: "ip" | "ip6" | "both"
      readonly protocol: number
      readonly tags: number
    }
  | { readonly _tag: "EtherType"; readonly type: number; readonly tags: number }
  | {
      readonly _tag: "Cast"
      readonly layer: "ether" | "ip"
      readonly kind: "broadcast" | "multicast"
      readonly tags: number
    }
  /** A VLAN tag in front of what follows; `id` -1 for any. */
  | { readonly _tag: "Vlan"; readonly id: number; readonly tags: number }
  | { readonly _tag: "Relation"; readonly op: RelationOp; readonly left: Arithmetic; readonly right: Arithmetic }
