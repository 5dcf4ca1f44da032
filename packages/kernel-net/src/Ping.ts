/**
 * Ping sockets: SOCK_DGRAM with IPPROTO_ICMP, whose local port is the echo identifier. Linux: net/ipv4/ping.c.
 *
 * A received buffer's `data` stands at the ICMP header of the reply, its `networkHeader` at the IP header.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import { DatagramSock } from "./DatagramSock.ts"
import * as Drops from "./Drops.ts"
import { EADDRINUSE, EAGAIN, EDESTADDRREQ, EMSGSIZE, ENOBUFS } from "./Errno.ts"
import { errnoOf, isFatal } from "./IcmpErrno.ts"
import { ipSendSkb, nextIdent, PMTUDISC_DO, PMTUDISC_DONT } from "./IpOutput.ts"
import type { Netns } from "./Netns.ts"
import { PING_SENDMSG } from "./Points.ts"
import * as Route from "./Route.ts"
import * as Skb from "./Skb.ts"
import type { SkBuff } from "./SkBuff.ts"
import * as Snmp from "./Snmp.ts"

const HEADERS = 14 + Ipv4.headerBytes
/** Largest payload of an echo: 65,535 less the headers. */
export const PAYLOAD_MAX = 65535 - Ipv4.headerBytes - Icmp.headerBytes

/** What an ICMP error said, as ping prints it. */
export interface PingError {
  readonly type: number
  readonly code: number
  /** Who sent it, int32. */
  readonly from: number
  /** When it came, ns. */
  readonly at: number
}

export class PingSock extends DatagramSock {
  /** The last error about a request of this socket (Linux: the error queue that IP_RECVERR fills). */
  lastError: PingError | null

  constructor(net: Netns) {
    super(net, Ipv4.PROTOCOL_ICMP)
    this.lastError = null
  }

  /** Takes an echo identifier, any free one for 0. @returns 0 or -EADDRINUSE */
  bind(ident: number): number {
    const taken = this.net.ping.take(this, ident)
    if (taken === 0) return -EADDRINUSE
    this.localPort = taken
    return 0
  }

  /**
   * Sends an echo request. Destination 0 means the connected one.
   *
   * @param payload bytes after the ICMP header
   * @returns bytes sent, or a negative errno. Linux: ping_v4_sendmsg
   */
  send(core: Core, destination: number, sequence: number, payload: Uint8Array): number {
    const to = destination !== 0 ? destination : this.remoteAddress
    const net = this.net
    const host = net.host
    core.visit(PING_SENDMSG, net.id, -1, 0, payload.length)
    if (to === 0) return -EDESTADDRREQ
    if (payload.length > PAYLOAD_MAX) return -EMSGSIZE
    const error = this.takeError()
    if (error !== 0) return -error
    if (this.localPort === 0) {
      const status = this.bind(0)
      if (status !== 0) return status
    }
    const dst = Route.output(net, to, this.localAddress, this.boundDevice)
    if (dst === null) {
      net.count(Snmp.IP_OUT_NO_ROUTES)
      return net.routeError
    }
    const length = Icmp.headerBytes + payload.length
    const mtu = dst.mtuAt(core.time)
    const fits = length + Ipv4.headerBytes <= mtu
    if (!fits && this.pmtuDiscover >= PMTUDISC_DO) return -EMSGSIZE
    if (this.wmem >= this.sndbuf) return -EAGAIN
    const skb = Skb.alloc(host, core, HEADERS, length)
    if (skb === null) return -ENOBUFS
    const at = Skb.put(skb, length)
    const bytes = host.world.slab.bytes
    Icmp.write(bytes, at, Icmp.TYPE_ECHO_REQUEST, 0, (this.localPort << 16) | (sequence & 0xffff))
    bytes.set(payload, at + Icmp.headerBytes)
    Icmp.writeChecksum(bytes, at, length)
    core.charge(host.costTable.copy(payload.length))
    this.own(skb)
    skb.dst = dst
    skb.mark = this.mark
    host.bornSkb(skb)
    net.count(Snmp.ICMP_OUT_MSGS)
    net.count(Snmp.ICMP_OUT_ECHOS)
    const df = fits && this.pmtuDiscover !== PMTUDISC_DONT
    const source = this.localAddress !== 0 ? this.localAddress : dst.source
    const status = ipSendSkb(core, skb, source, to, this.protocol, this.ttl, this.tos, df, nextIdent(net))
    return status < 0 ? status : payload.length
  }

  close(core: Core | null): void {
    if (this.localPort !== 0) this.net.ping.release(this.localPort)
    this.localPort = 0
    this.purge(core)
  }
}

/** An echo reply for whoever asked. Takes the buffer over. Linux: ping_rcv */
export const pingReceive = (core: Core, net: Netns, skb: SkBuff): void => {
  const host = skb.host
  const sk = net.ping.get(Icmp.echoIdentifier(host.world.slab.bytes, skb.data))
  if (sk === undefined) {
    host.dropSkb(core, skb, Drops.NO_SOCKET)
    return
  }
  if (!sk.queueReceive(core, skb)) host.dropSkb(core, skb, Drops.SOCKET_RCVBUFF)
}

/** An error about an echo request of ours. Linux: ping_err */
export const pingError = (
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
  const message = at + Ipv4.headerLength(bytes, at)
  if (message + 8 > at + length || bytes[message] !== Icmp.TYPE_ECHO_REQUEST) return
  const sk = net.ping.get(Icmp.echoIdentifier(bytes, message))
  if (sk === undefined) return
  const fragmentation = type === Icmp.TYPE_DESTINATION_UNREACHABLE && code === Icmp.CODE_FRAGMENTATION_NEEDED
  const hard = fragmentation ? sk.pmtuDiscover !== PMTUDISC_DONT : isFatal(type, code)
  sk.lastError = { type, code, from: Ipv4.source(bytes, skb.networkHeader), at: core.time }
  if (sk.receiveErrors || (hard && sk.remoteAddress !== 0)) sk.fail(core, errnoOf(type, code))
  else if (sk.waiters !== null) sk.waiters.errorReport(sk, core)
}
