/**
 * How a local port is found (F8, F9 of the book): connect() and bind(0) of both profiles.
 *
 * Linux 3.10: `__inet_hash_connect` walks the range from a hash of the destination plus a hint that all sockets share;
 * `inet_csk_get_port` starts at random. Linux 6.x: connect() takes ports of the parity of the range's low end first, rising
 * by random steps from an offset kept per destination, and only then the others; bind(0) takes the other parity first.
 * Each port that is looked at costs simulated time.
 */
import { finish32 } from "@darkfiber/sim/Random"
import { KIND_TIME_WAIT } from "./Endpoint.ts"
import { EADDRINUSE, EADDRNOTAVAIL, ENOMEM } from "./Errno.ts"
import type { Tcp } from "./Tcp.ts"
import { PORT_PARITY, PORT_SEQUENTIAL, PORT_TIME_WAIT, RANDOM_PORT } from "./TcpHost.ts"
import type { TcpSock } from "./TcpSock.ts"
import * as TimeWait from "./TimeWait.ts"

export interface PortSearch {
  /** Finds a port for connect(), takes it and hashes the socket. 0, -EADDRNOTAVAIL or -ENOMEM. */
  connect(tcp: Tcp, sock: TcpSock): number
  /** Finds a port for bind(0). The port, or -EADDRINUSE. Takes nothing. */
  bind(tcp: Tcp, sock: TcpSock): number
}

const TAKEN = 1

/** The hash of the destination that the search starts from (Linux: inet_sk_port_offset). */
const portOffset = (tcp: Tcp, sock: TcpSock): number => {
  let hash = finish32(sock.localAddress ^ tcp.portSecret)
  hash = finish32(hash ^ sock.remoteAddress)
  return finish32(hash ^ sock.remotePort ^ (sock.net.id << 16))
}

/** Looks at one port: takes it and returns 0, or TAKEN, or -ENOMEM. */
export const tryConnectPort = (tcp: Tcp, sock: TcpSock, port: number): number => {
  const net = sock.net
  if (net.reservedPorts !== null && net.reservedPorts.has(port)) return TAKEN
  const bucket = tcp.bindHash.find(net, port)
  if (bucket === null) {
    const made = tcp.bindHash.create(net, port)
    if (made === null) return -ENOMEM
    made.fastReuse = -1
    made.fastReusePort = -1
    tcp.bindHash.add(made, sock)
    tcp.established.insert(sock)
    return 0
  }
  if (bucket.fastReuse >= 0 || bucket.fastReusePort >= 0) return TAKEN
  // Held, for the TIME_WAIT sock whose place is taken may be its last user (Linux unhashes that after inet_bind_hash).
  bucket.ownerCount++
  const isFree = checkEstablished(tcp, sock, port)
  bucket.ownerCount--
  if (!isFree) return TAKEN
  tcp.bindHash.add(bucket, sock)
  tcp.established.insert(sock)
  return 0
}

/**
 * Whether the four-tuple with local `port` is free; takes the place of a TIME_WAIT sock that may be reused (Linux:
 * __inet_check_established, tcp_twsk_unique).
 */
export const checkEstablished = (tcp: Tcp, sock: TcpSock, port: number): boolean => {
  const found = tcp.established.find(
    sock.net,
    sock.localAddress,
    port,
    sock.remoteAddress,
    sock.remotePort,
    sock.device
  )
  if (found === null) return true
  if (found.kind !== KIND_TIME_WAIT) return false
  if (tcp.profile.chargesTimeWait) tcp.host.chargePorts(PORT_TIME_WAIT, 1)
  return TimeWait.tryReuse(tcp, sock, found)
}

/** The kernel of the book (3.10). */
export const sequentialSearch: PortSearch = {
  connect: (tcp, sock) => {
    const sysctl = sock.net.sysctl
    const count = sysctl.portHigh - sysctl.portLow + 1
    const offset = (tcp.portHint + portOffset(tcp, sock)) >>> 0
    for (let i = 1; i <= count; i++) {
      const port = sysctl.portLow + ((i + offset) % count)
      const result = tryConnectPort(tcp, sock, port)
      if (result === TAKEN) continue
      charge(tcp, PORT_SEQUENTIAL, i)
      if (result === 0) tcp.portHint = (tcp.portHint + i) >>> 0
      return result
    }
    charge(tcp, PORT_SEQUENTIAL, count)
    return -EADDRNOTAVAIL
  },
  bind: (tcp, sock) => {
    const { portLow, portHigh } = sock.net.sysctl
    const count = portHigh - portLow + 1
    let port = portLow + ((tcp.host.random32(RANDOM_PORT) >>> 0) % count)
    for (let i = 1; i <= count; i++) {
      if (isFreeToBind(tcp, sock, port)) {
        charge(tcp, PORT_SEQUENTIAL, i)
        return port
      }
      port = port === portHigh ? portLow : port + 1
    }
    charge(tcp, PORT_SEQUENTIAL, count)
    return -EADDRINUSE
  }
}

const charge = (tcp: Tcp, kind: number, iterations: number): void => {
  tcp.lastPortIterations = iterations
  tcp.host.chargePorts(kind, iterations)
}

const isFreeToBind = (tcp: Tcp, sock: TcpSock, port: number): boolean => {
  const net = sock.net
  if (net.reservedPorts !== null && net.reservedPorts.has(port)) return false
  const bucket = tcp.bindHash.find(net, port)
  if (bucket === null) return true
  return !tcp.bindHash.isConflict(bucket, sock, false)
}

const PERTURB_MASK = 0xffff

/** Today's kernel. */
export const paritySearch: PortSearch = {
  connect: (tcp, sock) => {
    const { portLow, portHigh } = sock.net.sysctl
    let count = portHigh - portLow + 1
    if (count > 1) count &= ~1
    const hash = portOffset(tcp, sock)
    const index = hash & PERTURB_MASK
    const perturb = tcp.portPerturb.get(index) ?? tcp.host.random32(RANDOM_PORT) >>> 0
    const start = (((perturb + (hash >>> 16)) >>> 0) % count) & ~1
    let looked = 0
    for (let parity = 0; parity < (count > 1 ? 2 : 1); parity++) {
      for (let i = 0; i < count; i += 2) {
        const port = portLow + ((start + parity + i) % count)
        looked++
        const result = tryConnectPort(tcp, sock, port)
        if (result === TAKEN) continue
        charge(tcp, PORT_PARITY, looked)
        if (result !== 0) return result
        const step = Math.max(i, (tcp.host.random32(RANDOM_PORT) & 7) * 2) + 2
        tcp.portPerturb.set(index, (perturb + step) >>> 0)
        return 0
      }
    }
    charge(tcp, PORT_PARITY, looked)
    return -EADDRNOTAVAIL
  },
  bind: (tcp, sock) => {
    const { portLow, portHigh } = sock.net.sysctl
    let count = portHigh - portLow + 1
    if (count > 1) count &= ~1
    const start = ((tcp.host.random32(RANDOM_PORT) >>> 0) % count) | 1
    let looked = 0
    for (let parity = 0; parity < (count > 1 ? 2 : 1); parity++) {
      for (let i = 0; i < count; i += 2) {
        const port = portLow + ((start - parity + i) % count)
        looked++
        if (!isFreeToBind(tcp, sock, port)) continue
        charge(tcp, PORT_PARITY, looked)
        return port
      }
    }
    charge(tcp, PORT_PARITY, looked)
    return -EADDRINUSE
  }
}

/**
 * bind() (Linux: inet_csk_get_port): takes `port`, or one of its own choice for 0.
 *
 * @returns 0, -EADDRINUSE or -ENOMEM
 */
export const getPort = (tcp: Tcp, sock: TcpSock, wanted: number): number => {
  let port = wanted
  if (port === 0) {
    port = tcp.profile.portSearch.bind(tcp, sock)
    if (port < 0) return port
  }
  let bucket = tcp.bindHash.find(sock.net, port)
  if (bucket === null) {
    bucket = tcp.bindHash.create(sock.net, port)
    if (bucket === null) return -ENOMEM
  } else if (wanted !== 0) {
    if (tcp.bindHash.isConflict(bucket, sock, true)) return -EADDRINUSE
  }
  const isFirst = bucket.owners === null
  if (isFirst) {
    bucket.fastReuse = sock.reuseAddress ? 1 : 0
    bucket.fastReusePort = sock.reusePort ? 1 : 0
  } else {
    if (!sock.reuseAddress) bucket.fastReuse = 0
    if (!sock.reusePort) bucket.fastReusePort = 0
  }
  tcp.bindHash.add(bucket, sock)
  return 0
}
