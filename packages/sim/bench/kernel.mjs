/**
 * What the kernel of the simulator costs, in ns an operation and bytes a fiber, on the compiled output:
 *
 *     npx tsc -b packages/sim && node --expose-gc packages/sim/bench/kernel.mjs [--no-async-context]
 *
 * `--no-async-context` hides Node's async_hooks from Effect, as the applications do.
 */
import { performance } from "node:perf_hooks"

if (process.argv.includes("--no-async-context")) process.getBuiltinModule = undefined

const { Actor, KIND_FRAME } = await import("../dist/Actor.js")
const { lend } = await import("../dist/ActorFiber.js")
const { Doubles } = await import("../dist/hot/Doubles.js")
const { EventQueue, SEQUENCE_SPAN } = await import("../dist/hot/EventQueue.js")
const { Mailbox } = await import("../dist/hot/Mailbox.js")
const { hashFrame } = await import("../dist/Fingerprint.js")
const { FrameSlab } = await import("../dist/FrameSlab.js")
const { Runtime } = await import("../dist/Runtime.js")
const { KernelTimer, TimerWheel } = await import("../dist/TimerWheel.js")
const { World } = await import("../dist/World.js")
const FMath = await import("../dist/FMath.js")
const Effect = await import("effect/Effect")

const cpu = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) * 1000
}

/** The median of five rounds of CPU time. */
const measure = (name, count, run) => {
  run(count / 10)
  const rounds = Array.from({ length: 5 }, () => {
    const start = cpu()
    run(count)
    return (cpu() - start) / count
  }).sort((left, right) => left - right)
  console.log(
    `${name.padEnd(52)} ${rounds[2].toFixed(1).padStart(8)} ns   (${rounds[0].toFixed(1)}-${rounds[4].toFixed(1)})`
  )
}

for (const pending of [10, 1000, 100_000]) {
  const queue = new EventQueue(new Doubles())
  let seed = 1
  const gap = () => (seed = (Math.imul(seed, 1664525) + 1013904223) | 0) & 0xffff
  for (let i = 0; i < pending; i++) queue.push(gap(), i, 0, 0, i, 0)
  let sequence = pending
  measure(`event queue: pop + push, ${pending} pending`, 1_000_000, (count) => {
    for (let i = 0; i < count; i++) {
      const time = queue.nextTime
      queue.pop()
      queue.push(time + gap(), sequence++, 0, 0, i, 0)
    }
  })
}

{
  const mailbox = new Mailbox(512)
  let sum = 0
  measure("mailbox: push + shift, batches of 32", 10_000_000, (count) => {
    for (let i = 0; i < count; i += 32) {
      for (let j = 0; j < 32; j++) mailbox.push(0, i, j)
      for (let j = 0; j < 32; j++) {
        mailbox.shift()
        sum += mailbox.b
      }
    }
  })
  if (sum === 0) throw new Error("nothing came through")
}

/** Frames bounce between two actors on two islands. */
const pingPong = (fibers, frames, length) => {
  const world = new World(1)
  world.fiberDispatch = fibers
  const runtime = new Runtime(world)
  class Peer extends Actor {
    peer = null
    keyBase = 0
    sequence = 0
    poll(mailbox, count, now) {
      const peer = this.peer
      for (let i = 0; i < count; i++) {
        mailbox.shift()
        peer.island.push(now + 1000, this.keyBase + this.sequence++, peer.slot, KIND_FRAME, mailbox.a, 0)
      }
    }
    overflow() {}
  }
  const peers = ["a", "b"].map((name) => new Peer(world.newIsland(name), name, 1024))
  for (const [i, peer] of peers.entries()) {
    peer.peer = peers[1 - i]
    peer.keyBase = peer.peer.island.newSource() * SEQUENCE_SPAN
    lend(runtime.group(peer.island, peer.name), peer, null)
  }
  world.linkDelay(1000)
  for (let i = 0; i < frames; i++) {
    const frame = world.slab.from(new Uint8Array(length).fill(i))
    peers[0].island.input(0, peers[0].slot, KIND_FRAME, frame, 0)
  }
  return (count) => world.run(world.nextTime() + Math.floor(count / frames) * 1000)
}
measure("island hop, 1 frame, poll dispatch", 1_000_000, pingPong(false, 1, 1514))
measure("island hop, 32 frames an instant, poll dispatch", 2_000_000, pingPong(false, 32, 1514))
measure("island hop, 1 frame, fiber dispatch", 500_000, pingPong(true, 1, 1514))
measure("island hop, 32 frames an instant, fiber dispatch", 2_000_000, pingPong(true, 32, 1514))

{
  const slab = new FrameSlab()
  const frames = Array.from({ length: 1024 }, (_, i) => slab.from(new Uint8Array(1514).fill(i)))
  const whole = (words, start, length) => {
    const first = start >> 2
    const count = (length + 3) >> 2
    let hash = length
    for (let i = 0; i < count; i++) {
      hash = Math.imul(hash ^ words[first + i], 0x9e3779b1)
      hash = (hash << 15) | (hash >>> 17)
    }
    return hash | 0
  }
  let sum = 0
  for (const [name, hash] of [
    ["sampled", hashFrame],
    ["every byte", whole]
  ]) {
    measure(`frame hash, 1,514 bytes, ${name}`, 1_000_000, (count) => {
      for (let i = 0; i < count; i++) sum ^= hash(slab.words, slab.start[frames[i & 1023]], 1514)
    })
  }
  if (sum === 1) throw new Error("unlikely")
}

{
  class Retransmit extends KernelTimer {
    fire() {}
  }
  for (const sockets of [64, 100_000]) {
    const world = new World(1)
    const island = world.newIsland("host0")
    const owner = { expire: (_jiffy, due) => due.forEach((timer) => wheel.run(timer, null)) }
    const wheel = new TimerWheel(island, "timers", owner, { hz: 1000, rounding: "exact" })
    const timers = Array.from({ length: sockets }, () => new Retransmit())
    let now = 0
    measure(`timer wheel: re-arm every 1 us, 200 ms, ${sockets} timers`, 2_000_000, (count) => {
      for (let i = 0; i < count; i++) {
        if (i % 1000 === 0) world.run((now += 1_000_000))
        wheel.arm(timers[i % sockets], wheel.jiffies(now) + 200, 0, now)
      }
    })
  }
}

{
  let sum = 0
  for (const name of ["log", "exp", "cbrt"]) {
    measure(`FMath.${name}`, 2_000_000, (count) => {
      for (let i = 0; i < count; i++) sum += FMath[name](1 + (i & 1023) * 0.5)
    })
  }
  measure("FMath.pow", 2_000_000, (count) => {
    for (let i = 0; i < count; i++) sum += FMath.pow(1 + (i & 1023) * 0.5, 0.75)
  })
  if (Number.isNaN(sum)) throw new Error("NaN")
}

{
  const world = new World(1)
  const runtime = new Runtime(world)
  const group = runtime.group(world.newIsland("host0"), "host0")
  runtime.fork(group, "sleeper", Effect.forever(Effect.sleep(1), { disableYield: true }))
  measure("Effect.sleep in virtual time, one fiber", 100_000, (count) => world.run(group.island.now + count * 1e6))
}

if (globalThis.gc !== undefined) {
  const memory = () => {
    globalThis.gc()
    globalThis.gc()
    return process.memoryUsage().heapUsed
  }
  class Idle extends Actor {
    poll() {}
    overflow() {}
  }
  const count = 16_384
  const kept = []
  for (const fibers of [false, true]) {
    const world = new World(1)
    world.fiberDispatch = fibers
    const runtime = new Runtime(world)
    const groups = Array.from({ length: count / 4 }, (_, i) => runtime.group(world.newIsland(`h${i}`), `h${i}`))
    const actors = Array.from({ length: count }, (_, i) => new Idle(groups[i >> 2].island, `h${i >> 2}/a${i & 3}`, 8))
    kept.push(actors, groups)
    const before = memory()
    for (const [i, actor] of actors.entries()) lend(groups[i >> 2], actor, null)
    const bytes = (memory() - before) / count
    console.log(
      `lent fiber, ${fibers ? "fiber" : "poll "} dispatch`.padEnd(52),
      `${bytes.toFixed(0).padStart(8)} bytes`
    )
    world.run(1)
  }
}
console.log(`node ${process.version}, ${performance.now().toFixed(0)} ms in all`)
