/**
 * An IPv4 router for leaf-spine fabrics (an L3 switch): longest prefix routes with equal-cost groups chosen by a hash of
 * the flow, time to live, new Ethernet addresses, ARP for its neighbours, the output queues and ECN of a switch.
 *
 *     good IPv4 for us? -> own address: echo reply -> TTL -> route -> fits, or cut -> neighbour -> output queue
 *
 * Errors come back as ICMP from the address of the port the packet came in on, or any own one if it has none.
 */
import type { Island } from "@darkfiber/sim/Island"
import { finish32, hashText } from "@darkfiber/sim/Random"
import { i32 } from "@darkfiber/wire/Bytes"
import * as Arp from "@darkfiber/wire/Arp"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import { Fabric, type FabricOptions } from "../fabric/Fabric.ts"
import { KIND_PORT_OWN, type LinkEnd } from "../link/LinkEnd.ts"
import * as Reasons from "../Reasons.ts"
import * as Neighbour from "./Neighbour.ts"
import * as RouterFragment from "./RouterFragment.ts"
import * as RouterIcmp from "./RouterIcmp.ts"
import { type Group, type Hop, maskOf, RouteTable } from "./RouteTable.ts"

/** ARP asks again: `a` is the neighbour's index. */
const KIND_ARP = KIND_PORT_OWN
const HEADER = 14
const OWN_BITS = 4096
const ARP_FRAME = HEADER + Arp.packetBytes

export interface PortOptions {
  /** 48-bit number. */
  readonly mac: number
  /** Int32 address of the router in this network, 0 for none. */
  readonly address: number
  readonly prefixLength: number
  /** Largest IP packet, bytes. */
  readonly mtu: number
}

class Port {
  readonly high: number
  readonly low: number
  readonly mac: number
  readonly address: number
  readonly mtu: number

  constructor(options: PortOptions) {
    this.mac = options.mac
    this.high = Math.floor(options.mac / 0x1_0000_0000)
    this.low = options.mac | 0
    this.address = options.address
    this.mtu = options.mtu
  }
}

export class Router extends Fabric {
  readonly routes: RouteTable
  readonly neighbours: Neighbour.Neighbours
  /** Packets forwarded, those among them that were cut, and ICMP errors sent. */
  forwarded: number
  fragmented: number
  errorsSent: number
  private readonly ports: Array<Port>
  /** Bits of hashes of the own addresses: most packets are for others, and need no look at every port. */
  private readonly ownBits: Int32Array
  private readonly seed: number
  private readonly budget: RouterIcmp.ErrorBudget

  constructor(island: Island, name: string, options: Partial<FabricOptions> = {}) {
    super(island, name, options)
    this.routes = new RouteTable((port) => this.isUp(port))
    this.neighbours = new Neighbour.Neighbours()
    this.forwarded = 0
    this.fragmented = 0
    this.errorsSent = 0
    this.ports = []
    this.ownBits = new Int32Array(OWN_BITS >> 5)
    this.seed = hashText(`${name}/ecmp`, island.world.seed | 0)
    this.budget = new RouterIcmp.ErrorBudget()
  }

  /** Plugs a cable into the next port and gives it its addresses; the network becomes a connected route. */
  addPort(end: LinkEnd, options: PortOptions): number {
    const port = this.plug(end)
    this.ports.push(new Port(options))
    const bit = ownBit(options.address)
    this.ownBits[bit >> 5] = this.ownBits[bit >> 5]! | (1 << (bit & 31))
    this.routes.refresh()
    if (options.address !== 0) this.routes.set(options.address, options.prefixLength, [{ port, gateway: 0 }])
    return port
  }

  /** Sets the route to a prefix; several hops share its flows by hash. No hops: takes it away. */
  setRoute(prefix: number, length: number, hops: ReadonlyArray<Hop>): void {
    this.routes.set(prefix, length, hops)
  }

  /** Knows a neighbour without ARP. */
  setNeighbour(port: number, address: number, mac: number): void {
    const entry = this.neighbours.get(port, address)
    entry.isStatic = true
    entry.high = Math.floor(mac / 0x1_0000_0000)
    entry.low = mac | 0
    entry.state = Neighbour.REACHABLE
  }

  override walkFrames(visit: (weight: number) => void): void {
    super.walkFrames(visit)
    for (const entry of this.neighbours.all) for (let i = 0; i < entry.waiting.length; i++) visit(1)
  }

  override walkHandles(visit: (handle: number) => void): void {
    super.walkHandles(visit)
    for (const entry of this.neighbours.all) for (const frame of entry.waiting) visit(frame)
  }

  override abandon(reason: number): void {
    for (const entry of this.neighbours.all) this.dropWaiting(entry, reason)
    super.abandon(reason)
  }

  protected override carrierChanged(): void {
    this.routes.refresh()
  }

  protected override frame(frame: number, port: number, now: number): void {
    const slab = this.slab
    const length = slab.length[frame]!
    if (length < HEADER) {
      this.end(frame, Reasons.FRAME_TOO_SHORT)
      return
    }
    const bytes = slab.bytes
    const at = slab.start[frame]!
    const type = Ethernet.etherType(bytes, at)
    const own = this.ports[port]!
    const isOurs = MacAddress.low32(bytes, at) === own.low && MacAddress.high16(bytes, at) === own.high
    if (type === Ethernet.ETHERTYPE_IPV4 && isOurs) this.ipv4(frame, port, at + HEADER, at + length, now)
    else if (type === Ethernet.ETHERTYPE_ARP && length >= ARP_FRAME && (isOurs || (bytes[at]! & 1) !== 0)) {
      this.arp(frame, port, at + HEADER, now)
    } else this.end(frame, Reasons.NOT_FOR_ROUTER)
  }

  // ---- forwarding ----

  private ipv4(frame: number, port: number, ip: number, end: number, now: number): void {
    const bytes = this.slab.bytes
    const fault = headerFault(bytes, ip, end)
    if (fault >= 0) {
      this.end(frame, fault)
      return
    }
    const destination = Ipv4.destination(bytes, ip)
    if (this.isOwnAddress(destination)) {
      this.local(frame, ip, now)
      return
    }
    if (Ipv4.timeToLive(bytes, ip) <= 1) {
      this.complain(frame, port, Icmp.TYPE_TIME_EXCEEDED, Icmp.CODE_TTL_EXCEEDED, 0, now)
      this.end(frame, Reasons.TTL_EXCEEDED)
      return
    }
    const group = destination >>> 28 >= 14 ? null : this.routes.lookup(destination)
    if (group === null) {
      this.complain(frame, port, Icmp.TYPE_DESTINATION_UNREACHABLE, Icmp.CODE_NET_UNREACHABLE, 0, now)
      this.end(frame, Reasons.IP_OUTNOROUTES)
      return
    }
    const hop = this.choose(group, bytes, ip, end)
    const mtu = this.ports[hop.port]!.mtu
    if (Ipv4.totalLength(bytes, ip) > mtu) {
      this.tooBig(frame, port, hop, now)
      return
    }
    Ipv4.decrementTimeToLive(bytes, ip)
    this.forwarded++
    this.toHop(frame, hop, destination, now)
  }

  /** Longer than the next link takes: told to the sender if it asked for that (DF), else cut. Linux: ip_exceeds_mtu */
  private tooBig(frame: number, port: number, hop: Hop, now: number): void {
    const { slab } = this
    const ip = slab.start[frame]! + HEADER
    const { mtu } = this.ports[hop.port]!
    if (Ipv4.dontFragment(slab.bytes, ip)) {
      this.complain(frame, port, Icmp.TYPE_DESTINATION_UNREACHABLE, Icmp.CODE_FRAGMENTATION_NEEDED, mtu, now)
      this.end(frame, Reasons.PKT_TOO_BIG)
      return
    }
    if (RouterFragment.room(slab.bytes, ip, mtu) <= 0) {
      this.end(frame, Reasons.PKT_TOO_BIG)
      return
    }
    Ipv4.decrementTimeToLive(slab.bytes, ip)
    this.forwarded++
    this.fragmented++
    const destination = Ipv4.destination(slab.bytes, ip)
    const pieces = RouterFragment.cut(slab, frame, mtu)
    // One packet is several now.
    this.island.ledger.created += pieces.length - 1
    slab.free(frame)
    for (const piece of pieces) this.toHop(piece, hop, destination, now)
  }

  /** One of the equal hops, the same one for each packet of a flow; fragments go by their addresses. */
  private choose(group: Group, bytes: Uint8Array, ip: number, end: number): Hop {
    const live = group.live
    if (live.length === 1) return live[0]!
    let hash = Math.imul(this.seed ^ i32(bytes, ip + 12), 0x85ebca6b)
    hash = Math.imul((hash ^ (hash >>> 15)) + i32(bytes, ip + 16), 0xc2b2ae35) ^ bytes[ip + 9]!
    const ports = ip + Ipv4.headerLength(bytes, ip)
    const protocol = bytes[ip + 9]!
    const hasPorts = protocol === Ipv4.PROTOCOL_TCP || protocol === Ipv4.PROTOCOL_UDP
    if (hasPorts && end - ports >= 4 && !Ipv4.isFragment(bytes, ip)) hash ^= Math.imul(i32(bytes, ports), 0x27d4eb2f)
    return live[((finish32(hash) >>> 8) * live.length) >>> 24]!
  }

  private toHop(frame: number, hop: Hop, destination: number, now: number): void {
    const entry = this.neighbours.get(hop.port, hop.gateway === 0 ? destination : hop.gateway)
    if (entry.state === Neighbour.REACHABLE) this.deliverTo(frame, entry, now)
    else if (entry.waiting.length >= Neighbour.QUEUE_MAX) this.end(frame, Reasons.NEIGH_QUEUEFULL)
    else {
      entry.waiting.push(frame)
      if (entry.state === Neighbour.NONE) this.solicit(entry, now)
    }
  }

  private deliverTo(frame: number, entry: Neighbour.Neighbour, now: number): void {
    const bytes = this.slab.bytes
    const at = this.slab.start[frame]!
    const port = this.ports[entry.port]!
    MacAddress.setHalves(bytes, at, entry.high, entry.low)
    MacAddress.setHalves(bytes, at + 6, port.high, port.low)
    this.out(frame, entry.port, now)
  }

  private isOwnAddress(address: number): boolean {
    const bit = ownBit(address)
    if ((this.ownBits[bit >> 5]! & (1 << (bit & 31))) === 0) return false
    const ports = this.ports
    for (let i = 0; i < ports.length; i++) if (ports[i]!.address === address && address !== 0) return true
    return false
  }

  // ---- for the router itself ----

  private local(frame: number, ip: number, now: number): void {
    const bytes = this.slab.bytes
    const icmp = ip + Ipv4.headerLength(bytes, ip)
    const length = Ipv4.payloadLength(bytes, ip)
    const isEcho =
      Ipv4.protocol(bytes, ip) === Ipv4.PROTOCOL_ICMP &&
      !Ipv4.isFragment(bytes, ip) &&
      length >= Icmp.headerBytes &&
      Icmp.type(bytes, icmp) === Icmp.TYPE_ECHO_REQUEST &&
      Icmp.verifyChecksum(bytes, icmp, length)
    if (!isEcho) {
      this.end(frame, Reasons.NOT_FOR_ROUTER)
      return
    }
    this.island.ledger.delivered++
    this.island.ledger.created++
    RouterIcmp.toEchoReply(bytes, ip)
    this.sendOwn(frame, Ipv4.destination(bytes, ip), now)
  }

  /** Sends an ICMP error about `frame`, if one may be sent; the frame stays the caller's. */
  private complain(frame: number, port: number, type: number, code: number, word: number, now: number): void {
    const slab = this.slab
    const at = slab.start[frame]!
    const ip = at + HEADER
    const from = this.addressFor(port)
    if (from === 0 || !RouterIcmp.mayComplain(slab.bytes, at, ip, at + slab.length[frame]!)) return
    if (this.isOwnAddress(Ipv4.source(slab.bytes, ip)) || !this.budget.take(now)) return
    const made = RouterIcmp.errorFrame(slab, frame, ip, type, code, word, from)
    this.island.ledger.created++
    this.errorsSent++
    this.sendOwn(made, Ipv4.source(slab.bytes, ip), now)
  }

  /** The port's address, or, of one without, another of the router's (Linux: inet_select_addr). */
  private addressFor(port: number): number {
    const { address } = this.ports[port]!
    if (address !== 0) return address
    for (const each of this.ports) if (each.address !== 0) return each.address
    return 0
  }

  private sendOwn(frame: number, destination: number, now: number): void {
    const group = this.routes.lookup(destination)
    if (group === null) {
      this.end(frame, Reasons.IP_OUTNOROUTES)
      return
    }
    const at = this.slab.start[frame]!
    const hop = this.choose(group, this.slab.bytes, at + HEADER, at + this.slab.length[frame]!)
    this.toHop(frame, hop, destination, now)
  }

  // ---- ARP ----

  private arp(frame: number, port: number, at: number, now: number): void {
    const bytes = this.slab.bytes
    const own = this.ports[port]!
    if (!Arp.isIpv4OverEthernet(bytes, at)) {
      this.end(frame, Reasons.NOT_FOR_ROUTER)
      return
    }
    const sender = Arp.senderIp(bytes, at)
    const isForUs = own.address !== 0 && Arp.targetIp(bytes, at) === own.address
    const entry = isForUs && sender !== 0 ? this.neighbours.get(port, sender) : this.neighbours.find(port, sender)
    this.island.ledger.delivered++
    const isRequest = Arp.operation(bytes, at) === Arp.REQUEST && isForUs
    const mac = Arp.senderMac(bytes, at)
    if (isRequest) this.answer(port, mac, sender, this.slab.trace[frame]!, now)
    this.slab.free(frame)
    if (entry === undefined || entry.isStatic) return
    entry.high = Math.floor(mac / 0x1_0000_0000)
    entry.low = mac | 0
    this.reached(entry, now)
  }

  private reached(entry: Neighbour.Neighbour, now: number): void {
    entry.state = Neighbour.REACHABLE
    entry.tries = 0
    for (const frame of entry.waiting.splice(0)) this.deliverTo(frame, entry, now)
  }

  private answer(port: number, mac: number, address: number, cause: number, now: number): void {
    const own = this.ports[port]!
    const frame = this.newArp(mac, own.mac, cause)
    const at = this.slab.start[frame]! + HEADER
    Arp.write(this.slab.bytes, at, Arp.REPLY, own.mac, own.address, mac, address)
    this.out(frame, port, now)
  }

  /** @param cause trace id of the frame that is why */
  private newArp(to: number, from: number, cause: number): number {
    const frame = this.slab.alloc(ARP_FRAME)
    this.slab.trace[frame] = this.island.trace.child(cause)
    this.island.ledger.created++
    Ethernet.write(this.slab.bytes, this.slab.start[frame]!, to, from, Ethernet.ETHERTYPE_ARP)
    return frame
  }

  private solicit(entry: Neighbour.Neighbour, now: number): void {
    const own = this.ports[entry.port]!
    entry.state = Neighbour.INCOMPLETE
    entry.tries++
    const [waiting] = entry.waiting
    const cause = waiting === undefined ? 0 : this.slab.trace[waiting]!
    const frame = this.newArp(MacAddress.broadcast, own.mac, cause)
    const at = this.slab.start[frame]! + HEADER
    Arp.write(this.slab.bytes, at, Arp.REQUEST, own.mac, own.address, 0, entry.address)
    this.out(frame, entry.port, now)
    this.schedule(now + Neighbour.RETRY_NS, this.slot, KIND_ARP, this.neighbours.all.indexOf(entry), 0)
  }

  protected override own(kind: number, a: number, _b: number, now: number): void {
    const entry = this.neighbours.all[a]
    if (kind !== KIND_ARP || entry === undefined || entry.state !== Neighbour.INCOMPLETE) return
    if (entry.tries < Neighbour.TRIES_MAX) {
      this.solicit(entry, now)
      return
    }
    entry.state = Neighbour.NONE
    entry.tries = 0
    for (const frame of entry.waiting.splice(0)) {
      this.complain(frame, entry.port, Icmp.TYPE_DESTINATION_UNREACHABLE, Icmp.CODE_HOST_UNREACHABLE, 0, now)
      this.end(frame, Reasons.NEIGH_FAILED)
    }
  }

  private dropWaiting(entry: Neighbour.Neighbour, reason: number): void {
    for (const frame of entry.waiting.splice(0)) this.end(frame, reason)
  }
}

/** The reason to drop a packet whose header is no good, or -1. */
const headerFault = (bytes: Uint8Array, ip: number, end: number): number => {
  if (end - ip < Ipv4.headerBytes || Ipv4.version(bytes, ip) !== 4) return Reasons.IP_INHDR
  const header = Ipv4.headerLength(bytes, ip)
  const total = Ipv4.totalLength(bytes, ip)
  if (header < Ipv4.headerBytes || total < header || total > end - ip) return Reasons.IP_INHDR
  return Ipv4.verifyChecksum(bytes, ip) ? -1 : Reasons.IP_CSUM
}

const ownBit = (address: number): number => (finish32(address) >>> 8) & (OWN_BITS - 1)

/** The network of an address. */
export const network = (address: number, length: number): number => address & maskOf(length)
