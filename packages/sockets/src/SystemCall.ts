/**
 * A system call as the scheduler runs it: an object without state of its own, whose `step` is called in the task's turn
 * until it is done. Its arguments, its progress and its result stand in the task, as they do in registers.
 *
 *     step → CALL_MORE   charged at most 5 us, goes on in the next step (IRQs may come between)
 *          → CALL_BLOCK  the task stands on a wait queue; the next step is the retry after its wake-up
 *          → CALL_DONE   the result is in `task.result`, negative for an errno, and perhaps in `task.value`
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { Task } from "./Task.ts"

export const CALL_DONE = 0
export const CALL_MORE = 1
export const CALL_BLOCK = 2

export interface SystemCall {
  /** As strace prints it. */
  readonly name: string
  /** The trace point of its entry, which carries the cost of entry and exit; -1 for what is no kernel entry. */
  readonly point: number
  step(core: Core, task: Task): number
}

/** Ends the call with a result. */
export const done = (task: Task, result: number): number => {
  task.result = result
  return CALL_DONE
}
