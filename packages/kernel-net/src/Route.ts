/**
 * Route look-ups: destination and source to a ready route, for output and input; source address choice; learned MTUs.
 *
 * Linux: ip_route_output_key_hash, ip_route_input_slow, fib_validate_source, inet_select_addr, __ip_rt_update_pmtu.
 */
import { isMulticast } from "@darkfiber/wire/Ipv4Address"
import * as Drops from "./Drops.ts"
import * as D from "./Dst.ts"
import { Dst } from "./Dst.ts"
import { EHOSTUNREACH, EINVAL, ENETUNREACH, ENODEV } from "./Errno.ts"
import type { FibInfo } from "./Fib.ts"
import { maskOf } from "./hot/Lpm.ts"
import { IFF_LOOPBACK, type NetDevice } from "./NetDevice.ts"
import type { Netns } from "./Netns.ts"
import * as RouteMetrics from "./RouteMetrics.ts"
import * as Sysctl from "./Sysctl.ts"

const MTU_EXPIRES = Sysctl.define("net.ipv4.route.mtu_expires")
const MIN_PMTU = Sysctl.define("net.ipv4.route.min_pmtu")
const IP_FORWARD = Sysctl.define("net.ipv4.ip_forward")

/**
 * The route for a packet of this host; null with a negative errno in `net.routeError`.
 *
 * @param source int32, 0 for not chosen yet; must be an address of this host otherwise
 * @param oif ifindex the sender is bound to, 0 for none
 */
export const output = (net: Netns, destination: number, source: number, oif: number): Dst | null => {
  let to = destination
  if (source !== 0 && !isLocalSource(net, source)) return fail(net, -EINVAL)
  if (oif !== 0 && net.deviceByIndex(oif) === null) return fail(net, -ENODEV)
  if (to === 0) to = source !== 0 ? source : 0x7f00_0001
  if (isMulticast(to) || to === -1) return spread(net, to, source, oif)
  const info = net.fib.lookup(to, oif)
  if (info === null) {
    if (oif === 0) return fail(net, net.fib.error)
    // A bound device without a route: thought to be on its link.
    const dev = net.deviceByIndex(oif)!
    return new Dst(net, D.UNICAST, dev, 0, source !== 0 ? source : selectSource(net, dev, to), null)
  }
  net.routeError = 0
  return ready(net, info, to)
}

const fail = (net: Netns, error: number): null => {
  net.routeError = error
  return null
}

const isLocalSource = (net: Netns, source: number): boolean => {
  const info = net.fib.lookupLocal(source)
  return info !== null && info.type === D.LOCAL
}

/** Limited broadcast and multicast: out of the bound device, or the one of the source, or the one of the default route. */
const spread = (net: Netns, to: number, source: number, oif: number): Dst | null => {
  let dev = oif !== 0 ? net.deviceByIndex(oif) : null
  if (dev === null && source !== 0) dev = net.fib.lookupLocal(source)?.dev ?? null
  if (dev === null) dev = net.fib.lookup(to, 0)?.dev ?? null
  if (dev === null) return fail(net, -ENETUNREACH)
  net.routeError = 0
  const type = to === -1 ? D.BROADCAST : D.MULTICAST
  return new Dst(net, type, dev, 0, source !== 0 ? source : selectSource(net, dev, to), null)
}

/** The route object of a next hop: kept there, made anew when routes have changed. */
const ready = (net: Netns, info: FibInfo, destination: number): Dst => {
  if (info.exceptions !== null) {
    const exception = info.exceptions.get(destination)
    if (exception !== undefined && exception.generation === net.routeGeneration) return exception
  }
  const known = info.output
  if (known !== null && known.generation === net.routeGeneration) return known
  // A route to the host itself leads to lo, whatever device bears the address.
  const dev = info.type === D.LOCAL ? net.loopback! : info.dev!
  const source =
    info.source !== 0 ? info.source : selectSource(net, info.dev!, info.gateway !== 0 ? info.gateway : destination)
  const fresh = new Dst(net, info.type, dev, info.gateway, source, info)
  info.output = fresh
  return fresh
}

/** An address of the device: the one of the target's network, else its first; else any of the host. */
export const selectSource = (net: Netns, dev: NetDevice, target: number): number => {
  const own = firstAddress(dev, target)
  if (own !== 0) return own
  for (const other of net.devices) {
    if ((other.flags & IFF_LOOPBACK) !== 0) continue
    const address = firstAddress(other, target)
    if (address !== 0) return address
  }
  return 0
}

const firstAddress = (dev: NetDevice, target: number): number => {
  const addresses = dev.addresses
  for (let i = 0; i < addresses.length; i++) {
    const address = addresses[i]!
    if (!address.secondary && ((address.local ^ target) & maskOf(address.prefixLength)) === 0) return address.local
  }
  return addresses.length > 0 ? addresses[0]!.local : 0
}

/** Verdicts of `input` other than a drop reason (which is 0 or more). */
export const INPUT_LOCAL = -1
export const INPUT_FORWARD = -2
/** No route: an ICMP error goes back. */
export const INPUT_UNREACHABLE = -3

/**
 * Routes a received packet; the route is left in `net.routeFound`.
 *
 * @returns INPUT_LOCAL, INPUT_FORWARD, INPUT_UNREACHABLE, or a drop reason
 */
export const input = (net: Netns, dev: NetDevice, source: number, destination: number): number => {
  if (isMulticast(source) || source === -1) return Drops.IP_INVALID_SOURCE
  const onLoopback = (dev.flags & IFF_LOOPBACK) !== 0
  const allowLocalnet = dev.inet.route_localnet !== 0 || net.confAll.route_localnet !== 0
  if (source >>> 24 === 127 && !onLoopback && !allowLocalnet) return Drops.IP_LOCALNET
  if (destination === -1 || (source === 0 && destination === 0)) return broadcastInput(net, dev, source, destination)
  if (source >>> 24 === 0) return Drops.IP_INVALID_SOURCE
  if (destination >>> 24 === 0) return Drops.IP_INVALID_DEST
  if (destination >>> 24 === 127 && !onLoopback && !allowLocalnet) return Drops.IP_LOCALNET
  if (isMulticast(destination)) return Drops.IP_INVALID_DEST
  const info = net.fib.lookup(destination, 0)
  if (info === null) {
    if (!forwards(net, dev)) return Drops.IP_INADDRERRORS
    return net.fib.error === -EINVAL ? Drops.IP_INNOROUTES : INPUT_UNREACHABLE
  }
  if (info.type === D.BROADCAST) return broadcastInput(net, dev, source, destination)
  const wrong = validateSource(net, dev, source)
  if (wrong >= 0) return wrong
  if (info.type === D.LOCAL) {
    net.routeFound = ready(net, info, destination)
    return INPUT_LOCAL
  }
  if (!forwards(net, dev)) return Drops.IP_INADDRERRORS
  net.routeFound = ready(net, info, destination)
  return INPUT_FORWARD
}

const forwards = (net: Netns, dev: NetDevice): boolean =>
  dev.inet.forwarding !== 0 || net.sysctl.numbers[IP_FORWARD] !== 0

/** Linux: brd_input. */
const broadcastInput = (net: Netns, dev: NetDevice, source: number, destination: number): number => {
  if (source !== 0) {
    const wrong = validateSource(net, dev, source)
    if (wrong >= 0) return wrong
  }
  const info = destination === -1 || destination === 0 ? null : net.fib.lookupLocal(destination)
  net.routeFound = info !== null ? ready(net, info, destination) : new Dst(net, D.BROADCAST, dev, 0, 0, null)
  return INPUT_LOCAL
}

/**
 * Whether a packet with this source may come in on this device. Linux: fib_validate_source, __fib_validate_source
 *
 * @returns -1, or the drop reason
 */
export const validateSource = (net: Netns, dev: NetDevice, source: number): number => {
  const filter = Math.max(net.confAll.rp_filter, dev.inet.rp_filter)
  const acceptLocal = net.confAll.accept_local !== 0 || dev.inet.accept_local !== 0
  const onLoopback = (dev.flags & IFF_LOOPBACK) !== 0
  if (filter === 0) {
    if (onLoopback || acceptLocal || net.host.profile.rpFilterOffSkipsOwn) return -1
    return isLocalSource(net, source) ? Drops.IP_LOCAL_SOURCE : -1
  }
  const back = net.fib.lookup(source, 0)
  if (back === null) return filter === 2 && dev.addresses.length === 0 ? -1 : Drops.IP_RPFILTER
  if (back.type !== D.UNICAST) {
    if (back.type === D.LOCAL && (acceptLocal || onLoopback)) return -1
    return back.type === D.LOCAL ? Drops.IP_LOCAL_SOURCE : Drops.IP_INVALID_SOURCE
  }
  if (back.dev === dev || filter === 2) return -1
  return Drops.IP_RPFILTER
}

/** What a destination address is to this host: Dst.LOCAL, BROADCAST, UNICAST ... Linux: inet_addr_type */
export const addressType = (net: Netns, address: number): number => {
  if (address === 0 || address === -1) return D.BROADCAST
  if (isMulticast(address)) return D.MULTICAST
  const info = net.fib.lookupLocal(address)
  return info === null ? D.UNICAST : info.type
}

/**
 * A router has said that packets of this size do not pass: remembers it for the destination until it expires.
 *
 * @param mtu next-hop MTU in bytes, raised to min_pmtu
 */
export const updatePmtu = (net: Netns, destination: number, mtu: number, now: number): void => {
  const info = net.fib.lookup(destination, 0)
  if (info === null || info.type !== D.UNICAST || RouteMetrics.isLocked(info.metrics, RouteMetrics.RTAX_MTU)) return
  const base = ready(net, info, destination)
  const lowest = net.sysctl.numbers[MIN_PMTU]!
  const learned = mtu < lowest ? lowest : mtu
  if (learned >= base.linkMtu) return
  const expires = now + net.sysctl.numbers[MTU_EXPIRES]! * 1e9
  let exception = info.exceptions?.get(destination)
  if (exception === undefined || exception.generation !== net.routeGeneration) {
    exception = new Dst(net, D.UNICAST, base.dev, base.gateway, base.source, info)
    info.exceptions ??= new Map()
    info.exceptions.set(destination, exception)
    // Holders of the common route look again, and this destination's find the exception.
    base.kill()
    info.output = null
  }
  exception.pmtu = learned
  exception.pmtuExpires = expires
}

/** One look-up as `ip route get` shows it. */
export interface RouteAnswer {
  readonly type: number
  readonly dev: NetDevice
  readonly gateway: number
  readonly source: number
  /** Learned path MTU and its remaining time in ns; 0 for none. */
  readonly pmtu: number
  readonly pmtuLeft: number
}

/** The answer for a destination, or a negative errno. */
export const get = (net: Netns, destination: number, now: number): RouteAnswer | number => {
  const dst = output(net, destination, 0, 0)
  if (dst === null) return net.routeError
  const learned = dst.pmtu !== 0 && now < dst.pmtuExpires
  return {
    type: dst.type,
    dev: dst.dev,
    gateway: dst.gateway,
    source: dst.source,
    pmtu: learned ? dst.pmtu : 0,
    pmtuLeft: learned ? dst.pmtuExpires - now : 0
  }
}

/** The errno a failed input look-up means to the sender: net or host unreachable. */
export const unreachableErrno = (net: Netns): number => (net.fib.error === -EHOSTUNREACH ? EHOSTUNREACH : ENETUNREACH)
