/**
 * The matches of iptables rules beyond the IP part, one class each.
 *
 * Linux: net/netfilter/xt_tcpudp.c, xt_conntrack.c, xt_mark.c, xt_addrtype.c, xt_limit.c, xt_statistic.c.
 */
import type { RandomStream } from "@darkfiber/sim/Random"
import * as Bytes from "@darkfiber/wire/Bytes"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Tcp from "@darkfiber/wire/Tcp"
import type { SkBuff } from "../SkBuff.ts"
import { entryOf } from "./Conntrack.ts"
import {
  INFO_ESTABLISHED,
  INFO_ESTABLISHED_REPLY,
  INFO_NEW,
  INFO_RELATED,
  INFO_RELATED_REPLY,
  INFO_UNTRACKED,
  STATUS_DST_NAT,
  STATUS_SRC_NAT
} from "./ConntrackEntry.ts"
import type { Environment } from "./Environment.ts"
import type { Extension, PacketView } from "./PacketView.ts"
import * as Rules from "./Rules.ts"

/** A name to compare with, or the beginning of one. */
export class InterfaceMatch implements Extension {
  private readonly name: string
  private readonly isPrefix: boolean
  private readonly incoming: boolean
  private readonly invert: boolean

  constructor(name: string, incoming: boolean, invert: boolean) {
    this.isPrefix = name.endsWith("+")
    this.name = this.isPrefix ? name.slice(0, -1) : name
    this.incoming = incoming
    this.invert = invert
  }

  matches(packet: PacketView): boolean {
    const name = this.incoming ? packet.inName : packet.outName
    return (this.isPrefix ? name.startsWith(this.name) : name === this.name) !== this.invert
  }
}

export class PortsMatch implements Extension {
  private readonly offset: number
  private readonly from: number
  private readonly to: number
  private readonly invert: boolean

  constructor(offset: number, from: number, to: number, invert: boolean) {
    this.offset = offset
    this.from = from
    this.to = to
    this.invert = invert
  }

  matches(packet: PacketView): boolean {
    if (!packet.hasTransport(8)) return false
    const port = Bytes.u16(packet.bytes, packet.transport + this.offset)
    return (port >= this.from && port <= this.to) !== this.invert
  }
}

export class TcpFlagsMatch implements Extension {
  private readonly mask: number
  private readonly set: number
  private readonly invert: boolean

  constructor(mask: number, set: number, invert: boolean) {
    this.mask = mask
    this.set = set
    this.invert = invert
  }

  matches(packet: PacketView): boolean {
    if (!packet.hasTransport(Tcp.headerBytes)) return false
    return ((Tcp.flags(packet.bytes, packet.transport) & this.mask) === this.set) !== this.invert
  }
}

export class IcmpMatch implements Extension {
  private readonly type: number
  private readonly code: number
  private readonly invert: boolean

  constructor(type: number, code: number, invert: boolean) {
    this.type = type
    this.code = code
    this.invert = invert
  }

  matches(packet: PacketView): boolean {
    if (!packet.hasTransport(4)) return false
    const hit =
      Icmp.type(packet.bytes, packet.transport) === this.type &&
      (this.code < 0 || Icmp.code(packet.bytes, packet.transport) === this.code)
    return hit !== this.invert
  }
}

export class StateMatch implements Extension {
  private readonly states: number
  private readonly invert: boolean

  constructor(states: number, invert: boolean) {
    this.states = states
    this.invert = invert
  }

  matches(packet: PacketView): boolean {
    return ((stateOf(packet.skb!) & this.states) !== 0) !== this.invert
  }
}

/** STATE_* bits of a buffer (Linux: conntrack_mt, net/netfilter/xt_conntrack.c). */
export const stateOf = (skb: SkBuff): number => {
  const entry = entryOf(skb)
  if (entry === null) return skb.conntrackInfo === INFO_UNTRACKED ? Rules.STATE_UNTRACKED : Rules.STATE_INVALID
  const nat =
    ((entry.status & STATUS_SRC_NAT) !== 0 ? Rules.STATE_SNAT : 0) |
    ((entry.status & STATUS_DST_NAT) !== 0 ? Rules.STATE_DNAT : 0)
  switch (skb.conntrackInfo) {
    case INFO_NEW:
      return nat | Rules.STATE_NEW
    case INFO_ESTABLISHED:
    case INFO_ESTABLISHED_REPLY:
      return nat | Rules.STATE_ESTABLISHED
    case INFO_RELATED:
    case INFO_RELATED_REPLY:
      return nat | Rules.STATE_RELATED
    default:
      return nat | Rules.STATE_INVALID
  }
}

export class MarkMatch implements Extension {
  private readonly value: number
  private readonly mask: number
  private readonly invert: boolean

  constructor(value: number, mask: number, invert: boolean) {
    this.value = value
    this.mask = mask
    this.invert = invert
  }

  matches(packet: PacketView): boolean {
    return ((packet.skb!.mark & this.mask) === (this.value | 0)) !== this.invert
  }
}

export class AddressTypeMatch implements Extension {
  private readonly environment: Environment
  private readonly isSource: boolean
  private readonly kind: Rules.AddressKind
  private readonly invert: boolean

  constructor(environment: Environment, isSource: boolean, kind: Rules.AddressKind, invert: boolean) {
    this.environment = environment
    this.isSource = isSource
    this.kind = kind
    this.invert = invert
  }

  matches(packet: PacketView): boolean {
    const address = this.isSource ? packet.source : packet.destination
    return (this.environment.addressKind(packet.net!, address) === this.kind) !== this.invert
  }
}

/** A token bucket in nanoseconds (Linux: limit_mt, net/netfilter/xt_limit.c). */
export class LimitMatch implements Extension {
  private readonly cost: number
  private readonly creditMax: number
  private credit: number
  private last: number

  constructor(amount: number, periodNanos: number, burst: number) {
    this.cost = Math.round(periodNanos / amount)
    this.creditMax = this.cost * burst
    this.credit = this.creditMax
    this.last = 0
  }

  matches(packet: PacketView): boolean {
    const credit = this.credit + (packet.time - this.last)
    this.last = packet.time
    this.credit = credit > this.creditMax ? this.creditMax : credit
    if (this.credit < this.cost) return false
    this.credit -= this.cost
    return true
  }
}

export class RandomMatch implements Extension {
  private readonly random: RandomStream
  private readonly probability: number
  private readonly invert: boolean

  constructor(random: RandomStream, probability: number, invert: boolean) {
    this.random = random
    this.probability = probability
    this.invert = invert
  }

  matches(): boolean {
    return this.random.chance(this.probability) !== this.invert
  }
}

export class NthMatch implements Extension {
  private readonly every: number
  private readonly invert: boolean
  private count: number

  constructor(every: number, packet: number, invert: boolean) {
    this.every = every
    this.invert = invert
    this.count = packet
  }

  matches(): boolean {
    this.count = this.count + 1 >= this.every ? 0 : this.count + 1
    return (this.count === 0) !== this.invert
  }
}
