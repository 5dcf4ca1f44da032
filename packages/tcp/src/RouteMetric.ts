/**
 * What the route says to TCP (Linux: dst_metric and its users): initial windows, the MSS to tell the peer, ECN, quick ACKs,
 * the least RTO. Numbers are RTAX_* of include/uapi/linux/rtnetlink.h.
 *
 * Linux asks the route each time; here a socket reads those of the data path once, when it connects or is accepted.
 */
import type { TcpNet } from "./TcpNet.ts"
import type { TcpHost } from "./TcpHost.ts"
import type { TcpSock } from "./TcpSock.ts"

export const RTAX_WINDOW = 3
export const RTAX_ADVMSS = 8
export const RTAX_INITCWND = 11
export const RTAX_FEATURES = 12
export const RTAX_RTO_MIN = 13
export const RTAX_INITRWND = 14
export const RTAX_QUICKACK = 15

const FEATURE_ECN = 1
/** net.ipv4.route.min_adv_mss. */
const MIN_ADVMSS = 256
const HEADERS = 40

/** The MSS that the route lets us tell the peer, options not counted (Linux: dst_metric_advmss, ipv4_default_advmss). */
export const advmss = (host: TcpHost, net: TcpNet, local: number, remote: number, sock: TcpSock | null): number => {
  const set = host.metric(net, local, remote, sock, RTAX_ADVMSS)
  if (set !== 0) return set
  return Math.min(Math.max(host.mtu(net, local, remote, sock) - HEADERS, MIN_ADVMSS), 65_535 - HEADERS)
}

/** One value for a socket; 0: the route says nothing. */
export const get = (sock: TcpSock, which: number): number =>
  sock.tcp.host.metric(sock.net, sock.localAddress, sock.remoteAddress, sock, which)

/** `features ecn`. */
export const wantsEcn = (host: TcpHost, net: TcpNet, local: number, remote: number): boolean =>
  (host.metric(net, local, remote, null, RTAX_FEATURES) & FEATURE_ECN) !== 0

/** Reads what the data path needs. */
export const read = (sock: TcpSock): void => {
  const { host } = sock.tcp
  const { net, localAddress: local, remoteAddress: remote } = sock
  sock.isRouteQuick = host.metric(net, local, remote, sock, RTAX_QUICKACK) !== 0
  const rtoMin = host.metric(net, local, remote, sock, RTAX_RTO_MIN)
  sock.rtoMinUs = rtoMin !== 0 ? rtoMin * 1000 : net.sysctl.rtoMinUs
}
