/** How a script ends early: the host did something else than it says, or it asks for what the simulator has not. */

/** What the script expects did not happen. */
export class ScriptFailed extends Error {
  readonly line: number

  constructor(line: number, reason: string) {
    super(reason)
    this.line = line
  }
}

/** The script cannot be judged. */
export class Unsupported extends Error {
  /** 0 until the statement is known. */
  line: number

  constructor(reason: string, line = 0) {
    super(`unsupported: ${reason}`)
    this.line = line
  }
}

/** A statement that makes no sense: the script fails at it. */
export class BadCall extends Error {}
