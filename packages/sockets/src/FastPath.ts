/**
 * The short way of a system call: when nothing else of the island comes first, its steps run at once in the process
 * phase and virtual time moves on under the running user code. The order of everything that can be seen is the same as
 * without it; `Scheduler.fastPath` turns it off.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { CALL_BLOCK, CALL_DONE } from "./SystemCall.ts"
import type { Scheduler } from "./Scheduler.ts"
import type { Task } from "./Task.ts"

/**
 * Precondition: the core is held for the user code of `task`, which has registered a call.
 *
 * @returns true when the call is done and user code may go on at once; false when the core has to be given back
 */
export const runAtOnce = (scheduler: Scheduler, task: Task): boolean => {
  const queue = task.runQueue
  const core = queue.core
  const island = core.island
  if (
    !scheduler.fastPath ||
    !island.isLastToResume() ||
    !island.quietUntil(island.now) ||
    !core.isUndisturbed() ||
    queue.mustYield(core)
  )
    return false
  core.beginTask()
  for (;;) {
    const verdict = stepOf(task, core)
    if (verdict === CALL_BLOCK) return false
    if (verdict === CALL_DONE) task.finish(core)
    if (!island.advance(core.time) || !core.isUndisturbed()) return false
    if (task.killed || task.moveTo !== null || queue.mustYield(core)) return false
    if (verdict === CALL_DONE) return true
  }
}

/** A step of the call. What the kernel throws is the kernel's defect, not that of the program which called it. */
const stepOf = (task: Task, core: Core): number => {
  try {
    return task.step(core)
  } catch (error) {
    const { island } = core
    island.world.caught(core, island, error, island.now)
    return CALL_BLOCK
  }
}
