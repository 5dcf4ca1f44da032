/**
 * Wait queues (Linux: kernel/wait.c, kernel/sched/core.c): who is to be called when something happens, in which order.
 *
 *     head → newest plain entry … oldest plain entry | exclusive entries, oldest first ← tail
 *            epoll's sleepers are exclusive and at the head: the last to come is the first to go
 *
 * A wake-up walks from the head and calls each entry's function; it ends when `exclusiveMax` exclusive entries said
 * that they woke somebody.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Points from "./Points.ts"

/** Linux: WQ_FLAG_EXCLUSIVE. */
export const EXCLUSIVE = 1

/** What an entry calls (Linux: wait_queue_func_t). */
export interface WakeFunction {
  /** The kernel's name, such as `autoremove_wake_function`. */
  readonly name: string
  /**
   * @param key POLL* bits of what happened, 0 for anything
   * @param core the core that wakes
   * @returns 1 when somebody was woken, 0 when not
   */
  wake(entry: WaitEntry, core: Core, key: number): number
}

export class WaitEntry {
  next: WaitEntry | null
  previous: WaitEntry | null
  /** The queue it stands in. */
  queue: WaitQueue | null
  func: WakeFunction
  flags: number
  /** The sleeping task, or what a callback needs; null for epoll's entries on a socket. */
  owner: unknown

  constructor(func: WakeFunction, owner: unknown) {
    this.next = null
    this.previous = null
    this.queue = null
    this.func = func
    this.flags = 0
    this.owner = owner
  }

  /** Linux: finish_wait, remove_wait_queue. Nothing happens when it is in none. */
  remove(): void {
    if (this.queue !== null) this.queue.remove(this)
  }
}

export class WaitQueue {
  head: WaitEntry | null
  tail: WaitEntry | null
  count: number

  constructor() {
    this.head = null
    this.tail = null
    this.count = 0
  }

  /** A plain entry goes to the head (Linux: add_wait_queue, prepare_to_wait). */
  add(entry: WaitEntry): void {
    entry.flags &= ~EXCLUSIVE
    this.addHead(entry)
  }

  /** An exclusive entry goes to the tail (Linux: add_wait_queue_exclusive, prepare_to_wait_exclusive). */
  addExclusive(entry: WaitEntry): void {
    entry.flags |= EXCLUSIVE
    entry.queue = this
    entry.next = null
    entry.previous = this.tail
    if (this.tail === null) this.head = entry
    else this.tail.next = entry
    this.tail = entry
    this.count++
  }

  /** An exclusive entry at the head, as epoll's sleepers are (Linux: __add_wait_queue_exclusive). */
  addExclusiveHead(entry: WaitEntry): void {
    entry.flags |= EXCLUSIVE
    this.addHead(entry)
  }

  /** Precondition: it is in this queue. */
  remove(entry: WaitEntry): void {
    if (entry.previous === null) this.head = entry.next
    else entry.previous.next = entry.next
    if (entry.next === null) this.tail = entry.previous
    else entry.next.previous = entry.previous
    entry.next = null
    entry.previous = null
    entry.queue = null
    this.count--
  }

  /** Linux: waitqueue_active. */
  isActive(): boolean {
    return this.head !== null
  }

  /**
   * Linux: __wake_up_common. An entry's function may take out that entry, and no other.
   *
   * @param exclusiveMax how many exclusive entries may wake; 0 for all
   * @returns entries that woke somebody
   */
  wake(core: Core, exclusiveMax: number, key: number): number {
    let entry = this.head
    if (entry === null) return 0
    core.enter(Points.WAKE_UP_COMMON)
    let left = exclusiveMax
    let woken = 0
    while (entry !== null) {
      const next: WaitEntry | null = entry.next
      const exclusive = (entry.flags & EXCLUSIVE) !== 0
      if (entry.func.wake(entry, core, key) > 0) {
        woken++
        if (exclusive && --left === 0) break
      }
      entry = next
    }
    return woken
  }

  /** Functions and owners in order, for views and tests. */
  list(): ReadonlyArray<{ readonly func: string; readonly exclusive: boolean; readonly owner: unknown }> {
    const all: Array<{ func: string; exclusive: boolean; owner: unknown }> = []
    for (let entry = this.head; entry !== null; entry = entry.next) {
      all.push({ func: entry.func.name, exclusive: (entry.flags & EXCLUSIVE) !== 0, owner: entry.owner })
    }
    return all
  }

  private addHead(entry: WaitEntry): void {
    entry.queue = this
    entry.previous = null
    entry.next = this.head
    if (this.head === null) this.tail = entry
    else this.head.previous = entry
    this.head = entry
    this.count++
  }
}
