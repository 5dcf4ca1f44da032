/**
 * What the look-up tables hold (Linux: struct sock_common): full sockets, request socks and TIME_WAIT socks, by the same
 * addresses and ports. `kind` tells them apart.
 */
import type { TcpNet } from "./TcpNet.ts"

export const KIND_SOCK = 0
export const KIND_REQUEST = 1
export const KIND_TIME_WAIT = 2

export abstract class Endpoint {
  readonly net: TcpNet
  /** KIND_*. */
  readonly kind: number
  hash: number
  hashNext: Endpoint | null
  /** In the established table. */
  hashed: boolean
  /** State.ts. */
  state: number
  /** Addresses as int32, ports as numbers; 0 is any or none. */
  localAddress: number
  localPort: number
  remoteAddress: number
  remotePort: number
  /** ifindex it is bound to, 0 for none. */
  device: number
  /** SO_MARK, goes on what is sent. */
  mark: number

  constructor(net: TcpNet, kind: number) {
    this.net = net
    this.kind = kind
    this.hash = 0
    this.hashNext = null
    this.hashed = false
    this.state = 0
    this.localAddress = 0
    this.localPort = 0
    this.remoteAddress = 0
    this.remotePort = 0
    this.device = 0
    this.mark = 0
  }
}
