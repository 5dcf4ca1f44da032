/**
 * What ends a command early. Exit codes: 0 fine, 1 a check failed, 2 wrong use or unreadable input, 3 a defect of ours.
 */
import { Data, Runtime } from "effect"
import { CliError } from "effect/cli"

/** The message stands on stderr as it is; the process ends with `code`. */
export class Failure extends Data.TaggedError("cli/Failure")<{ readonly text: string; readonly code: 1 | 2 | 3 }> {
  override get [Runtime.errorExitCode](): number {
    return this.code
  }
  override get [CliError.userMessage](): string {
    return this.text
  }
  override get message(): string {
    return this.text
  }
}

/** Wrong use or unreadable input. */
export const badInput = (text: string): Failure => new Failure({ text, code: 2 })
/** A check failed. */
export const checkFailed = (text: string): Failure => new Failure({ text, code: 1 })
/** A defect of ours was found in the run. */
export const defectFound = (text: string): Failure => new Failure({ text, code: 3 })
