#!/usr/bin/env node
/**
 * Runs the ns-3 programs of bench/ns3 and `darkfiber bench` in turn on one core, checks that they did the same work, and
 * prints both figures and the ratio. Builds nothing: `make -C bench/ns3` and `npx tsc -b apps/cli` come first.
 *
 *     node bench/compare.mjs [--ns3 DIR] [--pairs N] [--cpu N | --cpu none] [--only s1,s3] [--scale 0.1] [--json]
 *
 * Exit code: 0 when every pair did the same work, 1 when one did not, 2 for wrong use or a program that is not there.
 */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import os from "node:os"
import { fileURLToPath } from "node:url"

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

/**
 * The pairs. `work` scales with --scale; `same` names what has to agree. Factor: how much faster ns-3's own optimised
 * build is than Debian's.
 */
const cases = [
  {
    id: "s1",
    program: "s1-bulk",
    theirs: ["--qdisc=0", "--payload=1", "--checksum=1"],
    ours: ["--checksum=1"],
    work: { gb: 1 },
    same: ["goodput", "hops"],
    factor: 1.4
  },
  {
    id: "s2-perm",
    program: "s2-leafspine",
    // The queue holds every window: without loss both do the same work. Quick ACKs at a flow's beginning are 3 % of the
    // hops of a flow of 8 MB; beyond 12 MB ns-3's slowest flow falls behind ours.
    theirs: ["--qdisc=0", "--queue=30000"],
    ours: ["--queue=30000"],
    work: { mb: 10 },
    same: ["goodput", "hops"],
    factor: 1.45
  },
  {
    id: "s2-incast",
    program: "s2-leafspine",
    theirs: ["--qdisc=0", "--pattern=incast", "--queue=30000"],
    ours: ["--pattern=incast", "--queue=30000"],
    work: { mb: 32 },
    same: ["goodput", "hops"],
    factor: 1.45
  },
  {
    id: "s3",
    program: "s3-rpc",
    theirs: ["--qdisc=0", "--conns=1"],
    ours: ["--conns=1"],
    work: { rpcs: 400000 },
    same: ["rpcRate", "hopsPerRpc"],
    factor: 1.6
  },
  {
    id: "s4",
    program: "s4-conns",
    theirs: ["--qdisc=0"],
    ours: [],
    work: { conns: 10000 },
    same: ["established", "hops"],
    memory: "bytes_per_conn_pair",
    factor: 1.7
  },
  {
    id: "s5",
    program: "s5-bridge",
    theirs: ["--pps=10000"],
    ours: ["--pps=10000"],
    work: { secs: 1 },
    same: ["goodput", "hops", "drops"],
    factor: 1.5
  },
  {
    id: "s6-1024",
    program: "s6-scale",
    theirs: ["--qdisc=0", "--hosts=1024"],
    ours: ["--hosts=1024"],
    work: { secs: 2 },
    same: ["hops", "drops"],
    factor: 1.2
  },
  {
    id: "s6-4096",
    program: "s6-scale",
    theirs: ["--qdisc=0", "--hosts=4096"],
    ours: ["--hosts=4096"],
    work: { secs: 0.5 },
    same: ["hops", "drops"],
    factor: 1.2
  }
]

/** What is compared: a figure of a line, and how far apart two may be. */
const TOLERANCE = 0.03
const figures = {
  goodput: (line) => line.goodput_gbps,
  hops: (line) => line.frame_hops,
  established: (line) => line.established,
  rpcRate: (line) => line.rpcs / line.sim_s,
  hopsPerRpc: (line) => line.frame_hops / line.rpcs
}
/** Drops agree when the shares of datagrams that were lost do. */
const lost = (line) => (line.udp_tx - line.udp_rx) / line.udp_tx

const differences = (same, theirs, ours) =>
  same.map((name) => {
    if (name === "drops") return { name, by: lost(ours) - lost(theirs) }
    const [a, b] = [figures[name](theirs), figures[name](ours)]
    return { name, by: b / a - 1 }
  })

const usage = (message) => {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}

const readArguments = (args) => {
  const options = { ns3: here("ns3/build"), pairs: 2, cpu: "0", only: null, scale: 1, json: false, node: [] }
  for (let i = 0; i < args.length; i++) {
    const name = args[i]
    const value = () => args[++i] ?? usage(`${name} needs a value`)
    if (name === "--ns3") options.ns3 = value()
    else if (name === "--pairs") options.pairs = Number(value())
    else if (name === "--cpu") options.cpu = value()
    else if (name === "--only") options.only = value().split(",")
    else if (name === "--scale") options.scale = Number(value())
    else if (name === "--node-option") options.node.push(value())
    else if (name === "--json") options.json = true
    else usage(`there is no option ${name}`)
  }
  if (!(options.pairs >= 1)) usage("--pairs is a number of at least 1")
  if (!(options.scale > 0)) usage("--scale is a number above 0")
  return options
}

const hasTaskset = () => spawnSync("taskset", ["--version"]).status === 0

const main = () => {
  const options = readArguments(process.argv.slice(2))
  const entry = here("../apps/cli/dist/bench/main.js")
  if (!existsSync(entry)) usage(`${entry} is not there: run npx tsc -b apps/cli`)
  const chosen = cases.filter(
    (each) => options.only === null || options.only.some((id) => each.id === id || each.id.startsWith(`${id}-`))
  )
  if (chosen.length === 0) usage(`--only takes of ${cases.map((each) => each.id).join(", ")}`)
  const pin = options.cpu !== "none" && hasTaskset() ? ["taskset", "-c", options.cpu] : []
  const print = (text) => process[options.json ? "stderr" : "stdout"].write(`${text}\n`)
  const cpu = os.cpus()[0]?.model ?? "unknown CPU"
  print(`${cpu}, ${os.cpus().length} CPUs, ${os.type()} ${os.release()}, Node ${process.versions.node}`)
  print(pin.length > 0 ? `each run pinned with ${pin.join(" ")}` : "not pinned: taskset is not there or was not wanted")
  let agree = true
  for (const each of chosen) {
    const work = Object.entries(each.work).map(([name, amount]) => {
      const scaled = amount * options.scale
      return `--${name}=${name === "rpcs" || name === "conns" ? Math.round(scaled) : scaled}`
    })
    const theirs = [`${options.ns3}/${each.program}`, ...each.theirs, ...work]
    const ours = [process.execPath, ...options.node, entry, each.program, ...each.ours, ...work]
    if (!existsSync(theirs[0])) usage(`${theirs[0]} is not there: run make -C bench/ns3, or name its folder with --ns3`)
    const pairs = []
    for (let i = 0; i < options.pairs; i++) pairs.push([measure([...pin, ...theirs]), measure([...pin, ...ours])])
    agree = report(each, pairs, work, print, options.json) && agree
  }
  process.exitCode = agree ? 0 : 1
}

const measure = (command) => {
  const done = spawnSync(command[0], command.slice(1), { encoding: "utf8", maxBuffer: 1 << 26 })
  if (done.status !== 0) usage(`${command.join(" ")} failed: ${done.stderr}`)
  return JSON.parse(done.stdout.trim().split("\n").at(-1))
}

const report = (each, pairs, work, print, json) => {
  const least = (side) => Math.min(...pairs.map((pair) => pair[side].ns_per_hop))
  const theirs = least(0)
  const ours = least(1)
  const wrong = differences(each.same, pairs[0][0], pairs[0][1])
  const same = wrong.every(({ by }) => Math.abs(by) <= TOLERANCE)
  const percent = (by) => `${by >= 0 ? "+" : ""}${(by * 100).toFixed(2)} %`
  print("")
  print(`${each.id}: ${each.program} ${work.join(" ")}`)
  print(`  ns-3      ${each.theirs.join(" ")}`)
  print(`  darkfiber ${each.ours.join(" ")} (${pairs[0][1].programs}, costs ${pairs[0][1].costs})`)
  for (const [a, b] of pairs) {
    const row = (line) => `${line.ns_per_hop.toFixed(0)} ns a hop, ${line.cpu_s} CPU s, ${line.frame_hops} hops`
    print(`  ns-3 ${row(a)} | darkfiber ${row(b)} | ratio ${(a.ns_per_hop / b.ns_per_hop).toFixed(2)}`)
  }
  if (each.memory !== undefined) {
    const [a, b] = pairs[0].map((line) => line[each.memory])
    print(`  ${each.memory}: ns-3 ${a} | darkfiber ${b} | ratio ${(a / b).toFixed(2)}`)
  }
  print(
    `  ${wrong.map(({ name, by }) => `${name} ${percent(by)}`).join(", ")}: ${same ? "same work" : "NOT the same work"}`
  )
  print(
    `  best of ${pairs.length}: ${(theirs / ours).toFixed(2)} against this ns-3, about ` +
      `${(theirs / ours / each.factor).toFixed(2)} against its optimised build (measured factor ${each.factor})`
  )
  if (pairs.some(([a, b]) => a.cpu_s < 2 || b.cpu_s < 2))
    print("  a run took less than 2 CPU seconds: it measures start-up")
  if (json) {
    const ratio = theirs / ours
    const agreement = Object.fromEntries(wrong.map(({ name, by }) => [name, by]))
    process.stdout.write(`${JSON.stringify({ case: each.id, work, ratio, same, agreement, pairs })}\n`)
  }
  return same
}

main()
