/**
 * Sending segments: clone, header, IP (Linux: the lower half of tcp_transmit_skb; ip_send_unicast_reply).
 */
import * as Errno from "@darkfiber/kernel-net/Errno"
import type { Host } from "@darkfiber/kernel-net/Host"
import { ipQueueXmit, ipSendSkb, nextIdent } from "@darkfiber/kernel-net/IpOutput"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import * as Route from "@darkfiber/kernel-net/Route"
import * as Skb from "@darkfiber/kernel-net/Skb"
import { CHECKSUM_PARTIAL, type SkBuff } from "@darkfiber/kernel-net/SkBuff"
import { type Segment, STAMP_SCHED, STAMP_SOFTWARE } from "@darkfiber/tcp/Segment"
import type { TcpNet } from "@darkfiber/tcp/TcpNet"
import type { TcpSock } from "@darkfiber/tcp/TcpSock"
import * as Checksum from "@darkfiber/wire/Checksum"
import { HEADER_ROOM } from "./TcpBuffers.ts"
import type { TcpGlue } from "./TcpGlue.ts"
import { IPPROTO_TCP, type TcpKernelSock } from "./TcpKernelSock.ts"
import { ZerocopySend } from "./Zerocopy.ts"

/** Where the checksum stands in a TCP header. */
const CHECKSUM_OFFSET = 16
/** ECN bits of the TOS byte, and ECT(0) in them. */
const ECN_MASK = 3
const ECT0 = 2
/** What a pure ACK counts against the socket (Linux: skb_set_tcp_pure_ack). */
const PURE_ACK_TRUESIZE = 2

/** A segment of a connection; its buffer stays in the retransmit queue and a clone goes out. */
export const transmit = (
  glue: TcpGlue,
  sock: TcpSock,
  segment: Segment | null,
  headerLength: number,
  payloadLength: number,
  gsoSize: number,
  gsoSegments: number
): number => {
  const { host, core } = glue
  const sk = sock.owner as TcpKernelSock
  const original = segment === null ? null : (segment.buffer as SkBuff)
  if (original !== null && original.zerocopy instanceof ZerocopySend) original.zerocopy.refresh(original)
  const skb =
    segment === null ? Skb.alloc(host, core, HEADER_ROOM, 0) : Skb.clone(core, segment.buffer as SkBuff, HEADER_ROOM)
  if (skb === null) return -Errno.ENOBUFS
  sk.refresh()
  sk.tos = sock.ect ? (sk.tos & ~ECN_MASK) | ECT0 : sk.tos & ~ECN_MASK
  putHeader(glue, skb, headerLength, payloadLength, sock.localAddress, sock.remoteAddress)
  const many = gsoSegments > 1
  skb.gsoSize = many ? gsoSize : 0
  skb.gsoSegments = many ? gsoSegments : 0
  skb.weight = many ? gsoSegments : 1
  if (segment === null && payloadLength === 0) skb.truesize = PURE_ACK_TRUESIZE
  if (segment !== null && segment.stamp !== 0) {
    skb.stamp = segment.stamp & (STAMP_SCHED | STAMP_SOFTWARE)
    skb.stampKey = segment.stampSeq
  }
  skb.timestamp = sock.paceAt
  skb.sk = sk
  sk.wmem += skb.truesize
  if (segment !== null && host.island.trace.on) name(host, segment.buffer as SkBuff, skb)
  host.bornSkb(skb)
  return ipQueueXmit(core, sk, skb)
}

/** The first transmission names the original; a retransmission is a packet of its own that names the first as its parent. */
const name = (host: Host, original: SkBuff, sent: SkBuff): void => {
  sent.traceId = host.island.trace.child(original.traceId)
  if (original.traceId === 0) original.traceId = sent.traceId
}

/** A segment without a connection: the header and nothing else. */
export const sendControl = (
  glue: TcpGlue,
  net: TcpNet,
  localAddress: number,
  remoteAddress: number,
  headerLength: number,
  device: number,
  mark: number,
  tos: number
): number => {
  const { host, core } = glue
  const netns = net.owner as Netns
  const dst = Route.output(netns, remoteAddress, localAddress, device)
  if (dst === null) return netns.routeError
  const skb = Skb.alloc(host, core, HEADER_ROOM, 0)
  if (skb === null) return -Errno.ENOBUFS
  putHeader(glue, skb, headerLength, 0, localAddress, remoteAddress)
  skb.dst = dst
  skb.mark = mark
  host.bornSkb(skb)
  return ipSendSkb(core, skb, localAddress, remoteAddress, IPPROTO_TCP, 0, tos, true, nextIdent(netns))
}

/** Puts the machine's header in front, its checksum begun (CHECKSUM_PARTIAL). */
const putHeader = (
  glue: TcpGlue,
  skb: SkBuff,
  headerLength: number,
  payloadLength: number,
  source: number,
  destination: number
): void => {
  skb.push(headerLength)
  const at = skb.data
  const bytes = glue.host.world.slab.bytes
  const header = glue.header
  for (let i = 0; i < headerLength; i++) bytes[at + i] = header[i]!
  const pseudo = Checksum.fold(Checksum.pseudoV4(source, destination, IPPROTO_TCP, headerLength + payloadLength))
  bytes[at + CHECKSUM_OFFSET] = pseudo >>> 8
  bytes[at + CHECKSUM_OFFSET + 1] = pseudo & 0xff
  skb.ipSummed = CHECKSUM_PARTIAL
  skb.checksumStart = at
  skb.checksumOffset = CHECKSUM_OFFSET
  skb.transportHeader = at
}
