/** System calls on files, pipes and between files, as Effects. `Sys` has them all. */
import type { Effect } from "effect"
import * as PathCalls from "./PathCalls.ts"
import { numberResult, valueResult, voidResult } from "./Results.ts"
import * as SpliceCalls from "./SpliceCalls.ts"
import type { Errno } from "./SystemError.ts"
import { systemCall } from "./Thread.ts"

/** The two ends of a pipe. */
export interface PipeEnds {
  readonly read: number
  readonly write: number
}

const decodePipe = valueResult("pipe2")
/** A pipe of 16 pages; `flags` may be O_NONBLOCK. EINVAL, EMFILE, ENFILE. */
export const pipe = (flags = 0): Effect.Effect<PipeEnds, Errno> =>
  systemCall(PathCalls.PIPE2, (task) => void (task.r1 = flags), decodePipe)

const decodeOpen = numberResult("open")
/** A regular file in memory. ENOENT, EEXIST, EISDIR, ENOTDIR, ENAMETOOLONG, EINVAL, ENOSPC, EMFILE. */
export const open = (path: string, flags = 0): Effect.Effect<number, Errno> =>
  systemCall(
    PathCalls.OPEN,
    (task) => {
      task.argument = path
      task.r1 = flags
    },
    decodeOpen
  )

const decodeUnlink = voidResult("unlink")
/** Takes a name away; the file lives on while it is open. ENOENT, EISDIR. */
export const unlink = (path: string): Effect.Effect<void, Errno> =>
  systemCall(PathCalls.UNLINK, (task) => void (task.argument = path), decodeUnlink)

const decodeLseek = numberResult("lseek")
/** Where the file is read and written next. ESPIPE, EINVAL. */
export const lseek = (fd: number, offset: number, whence = 0): Effect.Effect<number, Errno> =>
  systemCall(
    PathCalls.LSEEK,
    (task) => {
      task.r0 = fd
      task.r1 = offset
      task.r2 = whence
    },
    decodeLseek
  )

const decodeFtruncate = voidResult("ftruncate")
export const ftruncate = (fd: number, size: number): Effect.Effect<void, Errno> =>
  systemCall(
    PathCalls.FTRUNCATE,
    (task) => {
      task.r0 = fd
      task.r1 = size
    },
    decodeFtruncate
  )

const decodeFallocate = voidResult("fallocate")
/** Takes memory for part of a file. EOPNOTSUPP for a mode other than 0. */
export const fallocate = (fd: number, mode: number, offset: number, length: number): Effect.Effect<void, Errno> =>
  systemCall(
    PathCalls.FALLOCATE,
    (task) => {
      task.r0 = fd
      task.r1 = mode
      task.r2 = offset
      task.r3 = length
    },
    decodeFallocate
  )

const between = (
  call: typeof SpliceCalls.SPLICE,
  from: number,
  to: number,
  length: number,
  flags: number,
  fromAt: number,
  toAt: number,
  decode: ReturnType<typeof numberResult>
): Effect.Effect<number, Errno> =>
  systemCall(
    call,
    (task) => {
      task.r0 = from
      task.r1 = to
      task.r2 = length
      task.r3 = flags
      task.r4 = fromAt
      task.r5 = toAt
    },
    decode
  )

const decodeSplice = numberResult("splice")
/**
 * Moves up to `length` bytes between a pipe and another file, sharing pages. Bytes, 0 at the end, or AGAIN. EINVAL, ESPIPE,
 * EPIPE.
 *
 * @param fromAt offset in a regular file; below 0 its position
 */
export const splice = (
  from: number,
  to: number,
  length: number,
  flags = 0,
  fromAt = -1,
  toAt = -1
): Effect.Effect<number, Errno> => between(SpliceCalls.SPLICE, from, to, length, flags, fromAt, toAt, decodeSplice)

const decodeTee = numberResult("tee")
/** As `splice` from pipe to pipe, and the first keeps the bytes. */
export const tee = (from: number, to: number, length: number, flags = 0): Effect.Effect<number, Errno> =>
  between(SpliceCalls.TEE, from, to, length, flags, -1, -1, decodeTee)

const decodeSendfile = numberResult("sendfile")
/** Sends part of the regular file `from` on a socket or into a pipe, sharing its pages. @param at below 0: the file's position */
export const sendfile = (to: number, from: number, length: number, at = -1): Effect.Effect<number, Errno> =>
  between(SpliceCalls.SENDFILE, from, to, length, 0, at, -1, decodeSendfile)
