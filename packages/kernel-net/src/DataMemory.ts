/**
 * Where payload lives, in two books: the bytes in the world's page store, the page frames in the host's memory.
 */
import type { Memory } from "@darkfiber/memory/Memory"
import { pageBytes } from "@darkfiber/memory/Page"
import { PageRuns } from "@darkfiber/memory/PageRuns"
import type { World } from "@darkfiber/sim/World"

/**
 * Payload pages of one host. A page frame is charged when a page is taken and returned with its last reference; the page
 * bears its number.
 * Differs: Linux takes payload from fragments of larger blocks (sk_page_frag, order 3).
 */
export class DataMemory {
  private readonly world: World
  private readonly memory: Memory
  /** Pages this host holds. */
  held: number

  constructor(world: World, memory: Memory) {
    this.world = world
    this.memory = memory
    this.held = 0
  }

  /** A page with one reference; -1 without memory. */
  alloc(cpu: number): number {
    const frame = this.memory.pages.allocPage(cpu)
    if (frame < 0) return -1
    const page = this.world.pages.alloc()
    this.world.pages.notes[page] = frame
    this.held++
    return page
  }

  /** One reference less. */
  put(page: number, cpu: number): void {
    const pages = this.world.pages
    const last = pages.refs[page] === 1
    pages.put(page)
    if (!last) return
    this.held--
    this.memory.pages.freePage(pages.notes[page]!, cpu)
  }
}

/** Pages kept back against going to and fro. */
const SPARE = 8

/**
 * Buffers of received frames: pieces of pages (Linux: page_frag_alloc, the pages of a driver's ring). Kept as a sum:
 * as many pages are taken as the pieces fill.
 */
export class PageFrags {
  private readonly memory: Memory
  private readonly pages: PageRuns
  /** Bytes in use. */
  bytes: number

  constructor(memory: Memory) {
    this.memory = memory
    this.pages = new PageRuns()
    this.bytes = 0
  }

  take(bytes: number, cpu: number): void {
    this.bytes += bytes
    while (this.pages.count * pageBytes < this.bytes) {
      const frame = this.memory.pages.allocPage(cpu)
      if (frame < 0) return
      this.pages.push(frame)
    }
  }

  give(bytes: number, cpu: number): void {
    this.bytes -= bytes
    if (this.bytes < 0) throw new Error("page fragments given back twice")
    while ((this.pages.count - SPARE) * pageBytes > this.bytes) this.memory.pages.freePage(this.pages.pop(), cpu)
  }

  /** Returns the spare pages. Precondition: nothing is in use. */
  release(cpu: number): void {
    for (let frame = this.pages.pop(); frame >= 0; frame = this.pages.pop()) {
      this.memory.pages.freePage(frame, cpu)
    }
  }
}
