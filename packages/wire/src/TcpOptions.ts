/**
 * TCP options: a scanner that fills one reusable {@link TcpOptions}, and a writer in the order Linux writes them. Neither
 * allocates.
 *
 * | kind | length | option | source |
 * | --- | --- | --- | --- |
 * | 0, 1 | 1 | end of list, no operation | RFC 9293 §3.2 |
 * | 2 | 4 | maximum segment size | RFC 9293 §3.2 |
 * | 3 | 3 | window scale | RFC 7323 §2 |
 * | 4 | 2 | SACK permitted | RFC 2018 §2 |
 * | 5 | 2 + 8n | SACK blocks, n = 1 to 4 | RFC 2018 §3 |
 * | 8 | 10 | timestamps | RFC 7323 §3 |
 * | 19 | 18 | MD5 signature | RFC 2385 §3 |
 * | 34 | 2 + n | Fast Open cookie, n = 0 asks for one | RFC 7413 §4.1 |
 * | 254, 0xF989 | 4 + n | Fast Open, experimental form | RFC 6994, Linux: TCPOPT_FASTOPEN_MAGIC |
 *
 * Linux: tcp_parse_options (net/ipv4/tcp_input.c), tcp_options_write (net/ipv4/tcp_output.c).
 */
import { copy, i32, setI32, setU16, u16 } from "./Bytes.ts"

export const KIND_END = 0
export const KIND_NOP = 1
export const KIND_MSS = 2
export const KIND_WINDOW_SCALE = 3
export const KIND_SACK_PERMITTED = 4
export const KIND_SACK = 5
export const KIND_TIMESTAMP = 8
export const KIND_MD5 = 19
export const KIND_FAST_OPEN = 34
export const KIND_EXPERIMENTAL = 254

/** Linux: TCPOPT_FASTOPEN_MAGIC. */
export const FAST_OPEN_MAGIC = 0xf989
/** Bytes of NOP NOP TIMESTAMP (Linux: TCPOLEN_TSTAMP_ALIGNED). */
export const timestampBytes = 12
/** Most bytes of options a header holds. */
export const maxBytes = 40
export const maxSackBlocks = 4
/** Longest Fast Open cookie (Linux: TCP_FASTOPEN_COOKIE_MAX). */
export const maxCookieBytes = 16

/** NOP NOP TIMESTAMP 10 as one word. */
const ALIGNED_TIMESTAMP = 0x0101080a

/** What a segment's options say. One object is made once and refilled for each segment. */
export class TcpOptions {
  /** Bytes, 1 to 65,535; 0: the option is not there (or is 0, which Linux takes for absent). */
  mss: number
  /** 0 to 255 as on the wire (above 14 counts as 14, RFC 7323 §2.3); -1: not there. */
  windowScale: number
  /** 1 or 0. */
  sackPermitted: number
  /** Blocks in {@link sackEdges}, 0 to 4. */
  sackCount: number
  /** Left and right edge of each block, int32, in the order of the wire. */
  readonly sackEdges: Int32Array
  /** 1 or 0. */
  hasTimestamp: number
  /** Int32; 0 without the option. */
  tsVal: number
  /** Int32; 0 without the option. */
  tsEcr: number
  /** Offset in the scanned bytes of the first byte of the cookie; -1: no such option. */
  fastOpenAt: number
  /** Bytes of the cookie, 0 when one is asked for; -1: no such option. */
  fastOpenLength: number
  /** 1: kind 254 with the magic number, 0: kind 34. */
  fastOpenExperimental: number
  /** The cookie, its first `fastOpenLength` bytes (no more than 16). */
  readonly fastOpenCookie: Uint8Array
  /** Offset in the scanned bytes of the 16-byte digest; -1: no such option. The writer signs when it is not -1. */
  md5At: number
  /** The digest. */
  readonly md5Digest: Uint8Array
  /** 1: the list broke off at a length below 2 or past the header; what stood before it counts (as Linux does). */
  malformed: number

  constructor() {
    this.mss = 0
    this.windowScale = -1
    this.sackPermitted = 0
    this.sackCount = 0
    this.sackEdges = new Int32Array(2 * maxSackBlocks)
    this.hasTimestamp = 0
    this.tsVal = 0
    this.tsEcr = 0
    this.fastOpenAt = -1
    this.fastOpenLength = -1
    this.fastOpenExperimental = 0
    this.fastOpenCookie = new Uint8Array(maxCookieBytes)
    this.md5At = -1
    this.md5Digest = new Uint8Array(16)
    this.malformed = 0
  }
}

export const make = (): TcpOptions => new TcpOptions()

/** Forgets everything; edges and cookies of old stay behind their counts. */
export const reset = (options: TcpOptions): void => {
  options.mss = 0
  options.windowScale = -1
  options.sackPermitted = 0
  options.sackCount = 0
  options.hasTimestamp = 0
  options.tsVal = 0
  options.tsEcr = 0
  options.fastOpenAt = -1
  options.fastOpenLength = -1
  options.fastOpenExperimental = 0
  options.md5At = -1
  options.malformed = 0
}

/**
 * Whether a header of `headerLength` bytes at `tcpAt` carries exactly NOP NOP TIMESTAMP: the form of nearly every segment
 * of an established connection (Linux: tcp_parse_aligned_timestamp).
 */
export const isAlignedTimestamp = (bytes: Uint8Array, tcpAt: number, headerLength: number): boolean =>
  headerLength === 32 && i32(bytes, tcpAt + 20) === ALIGNED_TIMESTAMP

/**
 * Reads the options of the TCP header at `tcpAt` into `options`; of an option that stands twice the last one counts.
 *
 * Precondition: the header's whole length (its data offset, at least 20) lies within `bytes`.
 */
export const scan = (bytes: Uint8Array, tcpAt: number, options: TcpOptions): void => {
  reset(options)
  const headerLength = (bytes[tcpAt + 12]! >>> 4) << 2
  if (headerLength <= 20) return
  if (isAlignedTimestamp(bytes, tcpAt, headerLength)) {
    options.hasTimestamp = 1
    options.tsVal = i32(bytes, tcpAt + 24)
    options.tsEcr = i32(bytes, tcpAt + 28)
    return
  }
  scanRange(bytes, tcpAt + 20, tcpAt + headerLength, options)
}

/** Reads an option list from `at` to `end` into `options`, which the caller has {@link reset}. */
export const scanRange = (bytes: Uint8Array, at: number, end: number, options: TcpOptions): void => {
  let i = at
  while (i < end) {
    const kind = bytes[i]!
    if (kind === KIND_END) return
    if (kind === KIND_NOP) {
      i++
      continue
    }
    const length = i + 1 < end ? bytes[i + 1]! : 0
    if (length < 2 || i + length > end) {
      options.malformed = 1
      return
    }
    take(bytes, i, kind, length, options)
    i += length
  }
}

/** One whole option; a known kind with a wrong length is passed over, as Linux does. */
const take = (bytes: Uint8Array, at: number, kind: number, length: number, options: TcpOptions): void => {
  switch (kind) {
    case KIND_MSS:
      if (length === 4) options.mss = u16(bytes, at + 2)
      return
    case KIND_WINDOW_SCALE:
      if (length === 3) options.windowScale = bytes[at + 2]!
      return
    case KIND_SACK_PERMITTED:
      if (length === 2) options.sackPermitted = 1
      return
    case KIND_SACK:
      takeSack(bytes, at, length, options)
      return
    case KIND_TIMESTAMP:
      if (length === 10) {
        options.hasTimestamp = 1
        options.tsVal = i32(bytes, at + 2)
        options.tsEcr = i32(bytes, at + 6)
      }
      return
    case KIND_MD5:
      if (length === 18) {
        options.md5At = at + 2
        copy(bytes, at + 2, options.md5Digest, 0, 16)
      }
      return
    case KIND_FAST_OPEN:
      takeFastOpen(bytes, at + 2, length - 2, 0, options)
      return
    case KIND_EXPERIMENTAL:
      if (length >= 4 && u16(bytes, at + 2) === FAST_OPEN_MAGIC) takeFastOpen(bytes, at + 4, length - 4, 1, options)
      return
    default:
      return
  }
}

const takeSack = (bytes: Uint8Array, at: number, length: number, options: TcpOptions): void => {
  if (length < 10 || ((length - 2) & 7) !== 0) return
  const edges = (length - 2) >> 2
  const kept = edges < 2 * maxSackBlocks ? edges : 2 * maxSackBlocks
  for (let i = 0; i < kept; i++) options.sackEdges[i] = i32(bytes, at + 2 + 4 * i)
  options.sackCount = kept >> 1
}

const takeFastOpen = (
  bytes: Uint8Array,
  at: number,
  length: number,
  experimental: number,
  options: TcpOptions
): void => {
  options.fastOpenAt = at
  options.fastOpenLength = length
  options.fastOpenExperimental = experimental
  copy(bytes, at, options.fastOpenCookie, 0, length < maxCookieBytes ? length : maxCookieBytes)
}

/** Bytes {@link write} will take, a multiple of 4; above 40 they do not fit a header. */
export const byteLength = (options: TcpOptions): number => {
  let length = 0
  if (options.md5At >= 0) length += 20
  if (options.mss > 0) length += 4
  if (options.hasTimestamp !== 0) length += timestampBytes
  else if (options.sackPermitted !== 0) length += 4
  if (options.windowScale >= 0) length += 4
  if (options.sackCount > 0) length += 4 + 8 * options.sackCount
  if (options.fastOpenLength >= 0) {
    length += ((options.fastOpenExperimental !== 0 ? 4 : 2) + options.fastOpenLength + 3) & ~3
  }
  return length
}

/**
 * Writes the options that are there, each aligned to 4 with NOPs, in Linux's order: MD5, MSS, SACK permitted, timestamps,
 * window scale, SACK blocks, Fast Open.
 *
 * Precondition: `at + byteLength(options) <= bytes.length`, and at most 40 for a real header.
 * @returns bytes written, a multiple of 4
 */
export const write = (options: TcpOptions, bytes: Uint8Array, at: number): number => {
  let i = at
  if (options.md5At >= 0) {
    setI32(bytes, i, 0x0101_1312)
    copy(options.md5Digest, 0, bytes, i + 4, 16)
    i += 20
  }
  if (options.mss > 0) {
    setI32(bytes, i, 0x0204_0000 | (options.mss & 0xffff))
    i += 4
  }
  if (options.hasTimestamp !== 0) {
    setI32(bytes, i, options.sackPermitted !== 0 ? 0x0402_080a : ALIGNED_TIMESTAMP)
    setI32(bytes, i + 4, options.tsVal)
    setI32(bytes, i + 8, options.tsEcr)
    i += timestampBytes
  } else if (options.sackPermitted !== 0) {
    setI32(bytes, i, 0x0101_0402)
    i += 4
  }
  if (options.windowScale >= 0) {
    setI32(bytes, i, 0x0103_0300 | (options.windowScale & 0xff))
    i += 4
  }
  if (options.sackCount > 0) {
    setI32(bytes, i, 0x0101_0500 | (2 + 8 * options.sackCount))
    for (let edge = 0; edge < 2 * options.sackCount; edge++) setI32(bytes, i + 4 + 4 * edge, options.sackEdges[edge]!)
    i += 4 + 8 * options.sackCount
  }
  if (options.fastOpenLength >= 0) i += writeFastOpen(options, bytes, i)
  return i - at
}

/** NOP NOP TIMESTAMP: 12 bytes, the whole of an established connection's options. Returns 12. */
export const writeTimestamp = (bytes: Uint8Array, at: number, tsVal: number, tsEcr: number): number => {
  setI32(bytes, at, ALIGNED_TIMESTAMP)
  setI32(bytes, at + 4, tsVal)
  setI32(bytes, at + 8, tsEcr)
  return timestampBytes
}

const writeFastOpen = (options: TcpOptions, bytes: Uint8Array, at: number): number => {
  let i = at
  if (options.fastOpenExperimental !== 0) {
    bytes[i] = KIND_EXPERIMENTAL
    bytes[i + 1] = 4 + options.fastOpenLength
    setU16(bytes, i + 2, FAST_OPEN_MAGIC)
    i += 4
  } else {
    bytes[i] = KIND_FAST_OPEN
    bytes[i + 1] = 2 + options.fastOpenLength
    i += 2
  }
  for (let j = 0; j < options.fastOpenLength; j++) bytes[i + j] = options.fastOpenCookie[j] ?? 0
  i += options.fastOpenLength
  for (; ((i - at) & 3) !== 0; i++) bytes[i] = KIND_NOP
  return i - at
}
