/**
 * MSG_ZEROCOPY: the pages of the program go out themselves, and the error queue says when the program may have them back
 * (Linux: msg_zerocopy_realloc, skb_zerocopy_iter_stream, __msg_zerocopy_callback; net/core/skbuff.c).
 *
 *     send ──▶ Pinned pages ◀── buffers and their clones, each with a hold on the `ZerocopySend`
 *                                     │ the last one is gone
 *                                     ▼
 *              error queue: sends `info` to `data` are through, COPIED when somebody had to copy
 *
 * A page of the program is a page of ours that is filled from the program's array each time it goes out, so that what
 * the program writes meanwhile is what the wire sees, as with DMA. No copy is charged.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import {
  CODE_ZEROCOPY_COPIED,
  extraOf,
  ORIGIN_ZEROCOPY,
  REPORT_BYTES,
  report,
  SockReport
} from "@darkfiber/kernel-net/SockErrors"
import type { SockExtra } from "@darkfiber/kernel-net/SockExtra"
import { FRAGS_MAX, type SkBuff, type ZerocopyHold } from "@darkfiber/kernel-net/SkBuff"
import * as Sysctl from "@darkfiber/kernel-net/Sysctl"
import { PAGE_SIZE } from "@darkfiber/sim/DataPages"
import type { Segment } from "@darkfiber/tcp/Segment"
import type { UserBytes } from "./Message.ts"
import { PageSource } from "./PageSource.ts"
import type { TcpGlue } from "./TcpGlue.ts"
import type { TcpKernelSock } from "./TcpKernelSock.ts"

const OPTMEM_MAX = Sysctl.define("net.core.optmem_max")
/** Sends that share one notification hold at most this many bytes, and are at most this many (Linux: byte_limit, USHRT_MAX). */
const BYTES_MAX = (1 << 19) - 1
const SENDS_MAX = 65_534

const nothing = new Uint8Array(0)

/** Numbered sends whose pages are out (Linux: struct ubuf_info_msgzc). */
export class ZerocopySend implements ZerocopyHold {
  readonly sk: TcpKernelSock
  /** Number of the first send, and how many there are. */
  readonly id: number
  count: number
  byteLength: number
  private holds: number
  private wasCopied: boolean
  /** Pages of the program, each with one reference until all is through, and where their bytes come from. */
  private readonly pages: Map<number, Pinned>

  constructor(sk: TcpKernelSock, id: number, byteLength: number) {
    this.sk = sk
    this.id = id
    this.count = 1
    this.byteLength = byteLength
    this.holds = 1
    this.wasCopied = false
    this.pages = new Map()
  }

  get(): void {
    this.holds++
  }

  put(core: Core | null): void {
    if (--this.holds > 0) return
    const { sk } = this
    const cpu = core === null ? 0 : core.index
    for (const page of this.pages.keys()) sk.net.host.putPage(page, cpu)
    this.pages.clear()
    if (core === null || this.count === 0) extraOf(sk).optionMemory -= REPORT_BYTES
    else notify(core, sk, this.id, this.count, this.wasCopied)
  }

  copied(): void {
    this.wasCopied = true
  }

  /** The send that has just begun takes nothing: its number is free again (Linux: msg_zerocopy_put_abort). */
  abort(core: Core): void {
    extraOf(this.sk).zerocopyKey = (extraOf(this.sk).zerocopyKey - 1) >>> 0
    this.count--
    this.put(core)
  }

  pin(page: number, source: Pinned): void {
    this.pages.set(page, source)
  }

  /** Fills the program's pages in the buffer with what the program has there now. */
  refresh(skb: SkBuff): void {
    const store = this.sk.net.host.world.pages
    for (let i = 0; i < skb.fragCount; i++) {
      const page = skb.frags[i * 3]!
      const pinned = this.pages.get(page)
      if (pinned !== undefined)
        store.bytes.set(pinned.bytes.subarray(pinned.at, pinned.at + PAGE_SIZE), store.offset(page))
    }
  }
}

/** What a pinned page shows: the bytes of an array from `at` on. */
export interface Pinned {
  readonly bytes: Uint8Array
  readonly at: number
}

/** The report of sends that are through joins the last one on the queue when it goes on from there. */
const notify = (core: Core, sk: TcpKernelSock, first: number, count: number, copied: boolean): void => {
  const extra = extraOf(sk)
  const tail = extra.errors === null ? null : extra.errors.tail
  if (tail !== null && tail.origin === ORIGIN_ZEROCOPY && (tail.data + 1) >>> 0 === first) {
    tail.data = (tail.data + count) >>> 0
    extra.optionMemory -= REPORT_BYTES
    sk.waiters?.errorReport(sk, core)
    return
  }
  const last = (first + count - 1) >>> 0
  const code = copied ? CODE_ZEROCOPY_COPIED : 0
  // Its memory was set aside when the send began: there is always room.
  report(core, sk, new SockReport(0, ORIGIN_ZEROCOPY, 0, code, first, last, 0, nothing, 0, 0), -Infinity)
}

/**
 * Begins a send of `bytes`: with the notification of the one before it when its buffer is still to go, else with a new one.
 *
 * @returns null without option memory (ENOBUFS)
 */
export const begin = (sk: TcpKernelSock, tail: SkBuff | null, bytes: number): ZerocopySend | null => {
  const extra = extraOf(sk)
  const before = tail === null ? null : tail.zerocopy
  if (before instanceof ZerocopySend && mayJoin(before, extra, bytes)) {
    before.count++
    before.byteLength += bytes
    before.get()
    extra.zerocopyKey = (extra.zerocopyKey + 1) >>> 0
    return before
  }
  const limit = sk.net.host.sysctl.get(OPTMEM_MAX)
  if (extra.optionMemory + REPORT_BYTES > limit) return null
  extra.optionMemory += REPORT_BYTES
  const made = new ZerocopySend(sk, extra.zerocopyKey, bytes)
  extra.zerocopyKey = (extra.zerocopyKey + 1) >>> 0
  return made
}

const mayJoin = (before: ZerocopySend, extra: SockExtra, bytes: number): boolean =>
  before.count < SENDS_MAX &&
  before.byteLength + bytes <= BYTES_MAX &&
  (before.id + before.count) >>> 0 === extra.zerocopyKey

/** The buffers of one send as pages. Each begins a page; the page under the last byte taken is shared with what follows. */
export class PinnedBytes extends PageSource {
  readonly length: number
  readonly send: ZerocopySend
  private readonly pieces: ReadonlyArray<UserBytes>
  /** The page looked at last: which piece and which page of it. */
  private piece: number
  private pieceStart: number
  private page: number
  private pageAt: number

  constructor(send: ZerocopySend, pieces: ReadonlyArray<UserBytes>, length: number) {
    super()
    this.send = send
    this.pieces = pieces
    this.length = length
    this.piece = 0
    this.pieceStart = 0
    this.page = -1
    this.pageAt = -1
  }

  append(glue: TcpGlue, segment: Segment, at: number, length: number): number {
    const skb = segment.buffer as SkBuff
    if (skb.zerocopy !== null && skb.zerocopy !== this.send) return 0
    let taken = 0
    while (taken < length) {
      const n = this.appendPage(glue, skb, at + taken, length - taken)
      if (n === 0) break
      taken += n
    }
    if (taken === 0) return 0
    if (skb.zerocopy === null) {
      skb.zerocopy = this.send
      this.send.get()
    }
    segment.length += taken
    segment.truesize = skb.truesize
    return taken
  }

  /** References bytes of one page. A page counts as a whole, however little of it is sent. */
  private appendPage(glue: TcpGlue, skb: SkBuff, at: number, length: number): number {
    const bytes = this.pieceOf(at)
    const offset = at - this.pieceStart
    const pageAt = offset - (offset % PAGE_SIZE)
    const store = glue.host.world.pages
    const start = offset - pageAt
    const last = (skb.fragCount - 1) * 3
    const joins =
      last >= 0 &&
      pageAt === this.pageAt &&
      skb.frags[last] === this.page &&
      start === skb.frags[last + 1]! + skb.frags[last + 2]!
    if (!joins && skb.fragCount === FRAGS_MAX) return 0
    if (pageAt !== this.pageAt && !this.pinPage(glue, bytes, pageAt)) return 0
    const n = Math.min(length, PAGE_SIZE - start, bytes.length - offset)
    if (joins) {
      skb.frags[last + 2] = skb.frags[last + 2]! + n
      skb.dataLength += n
    } else {
      store.get(this.page)
      skb.addFrag(this.page, start, n)
    }
    skb.truesize += PAGE_SIZE
    return n
  }

  /** The piece that holds byte `at` of all. */
  private pieceOf(at: number): Uint8Array {
    let piece = this.pieces[this.piece]!
    while (at >= this.pieceStart + piece.length) {
      this.pieceStart += piece.length
      piece = this.pieces[++this.piece]!
      this.pageAt = -1
    }
    return piece as Uint8Array
  }

  private pinPage(glue: TcpGlue, bytes: Uint8Array, at: number): boolean {
    const { host, core } = glue
    const page = host.allocPage(core.index)
    if (page < 0) return false
    host.world.pages.bytes.set(bytes.subarray(at, at + PAGE_SIZE), host.world.pages.offset(page))
    this.send.pin(page, { bytes, at })
    this.page = page
    this.pageAt = at
    return true
  }
}
