/** A toy network: nodes on several islands that pass frames on at random, with timers, batches and a core each. */
import { Actor, KIND_FRAME, KIND_OWN, KIND_TURN, Turn } from "../src/Actor.ts"
import { lend } from "../src/ActorFiber.ts"
import * as DropReason from "../src/DropReason.ts"
import { SEQUENCE_SPAN } from "../src/hot/EventQueue.ts"
import type { Mailbox } from "../src/hot/Mailbox.ts"
import type { Island } from "../src/Island.ts"
import type { RandomStream } from "../src/Random.ts"
import { Runtime } from "../src/Runtime.ts"
import { World } from "../src/World.ts"

export const FULL = DropReason.define("TOY_FULL")

interface Link {
  readonly peer: ToyNode
  readonly keyBase: number
  readonly delay: number
  sequence: number
}

/** A core that takes frames from its node at once and gives them back after some work. */
class ToyCore extends Turn {
  time = 0
  readonly held: Array<number> = []
  private readonly node: ToyNode

  constructor(island: Island, name: string, node: ToyNode) {
    super(island, name)
    this.node = node
  }

  take(frame: number): void {
    this.held.push(frame)
    this.island.turnDue(this)
  }

  override deliver(): void {
    this.island.turnDue(this)
  }

  override turn(now: number): void {
    if (this.time < now) this.time = now
    while (this.held.length > 0) {
      if (!this.island.mayStep(this.time)) {
        this.schedule(this.time, this.slot, KIND_TURN, 0, 0)
        return
      }
      this.time += 700
      this.node.send(this.held.shift()!, this.time)
    }
  }

  override walkFrames(visit: (weight: number) => void): void {
    for (let i = 0; i < this.held.length; i++) visit(1)
  }

  override walkHandles(visit: (handle: number) => void): void {
    for (const frame of this.held) visit(frame)
  }
}

export class ToyNode extends Actor {
  readonly links: Array<Link> = []
  readonly random: RandomStream
  readonly core: ToyCore | null
  /** Throws when it meets its n-th frame. */
  fuse = Infinity
  private seen = 0

  constructor(island: Island, name: string, limit: number, withCore: boolean) {
    super(island, name, limit)
    this.random = island.world.stream(`${name}/route`)
    this.core = withCore ? new ToyCore(island, `${name}/core`, this) : null
  }

  connect(peer: ToyNode, delay: number): void {
    this.links.push({ peer, keyBase: peer.island.newSource() * SEQUENCE_SPAN, delay, sequence: 0 })
    if (peer.island !== this.island) this.island.world.linkDelay(delay)
  }

  born(at: number, hops: number): void {
    const slab = this.island.world.slab
    const frame = slab.alloc(60 + this.random.below(1400))
    const start = slab.start[frame]!
    slab.bytes.fill(this.random.below(256), start, start + slab.length[frame]!)
    slab.bytes[start] = hops
    this.island.ledger.created++
    this.island.input(at, this.slot, KIND_FRAME, frame, 0)
  }

  override poll(mailbox: Mailbox, count: number, now: number): void {
    for (let i = 0; i < count; i++) {
      mailbox.shift()
      if (mailbox.kind === KIND_OWN) this.born(now, 3)
      else this.frame(mailbox.a, count, now)
    }
  }

  override overflow(kind: number, a: number): void {
    if (kind !== KIND_FRAME) throw new Error("a timer was lost")
    this.island.dropFrame(FULL, 1)
    this.island.world.slab.free(a)
  }

  private frame(frame: number, count: number, now: number): void {
    const slab = this.island.world.slab
    const start = slab.start[frame]!
    if (++this.seen === this.fuse) {
      this.island.dropFrame(FULL, 1)
      slab.free(frame)
      throw new Error("boom")
    }
    const hops = slab.bytes[start]!
    if (hops === 0) {
      this.island.ledger.delivered++
      slab.free(frame)
      if (this.random.below(3) === 0) this.schedule(now + this.random.below(2000), this.slot, KIND_OWN, 0, 0)
      return
    }
    slab.bytes[start] = hops - 1
    slab.bytes[start + 1] = count
    if (this.core !== null && this.random.below(2) === 0) this.core.take(frame)
    else this.send(frame, now)
  }

  send(frame: number, now: number): void {
    const link = this.links[this.random.below(this.links.length)]!
    const peer = link.peer
    peer.island.push(now + link.delay, link.keyBase + link.sequence++, peer.slot, KIND_FRAME, frame, 0)
  }
}

export interface ToyOptions {
  readonly seed: number
  readonly islands: number
  readonly nodes: number
  readonly frames: number
  readonly fibers: boolean
  /** Changes the order in which things are pushed at set-up, nothing else. */
  readonly reversed?: boolean
}

export interface Toy {
  readonly world: World
  readonly runtime: Runtime
  readonly nodes: ReadonlyArray<ToyNode>
}

export const build = (options: ToyOptions): Toy => {
  const world = new World(options.seed)
  world.fiberDispatch = options.fibers
  const runtime = new Runtime(world)
  const shape = world.stream("shape")
  const nodes: Array<ToyNode> = []
  for (let i = 0; i < options.islands; i++) {
    const island = world.newIsland(`i${i}`)
    for (let n = 0; n < options.nodes; n++) {
      nodes.push(new ToyNode(island, `i${i}/n${n}`, 8 + shape.below(20), shape.below(2) === 0))
    }
  }
  for (const node of nodes) {
    for (const peer of nodes) {
      const isLocal = peer.island === node.island
      if (peer === node || shape.below(2) === 0) continue
      // Coarse delays make equal times common.
      node.connect(peer, isLocal ? shape.below(2) * 500 : 500 * (1 + shape.below(4)))
    }
    if (node.links.length === 0) node.connect(nodes[0]!, 500)
  }
  const groups = world.islands.map((island) => runtime.group(island, island.name))
  for (const node of nodes) {
    lend(groups[node.island.index]!, node, null)
    if (node.core !== null) lend(groups[node.island.index]!, node.core, null)
  }
  const births = Array.from({ length: options.frames }, () => ({
    node: nodes[shape.below(nodes.length)]!,
    at: shape.below(8) * 500,
    hops: shape.below(60)
  }))
  const order = options.reversed === true ? births.toReversed() : births
  for (const birth of order) birth.node.born(birth.at, birth.hops)
  return { world, runtime, nodes }
}
