/**
 * sk_buff: a packet inside a host. A linear head in a slab frame, up to 17 references to counted data pages, and a list
 * of further buffers when GRO or reassembly has merged some.
 *
 *     frame slot   |headroom|  eth | ip | tcp | linear payload |
 *                           ^data (moves with push and pull)   headLength bytes from data
 *     frags        page, offset, length        dataLength bytes, after the head
 *     fragList     buffers merged behind this one, each with a head of its own
 *
 * Offsets (`data`, `*Header`) are absolute in the world's slab. Buffers are pooled per host and have one shape. Each one
 * ends once: delivered, dropped with a reason, or freed by its sender when the device is done (`Host` counts).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { SlabCache } from "@darkfiber/memory/SlabCache"
import type { Dst } from "./Dst.ts"
import type { NetDevice } from "./NetDevice.ts"
import type { Host } from "./Host.ts"
import type { Sock } from "./Sock.ts"

export const FRAGS_MAX = 17

/** Linux: CHECKSUM_* (include/linux/skbuff.h). */
export const CHECKSUM_NONE = 0
export const CHECKSUM_UNNECESSARY = 1
export const CHECKSUM_PARTIAL = 3

/** Linux: PACKET_* (include/uapi/linux/if_packet.h). */
export const PACKET_HOST = 0
export const PACKET_BROADCAST = 1
export const PACKET_MULTICAST = 2
export const PACKET_OTHERHOST = 3
export const PACKET_OUTGOING = 4
export const PACKET_LOOPBACK = 5

/** What stands in `skb.dst`: the result of a route look-up. */
export type Destination = Dst

/** How the sk_buff itself was taken (Linux: SKB_FCLONE_*): alone, or as one of a pair from skbuff_fclone_cache. */
export const FCLONE_NONE = 0
export const FCLONE_ORIGINAL = 1
export const FCLONE_CLONE = 2

/** What stands in `skb.zerocopy`: a program's pages lie in the buffer, and the program is to know when they do not any more. */
export interface ZerocopyHold {
  get(): void
  /** One buffer less has them. */
  put(core: Core | null): void
  /** They were copied after all. */
  copied(): void
}

/** What stands in `skb.conntrack`. */
export interface ConntrackReference {
  put(): void
  get(): void
}

export class SkBuff {
  readonly host: Host
  next: SkBuff | null
  previous: SkBuff | null
  /** The one its host made after it. */
  younger: SkBuff | null
  /** True between allocation and free. */
  live: boolean
  /** Slab frame of the head; -1 when it has none. */
  frame: number
  /** Where the frame's memory ends: bytes may be put up to here. */
  headEnd: number
  data: number
  /** Bytes from `data` in the head. */
  headLength: number
  /** Bytes in page fragments and in `fragList`. */
  dataLength: number
  fragCount: number
  /** page, offset, length of each fragment; allocated on first use. */
  frags: Int32Array
  fragList: SkBuff | null
  fragTail: SkBuff | null
  macHeader: number
  networkHeader: number
  transportHeader: number
  dev: NetDevice | null
  /** ifindex of the device it came in on. */
  inputIndex: number
  /** EtherType. */
  protocol: number
  packetType: number
  ipSummed: number
  /** Absolute offset where the transport checksum begins (CHECKSUM_PARTIAL). */
  checksumStart: number
  checksumOffset: number
  gsoSize: number
  gsoSegments: number
  /** Flow hash, 0 for not yet computed. */
  hash: number
  mark: number
  priority: number
  queueMapping: number
  conntrack: ConntrackReference | null
  /** Linux: enum ip_conntrack_info. */
  conntrackInfo: number
  dst: Destination | null
  /** The socket whose write memory it holds. */
  sk: Sock | null
  truesize: number
  /** Cache its data area came from, null for none (shared, or a page fragment). */
  dataCache: SlabCache | null
  /** Bytes of a data area that is a page fragment or whole pages; 0 for none. */
  dataBytes: number
  /** FCLONE_*. */
  fclone: number
  /** The other one of a pair. */
  twin: SkBuff | null
  /** Receive time, ns. Of a TCP segment on its way out when it is to leave (EDT); a qdisc may note a time of its own here. */
  timestamp: number
  traceId: number
  /** Frames it stands for in the conservation account. */
  weight: number
  /** True once counted as created in the ledger. */
  counted: boolean
  /** Bits for netfilter and bridge: set by them, cleared on reuse. */
  flags: number
  /** IP layer's own (Linux: IPCB flags): SKB_IP_*. */
  ipFlags: number
  /** The protocol's own: TCP's segment. Stays with the pooled buffer. */
  cb: unknown
  /** Pages of a program (MSG_ZEROCOPY); null for the kernel's own. */
  zerocopy: ZerocopyHold | null
  /** Time stamps to report, STAMP_* (SkbStamp.ts), and the byte they are about. */
  stamp: number
  stampKey: number

  constructor(host: Host) {
    this.host = host
    this.next = null
    this.previous = null
    this.younger = null
    this.live = false
    this.frame = -1
    this.headEnd = 0
    this.data = 0
    this.headLength = 0
    this.dataLength = 0
    this.fragCount = 0
    this.frags = noFrags
    this.fragList = null
    this.fragTail = null
    this.macHeader = 0
    this.networkHeader = 0
    this.transportHeader = 0
    this.dev = null
    this.inputIndex = 0
    this.protocol = 0
    this.packetType = PACKET_HOST
    this.ipSummed = CHECKSUM_NONE
    this.checksumStart = 0
    this.checksumOffset = 0
    this.gsoSize = 0
    this.gsoSegments = 0
    this.hash = 0
    this.mark = 0
    this.priority = 0
    this.queueMapping = 0
    this.conntrack = null
    this.conntrackInfo = 0
    this.dst = null
    this.sk = null
    this.truesize = 0
    this.dataCache = null
    this.dataBytes = 0
    this.fclone = FCLONE_NONE
    this.twin = null
    this.timestamp = 0
    this.traceId = 0
    this.weight = 1
    this.counted = false
    this.flags = 0
    this.ipFlags = 0
    this.cb = null
    this.zerocopy = null
    this.stamp = 0
    this.stampKey = 0
  }

  /** Back to the start values of every field that a new packet must not inherit. `cb` stays. */
  reset(): void {
    if (this.frame >= 0 || this.fragCount > 0 || this.fragList !== null || this.zerocopy !== null)
      throw new Error("a buffer with data was pooled")
    this.live = false
    this.next = null
    this.previous = null
    this.headLength = 0
    this.dataLength = 0
    this.fragTail = null
    this.macHeader = 0
    this.networkHeader = 0
    this.transportHeader = 0
    this.dev = null
    this.inputIndex = 0
    this.protocol = 0
    this.packetType = PACKET_HOST
    this.ipSummed = CHECKSUM_NONE
    this.checksumStart = 0
    this.checksumOffset = 0
    this.gsoSize = 0
    this.gsoSegments = 0
    this.hash = 0
    this.mark = 0
    this.priority = 0
    this.queueMapping = 0
    this.conntrack = null
    this.conntrackInfo = 0
    this.dst = null
    this.sk = null
    this.truesize = 0
    this.dataCache = null
    this.dataBytes = 0
    this.fclone = FCLONE_NONE
    this.twin = null
    this.timestamp = 0
    this.traceId = 0
    this.weight = 1
    this.counted = false
    this.flags = 0
    this.ipFlags = 0
    this.stamp = 0
  }

  /** Bytes from `data` on, head and fragments together (Linux: skb->len). */
  get length(): number {
    return this.headLength + this.dataLength
  }

  /** Makes room for `bytes` in front of `data` (Linux: skb_push). */
  push(bytes: number): void {
    this.data -= bytes
    this.headLength += bytes
  }

  /** Steps over `bytes` at the front of the head (Linux: skb_pull). Precondition: they are in the head. */
  pull(bytes: number): void {
    this.data += bytes
    this.headLength -= bytes
  }

  /** Appends a reference to part of a page; takes over one count on it. */
  addFrag(page: number, offset: number, length: number): void {
    if (this.frags === noFrags) this.frags = new Int32Array(FRAGS_MAX * 3)
    const at = this.fragCount++ * 3
    this.frags[at] = page
    this.frags[at + 1] = offset
    this.frags[at + 2] = length
    this.dataLength += length
  }
}

const noFrags = new Int32Array(0)

/** A list of buffers, first in first out (Linux: sk_buff_head). */
export class SkBuffList {
  head: SkBuff | null
  tail: SkBuff | null
  count: number

  constructor() {
    this.head = null
    this.tail = null
    this.count = 0
  }

  push(skb: SkBuff): void {
    skb.next = null
    skb.previous = this.tail
    if (this.tail === null) this.head = skb
    else this.tail.next = skb
    this.tail = skb
    this.count++
  }

  shift(): SkBuff | null {
    const skb = this.head
    if (skb === null) return null
    this.head = skb.next
    if (this.head === null) this.tail = null
    else this.head.previous = null
    skb.next = null
    this.count--
    return skb
  }

  unshift(skb: SkBuff): void {
    skb.previous = null
    skb.next = this.head
    if (this.head === null) this.tail = skb
    else this.head.previous = skb
    this.head = skb
    this.count++
  }

  /** Moves all of `other` behind what is here. */
  takeAll(other: SkBuffList): void {
    if (other.head === null) return
    other.head.previous = this.tail
    if (this.tail === null) this.head = other.head
    else this.tail.next = other.head
    this.tail = other.tail
    this.count += other.count
    other.head = null
    other.tail = null
    other.count = 0
  }

  /** Precondition: `at` is in this list. */
  insertBefore(skb: SkBuff, at: SkBuff): void {
    skb.previous = at.previous
    skb.next = at
    if (at.previous === null) this.head = skb
    else at.previous.next = skb
    at.previous = skb
    this.count++
  }

  /** Takes `skb` out of the middle. Precondition: it is in this list. */
  remove(skb: SkBuff): void {
    if (skb.previous === null) this.head = skb.next
    else skb.previous.next = skb.next
    if (skb.next === null) this.tail = skb.previous
    else skb.next.previous = skb.previous
    skb.next = null
    skb.previous = null
    this.count--
  }
}
