/**
 * Kernel profiles: what differs between Linux 3.10 (the book's kernel) and 6.x (anchored at 6.18), as values.
 *
 * Nothing here or elsewhere asks for a kernel's name. A rule that differs is a number, a flag named after the rule, or a
 * function. Other packages add their own slices (`HostOptions.sysctls`).
 */
import { type CacheProfile, linux310 as caches310, linux6x as caches6x } from "@darkfiber/memory/Caches"
import type { RandomStream } from "@darkfiber/sim/Random"
import { defaultKinds } from "./qdisc/Spec.ts"
import type { SysctlDefault } from "./Sysctl.ts"

/** Finds a free port for a UDP socket bound to port 0. */
export interface PortSearch {
  /** @returns a port for which `isFree` holds, or 0 */
  (low: number, high: number, random: RandomStream, isFree: (port: number) => boolean): number
}

export interface KernelProfile {
  readonly name: "3.10" | "6.x"
  /** What `uname -r` prints. */
  readonly release: string
  /** Jiffies a second. */
  readonly hz: number
  /** Timers at their tick, or rounded up to the wheel's levels (since 4.8). */
  readonly timerRounding: "exact" | "levels"
  readonly caches: CacheProfile
  readonly minFreeKbytesMax: number
  readonly sysctls: ReadonlyArray<SysctlDefault>
  /** Bytes of struct sk_buff, aligned, and of its shared info, aligned: 256 and 320 in both. */
  readonly skbBytes: number
  readonly sharedInfoBytes: number
  /** Cache for small linear heads and the bytes of an object, null for kmalloc only (Linux 6.x: skbuff_small_head). */
  readonly smallHead: { readonly cache: string; readonly bytes: number } | null
  /** Truesize of a frame an igb ring delivered (Linux: igb_fetch_rx_buffer; igb_build_skb). */
  readonly igbTruesize: (frameBytes: number) => number
  /** igb_poll reports completed polls to net_rx_action; 3.10 returns 0 for them (book 0.8.4). */
  readonly igbReportsWork: boolean
  /** A NAPI that used its weight waits for the next NET_RX instead of being polled again in this one. */
  readonly napiWaitsForNextRun: boolean
  /** process_backlog is complete when its last splice was short (3.10), or only when nothing came after it (6.x). */
  readonly backlogCompletesEarly: boolean
  /** rp_filter 0 leaves source addresses wholly unchecked (3.10); later own addresses are still refused. */
  readonly rpFilterOffSkipsOwn: boolean
  /** With its memory used up, reassembly gives up the oldest datagrams (3.10); later it takes no new one. */
  readonly fragmentsEvict: boolean
  /** Per-host limit of ICMP errors by token bucket; both have it. The global limit came in 3.18. */
  readonly icmpGlobalLimit: boolean
  /** A device that is down or dark counts what it is given as tx_dropped (6.x); 3.10 counts nothing (Linux: noop_enqueue). */
  readonly noopCountsDropped: boolean
  /** qdisc of a virtual device (veth): pfifo_fast in 3.10, noqueue later. */
  readonly virtualDevicesQueue: boolean
  readonly udpPortSearch: PortSearch
}

const UDP_TABLE = 2048

/**
 * A random start and a random odd multiple of the table's size as step, so that each walk stays in one hash chain; then
 * the next chain. The same in both kernels. Linux: udp_lib_get_port (net/ipv4/udp.c), table of 2,048 chains.
 */
const udpPortSearch: PortSearch = (low, high, random, isFree) => {
  const draw = random.u32()
  const first = low + Math.floor((draw * (high - low + 1)) / 4294967296)
  const step = Math.imul(draw | 1, UDP_TABLE) & 0xffff
  for (let chain = 0; chain < UDP_TABLE; chain++) {
    const start = (first + chain) & 0xffff
    let port = start
    do {
      if (port >= low && port <= high && isFree(port)) return port
      port = (port + step) & 0xffff
    } while (port !== start)
  }
  return 0
}

const defaultQdisc = (text: string): string | null => (defaultKinds.includes(text.trim()) ? text.trim() : null)

const common: ReadonlyArray<SysctlDefault> = [
  { name: "net.core.netdev_budget", scope: "global", value: 300 },
  { name: "net.core.dev_weight", scope: "global", value: 64, min: 1 },
  { name: "net.core.netdev_max_backlog", scope: "global", value: 1000 },
  { name: "net.core.rmem_default", scope: "global", value: 212992, min: 2304 },
  { name: "net.core.rmem_max", scope: "global", value: 212992, min: 2304 },
  { name: "net.core.wmem_default", scope: "global", value: 212992, min: 4608 },
  { name: "net.core.wmem_max", scope: "global", value: 212992, min: 4608 },
  { name: "net.core.default_qdisc", scope: "global", value: "pfifo_fast", normalize: defaultQdisc },
  { name: "net.ipv4.ip_forward", scope: "net", value: 0, min: 0, max: 1 },
  { name: "net.ipv4.ip_default_ttl", scope: "net", value: 64, min: 1, max: 255 },
  { name: "net.ipv4.ip_no_pmtu_disc", scope: "net", value: 0 },
  { name: "net.ipv4.ip_nonlocal_bind", scope: "net", value: 0 },
  { name: "net.ipv4.ip_local_reserved_ports", scope: "net", value: "" },
  { name: "net.ipv4.icmp_echo_ignore_all", scope: "net", value: 0 },
  { name: "net.ipv4.icmp_echo_ignore_broadcasts", scope: "net", value: 1 },
  { name: "net.ipv4.icmp_ratelimit", scope: "net", value: 1000, min: 0 },
  { name: "net.ipv4.icmp_ratemask", scope: "net", value: 6168 },
  { name: "net.ipv4.ping_group_range", scope: "net", value: [0, 2147483647] },
  { name: "net.ipv4.ipfrag_time", scope: "net", value: 30, min: 0 },
  { name: "net.ipv4.ipfrag_high_thresh", scope: "net", value: 4194304 },
  { name: "net.ipv4.ipfrag_low_thresh", scope: "net", value: 3145728 },
  { name: "net.ipv4.ipfrag_max_dist", scope: "net", value: 64 },
  { name: "net.ipv4.neigh.default.gc_thresh1", scope: "global", value: 128 },
  { name: "net.ipv4.neigh.default.gc_thresh2", scope: "global", value: 512 },
  { name: "net.ipv4.neigh.default.gc_thresh3", scope: "global", value: 1024 },
  { name: "net.ipv4.neigh.default.gc_interval", scope: "global", value: 30 },
  { name: "net.ipv4.route.mtu_expires", scope: "net", value: 600, min: 1 },
  { name: "net.ipv4.route.min_pmtu", scope: "net", value: 552, min: 68 },
  { name: "net.ipv4.udp_rmem_min", scope: "global", value: 4096 },
  { name: "net.ipv4.udp_wmem_min", scope: "global", value: 4096 }
]

/**
 * Linux 3.10 as the book has it. HZ is 1000: the book's two jiffies of net_rx_action are 2 ms. `default.rp_filter` is 1,
 * as the distributions of that kernel set it; the bare kernel has 0.
 */
export const linux310: KernelProfile = {
  name: "3.10",
  release: "3.10.65",
  hz: 1000,
  timerRounding: "exact",
  caches: caches310,
  minFreeKbytesMax: 65536,
  sysctls: [
    ...common,
    { name: "net.core.optmem_max", scope: "global", value: 20480 },
    { name: "net.core.somaxconn", scope: "net", value: 128, min: 0, max: 65535 },
    { name: "net.ipv4.ip_local_port_range", scope: "global", value: [32768, 61000], min: 1, max: 65535 },
    { name: "net.ipv4.conf.default.rp_filter", scope: "net", value: 1 },
    { name: "net.ipv4.neigh.default.unres_qlen_bytes", scope: "net", value: 65536 }
  ],
  skbBytes: 256,
  sharedInfoBytes: 320,
  smallHead: null,
  igbTruesize: (frameBytes) => (frameBytes <= 256 ? 960 : 3008),
  igbReportsWork: false,
  napiWaitsForNextRun: false,
  backlogCompletesEarly: true,
  rpFilterOffSkipsOwn: true,
  fragmentsEvict: true,
  icmpGlobalLimit: false,
  noopCountsDropped: false,
  virtualDevicesQueue: true,
  udpPortSearch
}

/** Linux 6.x, anchored at 6.18.44 with HZ=250 (kernel-6.18-facts). */
export const linux6x: KernelProfile = {
  name: "6.x",
  release: "6.18.44",
  hz: 250,
  timerRounding: "levels",
  caches: caches6x,
  minFreeKbytesMax: 262144,
  sysctls: [
    ...common,
    { name: "net.core.optmem_max", scope: "global", value: 131072 },
    { name: "net.core.netdev_budget_usecs", scope: "global", value: 8000 },
    { name: "net.core.somaxconn", scope: "net", value: 4096, min: 0, max: 65535 },
    { name: "net.ipv4.ip_local_port_range", scope: "net", value: [32768, 60999], min: 1, max: 65535 },
    { name: "net.ipv4.conf.default.rp_filter", scope: "net", value: 0 },
    { name: "net.ipv4.icmp_msgs_per_sec", scope: "net", value: 10000, min: 0 },
    { name: "net.ipv4.icmp_msgs_burst", scope: "net", value: 50, min: 0 },
    { name: "net.ipv4.neigh.default.unres_qlen_bytes", scope: "net", value: 212992 }
  ],
  skbBytes: 256,
  sharedInfoBytes: 320,
  smallHead: { cache: "skbuff_small_head", bytes: 576 },
  igbTruesize: () => 2304,
  igbReportsWork: true,
  napiWaitsForNextRun: true,
  backlogCompletesEarly: false,
  rpFilterOffSkipsOwn: false,
  fragmentsEvict: false,
  icmpGlobalLimit: true,
  noopCountsDropped: true,
  virtualDevicesQueue: false,
  udpPortSearch
}

export const profiles: ReadonlyArray<KernelProfile> = [linux310, linux6x]
