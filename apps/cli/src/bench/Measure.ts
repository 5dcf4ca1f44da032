/**
 * The JSON line of a run, with the fields of the rival's programs: rates are per CPU second of the run phase.
 */
import * as Conservation from "@darkfiber/sim/Conservation"
import type { Testbed } from "./Testbed.ts"

export type Line = Readonly<Record<string, number | string>>

const PEER = "darkfiber"
/** Order keys of one source (sim: EventQueue). */
const SEQUENCE_SPAN = 2 ** 33

const cpuNow = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

const wallNow = (): number => performance.now() / 1000

/** Takes the time of set-up (from its making) and of the run. */
export class Stopwatch {
  private readonly begin: number
  private setup: number
  private wallBegin: number
  private wall: number
  private cpu: number

  constructor() {
    this.begin = cpuNow()
    this.setup = 0
    this.wallBegin = 0
    this.wall = 0
    this.cpu = 0
  }

  /** Set-up is over. */
  run(work: () => void): void {
    const before = cpuNow()
    this.setup = before - this.begin
    this.wallBegin = wallNow()
    work()
    this.cpu = cpuNow() - before
    this.wall = wallNow() - this.wallBegin
  }

  /** CPU seconds of the run. */
  get seconds(): number {
    return this.cpu
  }

  /**
   * @param sim simulated seconds
   * @param extra the scenario's own fields
   */
  line(scenario: string, bed: Testbed, sim: number, extra: Line): Line {
    const account = Conservation.check(bed.world)
    const fingerprint = bed.world.fingerprint()
    const events = eventsOf(bed)
    const { hops } = account
    const { cpu } = this
    const troubles = troublesOf(bed, account)
    if (troubles.length > 0) throw new Error(`${scenario}: ${troubles.join("; ")}`)
    return {
      peer: PEER,
      scenario,
      wall_s: round(this.wall, 3),
      cpu_s: round(cpu, 3),
      setup_s: round(this.setup, 3),
      sim_s: round(sim, 6),
      frame_hops: hops,
      hops_per_s: Math.round(hops / cpu),
      events,
      events_per_s: Math.round(events / cpu),
      ns_per_event: round((cpu * 1e9) / Math.max(events, 1), 1),
      ns_per_hop: round((cpu * 1e9) / Math.max(hops, 1), 1),
      peak_rss_mb: peakRssMb(),
      ...extra,
      frames_dropped: account.dropped,
      dropped: Object.entries(account.droppedByReason)
        .map(([reason, count]) => `${reason}:${count}`)
        .join(","),
      checksum: bed.setting.filled ? 1 : 0,
      payload: 1,
      qdisc: 0,
      costs: "bench",
      programs: bed.setting.leased ? "leased" : "fiber",
      dispatch: bed.setting.fiberDispatch ? "fiber" : "poll",
      seed: bed.setting.seed,
      fingerprint
    }
  }
}

export const round = (value: number, digits: number): number => Number(value.toFixed(digits))

/** Largest memory of this process so far, MB. */
export const peakRssMb = (): number => round(process.resourceUsage().maxRSS / 1024, 1)

/** Memory of this process now, MB. */
export const rssMb = (): number => process.memoryUsage.rss() / 1048576

/** Events that have been delivered: those every source has sent less those that still wait. */
const eventsOf = (bed: Testbed): number => {
  let sum = 0
  for (const island of bed.world.islands) {
    sum -= island.queue.size
    for (const actor of island.actors) sum += actor.nextKey() % SEQUENCE_SPAN
  }
  for (const { a, b } of bed.links) sum += a.counters.txFrames + b.counters.txFrames
  return sum
}

/** What makes a run worthless: broken laws, defects, programs that failed. */
const troublesOf = (bed: Testbed, account: Conservation.Account): ReadonlyArray<string> => [
  ...account.violations.map((each) => `${each.law}: expected ${each.expected}, found ${each.found}`),
  ...bed.world.defects.map((each) => `${each.actor} at ${each.time} ns: ${String(each.error)}`),
  ...bed.machines.flatMap((machine) =>
    machine.sockets.processes.exits
      .filter((exit) => exit.reason !== "exited")
      .map((exit) => `${machine.host.name}: ${exit.name} ${exit.reason}: ${String(exit.error)}`)
  )
]

/**
 * Memory of this process's objects and arrays, MB: what is alive where `--expose-gc` lets garbage be collected first, else
 * with the garbage.
 */
export const heapMb = (): number => {
  const { gc } = globalThis as { readonly gc?: () => void }
  gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 1048576
}
