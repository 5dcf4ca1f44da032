/**
 * Leased programs: built-in generators, sinks and servers as plain code that the core calls, without a fiber. They make
 * the same system calls with the same results and the same trace as the same program written as a fiber.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { runAtOnce } from "./FastPath.ts"
import type { Scheduler } from "./Scheduler.ts"
import type { Task, UserSide } from "./Task.ts"
import { EXIT } from "./ExitCall.ts"

/** `run` has registered a system call with `task.begin`. */
export const LEASE_CALL = 0
/** The program has ended; its exit code is in `task.r0`. */
export const LEASE_EXIT = 1

export interface LeasedProgram {
  /**
   * User code up to the next system call: takes the last one's result from `task.result` and `task.value`, sets the
   * arguments in `task` and calls `task.begin`. It may use no virtual time; `Calls.COMPUTE` does.
   */
  run(core: Core, task: Task): number
}

export class LeasedUser implements UserSide {
  readonly leased = true
  private readonly scheduler: Scheduler
  private readonly program: LeasedProgram

  constructor(scheduler: Scheduler, program: LeasedProgram) {
    this.scheduler = scheduler
    this.program = program
  }

  start(_task: Task): void {}

  resume(task: Task, _now: number): void {
    const scheduler = this.scheduler
    const core = task.runQueue.core
    scheduler.resumed = task
    do this.run(task, core)
    while (!task.exiting && runAtOnce(scheduler, task))
    scheduler.resumed = null
    task.inUser = false
    core.userReturned()
  }

  run(task: Task, core: Core): void {
    let verdict = LEASE_EXIT
    try {
      verdict = this.program.run(core, task)
    } catch (error) {
      const process = task.process
      if (process !== null) {
        process.reason = "defect"
        process.code = 134
        process.error = error
      }
      task.exiting = true
      task.begin(EXIT)
      return
    }
    if (verdict === LEASE_CALL && task.call !== null) return
    if (task.process !== null) task.process.code = task.r0
    task.exiting = true
    task.begin(EXIT)
  }

  kill(_task: Task): void {}
}
