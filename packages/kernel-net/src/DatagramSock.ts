/**
 * What sockets of datagrams share: the receive queue with its limit by truesize, and write memory.
 * Linux: sock_queue_rcv_skb, skb_set_owner_w, sock_wfree (net/core/sock.c).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { Netns } from "./Netns.ts"
import * as Skb from "./Skb.ts"
import type { SkBuff } from "./SkBuff.ts"
import { Sock } from "./Sock.ts"
import * as Sysctl from "./Sysctl.ts"

const RMEM_DEFAULT = Sysctl.define("net.core.rmem_default")
const WMEM_DEFAULT = Sysctl.define("net.core.wmem_default")
const SOCK_DGRAM = 2
const AF_INET = 2

export abstract class DatagramSock extends Sock {
  constructor(net: Netns, protocol: number) {
    super(net, AF_INET, SOCK_DGRAM, protocol)
    this.rcvbuf = net.sysctl.numbers[RMEM_DEFAULT]!
    this.sndbuf = net.sysctl.numbers[WMEM_DEFAULT]!
  }

  /** Puts a delivered packet on the receive queue and wakes readers. @returns false when the buffer is full */
  queueReceive(core: Core, skb: SkBuff): boolean {
    if (this.rmem >= this.rcvbuf) {
      this.drops++
      return false
    }
    this.rmem += skb.truesize
    skb.host.deliverSkb(skb)
    skb.dst = null
    this.receiveQueue.push(skb)
    if (this.waiters !== null) this.waiters.dataReady(this, core)
    return true
  }

  /** Takes the oldest packet, whose memory then is the reader's to free (`host.consumeSkb`); null when there is none. */
  takeReceived(): SkBuff | null {
    const skb = this.receiveQueue.shift()
    if (skb !== null) this.rmem -= skb.truesize
    return skb
  }

  /** Charges a packet to the socket's write memory. Linux: skb_set_owner_w */
  own(skb: SkBuff): void {
    skb.sk = this
    this.wmem += skb.truesize
  }

  override writeFreed(skb: SkBuff, core: Core | null): void {
    this.wmem -= skb.truesize
    if (core !== null && this.waiters !== null && this.wmem * 2 <= this.sndbuf) this.waiters.writeSpace(this, core)
  }

  override backlogReceive(skb: SkBuff, core: Core): void {
    if (!this.queueReceive(core, skb)) Skb.free(core, skb)
  }

  /** Remembers an error for the next call and tells waiters. Linux: sk_error_report */
  fail(core: Core, errno: number): void {
    this.error = errno
    if (this.waiters !== null) this.waiters.errorReport(this, core)
  }

  /** The pending error, which is then forgotten. Linux: sock_error */
  takeError(): number {
    const error = this.error
    this.error = 0
    return error
  }

  /** Frees what was received and not read. */
  purge(core: Core | null): void {
    for (let skb = this.takeReceived(); skb !== null; skb = this.takeReceived()) Skb.free(core, skb)
  }
}
