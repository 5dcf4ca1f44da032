/**
 * Cutting an sk_buff short: what lies behind the cut goes back, page by page and buffer by buffer.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { free } from "./Skb.ts"
import type { SkBuff } from "./SkBuff.ts"

/** Cuts the buffer to `length` bytes. Linux: pskb_trim */
export const trim = (core: Core | null, skb: SkBuff, length: number): void => {
  if (length >= skb.length) return
  if (skb.dataLength === 0 || length <= skb.headLength) {
    if (skb.dataLength > 0) dropAfter(core, skb, 0)
    skb.headLength = length
    return
  }
  dropAfter(core, skb, length - skb.headLength)
}

/** Keeps `keep` bytes of what lies behind the head. */
const dropAfter = (core: Core | null, skb: SkBuff, keep: number): void => {
  const cpu = core === null ? 0 : core.index
  let left = keep
  let kept = 0
  for (let i = 0; i < skb.fragCount; i++) {
    const size = skb.frags[i * 3 + 2]!
    if (left <= 0) skb.host.putPage(skb.frags[i * 3]!, cpu)
    else {
      const n = Math.min(size, left)
      skb.frags[i * 3 + 2] = n
      left -= n
      kept++
    }
  }
  skb.fragCount = kept
  let last: SkBuff | null = null
  let part = skb.fragList
  while (part !== null && left > 0) {
    if (part.length > left) trim(core, part, left)
    left -= part.length
    last = part
    part = part.next
  }
  if (last === null) skb.fragList = null
  else last.next = null
  skb.fragTail = last
  while (part !== null) {
    const next: SkBuff | null = part.next
    free(core, part)
    part = next
  }
  skb.dataLength = keep
}
