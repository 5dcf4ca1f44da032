/**
 * What a driver and a NIC say to each other: buffer references, lengths, mss, checksum offsets. A NIC never sees an
 * sk_buff; `cookie` is the driver's own.
 */

/** Most page fragments of one packet (Linux: MAX_SKB_FRAGS with 4 KB pages). */
export const FRAGS_MAX = 17

const NO_FRAGS = new Int32Array(0)

/** One packet on a TX ring: a linear head and page fragments. Pooled by its ring; the fields are overwritten. */
export class TxPacket {
  /** Slab frame that holds the head; the NIC only reads it. */
  frame: number
  /** Absolute offset of the head's first byte (the Ethernet header) in the slab. */
  headAt: number
  headLength: number
  /** Page fragments: page, offset, length, three numbers each. */
  frags: Int32Array
  fragCount: number
  /** Payload bytes a segment carries when the NIC has to cut (TSO); 0 for a packet that fits the wire. */
  gsoSize: number
  /** Frames it becomes on the wire, at least 1. */
  segments: number
  /** Bytes of all headers, copied in front of every segment. Only with `gsoSize`. */
  headerLength: number
  /** Offset from the head's first byte where the transport checksum begins, -1 when nothing is to be filled in. */
  checksumStart: number
  /** Where, from `checksumStart`, the checksum field stands. */
  checksumOffset: number
  /** Ring slots it takes: context + head + fragments. */
  descriptors: number
  traceId: number
  /**
   * The frame slot itself goes on the wire and is not copied: a linear head in its whole (no fragments, no TSO) that nobody
   * else refers to. The driver must not touch the frame after the doorbell.
   */
  giveAway: boolean
  /** Time of the doorbell, ns. The NIC writes it. */
  postedAt: number
  /** When its last bit has left, ns; `Infinity` until it is started. The NIC writes it. */
  doneAt: number
  /** The driver's own: the sk_buff. */
  cookie: unknown
  /** The next one in its ring's pool. */
  next: TxPacket | null

  constructor() {
    this.frame = -1
    this.headAt = 0
    this.headLength = 0
    this.frags = NO_FRAGS
    this.fragCount = 0
    this.gsoSize = 0
    this.segments = 1
    this.headerLength = 0
    this.checksumStart = -1
    this.checksumOffset = 0
    this.descriptors = 1
    this.traceId = 0
    this.giveAway = false
    this.postedAt = 0
    this.doneAt = Infinity
    this.cookie = null
    this.next = null
  }

  /** Room for a fragment's three numbers: many cards never send a packet that has one. */
  setFrag(index: number, value: number): void {
    if (this.frags === NO_FRAGS) this.frags = new Int32Array(FRAGS_MAX * 3)
    this.frags[index] = value
  }
}
