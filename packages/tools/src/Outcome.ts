/** What a command leaves behind: text and an exit status, as plain data. */
export interface Outcome {
  readonly stdout: string
  readonly stderr: string
  /** 0 success; 1 failed; 2 wrong use; 126 not possible here; 127 not found. */
  readonly code: number
}

export const outcome = (stdout: string, stderr = "", code = 0): Outcome => ({ stdout, stderr, code })

/** Succeeds with this text. */
export const success = (stdout = ""): Outcome => ({ stdout, stderr: "", code: 0 })

/** Fails with one line on stderr. */
export const failure = (message: string, code = 1): Outcome => ({ stdout: "", stderr: `${message}\n`, code })

/** One behind the other, with the last one's status. */
export const join = (first: Outcome, second: Outcome): Outcome => ({
  stdout: first.stdout + second.stdout,
  stderr: first.stderr + second.stderr,
  code: second.code
})
