/**
 * UDP: the kernel half of its sockets, and receiving. Linux: net/ipv4/udp.c.
 *
 * A received buffer's `data` stands at the UDP header, `networkHeader` at the IP header; the payload may lie in several
 * buffers (`Skb.copyBits`). Multicast groups, UDP-Lite, corking and encapsulation are not here.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { finish, pseudoV4 } from "@darkfiber/wire/Checksum"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as UdpHeader from "@darkfiber/wire/Udp"
import { DatagramSock } from "./DatagramSock.ts"
import * as Drops from "./Drops.ts"
import * as D from "./Dst.ts"
import type { Dst } from "./Dst.ts"
import { EACCES, EADDRINUSE, EADDRNOTAVAIL, EAGAIN, EDESTADDRREQ, EINVAL, EMSGSIZE, ENOBUFS } from "./Errno.ts"
import { icmpSend } from "./Icmp.ts"
import { errnoOf, isFatal } from "./IcmpErrno.ts"
import { ipSendSkb, nextIdent, PMTUDISC_DO, PMTUDISC_DONT, sockRoute, wantsDf } from "./IpOutput.ts"
import { FEATURE_CHECKSUM } from "./NetDevice.ts"
import type { Netns } from "./Netns.ts"
import { UDP_QUEUE_RCV_SKB, UDP_RCV, UDP_SENDMSG } from "./Points.ts"
import type { TransportProtocol } from "./Protocol.ts"
import * as Route from "./Route.ts"
import * as Skb from "./Skb.ts"
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, PACKET_BROADCAST, type SkBuff } from "./SkBuff.ts"
import { trim } from "./SkbTrim.ts"
import * as Snmp from "./Snmp.ts"
import * as Sysctl from "./Sysctl.ts"

const PORT_RANGE = Sysctl.define("net.ipv4.ip_local_port_range")
const NONLOCAL_BIND = Sysctl.define("net.ipv4.ip_nonlocal_bind")
const UNREACHABLE = 3
const PORT = 3
/** Ethernet, IPv4 and UDP headers in front of the payload. */
const HEADERS = 14 + Ipv4.headerBytes + UdpHeader.headerBytes
/** What the kernel adds to the sizes it asks alloc_skb for: link header space and alignment (hh_len + 15). */
const LINUX_SPARE = 31
/** Largest payload over IPv4. */
export const PAYLOAD_MAX = 65535 - Ipv4.headerBytes - UdpHeader.headerBytes

export class UdpSock extends DatagramSock {
  /** The local address was chosen by bind(), not by connect(). */
  private boundAddress: number
  /** SO_NO_CHECK: sends without a checksum. */
  noChecksum: boolean
  /** The copy of what is sent next has been charged already: by a span. */
  copyIsPaid: boolean

  constructor(net: Netns) {
    super(net, Ipv4.PROTOCOL_UDP)
    this.boundAddress = 0
    this.noChecksum = false
    this.copyIsPaid = false
  }

  /** @param port 0 for one of the local port range. @returns 0 or a negative errno. Linux: inet_bind, udp_v4_get_port */
  bind(address: number, port: number): number {
    const net = this.net
    if (this.localPort !== 0) return -EINVAL
    if (address !== 0 && address !== -1 && net.sysctl.numbers[NONLOCAL_BIND] === 0) {
      const type = Route.addressType(net, address)
      if (type !== D.LOCAL && type !== D.BROADCAST && type !== D.MULTICAST) return -EADDRNOTAVAIL
    }
    const taken = port !== 0 ? port : this.freePort(address)
    if (taken === 0) return -EADDRINUSE
    if (port !== 0 && net.udp.conflicts(this, address, port)) return -EADDRINUSE
    this.localAddress = address
    this.boundAddress = address
    this.localPort = taken
    net.udp.add(this)
    return 0
  }

  private freePort(address: number): number {
    const { numbers } = this.net.sysctl
    const { host } = this.net
    const { reservedPorts, udp } = this.net
    const isFree = (port: number): boolean => !reservedPorts.has(port) && !udp.conflicts(this, address, port)
    return host.profile.udpPortSearch(numbers[PORT_RANGE]!, numbers[PORT_RANGE + 1]!, host.portStream, isFree)
  }

  /** @returns 0 or a negative errno. Linux: ip4_datagram_connect */
  connect(address: number, port: number): number {
    const dst = Route.output(this.net, address, this.boundAddress, this.boundDevice)
    if (dst === null) return this.net.routeError
    if (dst.type === D.BROADCAST && !this.broadcast) return -EACCES
    if (this.localPort === 0) {
      const status = this.bind(0, 0)
      if (status !== 0) return status
    }
    if (this.boundAddress === 0) this.localAddress = dst.source
    this.remoteAddress = address !== 0 ? address : this.localAddress
    this.remotePort = port
    this.dst = dst
    return 0
  }

  /** connect() with AF_UNSPEC. Linux: udp_disconnect */
  disconnect(): void {
    this.remoteAddress = 0
    this.remotePort = 0
    this.localAddress = this.boundAddress
    this.dst = null
  }

  /**
   * Sends `length` bytes of `payload` from `at` on as one datagram. Destination and port 0 mean the connected ones.
   *
   * @returns bytes sent, or a negative errno; -EAGAIN when the send buffer is full. Linux: udp_sendmsg
   */
  send(core: Core, destination: number, port: number, payload: Uint8Array, at: number, length: number): number {
    const net = this.net
    core.visit(UDP_SENDMSG, net.id, -1, 0, length)
    const connected = destination === 0 && port === 0
    const to = connected ? this.remoteAddress : destination
    const toPort = connected ? this.remotePort : port
    if (length > PAYLOAD_MAX) return -EMSGSIZE
    if (connected && this.remotePort === 0) return -EDESTADDRREQ
    if (toPort === 0) return -EINVAL
    if (this.error !== 0) return -this.takeError()
    if (this.localPort === 0) {
      const status = this.bind(0, 0)
      if (status !== 0) return -EAGAIN
    }
    const dst = connected ? sockRoute(this) : Route.output(net, to, this.localAddress, this.boundDevice)
    if (dst === null) {
      net.count(Snmp.IP_OUT_NO_ROUTES)
      return net.routeError
    }
    if (dst.type === D.BROADCAST && !this.broadcast) return -EACCES
    if (this.wmem >= this.sndbuf) return -EAGAIN
    const target = to !== 0 ? to : dst.source
    return this.transmit(core, dst, target, toPort, payload, at, length)
  }

  /** Linux: ip_make_skb, udp_send_skb. */
  private transmit(
    core: Core,
    dst: Dst,
    to: number,
    toPort: number,
    payload: Uint8Array,
    at: number,
    length: number
  ): number {
    const net = this.net
    const host = net.host
    const datagram = UdpHeader.headerBytes + length
    const fits = datagram + Ipv4.headerBytes <= dst.mtuAt(core.time)
    if (!fits && this.pmtuDiscover >= PMTUDISC_DO) return -EMSGSIZE
    const skb = Skb.alloc(host, core, HEADERS, length, datagram + Ipv4.headerBytes + LINUX_SPARE)
    if (skb === null) return -ENOBUFS
    const data = Skb.put(skb, length)
    const bytes = host.world.slab.bytes
    bytes.set(at === 0 && length === payload.length ? payload : payload.subarray(at, at + length), data)
    host.copiedBytes += length
    if (!this.copyIsPaid) core.charge(host.costTable.copy(length))
    this.own(skb)
    skb.push(UdpHeader.headerBytes)
    const source = this.localAddress !== 0 ? this.localAddress : dst.source
    UdpHeader.write(bytes, skb.data, this.localPort, toPort, datagram)
    this.checksum(core, skb, dst, source, to, datagram, fits)
    skb.dst = dst
    skb.priority = this.priority
    skb.mark = this.mark
    host.bornSkb(skb)
    const df = fits && wantsDf(net, this.pmtuDiscover)
    const ident = this.remoteAddress !== 0 ? this.nextSockIdent() : df ? 0 : nextIdent(net)
    const status = ipSendSkb(core, skb, source, to, this.protocol, this.ttl, this.tos, df, ident)
    if (status < 0 && status !== -ENOBUFS) return status
    if (status === -ENOBUFS) {
      net.count(Snmp.UDP_SNDBUF_ERRORS)
      if (this.receiveErrors) return status
    } else net.count(Snmp.UDP_OUT_DATAGRAMS)
    return length
  }

  private nextSockIdent(): number {
    const ident = this.ident
    this.ident = (ident + 1) & 0xffff
    return ident
  }

  /** Left to the device when it can and the datagram stays whole. Linux: udp_send_skb, udp4_hwcsum */
  private checksum(
    core: Core,
    skb: SkBuff,
    dst: Dst,
    source: number,
    to: number,
    datagram: number,
    fits: boolean
  ): void {
    if (this.noChecksum) return
    const bytes = skb.host.world.slab.bytes
    const pseudo = pseudoV4(source, to, this.protocol, datagram)
    if (fits && (dst.dev.features & FEATURE_CHECKSUM) !== 0) {
      UdpHeader.setChecksum(bytes, skb.data, pseudo)
      skb.ipSummed = CHECKSUM_PARTIAL
      skb.checksumStart = skb.data
      skb.checksumOffset = UdpHeader.checksumOffset
      return
    }
    core.charge(skb.host.costTable.checksum(datagram))
    const value = finish(Skb.checksum(skb, 0, datagram, pseudo))
    UdpHeader.setChecksum(bytes, skb.data, value === 0 ? 0xffff : value)
  }

  /**
   * Takes the oldest datagram off the queue; its buffer then is the reader's, to be freed with `host.consumeSkb`.
   * Counted as received now, as Linux does (udp_recvmsg). Null when there is none.
   */
  receive(): SkBuff | null {
    const skb = this.takeReceived()
    if (skb !== null) this.net.count(Snmp.UDP_IN_DATAGRAMS)
    return skb
  }

  close(core: Core | null): void {
    if (this.localPort !== 0) this.net.udp.remove(this)
    this.localPort = 0
    this.purge(core)
  }
}

/** Bytes of payload of a received datagram. */
export const payloadLength = (skb: SkBuff): number => skb.length - UdpHeader.headerBytes

/** Linux: udp_rcv, __udp4_lib_rcv. */
const receive = (core: Core, skb: SkBuff): void => {
  const host = skb.host
  const net = skb.dev!.net
  core.visit(UDP_RCV, net.id, skb.dev!.index, skb.traceId, skb.length)
  const wrong = check(core, net, skb)
  if (wrong >= 0) {
    host.dropSkb(core, skb, wrong)
    return
  }
  const bytes = host.world.slab.bytes
  const ip = skb.networkHeader
  const source = Ipv4.source(bytes, ip)
  const destination = Ipv4.destination(bytes, ip)
  const sourcePort = UdpHeader.sourcePort(bytes, skb.data)
  const port = UdpHeader.destinationPort(bytes, skb.data)
  if (skb.packetType === PACKET_BROADCAST || (skb.dst !== null && skb.dst.type === D.BROADCAST)) {
    flood(core, net, skb, source, sourcePort, destination, port)
    return
  }
  const sk = net.udp.lookup(source, sourcePort, destination, port, skb.inputIndex)
  if (sk !== null) {
    queue(core, net, sk, skb)
    return
  }
  net.count(Snmp.UDP_NO_PORTS)
  icmpSend(core, skb, UNREACHABLE, PORT, 0)
  host.dropSkb(core, skb, Drops.NO_SOCKET)
}

/** Header, length and checksum. @returns -1 or a drop reason */
const check = (core: Core, net: Netns, skb: SkBuff): number => {
  const bytes = skb.host.world.slab.bytes
  if (skb.headLength < UdpHeader.headerBytes) {
    net.count(Snmp.UDP_IN_ERRORS)
    return Drops.PKT_TOO_SMALL
  }
  const length = UdpHeader.length(bytes, skb.data)
  if (length > skb.length || length < UdpHeader.headerBytes) {
    net.count(Snmp.UDP_IN_ERRORS)
    return Drops.PKT_TOO_SMALL
  }
  if (length < skb.length) trim(core, skb, length)
  if (skb.ipSummed !== CHECKSUM_NONE || UdpHeader.checksum(bytes, skb.data) === 0) return -1
  const ip = skb.networkHeader
  const pseudo = pseudoV4(Ipv4.source(bytes, ip), Ipv4.destination(bytes, ip), Ipv4.PROTOCOL_UDP, length)
  core.charge(skb.host.costTable.checksum(length))
  if (Skb.checksum(skb, 0, length, pseudo) === 0xffff) return -1
  net.count(Snmp.UDP_IN_CSUM_ERRORS)
  net.count(Snmp.UDP_IN_ERRORS)
  return Drops.UDP_CSUM
}

/** Linux: udp_queue_rcv_skb. */
const queue = (core: Core, net: Netns, sk: UdpSock, skb: SkBuff): void => {
  core.visit(UDP_QUEUE_RCV_SKB, net.id, skb.inputIndex, skb.traceId, sk.localPort)
  if (sk.queueReceive(core, skb)) return
  net.count(Snmp.UDP_RCVBUF_ERRORS)
  net.count(Snmp.UDP_IN_ERRORS)
  skb.host.dropSkb(core, skb, Drops.SOCKET_RCVBUFF)
}

/** A broadcast reaches every socket that fits. Linux: __udp4_lib_mcast_deliver */
const flood = (
  core: Core,
  net: Netns,
  skb: SkBuff,
  source: number,
  sourcePort: number,
  destination: number,
  port: number
): void => {
  let first: UdpSock | null = null
  net.udp.forEachMatch(source, sourcePort, destination, port, skb.inputIndex, (sk) => {
    if (first === null) {
      first = sk
      return
    }
    const copy = Skb.clone(core, skb)
    if (copy === null) return
    skb.host.bornSkb(copy)
    queue(core, net, sk, copy)
  })
  if (first !== null) queue(core, net, first, skb)
  else {
    net.count(Snmp.UDP_IGNORED_MULTI)
    skb.host.dropSkb(core, skb, Drops.NO_SOCKET)
  }
}

/** Linux: udp_err. */
const error = (
  core: Core,
  net: Netns,
  skb: SkBuff,
  at: number,
  length: number,
  type: number,
  code: number,
  _info: number
): void => {
  const bytes = skb.host.world.slab.bytes
  const header = at + Ipv4.headerLength(bytes, at)
  if (header + UdpHeader.headerBytes > at + length) return
  const sk = net.udp.lookup(
    Ipv4.destination(bytes, at),
    UdpHeader.destinationPort(bytes, header),
    Ipv4.source(bytes, at),
    UdpHeader.sourcePort(bytes, header),
    skb.inputIndex
  )
  if (sk === null) {
    net.count(Snmp.ICMP_IN_ERRORS)
    return
  }
  const fragmentation = type === Icmp.TYPE_DESTINATION_UNREACHABLE && code === Icmp.CODE_FRAGMENTATION_NEEDED
  if (type === Icmp.TYPE_SOURCE_QUENCH) return
  const hard = fragmentation ? sk.pmtuDiscover !== PMTUDISC_DONT : isFatal(type, code)
  if (fragmentation && sk.pmtuDiscover === PMTUDISC_DONT) return
  if (!sk.receiveErrors && (!hard || sk.remoteAddress === 0)) return
  sk.fail(core, errnoOf(type, code))
}

/** Linux: udp_protocol. */
export const udpProtocol: TransportProtocol = { name: "udp_rcv", protocol: Ipv4.PROTOCOL_UDP, receive, error }
