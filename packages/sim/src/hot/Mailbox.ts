/**
 * The mailbox of one actor: a ring of (kind, a, b) rows that grows up to its limit.
 *
 * It is always some modelled queue (a port's buffer, a device's FIFO), so a full one refuses and its owner drops with
 * a counted reason.
 */
const INITIAL = 8

export class Mailbox {
  /** Rows waiting. */
  size: number
  /** Most rows that may wait. */
  readonly limit: number
  /** The last row taken. */
  kind: number
  a: number
  b: number
  private rows: Int32Array
  private mask: number
  private head: number

  constructor(limit: number) {
    this.size = 0
    this.limit = limit
    this.kind = 0
    this.a = 0
    this.b = 0
    this.rows = new Int32Array(INITIAL * 4)
    this.mask = INITIAL - 1
    this.head = 0
  }

  /** False when the mailbox is full. */
  push(kind: number, a: number, b: number): boolean {
    if (this.size > this.mask) {
      if (this.size >= this.limit) return false
      this.grow()
    } else if (this.size >= this.limit) return false
    const at = ((this.head + this.size) & this.mask) << 2
    this.rows[at] = kind
    this.rows[at + 1] = a
    this.rows[at + 2] = b
    this.size++
    return true
  }

  /** Takes the oldest row into `kind`, `a`, `b`. Precondition: not empty. */
  shift(): void {
    const at = (this.head & this.mask) << 2
    this.kind = this.rows[at]!
    this.a = this.rows[at + 1]!
    this.b = this.rows[at + 2]!
    this.head = (this.head + 1) & this.mask
    this.size--
  }

  forEach(visit: (kind: number, a: number, b: number) => void): void {
    for (let i = 0; i < this.size; i++) {
      const at = ((this.head + i) & this.mask) << 2
      visit(this.rows[at]!, this.rows[at + 1]!, this.rows[at + 2]!)
    }
  }

  private grow(): void {
    const capacity = (this.mask + 1) * 2
    const rows = new Int32Array(capacity * 4)
    const old = this.rows
    for (let i = 0; i < this.size; i++) {
      const from = ((this.head + i) & this.mask) << 2
      rows[i * 4] = old[from]!
      rows[i * 4 + 1] = old[from + 1]!
      rows[i * 4 + 2] = old[from + 2]!
    }
    this.rows = rows
    this.mask = capacity - 1
    this.head = 0
  }
}
