/**
 * NAT on top of conntrack: what a flow's packets shall look like is decided once, by its first packet, and stands in the
 * entry's reply tuple; every packet is then rewritten from the tuples, in both directions.
 *
 *     original   10.0.0.2:1000 -> 9.9.9.9:80
 *     reply      9.9.9.9:80 -> 192.0.2.1:1000        (SNAT: the reply's destination is the new source)
 *
 * Linux: nf_nat_setup_info, get_unique_tuple, find_appropriate_src, nf_nat_packet (net/netfilter/nf_nat_core.c),
 * nf_nat_proto_unique_tuple (nf_nat_proto_common.c). Not modelled: helpers, NAT of protocols without ports to ports.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { RandomStream } from "@darkfiber/sim/Random"
import { finish32 } from "@darkfiber/sim/Random"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import {
  type Entry,
  STATUS_DST_NAT,
  STATUS_DST_NAT_DONE,
  STATUS_SRC_NAT,
  STATUS_SRC_NAT_DONE
} from "./ConntrackEntry.ts"
import type { ConntrackTable } from "./ConntrackTable.ts"
import { MANIP_DST, MANIP_SRC } from "./NatPacket.ts"
import { NF_NAT_SETUP_INFO, NF_NAT_USED_TUPLE } from "./Points.ts"
import { invert, Tuple } from "./Tuple.ts"

/** What a translation may choose from (Linux: struct nf_nat_range). */
export interface NatRange {
  /** First and last address, int32. */
  readonly addressMin: number
  readonly addressMax: number
  /** First and last port or ICMP identifier; 0 and 0 leave the choice to NAT. */
  readonly portMin: number
  readonly portMax: number
  /** Ports at random even when the old one is free (--random). */
  readonly random: boolean
  /** The address depends on the source only (--persistent). */
  readonly persistent: boolean
}

/** Where the port searches of a host stand (Linux 3.10: tcp_port_rover and its kin, for all namespaces). */
export class NatRovers {
  tcp = 0
  udp = 0
  icmp = 0
}

/** Attempts of the first round of the random search (Linux: NF_NAT_MAX_ATTEMPTS). */
const ATTEMPTS_MAX = 128
const ATTEMPTS_MIN = 16

export class Nat {
  private readonly table: ConntrackTable
  private readonly rovers: NatRovers
  private readonly random: RandomStream
  private readonly rover: boolean
  private readonly current: Tuple
  private readonly wanted: Tuple
  private readonly probe: Tuple

  /** @param rover the search of 3.10, a rover upwards; otherwise random starts with halving attempts */
  constructor(table: ConntrackTable, rovers: NatRovers, random: RandomStream, rover: boolean) {
    this.table = table
    this.rovers = rovers
    this.random = random
    this.rover = rover
    this.current = new Tuple()
    this.wanted = new Tuple()
    this.probe = new Tuple()
  }

  /**
   * Binds one end of an unconfirmed flow to the range (Linux: nf_nat_setup_info). Afterwards that end is done.
   *
   * @param manip MANIP_SRC or MANIP_DST
   */
  setup(core: Core, entry: Entry, range: NatRange, manip: number): void {
    core.enter(NF_NAT_SETUP_INFO)
    const current = this.current
    const wanted = this.wanted
    invert(entry.reply, current)
    wanted.copy(current)
    this.choose(core, entry, range, manip)
    if (!wanted.equals(current)) {
      invert(wanted, entry.reply)
      entry.status |= manip === MANIP_SRC ? STATUS_SRC_NAT : STATUS_DST_NAT
    }
    if (manip === MANIP_SRC) this.table.linkSource(entry)
    entry.status |= manip === MANIP_SRC ? STATUS_SRC_NAT_DONE : STATUS_DST_NAT_DONE
  }

  /** Binds one end to what it is now, or to another port on a clash (Linux: nf_nat_alloc_null_binding). */
  setupNull(core: Core, entry: Entry, manip: number): void {
    const address = manip === MANIP_SRC ? entry.reply.destination : entry.reply.source
    this.setup(core, entry, addressRange(address), manip)
  }

  /** Leaves the choice in `wanted`, which starts as the tuple without this translation (Linux: get_unique_tuple). */
  private choose(core: Core, entry: Entry, range: NatRange, manip: number): void {
    const wanted = this.wanted
    const now = core.time
    if (manip === MANIP_SRC && !range.random) {
      if (inRange(wanted, range, manip)) {
        if (!this.isUsed(core, wanted, entry, now)) return
      } else if (this.likeBefore(entry, range) && !this.isUsed(core, wanted, entry, now)) return
    }
    wanted.copy(this.current)
    chooseAddress(wanted, range, manip)
    if (!range.random) {
      if (range.portMin !== 0) {
        const fits = portInRange(wanted, range, manip)
        if (fits && (range.portMin === range.portMax || !this.isUsed(core, wanted, entry, now))) return
      } else if (!this.isUsed(core, wanted, entry, now)) return
    }
    this.choosePort(core, entry, range, manip, now)
  }

  /** The mapping another flow of the same source has, with this flow's destination (Linux: find_appropriate_src). */
  private likeBefore(entry: Entry, range: NatRange): boolean {
    const current = this.current
    const wanted = this.wanted
    const net = entry.owner!
    let at = this.table.sourceChain(net, current)
    for (; at !== null; at = at.sourceNext) {
      const original = at.original
      if (at.owner !== net || original.protocol !== current.protocol) continue
      if (original.source !== current.source || original.ports >>> 16 !== current.ports >>> 16) continue
      invert(at.reply, wanted)
      wanted.destination = current.destination
      wanted.ports = (wanted.ports & ~0xffff) | (current.ports & 0xffff)
      if (inRange(wanted, range, MANIP_SRC)) return true
    }
    return false
  }

  /** Linux: nf_nat_proto_unique_tuple and icmp_unique_tuple; nf_nat_l4proto_unique_tuple since 5.0. */
  private choosePort(core: Core, entry: Entry, range: NatRange, manip: number, now: number): void {
    const wanted = this.wanted
    const isIcmp = wanted.protocol === Ipv4.PROTOCOL_ICMP
    if (!isIcmp && wanted.protocol !== Ipv4.PROTOCOL_TCP && wanted.protocol !== Ipv4.PROTOCOL_UDP) return
    let low = range.portMin
    let size = range.portMax - range.portMin + 1
    if (range.portMin === 0) {
      if (isIcmp) {
        low = 0
        size = 65_535
      } else if (manip === MANIP_DST) return // a destination port is never chosen freely
      else {
        const port = wanted.ports >>> 16
        low = port >= 1024 ? 1024 : port < 512 ? 1 : 600
        size = (port >= 1024 ? 65_535 : port < 512 ? 511 : 1023) - low + 1
      }
    }
    const end = isIcmp ? MANIP_SRC : manip // the identifier stands in the source part whichever end is meant
    if (this.rover) this.searchFromRover(core, entry, low, size, end, range.random, now)
    else this.searchAtRandom(core, entry, low, size, end, now)
  }

  private searchFromRover(
    core: Core,
    entry: Entry,
    low: number,
    size: number,
    manip: number,
    random: boolean,
    now: number
  ): void {
    const wanted = this.wanted
    let offset = random ? this.random.below(65_536) : this.roverOf(wanted.protocol)
    for (let i = 1; ; i++) {
      setPort(wanted, manip, low + (offset % size))
      if (i === size || !this.isUsed(core, wanted, entry, now)) break
      offset = (offset + 1) & 0xffff
    }
    if (!random) this.setRover(wanted.protocol, offset)
  }

  private searchAtRandom(core: Core, entry: Entry, low: number, size: number, manip: number, now: number): void {
    const wanted = this.wanted
    let attempts = size > ATTEMPTS_MAX ? ATTEMPTS_MAX : size
    for (;;) {
      let offset = this.random.below(65_536)
      for (let i = 0; i < attempts; i++) {
        setPort(wanted, manip, low + (offset % size))
        if (!this.isUsed(core, wanted, entry, now)) return
        offset = (offset + 1) & 0xffff
      }
      if (attempts >= size || attempts < ATTEMPTS_MIN) return // a clash at confirmation drops the packet
      attempts >>= 1
    }
  }

  /** Whether another flow's replies look like this one's would (Linux: nf_nat_used_tuple). */
  private isUsed(core: Core, tuple: Tuple, entry: Entry, now: number): boolean {
    core.charge(core.costs[NF_NAT_USED_TUPLE]!)
    invert(tuple, this.probe)
    return this.table.isTaken(entry.owner!, this.probe, entry, now)
  }

  private roverOf(protocol: number): number {
    if (protocol === Ipv4.PROTOCOL_TCP) return this.rovers.tcp
    return protocol === Ipv4.PROTOCOL_UDP ? this.rovers.udp : this.rovers.icmp
  }

  private setRover(protocol: number, offset: number): void {
    if (protocol === Ipv4.PROTOCOL_TCP) this.rovers.tcp = offset
    else if (protocol === Ipv4.PROTOCOL_UDP) this.rovers.udp = offset
    else this.rovers.icmp = offset
  }
}

/** A range of one address and any port. */
export const addressRange = (address: number): NatRange => ({
  addressMin: address,
  addressMax: address,
  portMin: 0,
  portMax: 0,
  random: false,
  persistent: false
})

const setPort = (tuple: Tuple, manip: number, port: number): void => {
  tuple.ports = manip === MANIP_SRC ? (tuple.ports & 0xffff) | (port << 16) : (tuple.ports & ~0xffff) | (port & 0xffff)
}

const portInRange = (tuple: Tuple, range: NatRange, manip: number): boolean => {
  const source = manip === MANIP_SRC || tuple.protocol === Ipv4.PROTOCOL_ICMP
  const port = source ? tuple.ports >>> 16 : tuple.ports & 0xffff
  return port >= range.portMin && port <= range.portMax
}

const inRange = (tuple: Tuple, range: NatRange, manip: number): boolean => {
  const address = (manip === MANIP_SRC ? tuple.source : tuple.destination) >>> 0
  if (address < range.addressMin >>> 0 || address > range.addressMax >>> 0) return false
  return range.portMin === 0 || portInRange(tuple, range, manip)
}

/** Spreads flows over the addresses by their ends: the same client keeps its address (Linux: find_best_ips_proto). */
const chooseAddress = (tuple: Tuple, range: NatRange, manip: number): void => {
  const low = range.addressMin >>> 0
  const count = (range.addressMax >>> 0) - low + 1
  let address = range.addressMin
  if (count > 1) {
    const other = range.persistent ? 0 : tuple.destination
    const mixed = finish32(tuple.source ^ Math.imul(other, 0x9e3779b1)) >>> 0
    address = (low + Math.floor((mixed * count) / 4294967296)) | 0
  }
  if (manip === MANIP_SRC) tuple.source = address
  else tuple.destination = address
}
