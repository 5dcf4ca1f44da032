import type { CacheTable } from "./CacheTable.ts"

/**
 * Which slab objects stand behind what a user sees: one list of cache names a thing, one entry an object. The same
 * lists serve the code that allocates, the checks that count, and a calculator.
 */
export interface KernelObjects {
  /** A TCP socket with its descriptor: socket(), or a connection after accept(). */
  readonly tcpSocket: ReadonlyArray<string>
  readonly udpSocket: ReadonlyArray<string>
  /** What every socket descriptor has besides its protocol's sock. */
  readonly socketFile: ReadonlyArray<string>
  /** A port taken by bind() or connect(). */
  readonly boundPort: ReadonlyArray<string>
  /** SYN_RECV. */
  readonly synReceived: ReadonlyArray<string>
  /** Handshake complete, not yet accepted. */
  readonly inAcceptQueue: ReadonlyArray<string>
  /** TIME_WAIT, and FIN_WAIT2 without an owner; the port not counted. */
  readonly timeWait: ReadonlyArray<string>
  /** One epoll_ctl(ADD). */
  readonly epollRegistration: ReadonlyArray<string>
}

/** 3.10. Source: book, 7.3 and F13; the wait queue of a socket is a kmalloc of 64 bytes (sock_alloc_inode). */
export const linux310Objects: KernelObjects = {
  tcpSocket: ["TCP", "sock_inode_cache", "kmalloc-64", "dentry", "filp"],
  udpSocket: ["UDP", "sock_inode_cache", "kmalloc-64", "dentry", "filp"],
  socketFile: ["sock_inode_cache", "kmalloc-64", "dentry", "filp"],
  boundPort: ["tcp_bind_bucket"],
  synReceived: ["request_sock_TCP"],
  inAcceptQueue: ["TCP", "request_sock_TCP"],
  timeWait: ["tw_sock_TCP"],
  epollRegistration: ["eventpoll_epi", "eventpoll_pwq"]
}

/** 6.18, measured; the 64 bytes of a UDP socket are its producer queue (udp_prod_queue, one a node). */
export const linux6xObjects: KernelObjects = {
  tcpSocket: ["TCP", "sock_inode_cache", "lsm_inode_cache", "dentry", "filp", "lsm_file_cache"],
  udpSocket: ["UDP", "kmalloc-64", "sock_inode_cache", "lsm_inode_cache", "dentry", "filp", "lsm_file_cache"],
  socketFile: ["sock_inode_cache", "lsm_inode_cache", "dentry", "filp", "lsm_file_cache"],
  boundPort: ["tcp_bind_bucket", "tcp_bind2_bucket"],
  synReceived: ["request_sock_TCP"],
  inAcceptQueue: ["TCP", "request_sock_TCP"],
  timeWait: ["tw_sock_TCP"],
  epollRegistration: ["eventpoll_epi", "eventpoll_pwq", "ep_head"]
}

/** Bytes of objects, without the waste of their slabs. */
export const objectBytes = (table: CacheTable, names: ReadonlyArray<string>): number => {
  let bytes = 0
  for (const name of names) bytes += shapeNamed(table, name).objectBytes
  return bytes
}

/** Bytes of the slabs that `count` times these objects fill in fresh caches. */
export const slabBytes = (table: CacheTable, names: ReadonlyArray<string>, count: number): number => {
  const objects = new Map<number, number>()
  for (const name of names) {
    const index = table.indexOf(name)
    objects.set(index, (objects.get(index) ?? 0) + count)
  }
  let bytes = 0
  for (const [index, total] of objects) {
    const shape = table.shapes[index]
    if (shape === undefined) throw new Error("a name is not in this kernel's caches")
    bytes += Math.ceil(total / shape.objectsPerSlab) * (4096 << shape.order)
  }
  return bytes
}

const shapeNamed = (table: CacheTable, name: string) => {
  const shape = table.shapes[table.indexOf(name)]
  if (shape === undefined) throw new Error(`this kernel has no cache ${name}`)
  return shape
}
