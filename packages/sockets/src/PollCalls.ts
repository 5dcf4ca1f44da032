/**
 * poll and select (Linux: do_poll, do_select, fs/select.c): every call asks every file, puts the task on every wait
 * queue and takes it off again, so the cost grows with what is watched.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { STEP_MAX } from "@darkfiber/hardware/cpu/CostTable"
import * as Errno from "@darkfiber/kernel-net/Errno"
import type { File, PollTable } from "./Files.ts"
import * as Points from "./Points.ts"
import { POLLERR, POLLHUP, POLLNVAL } from "./Poll.ts"
import { CALL_DONE, CALL_MORE, done, type SystemCall } from "./SystemCall.ts"
import { FOREVER, type Task } from "./Task.ts"
import { WaitEntry, type WaitQueue, type WakeFunction } from "./WaitQueue.ts"

/** One descriptor to watch; `revents` is filled in. */
export interface PollFd {
  readonly fd: number
  readonly events: number
  revents: number
}

/** Descriptors select can watch. */
export const FD_SETSIZE = 1024
/** Time after which a step asks no further descriptor, ns: the last one may still take some. */
const ASK_MAX = STEP_MAX - 500

/** What a poll in progress keeps (Linux: poll_wqueues). Stands in `task.value` until the call ends. */
class PollState {
  readonly task: Task
  readonly entries: Array<WaitEntry>
  /** Something happened since the scan began. */
  triggered: boolean
  /** The first scan puts the task on the wait queues. */
  registering: boolean
  ready: number

  constructor(task: Task) {
    this.task = task
    this.entries = []
    this.triggered = false
    this.registering = true
    this.ready = 0
  }
}

const pollWake: WakeFunction = {
  name: "pollwake",
  wake(entry: WaitEntry, core: Core): number {
    const state = entry.owner as PollState
    state.triggered = true
    return state.task.runQueue.scheduler.tryToWakeUp(state.task, core)
  }
}

let current: PollState | null = null

const table: PollTable = {
  queue(_file: File, queue: WaitQueue): void {
    const state = current as PollState
    const entry = new WaitEntry(pollWake, state)
    state.entries.push(entry)
    queue.add(entry)
  }
}

/** `argument`: an array of PollFd; `r0`: time-out in ns, below 0 none. */
const makePoll = (name: string, point: number, most: number): SystemCall => ({
  name,
  point,
  step(core: Core, task: Task): number {
    const list = task.argument as ReadonlyArray<PollFd>
    if (task.phase === 0) {
      if (list.length > most || list.length > (task.process?.files.soft ?? 0)) return done(task, -Errno.EINVAL)
      task.value = new PollState(task)
      task.phase = 1
    }
    const state = task.value as PollState
    const verdict = scan(core, task, list, state)
    if (verdict === CALL_DONE) {
      for (const entry of state.entries) entry.remove()
      task.value = null
    }
    return verdict
  }
})

const scan = (core: Core, task: Task, list: ReadonlyArray<PollFd>, state: PollState): number => {
  if (task.moved === 0) {
    state.ready = 0
    state.triggered = false
  }
  const end = core.time + ASK_MAX
  current = state
  for (; task.moved < list.length && core.time < end; task.moved++) ask(core, task, list[task.moved]!, state)
  current = null
  if (task.moved < list.length) return CALL_MORE
  task.moved = 0
  state.registering = false
  if (state.ready > 0) return done(task, state.ready)
  if (task.timedOut || task.r0 === 0) return done(task, 0)
  if (state.triggered) return CALL_MORE
  return task.mayWait(core, task.r0 < 0 ? FOREVER : task.r0)
}

/** Linux: do_pollfd. */
const ask = (core: Core, task: Task, entry: PollFd, state: PollState): void => {
  core.enter(Points.DO_POLLFD)
  entry.revents = 0
  if (entry.fd < 0) return
  const file = task.process?.files.get(entry.fd) ?? null
  if (file === null) entry.revents = POLLNVAL
  else {
    const wanted = entry.events | POLLERR | POLLHUP
    entry.revents = file.ops.poll(core, file, state.registering && state.ready === 0 ? table : null) & wanted
  }
  if (entry.revents !== 0) state.ready++
}

export const POLL: SystemCall = makePoll("poll", Points.SYS_POLL, Infinity)
export const SELECT: SystemCall = makePoll("select", Points.SYS_SELECT, FD_SETSIZE)
