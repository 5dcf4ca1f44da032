/**
 * Functions on sk_buff: allocation with the kernel's object sizes, clone, copy, reading across head, pages and list.
 *
 * A head belongs to one buffer: a clone copies the head and shares the pages (in Linux it would share both, and whoever
 * writes copies). Frames begin at a multiple of four in their slot, so that the fingerprint sees no stray bytes.
 *
 * Linux: __alloc_skb, skb_clone, skb_copy, kfree_skb_partial, skb_copy_bits, skb_checksum (net/core/skbuff.c).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { CHECKSUM_PARTIAL as FLAG_PARTIAL, CHECKSUM_VERIFIED, HEADROOM, STRIDE } from "@darkfiber/sim/FrameSlab"
import { fieldOffset } from "@darkfiber/wire/Checksum"
import type { Host } from "./Host.ts"
import { copyBits } from "./SkbBits.ts"
import * as S from "./SkBuff.ts"
import type { SkBuff } from "./SkBuff.ts"

const ETHERNET_BYTES = 14

/** Where a frame begins in its slot when nothing was pushed in front. */
const FRAME_START = 84

/**
 * A buffer with an empty head: `data` stands `headers` bytes behind where the frame will begin, with room for `size`.
 *
 * @param linuxSize bytes the kernel would ask alloc_skb for: decides truesize and the caches charged
 * @param fclone taken with a twin for the clone to come (Linux: alloc_skb_fclone)
 * @returns null without memory
 */
export const alloc = (
  host: Host,
  core: Core | null,
  headers: number,
  size: number,
  linuxSize: number = headers + size,
  fclone = false
): SkBuff | null => {
  const cpu = core === null ? 0 : core.index
  const head = fclone ? host.fcloneCache : host.skbuffCache
  if (head.alloc(cpu) !== 0) return null
  const skb = host.takeSkb()
  skb.fclone = fclone ? S.FCLONE_ORIGINAL : S.FCLONE_NONE
  if (!chargeData(host, skb, cpu, linuxSize)) {
    head.free(cpu)
    host.poolSkb(skb)
    return null
  }
  attach(host, skb, headers, size)
  skb.truesize = host.profile.skbBytes + skb.dataBytes
  return skb
}

/** A buffer around a frame that came from a device; `data` at its first byte. Takes the frame over. */
export const fromFrame = (host: Host, core: Core | null, frame: number, truesize: number): SkBuff | null => {
  const cpu = core === null ? 0 : core.index
  if (host.skbuffCache.alloc(cpu) !== 0) return null
  const skb = host.takeSkb()
  const slab = host.world.slab
  skb.frame = frame
  skb.data = slab.start[frame]!
  skb.headLength = slab.length[frame]!
  skb.headEnd = frame * STRIDE + Math.ceil((skb.headLength + HEADROOM) / STRIDE) * STRIDE
  skb.traceId = slab.trace[frame]!
  skb.truesize = truesize
  skb.fclone = S.FCLONE_NONE
  const bytes = truesize - host.profile.skbBytes
  skb.dataBytes = bytes
  host.pageFrags.take(bytes, cpu)
  const flags = slab.flags[frame]!
  if ((flags & FLAG_PARTIAL) !== 0) markPartial(skb, slab.bytes)
  else skb.ipSummed = (flags & CHECKSUM_VERIFIED) !== 0 ? S.CHECKSUM_UNNECESSARY : S.CHECKSUM_NONE
  return skb
}

/**
 * A checksum that was left to a device and has not been filled in on this simulated wire: taken as right here, and still
 * to be finished by whatever sends the packet on (as Linux has it for packets from a virtual machine).
 */
const markPartial = (skb: SkBuff, bytes: Uint8Array): void => {
  const ip = skb.data + ETHERNET_BYTES
  const header = (bytes[ip]! & 15) << 2
  const field = fieldOffset(bytes[ip + 9]!)
  skb.ipFlags = IP_WIRE_PARTIAL
  skb.ipSummed = S.CHECKSUM_UNNECESSARY
  if (skb.headLength < ETHERNET_BYTES + header + field + 2 || header < 20 || field < 0) return
  if (bytes[skb.data + 12] !== 8 || bytes[skb.data + 13] !== 0) return
  skb.ipSummed = S.CHECKSUM_PARTIAL
  skb.checksumStart = ip + header
  skb.checksumOffset = field
}

/** In `ipFlags`: the transport checksum field holds the pseudo header's sum only. */
export const IP_WIRE_PARTIAL = 1
/** In `ipFlags`: put together from fragments; forwarding may have to cut it again. */
export const IP_REASSEMBLED = 2
/** In `ipFlags`: on its way through this host (Linux: IPSKB_FORWARDED). */
export const IP_FORWARDED = 4
/** In `ipFlags`: the neighbour entry failed while it waited. */
export const IP_NO_ROUTE_CHECK = 8

const chargeData = (host: Host, skb: SkBuff, cpu: number, linuxSize: number): boolean => {
  const profile = host.profile
  const needed = ((linuxSize + 63) & ~63) + profile.sharedInfoBytes
  const small = profile.smallHead
  if (small !== null && needed <= small.bytes) {
    if (host.smallHeadCache!.alloc(cpu) !== 0) return false
    skb.dataCache = host.smallHeadCache
    skb.dataBytes = small.bytes
    return true
  }
  const shift = 32 - Math.clz32(needed - 1)
  const cache = shift >= 9 ? host.kmallocCaches[shift - 9] : undefined
  if (cache !== undefined) {
    if (cache.alloc(cpu) !== 0) return false
    skb.dataCache = cache
  } else if (host.memory.kmalloc(1 << shift, cpu) !== 0) return false
  skb.dataBytes = 1 << shift
  return true
}

const attach = (host: Host, skb: SkBuff, headers: number, size: number): void => {
  const slab = host.world.slab
  const end = FRAME_START + headers + size
  const frame = slab.alloc(end - HEADROOM > 0 ? end - HEADROOM : 0)
  const slot = frame * STRIDE
  skb.frame = frame
  skb.data = slot + FRAME_START + headers
  skb.headEnd = slot + Math.ceil(end / STRIDE) * STRIDE
}

/** Appends `bytes` to the head. @returns the absolute offset where they stand. Linux: skb_put */
export const put = (skb: SkBuff, bytes: number): number => {
  const at = skb.data + skb.headLength
  if (at + bytes > skb.headEnd) throw new Error(`skb_put of ${bytes} bytes over the end of the head`)
  skb.headLength += bytes
  return at
}

/**
 * Bytes the kernel's buffer would have room for behind a linear payload, and this one has: 0 for one with pages, or whose
 * head is no object of a cache. Linux: skb_tailroom
 */
export const tailroom = (skb: SkBuff): number => {
  if (skb.fragCount > 0 || skb.fragList !== null || skb.dataCache === null) return 0
  const used = skb.data - skb.frame * STRIDE - FRAME_START + skb.headLength
  const room = skb.dataBytes - skb.host.profile.sharedInfoBytes - used
  return Math.max(0, Math.min(room, skb.headEnd - skb.data - skb.headLength))
}

/** Bytes that may be pushed in front of `data`. Linux: skb_headroom */
export const headroom = (skb: SkBuff): number => skb.data - skb.frame * STRIDE

/** Makes sure that `bytes` may be pushed; copies the head to a larger one if not. Linux: skb_cow_head */
export const ensureHeadroom = (host: Host, skb: SkBuff, bytes: number): void => {
  if (headroom(skb) >= bytes) return
  const from = skb.data
  const old = skb.frame
  const slab = host.world.slab
  const length = skb.headLength
  attach(host, skb, bytes + 2, length)
  slab.bytes.copyWithin(skb.data, from, from + length)
  const moved = skb.data - from
  skb.macHeader += moved
  skb.networkHeader += moved
  skb.transportHeader += moved
  skb.checksumStart += moved
  slab.free(old)
}

/** Gives the buffer and everything it holds back. No accounting of frames: see `Host.dropSkb` and its kin. */
export const free = (core: Core | null, skb: SkBuff): void => {
  if (!skb.live) throw new Error("sk_buff freed twice")
  const host = skb.host
  const cpu = core === null ? 0 : core.index
  const sk = skb.sk
  if (sk !== null) {
    skb.sk = null
    sk.writeFreed(skb, core)
  }
  if (skb.conntrack !== null) {
    skb.conntrack.put()
    skb.conntrack = null
  }
  releaseData(host, core, skb, cpu)
  releaseHead(host, skb, cpu)
}

const releaseData = (host: Host, core: Core | null, skb: SkBuff, cpu: number): void => {
  if (skb.frame >= 0) {
    host.world.slab.free(skb.frame)
    skb.frame = -1
  }
  for (let i = 0; i < skb.fragCount; i++) host.putPage(skb.frags[i * 3]!, cpu)
  skb.fragCount = 0
  if (skb.zerocopy !== null) {
    const hold = skb.zerocopy
    skb.zerocopy = null
    hold.put(core)
  }
  for (let part = skb.fragList; part !== null;) {
    const next: SkBuff | null = part.next
    part.next = null
    free(core, part)
    part = next
  }
  skb.fragList = null
  skb.fragTail = null
  if (skb.dataCache !== null) {
    skb.dataCache.free(cpu)
    skb.dataCache = null
  } else if (skb.dataBytes > 0) {
    if (skb.fclone === S.FCLONE_CLONE || skb.dataBytes <= 8192) host.pageFrags.give(skb.dataBytes, cpu)
    else host.memory.kfree(skb.dataBytes, cpu)
  }
  skb.dataBytes = 0
}

/** A pair goes back to its cache when both are free. */
const releaseHead = (host: Host, skb: SkBuff, cpu: number): void => {
  const twin = skb.twin
  if (skb.fclone === S.FCLONE_NONE) host.skbuffCache.free(cpu)
  else if (twin === null) host.fcloneCache.free(cpu)
  else {
    twin.twin = null
    skb.twin = null
  }
  host.poolSkb(skb)
}

/**
 * A second buffer over the same pages; the head is copied. It counts as a packet of its own only when the caller says
 * so (`Host.bornSkb`). Linux: skb_clone
 *
 * @param headers room in front for headers to be pushed, when the original has an empty head
 */
export const clone = (core: Core | null, skb: SkBuff, headers = 0): SkBuff | null => {
  const host = skb.host
  const cpu = core === null ? 0 : core.index
  const paired = skb.fclone === S.FCLONE_ORIGINAL && skb.twin === null
  if (!paired && host.skbuffCache.alloc(cpu) !== 0) return null
  const copy = host.takeSkb()
  copyMeta(skb, copy)
  if (paired) {
    copy.fclone = S.FCLONE_CLONE
    copy.twin = skb
    skb.twin = copy
  }
  copyHead(host, skb, copy, headers)
  shareFrags(host, skb, copy)
  for (let part = skb.fragList; part !== null; part = part.next) {
    const partCopy = clone(core, part)
    if (partCopy === null) {
      free(core, copy)
      return null
    }
    appendPart(copy, partCopy)
  }
  copy.dataLength = skb.dataLength
  return copy
}

/** Links `part` behind what is in the list; the caller counts its bytes. */
export const appendPart = (skb: SkBuff, part: SkBuff): void => {
  part.next = null
  if (skb.fragTail === null) skb.fragList = part
  else skb.fragTail.next = part
  skb.fragTail = part
}

const copyHead = (host: Host, skb: SkBuff, copy: SkBuff, headers: number): void => {
  const room = headers > 0 ? headers : skb.macHeader > 0 && skb.macHeader < skb.data ? skb.data - skb.macHeader : 0
  attach(host, copy, room, skb.headLength)
  copy.headLength = skb.headLength
  const from = skb.data - room
  const bytes = host.world.slab.bytes
  if (skb.headLength + room > 0 && skb.frame >= 0) {
    const kept = headers > 0 || from < skb.frame * STRIDE ? skb.data : from
    bytes.copyWithin(copy.data - (skb.data - kept), kept, skb.data + skb.headLength)
  }
  const moved = copy.data - skb.data
  copy.macHeader = skb.macHeader + moved
  copy.networkHeader = skb.networkHeader + moved
  copy.transportHeader = skb.transportHeader + moved
  copy.checksumStart = skb.checksumStart + moved
}

const shareFrags = (host: Host, skb: SkBuff, copy: SkBuff): void => {
  const pages = host.world.pages
  for (let i = 0; i < skb.fragCount; i++) {
    const at = i * 3
    pages.get(skb.frags[at]!)
    copy.addFrag(skb.frags[at]!, skb.frags[at + 1]!, skb.frags[at + 2]!)
  }
  if (skb.zerocopy !== null) {
    copy.zerocopy = skb.zerocopy
    skb.zerocopy.get()
  }
}

/**
 * The packet goes to a receiver on this host, who may keep it for long: pages of a program are copied, so that the program
 * has them back (Linux: skb_orphan_frags_rx, skb_copy_ubufs).
 *
 * @returns false without memory
 */
export const orphanFrags = (core: Core, skb: SkBuff): boolean => {
  const hold = skb.zerocopy
  if (hold === null) return true
  const host = skb.host
  const pages = host.world.pages
  for (let i = 0; i < skb.fragCount; i++) {
    const at = i * 3
    const page = skb.frags[at]!
    const fresh = host.allocPage(core.index)
    if (fresh < 0) return false
    const from = pages.offset(page) + skb.frags[at + 1]!
    pages.bytes.copyWithin(pages.offset(fresh) + skb.frags[at + 1]!, from, from + skb.frags[at + 2]!)
    skb.frags[at] = fresh
    host.putPage(page, core.index)
  }
  core.charge(host.costTable.copy(skb.dataLength))
  host.copiedBytes += skb.dataLength
  skb.zerocopy = null
  hold.copied()
  hold.put(core)
  return true
}

/** Everything but data, queue links, owner and account. */
const copyMeta = (from: SkBuff, to: SkBuff): void => {
  to.dev = from.dev
  to.inputIndex = from.inputIndex
  to.protocol = from.protocol
  to.packetType = from.packetType
  to.ipSummed = from.ipSummed
  to.checksumOffset = from.checksumOffset
  to.gsoSize = from.gsoSize
  to.gsoSegments = from.gsoSegments
  to.hash = from.hash
  to.mark = from.mark
  to.priority = from.priority
  to.queueMapping = from.queueMapping
  to.conntrack = from.conntrack
  if (from.conntrack !== null) from.conntrack.get()
  to.conntrackInfo = from.conntrackInfo
  to.dst = from.dst
  to.truesize = from.truesize
  to.timestamp = from.timestamp
  to.traceId = from.traceId
  to.weight = from.weight
  to.flags = from.flags
  to.ipFlags = from.ipFlags
  to.stamp = from.stamp
  to.stampKey = from.stampKey
}

/** A linear copy of its own, with `headers` bytes of room in front. Linux: skb_copy */
export const copyLinear = (core: Core | null, skb: SkBuff): SkBuff | null => {
  const host = skb.host
  const room = skb.macHeader > 0 && skb.macHeader < skb.data ? skb.data - skb.macHeader : 0
  const length = skb.length
  const copy = alloc(host, core, room, length)
  if (copy === null) return null
  const truesize = copy.truesize
  copyMeta(skb, copy)
  copy.truesize = truesize
  put(copy, length)
  const bytes = host.world.slab.bytes
  if (room > 0) bytes.copyWithin(copy.data - room, skb.data - room, skb.data)
  copyBits(skb, 0, length, bytes, copy.data)
  const moved = copy.data - skb.data
  copy.macHeader = skb.macHeader + moved
  copy.networkHeader = skb.networkHeader + moved
  copy.transportHeader = skb.transportHeader + moved
  copy.checksumStart = skb.checksumStart + moved
  return copy
}

export { checksum, copyBits } from "./SkbBits.ts"

/** True when the first `bytes` bytes stand in the head. Protocol headers always do here (Linux: pskb_may_pull). */
export const mayPull = (skb: SkBuff, bytes: number): boolean => skb.headLength >= bytes

/** Takes the write memory off its socket: the packet has left it. Linux: skb_orphan */
export const orphan = (core: Core | null, skb: SkBuff): void => {
  const sk = skb.sk
  if (sk === null) return
  skb.sk = null
  sk.writeFreed(skb, core)
}

/** Forgets what belonged to the namespace it leaves. Linux: skb_scrub_packet, nf_reset */
export const scrub = (core: Core | null, skb: SkBuff): void => {
  orphan(core, skb)
  if (skb.conntrack !== null) {
    skb.conntrack.put()
    skb.conntrack = null
  }
  skb.conntrackInfo = 0
  skb.dst = null
  skb.flags = 0
  skb.mark = 0
  skb.hash = 0
  skb.priority = 0
  skb.inputIndex = 0
}

/** `to` takes `from`'s place: its account, its owner's memory, its list position. `from` is freed. */
export const takeOver = (core: Core | null, from: SkBuff, to: SkBuff): void => {
  to.counted = from.counted
  from.counted = false
  to.sk = from.sk
  // The socket was charged for `from`: what it gets back later must be the same.
  if (from.sk !== null) to.truesize = from.truesize
  from.sk = null
  free(core, from)
}
