/**
 * A listener's unconfirmed Fast Open connections: how many there may be, the keys of their cookies, and requests that are
 * kept because their child was reset (Linux: struct fastopen_queue; reqsk_fastopen_remove, tcp_fastopen_queue_check).
 */
import * as Counters from "./Counters.ts"
import { SERVER_ENABLE, SERVER_WITHOUT_OPTION } from "./FastOpenCookie.ts"
import * as FastOpenKey from "./FastOpenKey.ts"
import * as State from "./State.ts"
import type { RequestSock } from "./RequestSock.ts"
import { EINVAL } from "./Errno.ts"
import { OBJECT_REQUEST, RANDOM_SECRET } from "./TcpHost.ts"
import type { TcpSock } from "./TcpSock.ts"

/** How long a request whose child was reset counts, ns: a defence against spoofed SYNs. */
const RESET_HOLD = 60_000_000_000

/** TCP_FASTOPEN: most unconfirmed connections, 0 for no Fast Open (Linux: fastopen_queue_tune). @returns 0 or -EINVAL */
export const tune = (sock: TcpSock, backlog: number): number => {
  if (backlog < 0 || (sock.state !== State.CLOSE && sock.state !== State.LISTEN)) return -EINVAL
  sock.ownOptions().fastOpenBacklog = Math.min(backlog, sock.net.sysctl.somaxconn)
  namespaceKeys(sock)
  return 0
}

/** listen(): Fast Open without TCP_FASTOPEN, where the sysctl says so (Linux: inet_listen). */
export const atListen = (sock: TcpSock, backlog: number): void => {
  const wanted = SERVER_WITHOUT_OPTION | SERVER_ENABLE
  if ((sock.net.sysctl.fastOpen & wanted) === wanted && sock.options.fastOpenBacklog === 0) tune(sock, backlog)
}

/** TCP_FASTOPEN_KEY: one key, or a key and the one before it. @returns 0 or -EINVAL */
export const setKeys = (sock: TcpSock, bytes: Uint8Array): number => {
  const keys = FastOpenKey.fromBytes(bytes)
  if (keys === null) return -EINVAL
  sock.ownOptions().fastOpenKeys = keys
  return 0
}

/** The keys of a listener: its own, else the namespace's, which are drawn when they are first needed. */
export const keysOf = (sock: TcpSock): FastOpenKey.FastOpenKeys => sock.options.fastOpenKeys ?? namespaceKeys(sock)

/** Linux: tcp_fastopen_init_key_once. */
const namespaceKeys = (sock: TcpSock): FastOpenKey.FastOpenKeys => {
  const { net } = sock
  const text = net.texts.fastOpenKey
  if (text !== null) {
    if (net.fastOpenKeys === null || net.fastOpenKeyText !== text) {
      net.fastOpenKeys = FastOpenKey.parse(text) ?? net.fastOpenKeys
      net.fastOpenKeyText = text
    }
    if (net.fastOpenKeys !== null) return net.fastOpenKeys
  }
  const key = new Uint8Array(FastOpenKey.KEY_BYTES)
  for (let i = 0; i < key.length; i += 4) {
    const word = sock.tcp.host.random32(RANDOM_SECRET)
    for (let j = 0; j < 4; j++) key[i + j] = word >>> (8 * j)
  }
  const keys = new FastOpenKey.FastOpenKeys(key, null)
  net.fastOpenKeys = keys
  net.fastOpenKeyText = FastOpenKey.format(keys)
  net.texts.fastOpenKey = net.fastOpenKeyText
  return keys
}

/** Whether the listener takes another unconfirmed connection (Linux: tcp_fastopen_queue_check). */
export const hasRoom = (listener: TcpSock): boolean => {
  const listen = listener.listen
  const most = listener.options.fastOpenBacklog
  if (listen === null || most === 0) return false
  if (listen.fastOpenLength < most) return true
  const oldest = listen.resetHead
  if (oldest === null || oldest.expires > listener.tcp.host.now()) {
    listener.net.count(Counters.FAST_OPEN_LISTEN_OVERFLOW)
    return false
  }
  listen.resetHead = oldest.listNext
  if (listen.resetHead === null) listen.resetTail = null
  listen.fastOpenLength--
  listener.tcp.host.freeObject(OBJECT_REQUEST, listener.net)
  return true
}

/** The child was made: it counts until it is confirmed or gone. */
export const added = (listener: TcpSock, child: TcpSock, request: RequestSock): void => {
  listener.listen!.fastOpenLength++
  child.fastOpenRsk = request
}

/**
 * The child is confirmed, or gone. A request whose accepted child was reset goes on counting for a minute.
 *
 * @param isReset a RST that was in the window ended it
 */
export const remove = (sock: TcpSock, isReset: boolean): void => {
  const request = sock.fastOpenRsk
  if (request === null) return
  sock.fastOpenRsk = null
  const { listener } = request
  const listen = listener.listen
  const host = sock.tcp.host
  if (listen === null) {
    host.freeObject(OBJECT_REQUEST, sock.net)
    return
  }
  listen.fastOpenLength--
  if (!isReset || sock.parent !== null) {
    host.freeObject(OBJECT_REQUEST, sock.net)
    return
  }
  request.expires = host.now() + RESET_HOLD
  request.listNext = null
  if (listen.resetTail === null) listen.resetHead = request
  else listen.resetTail.listNext = request
  listen.resetTail = request
  listen.fastOpenLength++
}

/** The listener goes: nobody counts any more. */
export const stop = (listener: TcpSock): void => {
  const listen = listener.listen
  if (listen === null) return
  for (let request = listen.resetHead; request !== null; request = request.listNext) {
    listener.tcp.host.freeObject(OBJECT_REQUEST, listener.net)
  }
  listen.resetHead = null
  listen.resetTail = null
}
