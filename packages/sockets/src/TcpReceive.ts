/**
 * Receiving segments: header, checksum, look-up, then the machine, or the backlog of a socket that a system call owns.
 * Linux: tcp_v4_rcv, tcp_add_backlog, tcp_v4_do_rcv (net/ipv4/tcp_ipv4.c).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { NetDevice } from "@darkfiber/kernel-net/NetDevice"
import * as Skb from "@darkfiber/kernel-net/Skb"
import { CHECKSUM_NONE, type SkBuff } from "@darkfiber/kernel-net/SkBuff"
import * as DropReason from "@darkfiber/sim/DropReason"
import * as Counters from "@darkfiber/tcp/Counters"
import { KIND_SOCK } from "@darkfiber/tcp/Endpoint"
import type { Segment } from "@darkfiber/tcp/Segment"
import type { TcpNet } from "@darkfiber/tcp/TcpNet"
import type { TcpSock } from "@darkfiber/tcp/TcpSock"
import * as Checksum from "@darkfiber/wire/Checksum"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import { spin } from "./SockLock.ts"
import { segmentOf } from "./TcpBuffers.ts"
import type { TcpGlue } from "./TcpGlue.ts"
import type { TcpKernelSock } from "./TcpKernelSock.ts"

/** The backlog of a socket that a system call owns was full (Linux: SOCKET_BACKLOG). */
const SOCKET_BACKLOG = DropReason.define("SOCKET_BACKLOG")
/** What the backlog may hold beyond both buffers (Linux: tcp_add_backlog, 64 KB for overhead). */
const BACKLOG_HEADROOM = 65_536

/** A segment for the namespace of its device; `data` at the TCP header. */
export const receive = (glue: TcpGlue, core: Core, skb: SkBuff): void => {
  glue.core = core
  const net = glue.netOf((skb.dev as NetDevice).net)
  const segment = segmentOf(skb)
  const bytes = glue.host.world.slab.bytes
  const ip = skb.networkHeader
  segment.truesize = skb.truesize
  segment.gsoSegments = skb.gsoSegments > 1 ? skb.gsoSegments : 1
  segment.gsoSize = skb.gsoSize
  if (!glue.stack.readHeader(net, segment, bytes, skb.data, skb.length)) return
  segment.localAddress = Ipv4.destination(bytes, ip)
  segment.remoteAddress = Ipv4.source(bytes, ip)
  segment.ecn = Ipv4.ecn(bytes, ip)
  segment.device = skb.inputIndex
  segment.receivedAt = core.time
  if (skb.ipSummed === CHECKSUM_NONE && !isWhole(core, skb, segment)) {
    glue.stack.badChecksum(net, segment)
    return
  }
  skb.transportHeader = skb.data
  skb.pull(segment.headerLength)
  const endpoint = glue.stack.lookup(net, segment)
  if (endpoint !== null && endpoint.kind === KIND_SOCK) toSock(glue, core, net, endpoint as TcpSock, segment)
  else glue.stack.deliver(net, endpoint, segment, bytes, skb.transportHeader)
}

/** A segment that waited in a backlog. */
export const process = (glue: TcpGlue, core: Core, sock: TcpSock, skb: SkBuff): void => {
  glue.core = core
  glue.stack.deliver(sock.net, sock, skb.cb as Segment, glue.host.world.slab.bytes, skb.transportHeader)
}

const toSock = (glue: TcpGlue, core: Core, net: TcpNet, sock: TcpSock, segment: Segment): void => {
  const sk = sock.owner as TcpKernelSock
  const skb = segment.buffer as SkBuff
  spin(core, sk)
  if (!sk.owned) {
    glue.stack.deliver(net, sock, segment, glue.host.world.slab.bytes, skb.transportHeader)
    sk.releasedAt = core.time
    return
  }
  if (sk.backlogBytes + skb.truesize > sock.rcvbuf + sock.sndbuf + BACKLOG_HEADROOM) {
    net.count(Counters.BACKLOG_DROP)
    glue.host.dropSkb(core, skb, SOCKET_BACKLOG)
    return
  }
  sk.backlogBytes += skb.truesize
  sk.backlog.push(skb)
}

/** Verifies the checksum in software. */
const isWhole = (core: Core, skb: SkBuff, segment: Segment): boolean => {
  const pseudo = Checksum.pseudoV4(segment.remoteAddress, segment.localAddress, Ipv4.PROTOCOL_TCP, skb.length)
  core.charge(skb.host.costTable.checksum(skb.length))
  return Skb.checksum(skb, 0, skb.length, pseudo) === 0xffff
}
