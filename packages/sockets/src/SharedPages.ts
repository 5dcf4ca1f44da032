/** Pages that pipes and files give to sockets, and sockets to pipes, without a copy (Linux: MSG_SPLICE_PAGES, skb_splice_bits). */
import type { SkBuff } from "@darkfiber/kernel-net/SkBuff"
import { FRAGS_MAX } from "@darkfiber/kernel-net/SkBuff"
import { PAGE_SIZE } from "@darkfiber/sim/DataPages"
import type { Segment } from "@darkfiber/tcp/Segment"
import { PageSink, PageSource } from "./PageSource.ts"
import type { Pipe } from "./Pipe.ts"
import type { RamFile } from "./RamFiles.ts"
import type { TcpGlue } from "./TcpGlue.ts"

/** References part of a page in a buffer; joins the last fragment when it goes on there. False when there is no place. */
const share = (glue: TcpGlue, skb: SkBuff, page: number, offset: number, length: number): boolean => {
  const last = (skb.fragCount - 1) * 3
  if (last >= 0 && skb.frags[last] === page && offset === skb.frags[last + 1]! + skb.frags[last + 2]!) {
    skb.frags[last + 2] = skb.frags[last + 2]! + length
    skb.dataLength += length
  } else {
    if (skb.fragCount === FRAGS_MAX) return false
    glue.host.world.pages.get(page)
    skb.addFrag(page, offset, length)
  }
  skb.truesize += length
  return true
}

const taken = (segment: Segment, bytes: number): number => {
  segment.length += bytes
  segment.truesize = (segment.buffer as SkBuff).truesize
  return bytes
}

/** What stands first in a pipe. */
export class PipePages extends PageSource {
  readonly pipe: Pipe

  constructor(pipe: Pipe) {
    super()
    this.pipe = pipe
  }

  get length(): number {
    return this.pipe.bytes
  }

  append(glue: TcpGlue, segment: Segment, at: number, length: number): number {
    let before = 0
    let done = 0
    for (const slot of this.pipe.slots) {
      if (done === length) break
      const skip = Math.max(0, at - before)
      before += slot.length
      if (skip >= slot.length) continue
      const n = Math.min(length - done, slot.length - skip)
      if (!share(glue, segment.buffer as SkBuff, slot.page, slot.offset + skip, n)) break
      done += n
    }
    return taken(segment, done)
  }
}

/** A file from `start` on. */
export class FilePages extends PageSource {
  private readonly file: RamFile
  private readonly start: number

  constructor(file: RamFile, start: number) {
    super()
    this.file = file
    this.start = start
  }

  get length(): number {
    return this.file.size - this.start
  }

  append(glue: TcpGlue, segment: Segment, at: number, length: number): number {
    let done = 0
    while (done < length) {
      const position = this.start + at + done
      const page = this.file.pageOf(glue.core.index, position)
      const offset = position % PAGE_SIZE
      const n = Math.min(length - done, PAGE_SIZE - offset)
      if (page < 0 || !share(glue, segment.buffer as SkBuff, page, offset, n)) break
      done += n
    }
    return taken(segment, done)
  }
}

/**
 * A pipe that takes what a socket received: pages as they are; what lies in a frame goes into pages of the simulation, without
 * a copy of the simulated kernel, whose frames are parts of pages.
 */
export class PipeRoom extends PageSink {
  readonly length: number
  private readonly pipe: Pipe

  constructor(pipe: Pipe) {
    super()
    this.pipe = pipe
    this.length = pipe.size * PAGE_SIZE
  }

  take(glue: TcpGlue, segment: Segment, offset: number, length: number): number {
    return this.takeBuffer(glue, segment.buffer as SkBuff, offset, length)
  }

  private takeBuffer(glue: TcpGlue, skb: SkBuff, offset: number, length: number): number {
    let skip = offset
    let done = 0
    if (skip < skb.headLength) done = this.takeHead(glue, skb, skip, Math.min(length, skb.headLength - skip))
    if (skip < skb.headLength && done < Math.min(length, skb.headLength - skip)) return done
    skip = Math.max(0, skip - skb.headLength)
    for (let i = 0; i < skb.fragCount && done < length; i++) {
      const size = skb.frags[i * 3 + 2]!
      if (skip < size) {
        if (this.pipe.isFull) return done
        const n = Math.min(length - done, size - skip)
        const page = skb.frags[i * 3]!
        glue.host.world.pages.get(page)
        this.pipe.put(page, skb.frags[i * 3 + 1]! + skip, n)
        done += n
      }
      skip = Math.max(0, skip - size)
    }
    for (let part = skb.fragList; part !== null && done < length; part = part.next) {
      if (skip < part.length) {
        const wanted = Math.min(length - done, part.length - skip)
        const n = this.takeBuffer(glue, part, skip, wanted)
        done += n
        if (n < wanted) return done
      }
      skip = Math.max(0, skip - part.length)
    }
    return done
  }

  private takeHead(glue: TcpGlue, skb: SkBuff, offset: number, length: number): number {
    const { core, host } = glue
    const { pages, slab } = host.world
    let done = 0
    while (done < length && !this.pipe.isFull) {
      const page = host.allocPage(core.index)
      if (page < 0) break
      const n = Math.min(length - done, PAGE_SIZE)
      const from = skb.data + offset + done
      pages.bytes.set(slab.bytes.subarray(from, from + n), pages.offset(page))
      this.pipe.put(page, 0, n)
      done += n
    }
    return done
  }
}
