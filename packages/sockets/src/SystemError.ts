/**
 * Errnos as a process sees them: tagged errors whose tag is the kernel's name, so that `Effect.catchTag("ECONNREFUSED")`
 * works. Inside the kernel a failure is a negative number; it becomes one of these once, when it reaches the process.
 */
import * as Kernel from "@darkfiber/kernel-net/Errno"
import { Data } from "effect"

/** EPERM, ENOENT, … */
export type ErrnoName = Extract<keyof typeof Kernel, `E${string}`>

/** A failed system call. `_tag` is the errno's name, `call` the system call's. */
export class SystemError<Name extends ErrnoName = ErrnoName> extends Data.Error<{
  readonly _tag: Name
  /** The positive Linux number. */
  readonly errno: number
  readonly call: string
}> {
  override get message(): string {
    return `${this.call}: ${this._tag} (${this.errno})`
  }
}

/** Any errno, as a union that `Effect.catchTag` takes apart. */
export type Errno = { [Name in ErrnoName]: SystemError<Name> }[ErrnoName]

/** The error for a negative result of `call`; a number that Linux does not have becomes EIO. */
export const make = (result: number, call: string): Errno => {
  const errno = result < 0 ? -result : result
  const name = Kernel.name(errno)
  const tag = name.startsWith("E") ? (name as ErrnoName) : "EIO"
  return new SystemError({ _tag: tag, errno, call }) as Errno
}
