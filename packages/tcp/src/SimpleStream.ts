/** The program's side of a connection on a {@link SimpleHost}: what it still has to write, and what it has read. */
import * as Close from "./Close.ts"
import { EAGAIN } from "./Errno.ts"
import type { SimpleHost } from "./SimpleHost.ts"
import * as State from "./State.ts"
import * as Stream from "./Stream.ts"
import type { TcpSock } from "./TcpSock.ts"

export class SimpleStream {
  readonly sock: TcpSock
  readonly host: SimpleHost
  /** What connect() returned. */
  result: number
  /** Bytes read so far, when `keep` is set; else only counted. */
  readonly chunks: Array<Uint8Array>
  keep: boolean
  receivedBytes: number
  sentBytes: number
  /** Reads at most this much at a time; 0 stops reading. */
  readSize: number
  /** The peer's FIN was read. */
  ended: boolean
  /** First error that a call returned, a positive errno; 0 for none. */
  error: number
  /** Shut down writing when everything is written; close when that and the peer's end are through. */
  shutdownWhenSent: boolean
  closeWhenEnded: boolean
  isClosed: boolean
  isDestroyed: boolean
  isNoticed: boolean
  private readonly pending: Array<Uint8Array>
  private offset: number
  private isShut: boolean
  private readonly into: { bytes: Uint8Array }

  constructor(host: SimpleHost, sock: TcpSock) {
    this.host = host
    this.sock = sock
    this.result = 0
    this.chunks = []
    this.keep = true
    this.receivedBytes = 0
    this.sentBytes = 0
    this.readSize = 65_536
    this.ended = false
    this.error = 0
    this.shutdownWhenSent = false
    this.closeWhenEnded = false
    this.isClosed = false
    this.isDestroyed = false
    this.isNoticed = false
    this.pending = []
    this.offset = 0
    this.isShut = false
    this.into = { bytes: empty }
  }

  /** Writes, now or as room comes. */
  write(bytes: Uint8Array): void {
    this.pending.push(bytes)
    this.pump()
    this.host.settle()
  }

  /** No more will be written. */
  end(): void {
    this.shutdownWhenSent = true
    this.pump()
    this.host.settle()
  }

  close(lingerZero = false): void {
    if (this.isClosed) return
    this.isClosed = true
    Close.close(this.sock, lingerZero)
    this.host.settle()
  }

  /** Everything that was read, in one piece. */
  received(): Uint8Array {
    const all = new Uint8Array(this.receivedBytes)
    let at = 0
    for (const chunk of this.chunks) {
      all.set(chunk, at)
      at += chunk.length
    }
    return all
  }

  get unsentBytes(): number {
    return this.pending.reduce((sum, chunk) => sum + chunk.length, 0) - this.offset
  }

  /** Reads and writes what is possible. */
  pump(): void {
    if (this.isClosed || this.isDestroyed) return
    this.read()
    this.writePending()
    const isDone = this.ended && this.pending.length === 0
    if (this.closeWhenEnded && (isDone || this.error !== 0) && !this.isClosed) {
      this.isClosed = true
      Close.close(this.sock)
    }
  }

  private read(): void {
    if (this.sock.state === State.SYN_SENT && this.sock.error === 0) return
    while (this.readSize > 0 && !this.ended && this.error === 0) {
      if (this.into.bytes.length < this.readSize) this.into.bytes = new Uint8Array(this.readSize)
      const count = Stream.recvStep(this.sock, this.into.bytes, 0, this.readSize, 0)
      if (count === -EAGAIN) return
      if (count < 0) {
        this.error = -count
        return
      }
      if (count === 0) {
        this.ended = true
        return
      }
      this.receivedBytes += count
      if (this.keep) this.chunks.push(this.into.bytes.slice(0, count))
      Stream.recvDone(this.sock, count)
    }
  }

  private writePending(): void {
    let wrote = false
    while (this.pending.length > 0 && this.error === 0) {
      const chunk = this.pending[0]!
      if (this.offset >= chunk.length) {
        this.pending.shift()
        this.offset = 0
        continue
      }
      const count = Stream.sendStep(this.sock, chunk, this.offset, chunk.length - this.offset, 0, this.offset)
      if (count === -EAGAIN) break
      if (count < 0) {
        this.error = -count
        break
      }
      wrote = true
      this.offset += count
      this.sentBytes += count
    }
    if (wrote) Stream.sendDone(this.sock, 0)
    // shutdown() of a socket that still connects would give the connection up.
    if (this.shutdownWhenSent && !this.isShut && this.pending.length === 0 && this.sock.state !== State.SYN_SENT) {
      this.isShut = true
      Close.shutdown(this.sock, 1)
    }
  }
}

const empty = new Uint8Array(0)
