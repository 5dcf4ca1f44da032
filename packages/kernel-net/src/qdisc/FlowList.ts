/** Flows served in turn, first in first out, linked through themselves. */
export class FlowList<Flow extends { next: Flow | null }> {
  head: Flow | null
  private tail: Flow | null

  constructor() {
    this.head = null
    this.tail = null
  }

  push(flow: Flow): void {
    flow.next = null
    if (this.tail === null) this.head = flow
    else this.tail.next = flow
    this.tail = flow
  }

  /** Precondition: there is one. */
  shift(): void {
    const flow = this.head!
    this.head = flow.next
    if (this.head === null) this.tail = null
    flow.next = null
  }

  count(): number {
    let count = 0
    for (let flow = this.head; flow !== null; flow = flow.next) count++
    return count
  }

  clear(): void {
    this.head = null
    this.tail = null
  }
}
