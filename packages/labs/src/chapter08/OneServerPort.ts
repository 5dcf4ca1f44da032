/**
 * 8.4.1: how many connections one client address can open to one server port. A client opens connections and closes none,
 * until connect refuses.
 */
import { Effect } from "effect"
import * as Connections from "../Connections.ts"
import { all, exactly, type Finding, type Lab, type LabInput, type LabOutcome } from "../Lab.ts"
import * as Scene from "../Scene.ts"

const PORT = 80
const BACKLOG = 128
/** The range of the second check: 15,000 ports. */
const MEASURED: Bounds = [32_768, 47_767]

/** First and last port of a range. */
export type Bounds = readonly [low: number, high: number]

interface Exhausted extends Connections.Opened {
  /** Ports of the range that one search looks at. */
  readonly covered: number
  readonly width: number
}

/**
 * Ports that one search looks at. A search of 6.x covers an even number of them (Linux: __inet_hash_connect,
 * `remaining &= ~1U`), one of 3.10 all.
 */
const coveredPorts = (kernel: LabInput["kernel"], width: number): number =>
  kernel === "6.x" && width > 1 ? width - (width % 2) : width

const exhaust = (input: LabInput, [low, high]: Bounds, reserved: number): Exhausted => {
  const width = high - low + 1
  const taken = Math.min(reserved, width)
  const centre = Scene.pair(input, {
    memory: "16GiB",
    sysctls: {
      "net.ipv4.ip_local_port_range": `${low} ${high}`,
      "net.ipv4.ip_local_reserved_ports": taken === 0 ? "" : `${low}-${low + taken - 1}`
    }
  })
  const opened: Connections.Opened = { count: 0, errno: "" }
  const { nofile } = Connections
  let accepted = 0
  const server = Connections.acceptor(PORT, BACKLOG, () => accepted++)
  Scene.spawn(Scene.hostOf(centre, "right"), "server", server, { nofile })
  Scene.run(centre, Scene.MILLISECOND)
  let isDone = false
  const to = { address: Scene.RIGHT, port: PORT }
  const client = Effect.gen(function* () {
    yield* Connections.open(to, width + 10, opened)
    isDone = true
    yield* Connections.stay
  })
  Scene.spawn(Scene.hostOf(centre, "left"), "client", client, { nofile })
  Scene.runWhile(centre, () => !isDone, 1000 * Scene.SECOND, 100 * Scene.MILLISECOND)
  if (accepted !== opened.count) throw new Error(`${opened.count} connections opened, ${accepted} accepted`)
  Scene.conserved(centre)
  return { ...opened, width, covered: coveredPorts(input.kernel, width) }
}

const judge = ({ count, errno }: Exhausted, expected: number): Finding =>
  all([
    { ...exactly(expected, count), expected: `${expected} connections`, measured: `${count} connections` },
    { ...exactly("EADDRNOTAVAIL", errno), expected: "then EADDRNOTAVAIL", measured: errno === "" ? "none" : errno }
  ])

const measure = (input: LabInput, measured: Bounds): LabOutcome => {
  const { kernel, knobs } = input
  const range = knobs.range("ip_local_port_range")
  const reserved = knobs.int("reserved")
  const found = exhaust(input, range, reserved)
  const expected = Math.max(0, found.covered - reserved)
  const findings: Record<string, Finding> = { a: judge(found, expected) }
  if (kernel === "6.x") findings["b"] = judge(exhaust(input, measured, 0), measured[1] - measured[0] + 1)
  return {
    answer:
      `${found.count} connections from one address to one server port over a range of ${found.width} ports ` +
      `(${reserved} reserved), then ${found.errno === "" ? "no error" : found.errno}.`,
    findings
  }
}

/** The lab, with another range than 15,000 ports for its second check: a smaller one is sooner done. */
export const oneServerPortOver = (measured: Bounds): Lab => ({
  id: "8.4.1",
  knobs: {
    ip_local_port_range: { form: "range", minimum: 1024, maximum: 65_535 },
    reserved: { form: "int", minimum: 0, maximum: 64_512 }
  },
  run: (input) => Effect.sync(() => measure(input, measured))
})

export const oneServerPort: Lab = oneServerPortOver(MEASURED)
