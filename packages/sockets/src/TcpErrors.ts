/**
 * ICMP errors about TCP segments: finds the socket they are about and tells TCP what the message means (Linux:
 * tcp_v4_err, net/ipv4/tcp_ipv4.c; RFC 5927).
 */
import { errnoOf, isFatal } from "@darkfiber/kernel-net/IcmpErrno"
import { PMTUDISC_DONT } from "@darkfiber/kernel-net/IpOutput"
import * as Route from "@darkfiber/kernel-net/Route"
import type { SkBuff } from "@darkfiber/kernel-net/SkBuff"
import * as Counters from "@darkfiber/tcp/Counters"
import { KIND_SOCK } from "@darkfiber/tcp/Endpoint"
import * as IcmpError from "@darkfiber/tcp/IcmpError"
import * as State from "@darkfiber/tcp/State"
import type { TcpNet } from "@darkfiber/tcp/TcpNet"
import type { TcpSock } from "@darkfiber/tcp/TcpSock"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as TcpHeader from "@darkfiber/wire/Tcp"
import { spin } from "./SockLock.ts"
import type { TcpGlue } from "./TcpGlue.ts"
import type { TcpKernelSock } from "./TcpKernelSock.ts"

/** `at` is the quoted IP header in the slab, `header` the quoted first 8 bytes of TCP. */
export const receive = (
  glue: TcpGlue,
  net: TcpNet,
  skb: SkBuff,
  at: number,
  header: number,
  type: number,
  code: number,
  info: number
): void => {
  const bytes = skb.host.world.slab.bytes
  const found = glue.stack.established.find(
    net,
    Ipv4.source(bytes, at),
    TcpHeader.sourcePort(bytes, header),
    Ipv4.destination(bytes, at),
    TcpHeader.destinationPort(bytes, header),
    skb.inputIndex
  )
  if (found === null) return
  const seq = TcpHeader.sequence(bytes, header)
  const fragmentation = type === Icmp.TYPE_DESTINATION_UNREACHABLE && code === Icmp.CODE_FRAGMENTATION_NEEDED
  if (found.kind !== KIND_SOCK) {
    if (!fragmentation) report(found, seq, type, code)
    return
  }
  const sock = found as TcpSock
  const sk = sock.owner as TcpKernelSock
  if (fragmentation) {
    if (sock.state === State.LISTEN || sock.state === State.CLOSE || !IcmpError.isAboutSent(sock, seq)) return
    Route.updatePmtu(sk.net, sock.remoteAddress, info, glue.core.time)
  }
  spin(glue.core, sk)
  if (sk.owned) {
    // A system call holds the socket: the message is lost, a path MTU is seen at the next route look-up.
    net.count(Counters.LOCK_DROPPED_ICMPS)
    sk.dst = null
    return
  }
  if (!fragmentation) report(sock, seq, type, code)
  else if (info >= MTU_MIN && info < sock.pmtu && sk.pmtuDiscover !== PMTUDISC_DONT) {
    sk.dst = null
    IcmpError.mtuReduced(sock)
  }
  sk.releasedAt = glue.core.time
}

/** Smallest MTU of IPv4 (RFC 791). */
const MTU_MIN = 68

/** Linux: the `abort` of tcp_req_err. */
const endsRequest = (type: number, code: number): boolean => type !== Icmp.TYPE_DESTINATION_UNREACHABLE || code <= 1

const report = (
  endpoint: Parameters<typeof IcmpError.unreachable>[0],
  seq: number,
  type: number,
  code: number
): void => {
  const errno = errnoOf(type, code)
  if (errno !== 0) IcmpError.unreachable(endpoint, seq, errno, isFatal(type, code), endsRequest(type, code))
}
