/**
 * TCP segments over sk_buffs: the control block rides in `skb.cb`, the payload in pages that clones share.
 *
 *     append   user bytes ──▶ the core's open page (sk_page_frag), referenced by the last fragment or a new one
 *     split    the second half's pages move to a new buffer; a page cut in two is shared
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { Host } from "@darkfiber/kernel-net/Host"
import * as Skb from "@darkfiber/kernel-net/Skb"
import { FRAGS_MAX, type SkBuff } from "@darkfiber/kernel-net/SkBuff"
import { PAGE_SIZE } from "@darkfiber/sim/DataPages"
import { Segment } from "@darkfiber/tcp/Segment"

/** Room for all headers in front of a segment (Linux: MAX_TCP_HEADER). */
export const HEADER_ROOM = 14 + 4 + 20 + 60
/** Payload bytes of one buffer. */
const PAYLOAD_MAX = 65_536

/** The segment of a buffer, made once for each pooled buffer. */
export const segmentOf = (skb: SkBuff): Segment => {
  const known = skb.cb
  if (known instanceof Segment) {
    known.reset()
    known.buffer = skb
    return known
  }
  const segment = new Segment(skb)
  skb.cb = segment
  return segment
}

/**
 * An empty transmit buffer. Linux: tcp_stream_alloc_skb
 *
 * @param linuxRoom bytes the kernel keeps for headers (MAX_TCP_HEADER)
 */
export const alloc = (host: Host, core: Core, linuxRoom: number): Segment | null => {
  const skb = Skb.alloc(host, core, HEADER_ROOM, 0, linuxRoom, true)
  if (skb === null) return null
  const segment = segmentOf(skb)
  segment.length = 0
  segment.truesize = skb.truesize
  return segment
}

/** The page that a core fills (Linux: task_frag; here one a core). */
export class OpenPage {
  page = -1
  used = 0
}

/** Appends user bytes. @returns bytes taken */
export const append = (
  host: Host,
  core: Core,
  open: OpenPage,
  segment: Segment,
  source: Uint8Array,
  at: number,
  length: number
): number => {
  const skb = segment.buffer as SkBuff
  let left = Math.min(length, PAYLOAD_MAX - segment.length)
  let taken = 0
  while (left > 0) {
    if (!openPage(host, core, open)) break
    const n = Math.min(left, PAGE_SIZE - open.used)
    if (!addPiece(host, skb, open, n)) break
    host.world.pages.bytes.set(source.subarray(at + taken, at + taken + n), open.page * PAGE_SIZE + open.used)
    open.used += n
    taken += n
    left -= n
  }
  segment.length += taken
  skb.truesize += taken
  segment.truesize = skb.truesize
  return taken
}

/** Makes sure that there is room in the open page; false without memory. */
const openPage = (host: Host, core: Core, open: OpenPage): boolean => {
  if (open.page >= 0 && open.used < PAGE_SIZE) return true
  closePage(host, core.index, open)
  open.page = host.allocPage(core.index)
  open.used = 0
  return open.page >= 0
}

/** Gives up the open page; fragments keep theirs. */
export const closePage = (host: Host, cpu: number, open: OpenPage): void => {
  if (open.page >= 0) host.putPage(open.page, cpu)
  open.page = -1
}

/** References the next `n` bytes of the open page; false when the buffer has no place. */
const addPiece = (host: Host, skb: SkBuff, open: OpenPage, n: number): boolean => {
  const last = (skb.fragCount - 1) * 3
  const end = last >= 0 && skb.frags[last] === open.page ? skb.frags[last + 1]! + skb.frags[last + 2]! : -1
  if (end === open.used) {
    skb.frags[last + 2] = skb.frags[last + 2]! + n
    skb.dataLength += n
    return true
  }
  if (skb.fragCount === FRAGS_MAX) return false
  host.world.pages.get(open.page)
  skb.addFrag(open.page, open.used, n)
  return true
}

/** Cuts the payload behind `bytes`. Linux: tcp_fragment, skb_split */
export const split = (host: Host, core: Core, segment: Segment, bytes: number, linuxRoom: number): Segment | null => {
  const rest = alloc(host, core, linuxRoom)
  if (rest === null) return null
  const skb = segment.buffer as SkBuff
  const other = rest.buffer as SkBuff
  other.traceId = skb.traceId
  const frags = skb.frags
  const count = skb.fragCount
  let before = 0
  let kept = 0
  for (let i = 0; i < count; i++) {
    const page = frags[i * 3]!
    const offset = frags[i * 3 + 1]!
    const size = frags[i * 3 + 2]!
    if (before + size <= bytes) kept = i + 1
    else if (before >= bytes) other.addFrag(page, offset, size)
    else {
      const first = bytes - before
      host.world.pages.get(page)
      other.addFrag(page, offset + first, size - first)
      frags[i * 3 + 2] = first
      kept = i + 1
    }
    before += size
  }
  if (skb.zerocopy !== null && other.fragCount > 0) {
    other.zerocopy = skb.zerocopy
    skb.zerocopy.get()
  }
  const moved = segment.length - bytes
  skb.fragCount = kept
  skb.dataLength -= moved
  skb.truesize -= moved
  other.truesize += moved
  segment.length = bytes
  segment.truesize = skb.truesize
  rest.length = moved
  rest.truesize = other.truesize
  return rest
}

/** Moves the first `bytes` of the payload of `from` behind that of `to`. False: they may not, and all is as before. Linux: skb_shift */
export const shift = (host: Host, cpu: number, to: Segment, from: Segment, bytes: number): boolean => {
  const target = to.buffer as SkBuff
  const source = from.buffer as SkBuff
  if (source.headLength > 0 || source.fragList !== null || target.fragList !== null) return false
  if (target.zerocopy !== null || source.zerocopy !== null) return false
  const joins = isContinued(target, source)
  let pieces = 0
  for (let left = bytes; left > 0; pieces++) left -= source.frags[pieces * 3 + 2]!
  if (target.fragCount + pieces - (joins ? 1 : 0) > FRAGS_MAX) return false
  let left = bytes
  for (let i = 0; i < pieces; i++) left -= movePiece(host, cpu, target, source, i, left, i === 0 && joins)
  const last = (pieces - 1) * 3
  const gone = source.frags[last + 2] === 0 ? pieces : pieces - 1
  source.frags.copyWithin(0, gone * 3, source.fragCount * 3)
  source.fragCount -= gone
  source.dataLength -= bytes
  source.truesize -= bytes
  target.truesize += bytes
  from.length -= bytes
  from.truesize = source.truesize
  to.length += bytes
  to.truesize = target.truesize
  return true
}

/** The first piece of `source` lies right behind the last one of `target` (Linux: skb_can_coalesce). */
const isContinued = (target: SkBuff, source: SkBuff): boolean => {
  if (target.fragCount === 0 || source.fragCount === 0) return false
  const last = (target.fragCount - 1) * 3
  const end = target.frags[last + 1]! + target.frags[last + 2]!
  return target.frags[last] === source.frags[0] && end === source.frags[1]
}

/** Moves piece `i`, or its first `left` bytes; what stays of it keeps its place in `source`. @returns bytes moved */
const movePiece = (
  host: Host,
  cpu: number,
  target: SkBuff,
  source: SkBuff,
  i: number,
  left: number,
  joins: boolean
): number => {
  const at = i * 3
  const page = source.frags[at]!
  const offset = source.frags[at + 1]!
  const size = source.frags[at + 2]!
  const moved = Math.min(size, left)
  if (joins) {
    const last = (target.fragCount - 1) * 3
    target.frags[last + 2] = target.frags[last + 2]! + moved
    target.dataLength += moved
    if (moved === size) host.putPage(page, cpu)
  } else {
    if (moved < size) host.world.pages.get(page)
    target.addFrag(page, offset, moved)
  }
  source.frags[at + 1] = offset + moved
  source.frags[at + 2] = size - moved
  return moved
}

/** Takes the first `bytes` of the payload away. Linux: __pskb_trim_head */
export const trimHead = (host: Host, cpu: number, segment: Segment, bytes: number): void => {
  const skb = segment.buffer as SkBuff
  let left = bytes
  if (skb.headLength > 0) {
    const n = Math.min(left, skb.headLength)
    skb.pull(n)
    left -= n
  }
  const frags = skb.frags
  let gone = 0
  while (left > 0 && gone < skb.fragCount) {
    const at = gone * 3
    const size = frags[at + 2]!
    if (size <= left) {
      host.putPage(frags[at]!, cpu)
      left -= size
      skb.dataLength -= size
      gone++
    } else {
      frags[at + 1] = frags[at + 1]! + left
      frags[at + 2] = size - left
      skb.dataLength -= left
      left = 0
    }
  }
  if (gone > 0) {
    frags.copyWithin(0, gone * 3, skb.fragCount * 3)
    skb.fragCount -= gone
  }
  skb.truesize -= bytes
  segment.length -= bytes
  segment.truesize = skb.truesize
}

/**
 * Moves the payload of `segment` behind that of `tail`; its buffer is then empty. It is copied where the tail has room for it,
 * else pages move, when both hold nothing but pages, as over loopback: the head of a frame cannot. Linux: skb_try_coalesce
 */
export const coalesce = (tail: Segment, segment: Segment): boolean => {
  const to = tail.buffer as SkBuff
  const from = segment.buffer as SkBuff
  const length = segment.length
  if (length > 0 && length <= Skb.tailroom(to)) {
    const at = Skb.put(to, length)
    Skb.copyBits(from, 0, length, to.host.world.slab.bytes, at)
    tail.length += length
    return true
  }
  if (from.headLength > 0 || from.fragList !== null || to.fragList !== null) return false
  if (to.fragCount + from.fragCount > FRAGS_MAX) return false
  const bytes = from.dataLength
  for (let i = 0; i < from.fragCount; i++)
    to.addFrag(from.frags[i * 3]!, from.frags[i * 3 + 1]!, from.frags[i * 3 + 2]!)
  from.fragCount = 0
  from.dataLength = 0
  from.truesize -= bytes
  to.truesize += bytes
  tail.length += bytes
  tail.truesize = to.truesize
  return true
}
