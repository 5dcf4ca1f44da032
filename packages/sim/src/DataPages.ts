/**
 * Counted pages for payload: what `tcp_sendmsg` fills, clones share and the last reference frees.
 *
 * A page has `PAGE_SIZE` bytes and is named by an integer handle. `bytes` is replaced when the store grows: never hold
 * it across `alloc`.
 */
export const PAGE_SIZE = 4096

export class DataPages {
  bytes: Uint8Array
  /** References to each page; 0 marks a free page. */
  refs: Int32Array
  /** Pages alive: the leak test. */
  live: number
  /** A number of the page's holder, meaningless here: the page frame it stands for. */
  notes: Int32Array
  private next: Int32Array
  private freeHead: number
  private fresh: number
  private capacity: number

  /** @param capacity pages reserved; untouched ones cost no memory */
  constructor(capacity = 1024) {
    this.capacity = capacity
    this.bytes = new Uint8Array(capacity * PAGE_SIZE)
    this.refs = new Int32Array(capacity)
    this.notes = new Int32Array(capacity)
    this.next = new Int32Array(capacity)
    this.live = 0
    this.freeHead = -1
    this.fresh = 0
  }

  /** A page with one reference and undefined content. */
  alloc(): number {
    let page = this.freeHead
    if (page >= 0) {
      this.freeHead = this.next[page]!
    } else {
      if (this.fresh === this.capacity) this.grow()
      page = this.fresh++
    }
    this.refs[page] = 1
    this.live++
    return page
  }

  /** Absolute offset of the page's first byte in `bytes`. */
  offset(page: number): number {
    return page * PAGE_SIZE
  }

  get(page: number): void {
    if (this.refs[page]! <= 0) throw new Error(`page ${page} used after free`)
    this.refs[page] = this.refs[page]! + 1
  }

  put(page: number): void {
    const refs = this.refs[page]! - 1
    if (!(refs >= 0)) throw new Error(`page ${page} freed twice`)
    this.refs[page] = refs
    if (refs > 0) return
    this.next[page] = this.freeHead
    this.freeHead = page
    this.live--
  }

  private grow(): void {
    const capacity = this.capacity * 2
    const bytes = new Uint8Array(capacity * PAGE_SIZE)
    bytes.set(this.bytes)
    this.bytes = bytes
    const refs = new Int32Array(capacity)
    refs.set(this.refs)
    this.refs = refs
    const notes = new Int32Array(capacity)
    notes.set(this.notes)
    this.notes = notes
    const next = new Int32Array(capacity)
    next.set(this.next)
    this.next = next
    this.capacity = capacity
  }
}
