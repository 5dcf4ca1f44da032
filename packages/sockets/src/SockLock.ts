/**
 * lock_sock and release_sock: a system call owns the socket across its steps; what soft IRQs bring meanwhile waits in
 * the backlog. Linux: net/core/sock.c.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { Sock } from "@darkfiber/kernel-net/Sock"
import * as Points from "./Points.ts"
import type { Socket } from "./Socket.ts"
import { UNINTERRUPTIBLE, type Task } from "./Task.ts"
import { WaitQueue } from "./WaitQueue.ts"

/** A soft IRQ or a step takes the spin lock: spins until its last holder has let go. */
export const spin = (core: Core, sk: Sock): void => {
  if (sk.releasedAt > core.time) core.charge(Math.ceil((sk.releasedAt - core.time) / core.slowness))
}

/**
 * Takes the socket for a task.
 *
 * @returns false when another task has it: the caller returns CALL_BLOCK, and tries again when it is woken
 */
export const lockSock = (core: Core, task: Task, socket: Socket): boolean => {
  const sk = socket.sk
  spin(core, sk)
  if (sk.owned) {
    socket.lockWait ??= new WaitQueue()
    socket.lockWait.addExclusive(task.waiter)
    task.runQueue.scheduler.sleep(task, core.time)
    task.state = UNINTERRUPTIBLE
    return false
  }
  core.enter(Points.LOCK_SOCK)
  sk.owned = true
  return true
}

/** Lets go: the backlog first, then whoever waits for the lock. */
export const releaseSock = (core: Core, socket: Socket): void => {
  const sk = socket.sk
  core.enter(Points.RELEASE_SOCK)
  for (let skb = sk.backlog.shift(); skb !== null; skb = sk.backlog.shift()) sk.backlogReceive(skb, core)
  sk.backlogBytes = 0
  sk.released(core)
  sk.owned = false
  sk.releasedAt = core.time
  const { lockWait } = socket
  if (lockWait !== null && lockWait.isActive()) lockWait.wake(core, 1, 0)
}
