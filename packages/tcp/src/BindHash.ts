/**
 * Bind buckets: who uses a local port (Linux: struct inet_bind_bucket, net/ipv4/inet_connection_sock.c).
 *
 * `fastReuse` and `fastReusePort` are -1 in a bucket that connect() made: bind() may not share it, connect() may, as long as
 * the four-tuple is free.
 */
import * as State from "./State.ts"
import { OBJECT_BIND2_BUCKET, OBJECT_BIND_BUCKET } from "./TcpHost.ts"
import type { Tcp } from "./Tcp.ts"
import type { TcpNet } from "./TcpNet.ts"
import type { TcpSock } from "./TcpSock.ts"

export class BindBucket {
  readonly net: TcpNet
  readonly port: number
  fastReuse: number
  fastReusePort: number
  /** Full sockets bound to it, newest first. */
  owners: TcpSock | null
  ownerCount: number
  /** TIME_WAIT socks that hold it, and those of them that were made without SO_REUSEADDR. */
  timeWaitCount: number
  timeWaitStrict: number

  constructor(net: TcpNet, port: number) {
    this.net = net
    this.port = port
    this.fastReuse = 0
    this.fastReusePort = 0
    this.owners = null
    this.ownerCount = 0
    this.timeWaitCount = 0
    this.timeWaitStrict = 0
  }
}

const PAGE_SHIFT = 8
const PAGE_MASK = 255
type Page = Array<BindBucket | null>

export class BindHash {
  private readonly tcp: Tcp
  /**
   * Buckets by namespace, then by page of 256 ports and port: a search over a full range walks arrays, which is several
   * times cheaper than a Map.
   */
  private readonly pages: Array<Array<Page | undefined> | undefined>
  count: number

  constructor(tcp: Tcp) {
    this.tcp = tcp
    this.pages = []
    this.count = 0
  }

  find(net: TcpNet, port: number): BindBucket | null {
    const page = this.pages[net.id]?.[port >> PAGE_SHIFT]
    return page === undefined ? null : page[port & PAGE_MASK]!
  }

  private place(net: TcpNet, port: number): Page {
    const pages = (this.pages[net.id] ??= [])
    return (pages[port >> PAGE_SHIFT] ??= new Array<BindBucket | null>(PAGE_MASK + 1).fill(null))
  }

  /** A new bucket (Linux: inet_bind_bucket_create); null when there is no memory. */
  create(net: TcpNet, port: number): BindBucket | null {
    const host = this.tcp.host
    if (!host.allocObject(OBJECT_BIND_BUCKET, net)) return null
    if (this.tcp.profile.hasBind2 && !host.allocObject(OBJECT_BIND2_BUCKET, net)) {
      host.freeObject(OBJECT_BIND_BUCKET, net)
      return null
    }
    const bucket = new BindBucket(net, port)
    this.place(net, port)[port & PAGE_MASK] = bucket
    this.count++
    return bucket
  }

  /** Linux: inet_bind_hash. */
  add(bucket: BindBucket, sock: TcpSock): void {
    sock.bucket = bucket
    sock.localPort = bucket.port
    sock.bindPrevious = null
    sock.bindNext = bucket.owners
    if (bucket.owners !== null) bucket.owners.bindPrevious = sock
    bucket.owners = sock
    bucket.ownerCount++
  }

  /** Linux: inet_put_port. */
  remove(sock: TcpSock): void {
    const bucket = sock.bucket
    if (bucket === null) return
    if (sock.bindPrevious === null) bucket.owners = sock.bindNext
    else sock.bindPrevious.bindNext = sock.bindNext
    if (sock.bindNext !== null) sock.bindNext.bindPrevious = sock.bindPrevious
    sock.bindNext = null
    sock.bindPrevious = null
    sock.bucket = null
    bucket.ownerCount--
    this.release(bucket)
  }

  /** Frees a bucket that nobody uses any more. */
  release(bucket: BindBucket): void {
    if (bucket.ownerCount > 0 || bucket.timeWaitCount > 0) return
    this.place(bucket.net, bucket.port)[bucket.port & PAGE_MASK] = null
    this.count--
    this.tcp.host.freeObject(OBJECT_BIND_BUCKET, bucket.net)
    if (this.tcp.profile.hasBind2) this.tcp.host.freeObject(OBJECT_BIND2_BUCKET, bucket.net)
  }

  /**
   * Whether another socket of the bucket stands in the way of `sock` (Linux: inet_csk_bind_conflict).
   *
   * @param relax false when the kernel chooses the port: it does not share ports that it need not share
   */
  isConflict(bucket: BindBucket, sock: TcpSock, relax: boolean): boolean {
    if (bucket.timeWaitCount > 0 && (!relax || !sock.reuseAddress || bucket.timeWaitStrict > 0)) return true
    for (let other = bucket.owners; other !== null; other = other.bindNext) {
      if (other === sock) continue
      if (sock.device !== 0 && other.device !== 0 && sock.device !== other.device) continue
      const sameAddress =
        sock.localAddress === 0 || other.localAddress === 0 || sock.localAddress === other.localAddress
      if (!sameAddress) continue
      const shareAddress = sock.reuseAddress && other.reuseAddress && other.state !== State.LISTEN
      const sharePort = sock.reusePort && other.reusePort
      if (!relax || (!shareAddress && !sharePort)) return true
    }
    return false
  }
}
