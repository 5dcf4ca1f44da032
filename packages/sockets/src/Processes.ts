/**
 * The processes of a host: spawn, list, kill, exit reports, and the scheduler they run on.
 */
import { KIND_OWN, Schedulable } from "@darkfiber/sim/Actor"
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Errno from "@darkfiber/kernel-net/Errno"
import { HrTimers } from "@darkfiber/kernel-net/HrTimers"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import type { Memory } from "@darkfiber/memory/Memory"
import { added } from "@darkfiber/sim/Exact"
import type { FiberGroup } from "@darkfiber/sim/FiberGroup"
import type { Island } from "@darkfiber/sim/Island"
import { SmallMap } from "@darkfiber/sim/SmallMap"
import type { Effect } from "effect"
import { EpollLimits } from "./Epoll.ts"
import { File, FileSystem } from "./Files.ts"
import { type LeasedProgram, LeasedUser } from "./Leased.ts"
import { nullFile } from "./NullFile.ts"
import { Process, type ProcessExit, SIGKILL } from "./Process.ts"
import { Scheduler } from "./Scheduler.ts"
import type { SocketLayer } from "./SocketLayer.ts"
import type { SocketsProfile } from "./SocketsProfile.ts"
import { DEAD, NEW, Task, type UserSide } from "./Task.ts"
import { FiberUser } from "./Thread.ts"

export interface ProcessTableOptions {
  /** The host's name: `web1`. */
  readonly name: string
  readonly island: Island
  readonly cores: ReadonlyArray<Core>
  readonly memory: Memory
  readonly profile: SocketsProfile
  /** The exact timers of a core, which the network kernel uses too; the processes' own when left out. */
  readonly exactTimers?: (core: Core) => HrTimers
  /** The fibers of this incarnation of the host; null for a host that runs leased programs only. */
  readonly fibers: FiberGroup | null
  /** Bytes of memory, and of those taken at boot: fs.file-max follows from them. */
  readonly totalBytes: number
  readonly usedBytes?: number
}

export interface SpawnOptions {
  /** 0, root, without it. */
  readonly uid?: number
  /** Cores it may use. */
  readonly affinity?: ReadonlyArray<number>
  /** From -20 to 19; 0 without it. */
  readonly nice?: number
  readonly nofile?: { readonly soft: number; readonly hard: number }
}

/** Processes a host may have (Linux: kernel.pid_max). */
export const PROCESSES_MAX = 32_768
/** Exit reports kept; later ones are only counted. */
export const EXITS_MAX = 10_000

const EVENT_START = 0
const EVENT_KILL = 1

export class ProcessTable extends Schedulable {
  readonly host: string
  readonly scheduler: Scheduler
  readonly files: FileSystem
  readonly epollLimits: EpollLimits
  /** Null on a host without a network. */
  sockets: SocketLayer | null
  readonly fibers: FiberGroup | null
  readonly profile: SocketsProfile
  /** How processes ended, oldest first. */
  readonly exits: Array<ProcessExit>
  exitCount: number
  /** Called at each end of a process. */
  onExit: ((exit: ProcessExit) => void) | null
  private readonly processes: SmallMap<number, Process>
  private readonly starting: SmallMap<number, Task>
  private readonly memory: Memory
  /** Slab objects of a process, and of a further thread. */
  private readonly processObjects: ReadonlyArray<number>
  private readonly threadObjects: ReadonlyArray<number>

  constructor(options: ProcessTableOptions) {
    super(options.island, `${options.name}/processes`)
    this.host = options.name
    this.profile = options.profile
    this.fibers = options.fibers
    const timers = options.exactTimers ?? ((core) => new HrTimers(core))
    this.scheduler = new Scheduler(options.island, options.cores, options.profile.scheduler, timers)
    this.files = new FileSystem(options.memory, options.profile.files, options.totalBytes, options.usedBytes ?? 0)
    this.epollLimits = new EpollLimits(
      options.profile.epoll,
      options.memory.group(options.profile.files.epollItemObjects),
      options.totalBytes
    )
    this.sockets = null
    this.exits = []
    this.exitCount = 0
    this.onExit = null
    this.processes = new SmallMap()
    this.starting = new SmallMap()
    this.memory = options.memory
    this.processObjects = options.memory.group(options.profile.files.processObjects)
    this.threadObjects = options.memory.group(options.profile.files.threadObjects)
  }

  /**
   * Starts a process whose first thread is `effect`. From outside a run or from inside it.
   *
   * @returns the process, or -ENOMEM or -EAGAIN (too many processes)
   */
  spawn(
    name: string,
    net: Netns | null,
    effect: Effect.Effect<unknown, unknown>,
    options: SpawnOptions = {}
  ): Process | number {
    if (this.fibers === null) throw new Error(`${this.host} runs leased programs only`)
    const fibers = this.fibers
    return this.start(name, net, options, (process) => {
      const life = fibers.incarnation === 0 ? this.host : `${this.host}#${fibers.incarnation}`
      const unique = `${life}/${process.pid}/${name}`
      return new FiberUser(this.scheduler, fibers, unique, effect)
    })
  }

  /** Starts a process with a leased program as its only thread. */
  spawnLeased(name: string, net: Netns | null, program: LeasedProgram, options: SpawnOptions = {}): Process | number {
    return this.start(name, net, options, () => new LeasedUser(this.scheduler, program))
  }

  /** A further thread of a process, such as a fiber forked inside it. It has the first one's cores and nice value. */
  addThread(process: Process, name: string, user: UserSide): Task | number {
    const first = process.threads[0]
    const affinity = first?.affinity ?? null
    const queue = this.scheduler.place(affinity)
    if (!this.memory.allocAll(this.threadObjects, queue.core.index)) return -Errno.ENOMEM
    const task = new Task(this.scheduler.newTid(), name, process, user, null, queue)
    task.affinity = affinity
    if (first !== undefined) task.setNice(first.nice)
    queue.tasks++
    process.threads = added(process.threads, task)
    return task
  }

  freeThread(cpu: number): void {
    this.memory.freeAll(this.threadObjects, cpu)
  }

  get(pid: number): Process | null {
    return this.processes.get(pid) ?? null
  }

  /** Processes alive, by pid. */
  list(): ReadonlyArray<Process> {
    return this.processes.values()
  }

  /**
   * Sends a signal from outside the simulation or another actor: it arrives with an event of this instant.
   *
   * @returns 0 or -ESRCH
   */
  kill(pid: number, signal: number): number {
    if (!this.processes.has(pid)) return -Errno.ESRCH
    this.schedule(this.island.now, this.slot, KIND_OWN, EVENT_KILL, pid * 64 + signal)
    return 0
  }

  /** Sends a signal from a system call. SIGKILL and SIGTERM end the process; 0 only asks whether it is there. */
  signal(pid: number, signal: number): number {
    const process = this.processes.get(pid)
    if (process === undefined) return -Errno.ESRCH
    if (signal === 0) return 0
    if (process.reason === "exited" && process.threads.some((task) => !task.killed)) {
      process.reason = "killed"
      process.code = 128 + signal
    }
    process.killThreads(null)
    return 0
  }

  /** Linux: SIGKILL to one thread: it dies when the kernel lets go of it. */
  killTask(task: Task): void {
    if (task.killed || task.exiting || task.state === DEAD) return
    task.killed = true
    task.signalled = true
    this.island.resumeLater({
      resume: () => {
        if (task.user !== null) task.user.kill(task)
        this.scheduler.wakeFromUser(task)
      }
    })
  }

  freeProcess(cpu: number): void {
    this.memory.freeAll(this.processObjects, cpu)
  }

  /** The exit of a process is complete. */
  ended(process: Process, time: number): void {
    this.processes.delete(process.pid)
    const { pid, name, reason, code, error } = process
    const exit = { pid, name, time, reason, code, error }
    process.exit = exit
    const fingerprint = this.island.fingerprint
    fingerprint.time(time)
    fingerprint.word(pid)
    fingerprint.word(code)
    this.exitCount++
    if (this.exits.length < EXITS_MAX) this.exits.push(exit)
    if (this.onExit !== null) this.onExit(exit)
  }

  /** With its host. */
  override abandon(_reason: number): void {
    this.crash()
  }

  override deliver(kind: number, a: number, b: number, _now: number): void {
    if (kind !== KIND_OWN) return
    if (a === EVENT_KILL) {
      this.signal(Math.floor(b / 64), b % 64)
      return
    }
    const task = this.starting.get(b)
    this.starting.delete(b)
    if (task === undefined || task.state !== NEW) return
    task.user?.start(task)
    this.scheduler.wakeUpNew(task)
  }

  override dispatch(_now: number): void {}

  /**
   * The host goes down: every process ends in pid order, without closing anything and without virtual time. Its fibers
   * are ended by the runtime (`Runtime.crash`, before `Host.crash`), its memory by the host.
   */
  private crash(): void {
    this.alive = false
    for (const queue of this.scheduler.queues) queue.timers.alive = false
    for (const process of this.list()) {
      for (const task of process.threads) {
        task.killed = true
        task.state = DEAD
      }
      process.threads = []
      process.reason = "host down"
      process.code = 128 + SIGKILL
      this.ended(process, this.island.now)
    }
  }

  private start(
    name: string,
    net: Netns | null,
    options: SpawnOptions,
    makeUser: (process: Process) => UserSide
  ): Process | number {
    if (this.processes.size >= PROCESSES_MAX) return -Errno.EAGAIN
    const affinity = options.affinity ?? null
    const queue = this.scheduler.place(affinity)
    const cpu = queue.core.index
    if (!this.memory.allocAll(this.processObjects, cpu)) return -Errno.ENOMEM
    const process = new Process(this.scheduler.newTid(), name, this, options.uid ?? 0, net)
    this.openStandard(process)
    if (options.nofile !== undefined) process.files.setLimit(options.nofile.soft, options.nofile.hard, true)
    const task = new Task(process.pid, name, process, makeUser(process), null, queue)
    task.affinity = affinity
    task.setNice(options.nice ?? 0)
    process.threads = [task]
    this.processes.set(process.pid, process)
    this.starting.set(process.pid, task)
    queue.tasks++
    this.schedule(this.island.now, this.slot, KIND_OWN, EVENT_START, process.pid)
    return process
  }

  /** Descriptors 0, 1 and 2 are taken: one file, open three times. */
  private openStandard(process: Process): void {
    this.files.count++
    const file = new File(this.files, nullFile, null)
    for (let fd = 0; fd < 3; fd++) process.files.install(fd, file)
    file.refs = 3
  }
}
