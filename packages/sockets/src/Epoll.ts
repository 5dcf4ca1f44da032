/**
 * epoll (Linux: fs/eventpoll.c): who is watched, who is ready, who waits.
 *
 *     socket's wait queue ── ep_poll_callback ──▶ rdllist ──▶ epoll_wait asks each item again ──▶ events
 *                                   │                ▲ level-triggered items go back to the tail
 *                                   └── wakes wq: exclusive sleepers, the last to come first
 *
 * Differs: a scan of the ready list is one step, so that no event can come in the middle of it (no ovflist, no mutex);
 * the tree of items is a map by file and descriptor.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Errno from "@darkfiber/kernel-net/Errno"
import { type File, type FileOps, type FileSystem, type PollTable } from "./Files.ts"
import * as Points from "./Points.ts"
import {
  EPOLLERR,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLHUP,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  POLLIN,
  POLLRDNORM
} from "./Poll.ts"
import type { EpollProfile } from "./SocketsProfile.ts"
import { WaitEntry, WaitQueue, type WakeFunction } from "./WaitQueue.ts"

const PRIVATE_BITS = EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE
/** Epoll instances that may watch one another (Linux: EP_MAX_NESTS). */
export const NESTS_MAX = 4

export const EPOLL_CTL_ADD = 1
export const EPOLL_CTL_DEL = 2
export const EPOLL_CTL_MOD = 3

/** What epoll_wait returns. */
export interface EpollEvent {
  readonly events: number
  readonly data: number
}

/** One registration (Linux: epitem, with its eppoll_entries). */
export class EpItem {
  readonly ep: Epoll
  readonly file: File
  readonly fd: number
  events: number
  data: number
  /** On the ready list. */
  linked: boolean
  readyNext: EpItem | null
  readyPrevious: EpItem | null
  /** Next watcher of the same file. */
  nextWatcher: EpItem | null
  /** Entries on the file's wait queues. */
  readonly entries: Array<WaitEntry>

  constructor(ep: Epoll, file: File, fd: number, events: number, data: number) {
    this.ep = ep
    this.file = file
    this.fd = fd
    this.events = events
    this.data = data
    this.linked = false
    this.readyNext = null
    this.readyPrevious = null
    this.nextWatcher = null
    this.entries = []
  }
}

/** Registrations of one user over all instances, for fs.epoll.max_user_watches. */
export class EpollLimits {
  watches: number
  watchesMax: number
  /** Slab objects of a registration. */
  readonly objects: ReadonlyArray<number>
  readonly profile: EpollProfile

  constructor(profile: EpollProfile, objects: ReadonlyArray<number>, totalBytes: number) {
    this.profile = profile
    this.objects = objects
    this.watches = 0
    this.watchesMax = Math.floor((totalBytes * 0.04) / profile.watchBytes)
  }
}

export class Epoll {
  readonly system: FileSystem
  readonly limits: EpollLimits
  /** Tasks in epoll_wait. */
  readonly waiters: WaitQueue
  /** Who polls this instance itself: another epoll. */
  readonly pollers: WaitQueue
  /** Its own file. */
  file: File | null
  readyHead: EpItem | null
  readyTail: EpItem | null
  readyCount: number
  /** Callbacks that ran, and sleepers they woke. */
  callbacks: number
  wakes: number
  private readonly items: Map<File, Map<number, EpItem>>
  private count: number

  constructor(system: FileSystem, limits: EpollLimits) {
    this.system = system
    this.limits = limits
    this.waiters = new WaitQueue()
    this.pollers = new WaitQueue()
    this.file = null
    this.readyHead = null
    this.readyTail = null
    this.readyCount = 0
    this.callbacks = 0
    this.wakes = 0
    this.items = new Map()
    this.count = 0
  }

  /** Registrations. */
  get size(): number {
    return this.count
  }

  /** The files it watches. */
  files(): Iterable<File> {
    return this.items.keys()
  }

  find(file: File, fd: number): EpItem | null {
    return this.items.get(file)?.get(fd) ?? null
  }

  /** Linux: ep_insert. @returns 0, -EEXIST, -ENOSPC, -ENOMEM, -EINVAL or -ELOOP */
  add(core: Core, file: File, fd: number, events: number, data: number): number {
    core.enter(Points.EP_INSERT)
    if (this.find(file, fd) !== null) return -Errno.EEXIST
    const exclusive = this.limits.profile.exclusive && (events & EPOLLEXCLUSIVE) !== 0
    if (exclusive && !mayBeExclusive(file, events)) return -Errno.EINVAL
    if (file.ops.kind === "eventpoll" && nestsTooDeep(file.object as Epoll, this)) return -Errno.ELOOP
    if (this.limits.watches >= this.limits.watchesMax) return -Errno.ENOSPC
    if (!this.system.memory.allocAll(this.limits.objects, core.index)) return -Errno.ENOMEM
    this.limits.watches++
    const mask = events | EPOLLERR | EPOLLHUP
    const item = new EpItem(this, file, fd, exclusive ? mask : mask & ~EPOLLEXCLUSIVE, data)
    let byFd = this.items.get(file)
    if (byFd === undefined) this.items.set(file, (byFd = new Map()))
    byFd.set(fd, item)
    this.count++
    item.nextWatcher = file.watchers
    file.watchers = item
    registering = item
    const ready = file.ops.poll(core, file, queueProc) & item.events
    registering = null
    if (ready !== 0) this.makeReady(core, item)
    return 0
  }

  /** Linux: ep_modify. */
  modify(core: Core, item: EpItem, events: number, data: number): number {
    if ((item.events & EPOLLEXCLUSIVE) !== 0) return -Errno.EINVAL
    if (this.limits.profile.exclusive && (events & EPOLLEXCLUSIVE) !== 0) return -Errno.EINVAL
    item.events = (events | EPOLLERR | EPOLLHUP) & ~EPOLLEXCLUSIVE
    item.data = data
    core.enter(Points.EP_ITEM_POLL)
    if ((item.file.ops.poll(core, item.file, null) & item.events) !== 0) this.makeReady(core, item)
    return 0
  }

  /** Linux: ep_remove; also when the watched file is closed. */
  remove(item: EpItem, core: Core): void {
    const byFd = this.items.get(item.file)
    if (byFd === undefined || byFd.get(item.fd) !== item) return
    byFd.delete(item.fd)
    if (byFd.size === 0) this.items.delete(item.file)
    this.count--
    for (const entry of item.entries) entry.remove()
    if (item.linked) this.unlink(item)
    const file = item.file
    if (file.watchers === item) file.watchers = item.nextWatcher
    else {
      let other = file.watchers
      while (other !== null && other.nextWatcher !== item) other = other.nextWatcher
      if (other !== null) other.nextWatcher = item.nextWatcher
    }
    this.limits.watches--
    this.system.memory.freeAll(this.limits.objects, core.index)
  }

  /** The instance's last descriptor is closed (Linux: ep_free). */
  release(core: Core): void {
    for (const byFd of this.items.values()) for (const item of byFd.values()) this.remove(item, core)
  }

  /**
   * Takes at most `max` events (Linux: ep_send_events): each item on the ready list is asked again; level-triggered
   * ones go back to the tail, and then a further sleeper is woken.
   */
  collect(core: Core, max: number, into: Array<EpollEvent>): number {
    let item = this.readyHead
    const count = this.readyCount
    for (let i = 0; i < count && item !== null && into.length < max; i++) {
      const next: EpItem | null = item.readyNext
      this.unlink(item)
      core.enter(Points.EP_ITEM_POLL)
      const events = item.file.ops.poll(core, item.file, null) & item.events
      if (events !== 0) {
        into.push({ events, data: item.data })
        if ((item.events & EPOLLONESHOT) !== 0) item.events &= PRIVATE_BITS
        else if ((item.events & EPOLLET) === 0) this.link(item)
      }
      item = next
    }
    if (this.readyCount > 0) this.wakeWaiter(core)
    return into.length
  }

  /** True when a scan of the ready list would find something to ask (Linux: ep_events_available). */
  get hasReady(): boolean {
    return this.readyCount > 0
  }

  /** Asks the items on the ready list until one is ready indeed; drops those that are not (Linux: ep_eventpoll_poll). */
  isReady(core: Core): boolean {
    for (let item = this.readyHead; item !== null; item = this.readyHead) {
      core.enter(Points.EP_ITEM_POLL)
      if ((item.file.ops.poll(core, item.file, null) & item.events) !== 0) return true
      this.unlink(item)
    }
    return false
  }

  /** An item is ready: lists it and wakes one sleeper. @returns whether a sleeper was there */
  makeReady(core: Core, item: EpItem): boolean {
    if (!item.linked) this.link(item)
    const active = this.waiters.isActive()
    this.wakeWaiter(core)
    if (this.pollers.isActive()) this.pollers.wake(core, 1, POLLIN | POLLRDNORM)
    return active
  }

  private wakeWaiter(core: Core): void {
    if (this.waiters.isActive()) this.wakes += this.waiters.wake(core, 1, POLLIN)
  }

  private link(item: EpItem): void {
    item.linked = true
    item.readyNext = null
    item.readyPrevious = this.readyTail
    if (this.readyTail === null) this.readyHead = item
    else this.readyTail.readyNext = item
    this.readyTail = item
    this.readyCount++
  }

  private unlink(item: EpItem): void {
    if (item.readyPrevious === null) this.readyHead = item.readyNext
    else item.readyPrevious.readyNext = item.readyNext
    if (item.readyNext === null) this.readyTail = item.readyPrevious
    else item.readyNext.readyPrevious = item.readyPrevious
    item.readyNext = null
    item.readyPrevious = null
    item.linked = false
    this.readyCount--
  }
}

/** An item's place on a wait queue (Linux: eppoll_entry); its owner, the task to wake, is nobody. */
class EpEntry extends WaitEntry {
  readonly item: EpItem

  constructor(func: WakeFunction, item: EpItem) {
    super(func, null)
    this.item = item
  }
}

/** Something happened at a watched file (Linux: ep_poll_callback). */
const pollCallback: WakeFunction = {
  name: "ep_poll_callback",
  wake(entry: WaitEntry, core: Core, key: number): number {
    core.enter(Points.EP_POLL_CALLBACK)
    const item = (entry as EpEntry).item
    const ep = item.ep
    ep.callbacks++
    const exclusive = (item.events & EPOLLEXCLUSIVE) !== 0
    if ((item.events & ~PRIVATE_BITS) === 0 || (key !== 0 && (key & item.events) === 0)) return exclusive ? 0 : 1
    const woke = ep.makeReady(core, item)
    return exclusive && !woke ? 0 : 1
  }
}

/** The item whose file is being asked for its wait queues (Linux: ep_pqueue on the stack). */
let registering: EpItem | null = null

const queueProc: PollTable = {
  queue(_file: File, queue: WaitQueue): void {
    const item = registering as EpItem
    const entry = new EpEntry(pollCallback, item)
    item.entries.push(entry)
    if ((item.events & EPOLLEXCLUSIVE) !== 0) queue.addExclusive(entry)
    else queue.add(entry)
  }
}

const EXCLUSIVE_OK = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLET | EPOLLEXCLUSIVE

const mayBeExclusive = (file: File, events: number): boolean =>
  file.ops.kind !== "eventpoll" && (events & ~EXCLUSIVE_OK) === 0

/** Whether adding `inner` to `outer` would make a loop, or a chain that is too long (Linux: ep_loop_check). */
const nestsTooDeep = (inner: Epoll, outer: Epoll): boolean => inner === outer || depth(inner, outer, 1) > NESTS_MAX

const depth = (inner: Epoll, outer: Epoll, at: number): number => {
  if (at > NESTS_MAX) return at
  let deepest = at
  for (const file of inner.files()) {
    if (file.ops.kind !== "eventpoll") continue
    if (file.object === outer) return NESTS_MAX + 1
    const below = depth(file.object as Epoll, outer, at + 1)
    if (below > deepest) deepest = below
  }
  return deepest
}

/** The file of an epoll instance. */
export const epollFile: FileOps = {
  kind: "eventpoll",
  poll(core: Core, file: File, table: PollTable | null): number {
    const ep = file.object as Epoll
    if (table !== null) table.queue(file, ep.pollers)
    return ep.isReady(core) ? POLLIN | POLLRDNORM : 0
  },
  release(core: Core, file: File): void {
    ;(file.object as Epoll).release(core)
  }
}
