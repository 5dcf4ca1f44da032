/**
 * Frames as bytes in one slab, named by integer handles.
 *
 * A slot has `STRIDE` bytes; a frame normally starts `HEADROOM` bytes into its slot, so that a tunnel header can be
 * pushed in front without a copy. A frame longer than a slot takes several slots in a row under the first one's handle.
 * Offsets into `bytes` are absolute and stay valid when the slab grows, but the `bytes` array itself is replaced:
 * never hold `bytes` or `words` across `alloc`.
 */
export const STRIDE = 1600
export const HEADROOM = 64
/** Longest frame that fits one slot. */
export const SLOT_FRAME = STRIDE - HEADROOM

/** The transport checksum is the pseudo-header sum only, to be finished by a device (Linux: CHECKSUM_PARTIAL). */
export const CHECKSUM_PARTIAL = 1
/** The frame check sequence is wrong: the next port drops the frame (rx_crc_errors). */
export const FCS_BAD = 2
/** The checksums were verified by somebody who may be trusted (Linux: CHECKSUM_UNNECESSARY). */
export const CHECKSUM_VERIFIED = 4

const FREED = -1

export class FrameSlab {
  /** The bytes of all slots. Replaced on growth. */
  bytes: Uint8Array
  /** The same memory as 32-bit words in the machine's order: for hashing only. */
  words: Int32Array
  /** Absolute offset of the first byte of each frame. */
  start: Int32Array
  /** Bytes of each frame; -1 marks a free slot. */
  length: Int32Array
  /** CHECKSUM_* and FCS_* bits. */
  flags: Uint8Array
  /** Trace id of each frame, 0 for none: survives links. */
  trace: Float64Array
  /** Frames alive: the leak test. */
  live: number

  private next: Int32Array
  private span: Uint8Array
  private freeHead: number
  private fresh: number
  private capacity: number
  private readonly jumboFree: Array<Array<number>>

  /** @param capacity slots reserved; untouched ones cost no memory */
  constructor(capacity = 4096) {
    this.capacity = capacity
    const buffer = new ArrayBuffer(capacity * STRIDE)
    this.bytes = new Uint8Array(buffer)
    this.words = new Int32Array(buffer)
    this.start = new Int32Array(capacity)
    this.length = new Int32Array(capacity).fill(FREED)
    this.flags = new Uint8Array(capacity)
    this.trace = new Float64Array(capacity)
    this.next = new Int32Array(capacity)
    this.span = new Uint8Array(capacity)
    this.live = 0
    this.freeHead = FREED
    this.fresh = 0
    this.jumboFree = []
  }

  /**
   * A frame of `length` bytes with undefined content, starting at the usual headroom.
   *
   * @returns its handle
   */
  alloc(length: number): number {
    if (length > SLOT_FRAME) return this.allocJumbo(length)
    let handle = this.freeHead
    if (handle !== FREED) {
      this.freeHead = this.next[handle]!
    } else {
      if (this.fresh === this.capacity) this.grow(this.capacity * 2)
      handle = this.fresh++
    }
    this.span[handle] = 1
    this.start[handle] = handle * STRIDE + HEADROOM
    this.length[handle] = length
    this.flags[handle] = 0
    this.trace[handle] = 0
    this.live++
    return handle
  }

  /** Gives the slot back. Freeing twice, or a handle never given out, is a defect. */
  free(handle: number): void {
    if (this.length[handle] === FREED || handle < 0 || handle >= this.fresh) {
      throw new Error(`frame ${handle} freed twice or never allocated`)
    }
    this.length[handle] = FREED
    this.live--
    const span = this.span[handle]!
    if (span === 1) {
      this.next[handle] = this.freeHead
      this.freeHead = handle
      return
    }
    ;(this.jumboFree[span] ??= []).push(handle)
  }

  /** True while the handle names a frame. */
  isLive(handle: number): boolean {
    return handle >= 0 && handle < this.fresh && this.length[handle] !== FREED
  }

  /** A copy of the frame with its flags and trace id, at the usual headroom. */
  copy(handle: number): number {
    const length = this.length[handle]!
    const copy = this.alloc(length)
    const from = this.start[handle]!
    this.bytes.copyWithin(this.start[copy]!, from, from + length)
    this.flags[copy] = this.flags[handle]!
    this.trace[copy] = this.trace[handle]!
    return copy
  }

  /** The frame's bytes as a view, valid until the next `alloc`. */
  view(handle: number): Uint8Array {
    const start = this.start[handle]!
    return this.bytes.subarray(start, start + this.length[handle]!)
  }

  /** A new frame holding a copy of `bytes`. */
  from(bytes: Uint8Array): number {
    const handle = this.alloc(bytes.length)
    this.bytes.set(bytes, this.start[handle]!)
    return handle
  }

  private allocJumbo(length: number): number {
    const span = Math.ceil((length + HEADROOM) / STRIDE)
    if (span > 255) throw new Error(`a frame of ${length} bytes does not fit the slab`)
    let handle = this.jumboFree[span]?.pop()
    if (handle === undefined) {
      while (this.fresh + span > this.capacity) this.grow(this.capacity * 2)
      handle = this.fresh
      this.fresh += span
    }
    this.span[handle] = span
    this.start[handle] = handle * STRIDE + HEADROOM
    this.length[handle] = length
    this.flags[handle] = 0
    this.trace[handle] = 0
    this.live++
    return handle
  }

  private grow(capacity: number): void {
    const buffer = new ArrayBuffer(capacity * STRIDE)
    const bytes = new Uint8Array(buffer)
    bytes.set(this.bytes)
    this.bytes = bytes
    this.words = new Int32Array(buffer)
    const wider = (old: Int32Array): Int32Array => {
      const array = new Int32Array(capacity)
      array.set(old)
      return array
    }
    this.start = wider(this.start)
    const length = new Int32Array(capacity).fill(FREED)
    length.set(this.length)
    this.length = length
    const trace = new Float64Array(capacity)
    trace.set(this.trace)
    this.trace = trace
    this.next = wider(this.next)
    const flags = new Uint8Array(capacity)
    flags.set(this.flags)
    this.flags = flags
    const span = new Uint8Array(capacity)
    span.set(this.span)
    this.span = span
    this.capacity = capacity
  }
}
