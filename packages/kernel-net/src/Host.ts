/**
 * A host's network kernel: cores, memory, namespaces, protocols, timers, and the account of its packets.
 *
 * Each packet of the host ends once: `deliverSkb` (it has arrived), `dropSkb` (with a reason), or it leaves on a wire
 * (`leftSkb`: from then on the device counts it). `consumeSkb` frees what is no longer counted.
 */
import { Core } from "@darkfiber/hardware/cpu/Core"
import { CostTable, defaultKnobs } from "@darkfiber/hardware/cpu/CostTable"
import { cachesFor } from "@darkfiber/memory/Caches"
import { Memory, memoryDefaults } from "@darkfiber/memory/Memory"
import type { SlabCache } from "@darkfiber/memory/SlabCache"
import { Schedulable } from "@darkfiber/sim/Actor"
import type { FiberGroup } from "@darkfiber/sim/FiberGroup"
import * as ActorFiber from "@darkfiber/sim/ActorFiber"
import { Lender } from "@darkfiber/sim/Lender"
import * as DropReason from "@darkfiber/sim/DropReason"
import { added, placed } from "@darkfiber/sim/Exact"
import type { Island } from "@darkfiber/sim/Island"
import type { RandomStream } from "@darkfiber/sim/Random"
import { SmallMap } from "@darkfiber/sim/SmallMap"
import { costTable } from "@darkfiber/sim/TracePoint"
import type { World } from "@darkfiber/sim/World"
import { BootSequence } from "./Boot.ts"
import { DataMemory, PageFrags } from "./DataMemory.ts"
import * as Device from "./Device.ts"
import { DeviceChain } from "./DeviceNotifier.ts"
import { ENOMEM } from "./Errno.ts"
import { LinkWatch } from "./LinkWatch.ts"
import { NeighbourTable } from "./NeighbourTable.ts"
import { Netns } from "./Netns.ts"
import { KFREE_SKB } from "./Points.ts"
import type { KernelProfile } from "./Profile.ts"
import type { Offload, PacketType, PernetOperations, RawTap, TransportProtocol } from "./Protocol.ts"
import * as Skb from "./Skb.ts"
import { SkBuff, type SkBuffList } from "./SkBuff.ts"
import { SoftnetData } from "./Softnet.ts"
import * as Sysctl from "./Sysctl.ts"
import { HostTimers } from "./Timers.ts"

/** The first handle given out is 8001: (Linux: qdisc_alloc_handle). */
const QDISC_HANDLE_FIRST = 0x8001

export interface HostOptions {
  readonly name: string
  /** The island it lives on: that of its last life after a restart, a new one when left out. */
  readonly island?: Island
  readonly profile: KernelProfile
  readonly cores: number
  readonly memoryBytes: number
  readonly nodes?: number
  /** Cost in ns by trace point id; the defaults when left out. Share one array among hosts. */
  readonly costs?: Int32Array
  /** What copies cost, and the points too when `costs` is left out; the default profile when left out. */
  readonly costTable?: CostTable
  /** Sysctl slices of other packages (tcp, netfilter). */
  readonly sysctls?: ReadonlyArray<ReadonlyArray<Sysctl.SysctlDefault>>
  /** Number of this start of the host; stream names carry it. */
  readonly incarnation?: number
}

/** Something of another package that holds packets: for the conservation walk and the crash. */
export interface PacketHolder {
  walk(visit: (weight: number) => void): void
  /** Frees everything held, dropping what is counted. */
  abandon(reason: number): void
}

export class Host extends Schedulable {
  readonly world: World
  readonly profile: KernelProfile
  readonly costTable: CostTable
  readonly incarnation: number
  readonly cores: ReadonlyArray<Core>
  readonly memory: Memory
  /** At boot; modules add theirs in the tables. */
  readonly sysctlDefaults: Sysctl.SysctlDefaults
  readonly timers: HostTimers
  readonly linkWatch: LinkWatch
  /** Per core, by its index. */
  readonly softnet: ReadonlyArray<SoftnetData>
  netns: ReadonlyArray<Netns>
  readonly init: Netns
  readonly neighbours: NeighbourTable
  readonly boot: BootSequence
  /** ksoftirqd threads made at boot. */
  ksoftirqds: number
  readonly packetTypes: SmallMap<number, PacketType>
  /** Transport protocols by IP protocol number (Linux: inet_protos). */
  protocols: ReadonlyArray<TransportProtocol | undefined>
  offloads: ReadonlyArray<Offload | undefined>
  readonly rawTaps: Array<RawTap>
  private pernet: ReadonlyArray<PernetOperations>
  private holders: ReadonlyArray<PacketHolder>
  /** Who hears of changes of devices. */
  readonly deviceChain: DeviceChain
  readonly identStream: RandomStream
  readonly portStream: RandomStream
  readonly pageFrags: PageFrags
  readonly data: DataMemory
  readonly skbuffCache: SlabCache
  readonly fcloneCache: SlabCache
  readonly smallHeadCache: SlabCache | null
  /** By log2 of the size less 9: 512 to 8192 bytes. */
  readonly kmallocCaches: ReadonlyArray<SlabCache>
  /** sk_buffs alive: the leak test. */
  liveSkbs: number
  /** Bytes copied by the CPU between user and kernel. */
  copiedBytes: number
  /** Why packets that are in the way of a closing device end. */
  downReason: number
  private fibers: FiberGroup | null
  /** Buffers that may be used again, linked by `next`. */
  private pool: SkBuff | null
  /** Every buffer ever made, live or pooled, linked by `younger`. */
  private oldest: SkBuff | null
  private newest: SkBuff | null
  private readonly reachableStream: RandomStream
  private nextNetns: number
  private qdiscHandle: number

  constructor(world: World, options: HostOptions) {
    super(options.island ?? world.newIsland(options.name), options.name)
    this.world = world
    this.profile = options.profile
    this.incarnation = options.incarnation ?? 0
    const costs = options.costs ?? options.costTable?.points ?? costTable().costs
    this.costTable = options.costTable ?? new CostTable("default", defaultKnobs, costs)
    const cores = Math.max(1, options.cores)
    this.cores = Array.from({ length: cores }, (_, i) => new Core(this.island, `${this.name}/cpu${i}`, i, costs))
    this.memory = new Memory({
      ...memoryDefaults,
      totalBytes: options.memoryBytes,
      nodes: options.nodes ?? 1,
      cpus: cores,
      caches: cachesFor(options.profile.caches, cores),
      minFreeKbytesMax: options.profile.minFreeKbytesMax
    })
    this.sysctlDefaults = Sysctl.defaultsOf([options.profile.sysctls, ...(options.sysctls ?? [])])
    this.skbuffCache = this.memory.cache("skbuff_head_cache")
    this.fcloneCache = this.memory.cache("skbuff_fclone_cache")
    const small = options.profile.smallHead
    this.smallHeadCache = small === null ? null : this.memory.cache(small.cache)
    this.kmallocCaches = [9, 10, 11, 12, 13].map((order) => this.memory.kmallocCache(1 << order))
    this.pageFrags = new PageFrags(this.memory)
    this.data = new DataMemory(world, this.memory)
    this.identStream = this.stream("ip-id")
    this.portStream = this.stream("port")
    this.reachableStream = this.stream("reachable-time")
    const { hz, timerRounding } = options.profile
    const timers = `${this.name}/${this.incarnation}/timers`
    this.timers = new HostTimers(this.island, timers, this.cores, { hz, rounding: timerRounding })
    this.linkWatch = new LinkWatch(this, Device.carrierNoticed)
    this.packetTypes = new SmallMap()
    this.protocols = []
    this.offloads = []
    this.rawTaps = []
    this.pernet = []
    this.holders = []
    this.deviceChain = new DeviceChain()
    this.fibers = null
    this.pool = null
    this.oldest = null
    this.newest = null
    this.liveSkbs = 0
    this.copiedBytes = 0
    this.downReason = 0
    this.ksoftirqds = 0
    this.netns = []
    this.nextNetns = 1
    this.qdiscHandle = QDISC_HANDLE_FIRST
    this.softnet = this.cores.map((core) => new SoftnetData(this, core))
    this.neighbours = new NeighbourTable(this)
    this.init = new Netns(this, 0, "init")
    this.netns = [this.init]
    this.boot = new BootSequence(this)
  }

  /** Sysctls of the initial namespace, which also hold the global ones. */
  get sysctl(): Sysctl.SysctlTable {
    return this.init.sysctl
  }

  /** Number of the next qdisc that is set without one. Linux: qdisc_alloc_handle */
  newQdiscHandle(): number {
    return this.qdiscHandle++
  }

  /** A random stream of this host and incarnation. */
  stream(purpose: string): RandomStream {
    return this.world.stream(`${this.name}/${this.incarnation}/${purpose}`)
  }

  /** Half to one and a half times `base` ns (Linux: neigh_rand_reach_time). */
  randomReachable(base: number): number {
    return base === 0 ? 0 : Math.floor(base / 2) + Math.floor(this.reachableStream.unit() * base)
  }

  // ---- buffers ----

  /** A pooled buffer with every field at its start value. */
  takeSkb(): SkBuff {
    this.liveSkbs++
    let skb = this.pool
    if (skb === null) skb = this.makeSkb()
    else {
      this.pool = skb.next
      skb.next = null
    }
    skb.live = true
    return skb
  }

  private makeSkb(): SkBuff {
    const skb = new SkBuff(this)
    if (this.newest === null) this.oldest = skb
    else this.newest.younger = skb
    this.newest = skb
    return skb
  }

  /** Gives a buffer without data back to the pool. */
  poolSkb(skb: SkBuff): void {
    this.liveSkbs--
    skb.reset()
    skb.next = this.pool
    this.pool = skb
  }

  /** A page for payload, charged to this host's memory; -1 without memory. */
  allocPage(cpu: number): number {
    return this.data.alloc(cpu)
  }

  /** Gives back one reference to a page. */
  putPage(page: number, cpu: number): void {
    this.data.put(page, cpu)
  }

  // ---- the packet account ----

  /** The packet comes into being: from now on it has to end. */
  bornSkb(skb: SkBuff): void {
    if (skb.counted) throw new Error("packet counted twice")
    skb.counted = true
    this.island.ledger.created += skb.weight
    if (skb.traceId === 0) skb.traceId = this.island.trace.newId()
  }

  /** The packet has arrived where it was to go. The buffer lives on, uncounted. */
  deliverSkb(skb: SkBuff): void {
    if (!skb.counted) return
    skb.counted = false
    this.island.ledger.delivered += skb.weight
  }

  /** A device has taken the packet into its own account. */
  leftSkb(skb: SkBuff): void {
    skb.counted = false
  }

  /** Ends a packet with a reason and frees it. Linux: kfree_skb_reason */
  dropSkb(core: Core | null, skb: SkBuff, reason: number): void {
    if (skb.counted) {
      skb.counted = false
      this.island.dropFrame(reason, skb.weight)
    }
    if (core !== null) {
      const dev = skb.dev
      core.visit(KFREE_SKB, dev === null ? -1 : dev.net.id, dev === null ? -1 : dev.index, skb.traceId, reason)
    }
    Skb.free(core, skb)
  }

  /** Frees a buffer whose packet has been delivered, has left, or was never one. Linux: consume_skb */
  consumeSkb(core: Core | null, skb: SkBuff): void {
    if (skb.counted) throw new Error("a packet was consumed that was neither delivered nor dropped")
    Skb.free(core, skb)
  }

  dropList(core: Core | null, list: SkBuffList, reason: number): void {
    for (let skb = list.shift(); skb !== null; skb = list.shift()) this.dropSkb(core, skb, reason)
  }

  // ---- actors ----

  /** An actor of this host's kernel: a namespace, a bridge. It gets a fiber at once, or when the host lends. */
  newLender(name: string): Lender {
    return new Lender(this.island, `${this.name}/${name}`, this.fibers)
  }

  /** Every core, namespace and bridge gets its fiber; what is made later gets its own. */
  lend(group: FiberGroup): void {
    this.fibers = group
    for (const core of this.cores) ActorFiber.lend(group, core, null)
    for (const actor of this.island.actors) if (actor instanceof Lender) actor.lend(group)
  }

  // ---- namespaces ----

  /** Makes a namespace, or gives the negative errno of the pernet init that failed. Linux: copy_net_ns, setup_net */
  createNetns(name: string): Netns | number {
    const cache = this.memory.cache("net_namespace")
    if (cache.alloc(0) !== 0) return -ENOMEM
    const net = new Netns(this, this.nextNetns++, name)
    this.netns = added(this.netns, net)
    for (let i = 0; i < this.pernet.length; i++) {
      const status = this.pernet[i]!.init(net)
      if (status === 0) continue
      for (let undo = i - 1; undo >= 0; undo--) this.pernet[undo]!.exit(net)
      this.netns = this.netns.toSpliced(this.netns.indexOf(net), 1)
      net.alive = false
      net.actor.retire()
      cache.free(0)
      return status
    }
    return net
  }

  /** Ends a namespace: devices first, then pernet exits in reverse. Linux: cleanup_net */
  destroyNetns(core: Core | null, net: Netns): void {
    if (net === this.init) throw new Error("the initial namespace stays")
    Device.leaveNetns(core, net)
    for (let i = this.pernet.length - 1; i >= 0; i--) this.pernet[i]!.exit(net)
    net.alive = false
    net.actor.retire()
    this.netns = this.netns.toSpliced(this.netns.indexOf(net), 1)
    this.memory.cache("net_namespace").free(0)
  }

  /** Adds what runs for each namespace, the existing ones first. Linux: register_pernet_subsys */
  registerPernet(operations: PernetOperations): number {
    for (const net of this.netns) {
      const status = operations.init(net)
      if (status !== 0) return status
    }
    this.pernet = added(this.pernet, operations)
    return 0
  }

  /** Adds a transport protocol. Linux: inet_add_protocol */
  addProtocol(protocol: TransportProtocol): void {
    this.protocols = placed(this.protocols, protocol.protocol, protocol)
  }

  /** Adds a holder of packets for the walks and the crash. */
  addHolder(holder: PacketHolder): void {
    this.holders = added(this.holders, holder)
  }

  // ---- life ----

  /**
   * The power goes: nothing of this island runs any more, every packet inside is dropped with HOST_DOWN, memory is
   * returned. Frames whose first bit has left before arrive.
   */
  crash(): void {
    const actors = this.island.actors
    this.downReason = DropReason.HOST_DOWN
    for (const actor of actors) {
      if (!actor.alive || actor.outlivesHost()) continue
      actor.abandon(DropReason.HOST_DOWN)
      actor.alive = false
    }
    // After a panic: what the function that threw had in its hands is in no queue.
    for (let skb = this.oldest; skb !== null; skb = skb.younger) {
      if (skb.live && skb.counted) this.dropSkb(null, skb, DropReason.HOST_DOWN)
    }
  }

  override deliver(): void {
    throw new Error("a host takes no events")
  }

  override dispatch(): void {}

  override walkFrames(visit: (weight: number) => void): void {
    const each = (skb: SkBuff): void => {
      if (skb.counted) visit(skb.weight)
    }
    for (const softnet of this.softnet) {
      walkList(softnet.backlog.inputQueue, each)
      walkList(softnet.backlog.processQueue, each)
      walkList(softnet.completionQueue, each)
    }
    for (const net of this.netns) {
      for (const dev of net.devices) Device.walk(dev, each)
      net.fragments.forEach(each)
    }
    for (const holder of this.holders) holder.walk(visit)
  }

  override walkHandles(visit: (handle: number) => void): void {
    for (let skb = this.oldest; skb !== null; skb = skb.younger) if (skb.live && skb.frame >= 0) visit(skb.frame)
  }

  override abandon(reason: number): void {
    this.downReason = reason
    this.timers.clear()
    for (const holder of this.holders) holder.abandon(reason)
    for (const net of [...this.netns].reverse()) {
      for (const dev of net.devices.slice()) Device.crash(dev, reason)
      net.fragments.clear(null, reason)
      net.udp.clear()
      net.ping.clear()
    }
    for (const softnet of this.softnet) {
      softnet.backlog.purge(reason)
      this.dropList(null, softnet.completionQueue, reason)
    }
    this.pageFrags.release(0)
  }
}

const walkList = (list: SkBuffList, visit: (skb: SkBuff) => void): void => {
  for (let skb = list.head; skb !== null; skb = skb.next) visit(skb)
}
