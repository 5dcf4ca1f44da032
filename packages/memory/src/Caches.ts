import { makeTable, type CacheSpec, type CacheTable, type KmallocNames } from "./CacheTable.ts"
import { slubOrder310, slubOrder6x, type SlubOrderRule } from "./SlubOrder.ts"

/** The caches of a kernel before they are laid out. */
export interface CacheProfile {
  readonly specs: ReadonlyArray<CacheSpec>
  readonly aliases: ReadonlyArray<readonly [alias: string, name: string]>
  readonly kmalloc: KmallocNames
  readonly order: SlubOrderRule
  /** CPUs of the machine whose slabinfo the profile follows; the layout of slabs depends on them. */
  readonly referenceCpus: number
}

/** A cache that never shares its slabs. */
const own = (name: string, objectBytes: number): CacheSpec => ({
  name,
  objectBytes,
  reclaimable: false,
  mergeable: false
})
/** A cache that merging may put into another. */
const shared = (name: string, objectBytes: number): CacheSpec => ({
  name,
  objectBytes,
  reclaimable: false,
  mergeable: true
})
/** A cache counted as reclaimable. */
const reclaimable = (name: string, objectBytes: number): CacheSpec => ({
  name,
  objectBytes,
  reclaimable: true,
  mergeable: false
})

/**
 * Linux 3.10, x86-64.
 *
 * TCP, sock_inode_cache, dentry, filp, tw_sock_TCP and tcp_bind_bucket follow the book's chapter 7. UDP, nf_conntrack,
 * net_namespace, files_cache, task_struct, signal_cache, sighand_cache, mm_struct, pid and cred_jar are rows of a public
 * /proc/slabinfo of a 3.10 distribution kernel. The rest is the size of the 3.10 structure rounded to its alignment:
 * request_sock_TCP (112 to 128), skbuff_head_cache (232 to 256), skbuff_fclone_cache (468 to 512), eventpoll_epi,
 * eventpoll_pwq, ip_dst_cache.
 *
 * A neighbour is a plain kmalloc of struct neighbour and its key (neigh_alloc): 364 bytes from kmalloc-512, so
 * `arp_cache` is an alias.
 */
export const linux310: CacheProfile = {
  specs: [
    own("TCP", 1984),
    own("UDP", 1088),
    reclaimable("sock_inode_cache", 640),
    reclaimable("dentry", 192),
    shared("filp", 256),
    shared("request_sock_TCP", 128),
    shared("tw_sock_TCP", 192),
    shared("tcp_bind_bucket", 64),
    shared("skbuff_head_cache", 256),
    shared("skbuff_fclone_cache", 512),
    shared("eventpoll_epi", 128),
    shared("eventpoll_pwq", 72),
    own("nf_conntrack", 320),
    shared("net_namespace", 5248),
    shared("ip_dst_cache", 192),
    shared("files_cache", 640),
    own("task_struct", 4224),
    shared("signal_cache", 1152),
    own("sighand_cache", 2112),
    shared("mm_struct", 1600),
    shared("pid", 128),
    shared("cred_jar", 192)
  ],
  aliases: [
    ["arp_cache", "kmalloc-512"],
    ["rtable", "ip_dst_cache"],
    ["cred", "cred_jar"]
  ],
  kmalloc: "kmalloc-1024",
  order: slubOrder310,
  referenceCpus: 4
}

/**
 * Linux 6.18, x86-64: every row measured on 6.18.44 with 2 CPUs (/proc/slabinfo, /sys/kernel/slab). `mergeable` says which caches that kernel merged. The security blobs of an inode and of a file are
 * lsm_inode_cache (32) and lsm_file_cache (24). `ip_dst_cache` is called `rtable` there; a neighbour comes from
 * kmalloc-512.
 */
export const linux6x: CacheProfile = {
  specs: [
    own("TCP", 2368),
    shared("UDP", 1344),
    reclaimable("sock_inode_cache", 832),
    reclaimable("dentry", 192),
    own("filp", 192),
    own("request_sock_TCP", 320),
    own("tw_sock_TCP", 256),
    shared("tcp_bind_bucket", 128),
    shared("tcp_bind2_bucket", 128),
    own("skbuff_head_cache", 256),
    shared("skbuff_fclone_cache", 512),
    own("skbuff_small_head", 576),
    shared("eventpoll_epi", 128),
    shared("eventpoll_pwq", 64),
    shared("ep_head", 16),
    own("nf_conntrack", 256),
    shared("net_namespace", 4288),
    shared("rtable", 192),
    shared("files_cache", 704),
    own("task_struct", 5888),
    shared("signal_cache", 1152),
    own("sighand_cache", 2112),
    own("mm_struct", 1600),
    shared("pid", 192),
    shared("cred", 192),
    shared("lsm_inode_cache", 32),
    shared("lsm_file_cache", 24)
  ],
  aliases: [
    ["arp_cache", "kmalloc-512"],
    ["ip_dst_cache", "rtable"],
    ["cred_jar", "cred"]
  ],
  kmalloc: "kmalloc-1k",
  order: slubOrder6x,
  referenceCpus: 2
}

const tables = new WeakMap<CacheProfile, Map<number, CacheTable>>()

/** A profile's caches laid out for hosts with `cpus` CPUs (more CPUs make larger slabs): one table for all of them. */
export const cachesFor = (profile: CacheProfile, cpus: number): CacheTable => {
  let known = tables.get(profile)
  if (known === undefined) tables.set(profile, (known = new Map()))
  let table = known.get(cpus)
  if (table === undefined) {
    table = makeTable(profile.specs, profile.aliases, profile.kmalloc, profile.order, cpus)
    known.set(cpus, table)
  }
  return table
}

/** The caches of 3.10, laid out as in the book (25 sockets in 16 KiB, 21 dentries in 4 KiB). */
export const linux310Caches: CacheTable = cachesFor(linux310, linux310.referenceCpus)

/** The caches of 6.18, laid out as measured (13 TCP objects in 32 KiB, 19 socket inodes in 16 KiB). */
export const linux6xCaches: CacheTable = cachesFor(linux6x, linux6x.referenceCpus)
