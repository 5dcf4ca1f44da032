/**
 * Time stamps of what a socket sent: when it entered the qdisc, left the driver, was acknowledged (Linux: __skb_tstamp_tx,
 * net/core/skbuff.c). They come back on the socket's error queue.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { ENOMSG } from "./Errno.ts"
import { TX_TIMESTAMP } from "./Points.ts"
import * as Skb from "./Skb.ts"
import type { SkBuff } from "./SkBuff.ts"
import { ORIGIN_TIMESTAMPING, report, SockReport } from "./SockErrors.ts"
import type { Sock } from "./Sock.ts"

/** Bits of `skb.stamp` (Linux: SKBTX_SCHED_TSTAMP, SKBTX_SW_TSTAMP). */
export const STAMP_SCHED = 1
export const STAMP_SOFTWARE = 2

/** What a stamp is of (Linux: SCM_TSTAMP_*). */
export const STAMP_OF_SND = 0
export const STAMP_OF_SCHED = 1
export const STAMP_OF_ACK = 2

/** Linux: SOF_TIMESTAMPING_OPT_ID, SOF_TIMESTAMPING_OPT_TSONLY. */
const OPT_ID = 1 << 7
const OPT_TSONLY = 1 << 11

const nothing = new Uint8Array(0)

/**
 * Reports that something happened to the packet now.
 *
 * @param key the byte the stamp is about: a sequence number of TCP
 */
export const stamp = (core: Core, sk: Sock, skb: SkBuff, of: number, key: number): void => {
  const extra = sk.extra
  if (extra === null) return
  core.enter(TX_TIMESTAMP)
  const only = (extra.tsFlags & OPT_TSONLY) !== 0
  const payload = only ? nothing : new Uint8Array(skb.length)
  if (!only) Skb.copyBits(skb, 0, skb.length, payload, 0)
  const id = (extra.tsFlags & OPT_ID) !== 0 ? (key - extra.tsKey) >>> 0 : 0
  report(core, sk, new SockReport(ENOMSG, ORIGIN_TIMESTAMPING, 0, 0, of, id, core.time, payload), sk.rmem)
}

/** The packet enters the queue of its device. */
export const stampSched = (core: Core, skb: SkBuff): void => {
  if (skb.sk !== null) stamp(core, skb.sk, skb, STAMP_OF_SCHED, skb.stampKey)
}

/** The driver hands the packet over; it still belongs to its socket (Linux: skb_tx_timestamp). */
export const stampSent = (core: Core, skb: SkBuff): void => {
  if ((skb.stamp & STAMP_SOFTWARE) !== 0 && skb.sk !== null) stamp(core, skb.sk, skb, STAMP_OF_SND, skb.stampKey)
}
