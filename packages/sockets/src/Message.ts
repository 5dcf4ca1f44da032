/**
 * What sendmsg and recvmsg carry beyond a buffer (Linux: struct msghdr, struct cmsghdr): several buffers, an address, and
 * control messages. Also what stands for a pointer that points nowhere.
 */
import type { SocketAddress } from "./SocketCalls.ts"

/** A pointer to memory the process has not: whoever reads or writes there gets EFAULT. */
export class BadPointer {
  /** Bytes the program says are there. */
  readonly length: number

  constructor(length: number) {
    this.length = length
  }
}

/** A buffer of the process. */
export type UserBytes = Uint8Array | BadPointer

/** Most buffers of one call (Linux: UIO_MAXIOV). */
export const IOV_MAX = 1024
/** The header of a control message, with its padding. */
const CMSG_HEADER = 16

/** A point in time: seconds, and the rest in ns (timespec) or us (timeval). */
export interface Timespec {
  readonly seconds: number
  readonly fraction: number
}

/** Linux: struct sock_extended_err, with the address of the offender (0 for nobody). */
export interface ExtendedError {
  readonly errno: number
  readonly origin: number
  readonly type: number
  readonly code: number
  readonly info: number
  readonly data: number
  readonly offender: number
}

export type ControlData = number | Timespec | ExtendedError

/** One control message (Linux: struct cmsghdr). */
export interface ControlMessage {
  readonly level: number
  readonly type: number
  readonly data: ControlData
}

/** Arguments and results of one sendmsg or recvmsg, and the next one of a sendmmsg or recvmmsg. */
export class Message {
  readonly iov: ReadonlyArray<UserBytes>
  /** Bytes of all buffers. */
  readonly length: number
  /** Control messages: of the program to send, of the kernel as received. */
  control: Array<ControlMessage>
  /** Bytes of room for control messages that is left. */
  controlRoom: number
  /** Result: MSG_* (msg_flags). */
  flags: number
  /** Result: bytes (msg_len of sendmmsg and recvmmsg). */
  count: number
  /** Result: who sent it. */
  name: SocketAddress | null
  /** Address to send to, and port; -1 for none. */
  toAddress: number
  toPort: number
  next: Message | null

  constructor(iov: ReadonlyArray<UserBytes>, control: ReadonlyArray<ControlMessage> = [], controlRoom = Infinity) {
    this.iov = iov
    this.length = iov.reduce((sum, piece) => sum + piece.length, 0)
    this.control = [...control]
    this.controlRoom = controlRoom
    this.flags = 0
    this.count = 0
    this.name = null
    this.toAddress = 0
    this.toPort = -1
    this.next = null
  }

  /**
   * Adds a control message for the program (Linux: put_cmsg).
   *
   * @param bytes of its data
   * @returns whether there was room; MSG_CTRUNC is set when not
   */
  put(level: number, type: number, data: ControlData, bytes: number): boolean {
    const needed = CMSG_HEADER + bytes
    if (this.controlRoom < needed) {
      this.flags |= MSG_CTRUNC
      return false
    }
    this.controlRoom -= Math.min(this.controlRoom, (needed + 7) & ~7)
    this.control.push({ level, type, data })
    return true
  }

  /** All buffers as one, up to the first that points nowhere. */
  gather(): UserBytes {
    if (this.iov.length === 1) return this.iov[0]!
    let length = 0
    for (const piece of this.iov) {
      if (piece instanceof BadPointer && piece.length > 0) {
        if (length === 0) return piece
        break
      }
      length += piece.length
    }
    const all = new Uint8Array(length)
    let at = 0
    for (const piece of this.iov) {
      if (at === length) break
      if (!(piece instanceof Uint8Array)) continue
      all.set(piece, at)
      at += piece.length
    }
    return all
  }

  /** One buffer for all: the only one, or one to be distributed by `scatter`. */
  scratch(): UserBytes {
    if (this.iov.length === 1) return this.iov[0]!
    const first = this.iov.find((piece) => piece.length > 0)
    if (first instanceof BadPointer) return first
    let length = 0
    for (const piece of this.iov) {
      if (piece instanceof BadPointer && piece.length > 0) break
      length += piece.length
    }
    return new Uint8Array(length)
  }

  /** Puts the first `count` bytes of `from` into the buffers. */
  scatter(from: Uint8Array, count: number): void {
    if (this.iov.length === 1) return
    let at = 0
    for (const piece of this.iov) {
      if (at >= count) return
      if (!(piece instanceof Uint8Array)) continue
      const n = Math.min(piece.length, count - at)
      piece.set(from.subarray(at, at + n))
      at += n
    }
  }
}

/** Control messages did not fit (Linux: MSG_CTRUNC). */
export const MSG_CTRUNC = 0x8
