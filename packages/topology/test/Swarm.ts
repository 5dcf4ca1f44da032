/**
 * One case of the fault swarm: a small data centre, streams and requests through it, faults of every kind drawn from the
 * seed, then a time without faults in which everything has to work again.
 */
import type { FaultAction, FaultRule } from "@darkfiber/sim/Fault"
import { FaultChain, ruleDefaults } from "@darkfiber/sim/Fault"
import * as FaultPlan from "@darkfiber/sim/FaultPlan"
import { RandomStream } from "@darkfiber/sim/Random"
import * as DataCentre from "../src/DataCentre.ts"
import * as Faults from "../src/Faults.ts"
import { complaintsOf, MS, planOf, SECOND } from "./Centre.ts"
import { Book } from "./Streams.ts"

/** Faults are over by then. */
export const HEALED = 2 * SECOND
/** The connections that have to succeed begin then: after the last boot and the last doubled timer. */
export const LATE = 12 * SECOND
export const END = 40 * SECOND
const PATIENCE = 15 * SECOND

const send = (to: string, id: number, length: number, count: number, gap: number, start: string): string =>
  `{ name: send${id}, program: "./streams.ts#send", start: ${start}, ` +
  `args: { to: "${to}", id: ${id}, length: ${length}, count: ${count}, gap: ${gap}, patience: ${PATIENCE} } }`

const receive = (port: number): string =>
  `{ name: receive${port}, program: "./streams.ts#receive", args: { port: ${port}, patience: ${PATIENCE} } }`

/** Two hosts with a container each and a third one, over a switch, or over a router with a network for each. */
const topology = (random: RandomStream): string => {
  const routed = random.chance(0.5)
  const cores = (): number => 1 << random.below(3)
  const address = (host: number): string => (routed ? `10.0.${host}.2` : `10.0.0.${host}`)
  const nic = (host: number): string =>
    `{ address: ${address(host)}/24${routed ? `, gateway: 10.0.${host}.1` : ""}, queues: ${1 + random.below(2)}, ` +
    `tso: ${random.chance(0.7)}, gro: ${random.chance(0.7)}, rxUsecs: ${random.below(2) * 3}${["", ", qdisc: fq", ", qdisc: fq_codel"][host - 1]} }`
  const length = (): number => 1000 + random.below(400_000)
  const kernel = random.chance(0.3) ? `"3.10"` : "6.x"
  const link = (host: number): string =>
    `{ endpoints: ["h${host}:eth0", "box:port${host}"], rate: ${random.chance(0.5) ? "1Gbps" : "100Mbps"}, ` +
    `delay: ${1 + random.below(200)}us, loss: ${random.chance(0.3) ? "1%" : "0%"} }`
  return `
kernel: ${kernel}
hosts:
  h1:
    cores: ${cores()}
    nics: { eth0: ${nic(1)} }
    bridges: { br0: { address: 172.17.0.1/24 } }
    containers:
      in:
        processes:
          - ${send(`${address(2)}:8080`, 100, length(), 4, 150 * MS, "0s")}
          - ${send(`${address(3)}:81`, 1000, 50_000, 1, 0, "12s")}
    processes:
      - ${send(`${address(2)}:81`, 200, length(), 4, 100 * MS, "1ms")}
      - ${send(`${address(2)}:8080`, 1100, 50_000, 1, 0, "12s")}
  h2:
    cores: ${cores()}
    nics: { eth0: ${nic(2)} }
    bridges: { br0: { address: 172.17.0.1/24 } }
    containers:
      web:
        address: 172.17.0.2/24
        publish: ["8080:80"]
        processes:
          - ${receive(80)}
          - { program: udp-echo-server, args: { port: 7 } }
    processes:
      - ${receive(81)}
      - ${send(`${address(3)}:81`, 300, length(), 3, 200 * MS, "2ms")}
      - ${send(`${address(3)}:81`, 1200, 50_000, 1, 0, "12s")}
      - ${send("172.17.0.2:80", 400, length(), 3, 100 * MS, "3ms")}
  h3:
    cores: ${cores()}
    nics: { eth0: ${nic(3)} }
    processes:
      - ${receive(81)}
      - { program: udp-echo-server, args: { port: 7 } }
      - { program: ping, args: { to: "${address(2)}", interval: 50ms, count: 300 } }
      - { program: http-server, args: { port: 82, body: 3000 } }
      - { name: late, program: http-client, start: 12s, args: { to: "${address(3)}:82", requests: 3, gap: 1ms } }
      - { name: probe, program: udp-probe, args: { to: "${address(3)}:7", gap: 20ms, count: 100 } }
${routed ? "routers" : "switches"}: { box: { ports: 4 } }
links: [ ${[1, 2, 3].map(link).join(", ")} ]
`
}

const actions = (random: RandomStream): ReadonlyArray<FaultAction> => [
  { _tag: "Drop" },
  { _tag: "Delay", ns: 1 + random.below(2 * MS), jitter: random.below(MS) },
  { _tag: "Reorder", ns: 1 + random.below(MS) },
  { _tag: "Duplicate", copies: 1 + random.below(2) },
  { _tag: "Corrupt", what: "fcs" },
  { _tag: "Corrupt", what: "payload" }
]

const protocols = { tcp: 6, udp: 17 } as const

/**
 * Rules on frames. Damage behind the frame check sequence only where a checksum has to catch it: not in ARP, which has
 * none, and in one direction of one link, since two flips of one frame can cancel out in the Internet checksum.
 */
const rulesOf = (random: RandomStream, directions: ReadonlyArray<string>): ReadonlyArray<FaultRule> =>
  actions(random).flatMap((action, index) => {
    if (random.chance(0.5)) return []
    const isSilent = action._tag === "Corrupt" && action.what === "payload"
    return Array.from({ length: isSilent ? 1 : 1 + random.below(2) }, (_, copy): FaultRule => {
      const from = random.below(HEALED / 2)
      const byCount = random.chance(0.2)
      return {
        ...ruleDefaults,
        id: `rule${index}.${copy}`,
        direction: !isSilent && random.chance(0.2) ? "*" : directions[random.below(directions.length)]!,
        from,
        until: Math.min(HEALED, from + 1 + random.below(HEALED / 2)),
        protocol: isSilent ? protocols.tcp : -1,
        lengthMin: random.chance(0.2) ? 200 : 0,
        every: byCount ? 2 + random.below(50) : 0,
        probability: random.chance(0.1) ? 1 : random.unit() * 0.2,
        burst: 1 + random.below(4),
        action
      }
    })
  })

export interface SwarmCase {
  readonly centre: DataCentre.DataCentre
  readonly book: Book
  readonly faults: number
  readonly chains: ReadonlyArray<FaultChain>
}

export const build = (seed: number, dispatch: "poll" | "fiber" = "poll"): SwarmCase => {
  const random = new RandomStream(seed, "test/swarm")
  const plan = planOf(topology(random))
  const book = new Book()
  const chains: Array<FaultChain> = []
  let faults = 0
  const centre = DataCentre.build(plan, {
    seed,
    dispatch,
    loader: book.loader,
    observe: (made) => {
      const directions = plan.links.flatMap((link) => [Faults.directionName(link, 0), Faults.directionName(link, 1)])
      const rules = rulesOf(random, directions)
      made.links.forEach((link, index) => {
        for (const side of [0, 1] as const) {
          const chain = new FaultChain(made.world, directions[index * 2 + side]!, rules)
          chains.push(chain)
          ;(side === 0 ? link.a : link.b).setFaults(chain)
        }
      })
      const events = FaultPlan.swarm(
        seed,
        {
          links: plan.links.map((link) => link.name),
          directions,
          hosts: plan.hosts.map((host) => host.name),
          cores: plan.hosts.flatMap(({ cores, name }) =>
            Array.from({ length: cores }, (_, core) => ({ host: name, core }))
          )
        },
        { id: "swarm", from: 0, until: HEALED, countMax: 3, durationMin: MS, durationMax: 500 * MS, slownessMax: 50 }
      )
      const missing = FaultPlan.install(events, made.runtime, made)
      if (missing.length > 0) throw new Error(`faults without a target: ${JSON.stringify(missing)}`)
      faults = rules.length + events.length / 2
    }
  })
  return { centre, book, faults, chains }
}

export interface Outcome {
  /** Everything that is wrong; empty when the case holds. */
  readonly complaints: ReadonlyArray<string>
  /** Streams that arrived whole, and those an error ended. */
  readonly whole: number
  readonly ended: number
  readonly faults: number
  readonly restarts: number
  /** Frames that a rule hit. */
  readonly hits: number
}

export const run = (seed: number): Outcome => {
  const made = build(seed)
  const { book, centre, chains, faults } = made
  const found: Array<string> = []
  const look = (): void => {
    for (const each of complaintsOf(centre)) found.push(`at ${centre.now} ns: ${each}`)
    for (const each of book.wrong) found.push(each)
  }
  const random = new RandomStream(seed, "test/swarm/moments")
  for (let time = 0; time < HEALED && found.length === 0;) {
    time += 1 + random.below(HEALED / 8)
    centre.run(time)
    look()
  }
  for (const time of [LATE, END]) {
    if (found.length > 0) break
    centre.run(time)
    look()
  }
  if (found.length === 0) found.push(...endOf(made))
  const whole = book.streams.filter((stream) => stream.outcome === "whole").length
  const hits = chains.flatMap((chain) => chain.counts()).reduce((sum, each) => sum + each.hits, 0)
  const restarts = centre.hosts.reduce((sum, host) => sum + host.incarnation, 0)
  return { complaints: found, whole, ended: book.streams.length - whole, faults, restarts, hits }
}

/** What has to hold when everything has healed. */
const endOf = ({ book, centre }: SwarmCase): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const panic of centre.panics) found.push(`${panic.actor} panicked at ${panic.time} ns: ${String(panic.error)}`)
  for (const host of centre.hosts) {
    if (!host.isUp) found.push(`${host.name} is not up again`)
    for (const { error, name, reason } of host.sockets.processes.exits) {
      if (reason === "failed" || reason === "defect") found.push(`${host.name}: ${name} ended with ${String(error)}`)
    }
  }
  for (const stream of book.streams) {
    const took = `stream ${stream.id} begun at ${stream.started} ns: ${stream.outcome}`
    if (stream.outcome === "open" && stream.started > HEALED) found.push(`${took} at the end`)
    if (stream.started >= LATE && stream.outcome !== "whole") found.push(`${took} after everything healed`)
    const [first, second] = stream.received
    if (stream.outcome === "whole" && second === undefined && first?.outcome !== "whole") {
      found.push(`${took}, but its receiver: ${first?.outcome} after ${first?.bytes} bytes`)
    }
  }
  const late = book.streams.filter((stream) => stream.id >= 1000 && stream.started >= LATE)
  if (late.length !== 3) found.push(`${late.length} of 3 late streams began`)
  const requests = centre.hosts.flatMap((host) => host.workloads).filter((each) => each.name === "late")
  const completed = requests.reduce((sum, each) => sum + each.completed, 0)
  if (completed !== 3) found.push(`${completed} of 3 late requests completed`)
  return found
}
