import { pageBytes } from "./Page.ts"

/** What differs between kernels in the sizes TCP chooses at boot. */
export interface HashRules {
  /** Bytes of an established-hash bucket; the table never takes less than a page. */
  readonly ehashBucketBytes: number
  /** tcp_max_syn_backlog = max(128, ehash / this). */
  readonly synBacklogDivisor: number
  /** The pressure value of tcp_mem = free pages / this. */
  readonly tcpMemDivisor: number
}

/** Linux: tcp_init, tcp_init_mem (net/ipv4/tcp.c, 3.10): a bucket has a second list, for TIME_WAIT. */
export const linux310HashRules: HashRules = { ehashBucketBytes: 16, synBacklogDivisor: 256, tcpMemDivisor: 8 }
/** The same functions in 6.x; the divisors agree with a 6.18 host of 24 GB (262144 buckets, backlog 2048). */
export const linux6xHashRules: HashRules = { ehashBucketBytes: 8, synBacklogDivisor: 128, tcpMemDivisor: 16 }

/** Sizes a host derives from its memory at boot. */
export interface HashSizes {
  /** Buckets of the table of connections. */
  readonly ehash: number
  /** Buckets of the table of bound ports. */
  readonly bhash: number
  readonly maxTwBuckets: number
  readonly maxOrphans: number
  readonly maxSynBacklog: number
  /** net.ipv4.tcp_mem in pages: low, pressure, high. */
  readonly tcpMem: readonly [low: number, pressure: number, high: number]
  /** fs.file-max. */
  readonly fileMax: number
}

const ehashMax = 524288
const bhashMax = 65536

/**
 * Table sizes and limits of a host with `totalBytes` of memory: one bucket a 128 KiB, rounded up to a power of two.
 *
 * Linux: alloc_large_system_hash with scale 17 (mm/page_alloc.c), tcp_init (net/ipv4/tcp.c), files_init.
 *
 * @param freePages pages that are free at boot, from which tcp_mem follows; all of memory when left out
 */
export const hashSizes = (
  totalBytes: number,
  rules: HashRules,
  freePages: number = Math.floor(totalBytes / pageBytes)
): HashSizes => {
  const megabytes = Math.ceil(totalBytes / 1048576)
  const wanted = Math.max(megabytes * 8, Math.floor(pageBytes / rules.ehashBucketBytes))
  const ehash = Math.min(ehashMax, powerOfTwoFrom(wanted))
  return {
    ehash,
    bhash: Math.min(bhashMax, ehash),
    maxTwBuckets: ehash / 2,
    maxOrphans: ehash / 2,
    maxSynBacklog: Math.max(128, ehash / rules.synBacklogDivisor),
    tcpMem: tcpMem(freePages, rules),
    fileMax: Math.max(8192, Math.floor(totalBytes / 1024 / 10))
  }
}

/** net.ipv4.tcp_mem: three quarters of L, L, one and a half of L, at least 128 pages for L. */
export const tcpMem = (freePages: number, rules: HashRules): readonly [number, number, number] => {
  const pressure = Math.max(128, Math.floor(freePages / rules.tcpMemDivisor))
  const low = Math.floor(pressure / 4) * 3
  return [low, pressure, low * 2]
}

const powerOfTwoFrom = (n: number): number => (n <= 1 ? 1 : 2 * (1 << (31 - Math.clz32(n - 1))))
