/**
 * The end of a thread (Linux: do_exit): the last one of a process closes its files, one a step, lowest first, and gives
 * the process's memory back.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Points from "./Points.ts"
import { CALL_MORE, done, type SystemCall } from "./SystemCall.ts"
import type { Task } from "./Task.ts"

export const EXIT: SystemCall = {
  name: "exit_group",
  point: Points.SYS_EXIT,
  step(core: Core, task: Task): number {
    const process = task.process
    if (process === null) return done(task, 0)
    if (task.phase === 0) {
      core.enter(Points.DO_EXIT)
      process.leave(task, core)
      task.phase = 1
      return process.threads.length > 0 ? done(task, 0) : CALL_MORE
    }
    const file = process.files.takeLowest()
    if (file === null) {
      process.gone(core)
      return done(task, 0)
    }
    file.put(core, task)
    return CALL_MORE
  }
}
