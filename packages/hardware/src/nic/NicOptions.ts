/** What a NIC is built with; the defaults are igb's (Linux: drivers/net/ethernet/intel/igb/igb.h) where it has one. */
import { microsoftKey } from "./Rss.ts"
import { MODE_ADAPTIVE, MODE_DELAY, MODE_GAP } from "./Vector.ts"

export interface NicOptions {
  /** 48-bit number. */
  readonly mac: number
  /** 1 to 8. */
  readonly rxQueues: number
  readonly txQueues: number
  /** Descriptors of each ring, 80 to 4096 (igb), any power of two or not. */
  readonly rxRing: number
  readonly txRing: number
  /** 40 bytes. */
  readonly rssKey: ReadonlyArray<number>
  /** Hash the ports of UDP too. */
  readonly rssUdpPorts: boolean
  readonly tso: boolean
  /** The NIC fills in or carries transport checksums on transmit, and verifies them on receive. */
  readonly checksumOffload: boolean
  /** `carried`: checksums stay partial on the wire, as in a capture of an offloading sender; `filled`: they are computed. */
  readonly checksums: "carried" | "filled"
  /** ethtool -C: microseconds and frames; 0 for no moderation by that. */
  readonly rxUsecs: number
  readonly rxFrames: number
  /** How rx-usecs is meant: igb keeps a gap between interrupts, others delay the first cause; adaptive follows the load. */
  readonly moderation: "gap" | "delay" | "adaptive"
}

export const RING_MAX = 4096
export const QUEUES_MAX = 8

export const defaults: NicOptions = {
  mac: 0,
  rxQueues: 1,
  txQueues: 1,
  rxRing: 256,
  txRing: 256,
  rssKey: microsoftKey,
  rssUdpPorts: false,
  tso: true,
  checksumOffload: true,
  checksums: "carried",
  rxUsecs: 0,
  rxFrames: 0,
  moderation: "gap"
}

/** The MODE_* of a name. */
export const modeOf = (moderation: NicOptions["moderation"]): number =>
  moderation === "gap" ? MODE_GAP : moderation === "delay" ? MODE_DELAY : MODE_ADAPTIVE

/** What is wrong with the options, in words; empty when nothing is. */
export const faults = (options: NicOptions): ReadonlyArray<string> => {
  const result: Array<string> = []
  const within = (name: string, value: number, low: number, high: number): void => {
    if (!Number.isInteger(value) || value < low || value > high) {
      result.push(`${name} is a whole number from ${low} to ${high}, not ${value}`)
    }
  }
  within("rxQueues", options.rxQueues, 1, QUEUES_MAX)
  within("txQueues", options.txQueues, 1, QUEUES_MAX)
  within("rxRing", options.rxRing, 2, RING_MAX)
  within("txRing", options.txRing, 2, RING_MAX)
  within("rxUsecs", options.rxUsecs, 0, 1_000_000)
  within("rxFrames", options.rxFrames, 0, RING_MAX)
  within("mac", options.mac, 0, 0xffff_ffff_ffff)
  return result
}
