/** Bytes to send that lie in pages already, and are shared instead of copied (Linux: MSG_ZEROCOPY, MSG_SPLICE_PAGES). */
import type { HostBytes } from "@darkfiber/tcp/TcpHost"
import type { Segment } from "@darkfiber/tcp/Segment"
import type { TcpGlue } from "./TcpGlue.ts"

export abstract class PageSource implements HostBytes {
  abstract readonly length: number

  /**
   * References up to `length` bytes, from `at` on, in the segment's buffer; updates `length` and `truesize` of the segment.
   *
   * @returns bytes taken; 0 when the buffer has no place for them, or must not hold them
   */
  abstract append(glue: TcpGlue, segment: Segment, at: number, length: number): number
}

/** Where received bytes go that are not copied (a pipe). */
export abstract class PageSink implements HostBytes {
  abstract readonly length: number

  /** Takes up to `length` bytes of the segment's payload, from `offset` on. @returns bytes taken */
  abstract take(glue: TcpGlue, segment: Segment, offset: number, length: number): number
}
