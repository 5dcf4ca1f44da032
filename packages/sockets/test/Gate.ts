/** A file that is ready when the test says so, at a time, in hard IRQ on a core. */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { type File, type FileOps, type PollTable } from "../src/Files.ts"
import { HrTimer } from "@darkfiber/kernel-net/HrTimers"
import { POLLIN, POLLRDNORM } from "../src/Poll.ts"
import type { Process } from "../src/Process.ts"
import { WaitQueue } from "../src/WaitQueue.ts"
import type { Machine } from "./World.ts"

export class Gate implements FileOps {
  readonly kind = "socket"
  readonly wait = new WaitQueue()
  /** Units to read. */
  ready = 0
  released = 0

  poll(_core: Core, file: File, table: PollTable | null): number {
    if (table !== null) table.queue(file, this.wait)
    return this.ready > 0 ? POLLIN | POLLRDNORM : 0
  }

  release(): void {
    this.released++
  }

  /** Adds `units` at `time` and wakes as sock_def_readable does. */
  fireAt(m: Machine, time: number, units = 1, core = 0): void {
    const timer = new HrTimer(
      {
        expired: (_timer, on) => {
          this.ready += units
          this.wait.wake(on, 1, POLLIN | POLLRDNORM)
        }
      },
      null
    )
    m.processes.scheduler.queues[core]!.timers.arm(timer, time)
  }

  /** A descriptor for it. */
  open(m: Machine, process: Process): number {
    const { core } = m.processes.scheduler.queues[0]!
    const file = m.processes.files.open(core, this, this, true) as File
    const fd = process.files.reserve()
    process.files.install(fd, file)
    return fd
  }
}
