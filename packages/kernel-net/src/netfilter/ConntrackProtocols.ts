/**
 * What conntrack does with a packet by protocol: which may begin a flow, which fit it, how long it then lives.
 *
 * Linux: net/netfilter/nf_conntrack_proto_tcp.c, _udp.c, _icmp.c, _generic.c.
 */
import * as Bytes from "@darkfiber/wire/Bytes"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Tcp from "@darkfiber/wire/Tcp"
import { type Entry, STATUS_ASSURED, STATUS_SEEN_REPLY } from "./ConntrackEntry.ts"
import * as TcpTracking from "./TcpTracking.ts"

/** The packet is not part of the flow: it goes on without one (Linux: -NF_ACCEPT). */
export const PACKET_INVALID = 0
export const PACKET_ACCEPT = 1
/** The flow was an old one and is gone: look again (Linux: -NF_REPEAT). */
export const PACKET_REPEAT = 2

/**
 * Whether the headers can be believed at all (Linux: tcp_error, udp_error, icmp_error). Checksums are not verified here:
 * the protocols do.
 *
 * @param at transport header; @param end first byte that may not be read
 */
export const isSound = (
  bytes: Uint8Array,
  protocol: number,
  at: number,
  end: number,
  headersOnly: boolean
): boolean => {
  if (protocol === Ipv4.PROTOCOL_TCP) {
    if (end - at < Tcp.headerBytes) return false
    const length = Tcp.headerLength(bytes, at)
    return length >= Tcp.headerBytes && length <= end - at && TcpTracking.areFlagsValid(Tcp.flags(bytes, at))
  }
  if (protocol === Ipv4.PROTOCOL_UDP) {
    const length = Bytes.u16(bytes, at + 4)
    return length >= 8 && (headersOnly || length <= end - at)
  }
  if (protocol === Ipv4.PROTOCOL_ICMP) return Icmp.type(bytes, at) <= 18
  return true
}

/** Whether this packet may begin a flow (Linux: tcp_new, udp_new, icmp_new). Sets the entry up. */
export const begins = (entry: Entry, bytes: Uint8Array, protocol: number, at: number, now: number): boolean => {
  const net = entry.owner!
  if (protocol === Ipv4.PROTOCOL_TCP) {
    const event = TcpTracking.eventOf(Tcp.flags(bytes, at))
    const state = TcpTracking.next(0, event, TcpTracking.NONE)
    return state < TcpTracking.STATES && (state === TcpTracking.SYN_SENT || net.tcpLoose)
  }
  if (protocol === Ipv4.PROTOCOL_UDP) {
    entry.streamAt = now + net.udpStreamAfter
    return true
  }
  if (protocol === Ipv4.PROTOCOL_ICMP) {
    const type = Icmp.type(bytes, at)
    return type === Icmp.TYPE_ECHO_REQUEST || type === Icmp.TYPE_TIMESTAMP_REQUEST || type === 15 || type === 17
  }
  return true
}

/** One packet of a flow. @returns PACKET_* */
export const packet = (
  entry: Entry,
  bytes: Uint8Array,
  protocol: number,
  at: number,
  end: number,
  direction: number,
  now: number
): number => {
  const net = entry.owner!
  if (protocol === Ipv4.PROTOCOL_TCP) return tcpPacket(entry, bytes, at, end, direction, now)
  if (protocol === Ipv4.PROTOCOL_ICMP) entry.table.refresh(entry, net.icmpTimeout, now)
  else if (protocol !== Ipv4.PROTOCOL_UDP) entry.table.refresh(entry, net.genericTimeout, now)
  else if ((entry.status & STATUS_SEEN_REPLY) === 0) entry.table.refresh(entry, net.udpTimeout, now)
  else if (now < entry.streamAt) entry.table.refresh(entry, net.udpTimeout, now)
  else {
    entry.status |= STATUS_ASSURED
    entry.table.refresh(entry, net.udpStreamTimeout, now)
  }
  return PACKET_ACCEPT
}

const tcpPacket = (
  entry: Entry,
  bytes: Uint8Array,
  at: number,
  end: number,
  direction: number,
  now: number
): number => {
  const flags = Tcp.flags(bytes, at)
  const event = TcpTracking.eventOf(flags)
  let old = entry.state
  let state = TcpTracking.next(direction, event, old)
  if (state === TcpTracking.SYN_SENT && old >= TcpTracking.TIME_WAIT) {
    if (mayReopen(entry, direction)) {
      entry.table.remove(entry)
      return PACKET_REPEAT
    }
    state = TcpTracking.IGNORED
  }
  if (state === TcpTracking.INVALID) return PACKET_INVALID
  if (state === TcpTracking.IGNORED) {
    if (!answersIgnoredSyn(entry, bytes, at, event, direction)) {
      entry.lastEvent = event
      entry.lastDirection = direction
      entry.lastEnd = (Tcp.sequence(bytes, at) + 1) | 0
      return PACKET_ACCEPT
    }
    old = TcpTracking.SYN_SENT
    state = TcpTracking.SYN_RECV
    entry.closers = 0
  }
  entry.lastEvent = event
  entry.lastDirection = direction
  if (old !== state && state === TcpTracking.FIN_WAIT) entry.closers |= 1 << direction
  entry.state = state
  tcpLifetime(entry, flags, old, state, now)
  return PACKET_ACCEPT
}

const tcpLifetime = (entry: Entry, flags: number, old: number, state: number, now: number): void => {
  let timeout = entry.owner!.tcpTimeout(state)
  if ((entry.status & STATUS_SEEN_REPLY) === 0) {
    if ((flags & Tcp.RST) !== 0) {
      entry.table.remove(entry) // the answer to a SYN is a reset: nothing to remember
      return
    }
    const most = entry.owner!.unacknowledgedTimeout
    if (state === TcpTracking.ESTABLISHED && timeout > most) timeout = most
  } else if (state === TcpTracking.ESTABLISHED && (old === TcpTracking.SYN_RECV || old === TcpTracking.ESTABLISHED)) {
    entry.status |= STATUS_ASSURED
  }
  entry.table.refresh(entry, timeout, now)
}

/** A SYN that meets a closed connection begins a new one, if the other side closed first or this one reset it. */
const mayReopen = (entry: Entry, direction: number): boolean =>
  (entry.closers & (1 << (1 - direction))) !== 0 ||
  (entry.lastDirection === 0 && entry.lastEvent === TcpTracking.EVENT_RST)

/** A SYN+ACK shows that a SYN we ignored was meant: the two sides know better than we. */
const answersIgnoredSyn = (entry: Entry, bytes: Uint8Array, at: number, event: number, direction: number): boolean =>
  event === TcpTracking.EVENT_SYNACK &&
  entry.lastEvent === TcpTracking.EVENT_SYN &&
  entry.lastDirection !== direction &&
  Tcp.acknowledgment(bytes, at) === entry.lastEnd
