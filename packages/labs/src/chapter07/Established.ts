/**
 * 7.4.3: how much an established connection takes. A server and as many client hosts as the ports of one server port
 * demand; the slab of every host before and after, when nothing moves.
 */
import * as MemoryViews from "@darkfiber/memory/MemoryViews"
import type { SlabInfoRow } from "@darkfiber/memory/MemoryViews"
import * as Sys from "@darkfiber/sockets/Sys"
import type { DataCentre } from "@darkfiber/topology/DataCentre"
import type * as Document from "@darkfiber/topology/Document"
import type { SimHost } from "@darkfiber/topology/SimHost"
import { Effect } from "effect"
import * as Connections from "../Connections.ts"
import { all, exactly, type Finding, type Lab, type LabInput, type LabOutcome, within } from "../Lab.ts"
import * as Scene from "../Scene.ts"

const PORT = 80
const BACKLOG = 1024
/**
 * Connections that one client host opens at most: half of the default range. Beyond it a search of 6.x walks all ports of the
 * first parity before it finds a free one (book F9).
 */
const CLIENT_MAX = 14_000
/** When the clients begin, each with one connection behind it. */
const BEGIN = 100 * Scene.MILLISECOND
/** How long everything is left to come to rest. */
const REST = 2 * Scene.SECOND
const CACHES = ["TCP", "sock_inode_cache", "dentry", "filp"] as const
/** Bytes of 3.0 KB and 3.4 KB. */
const LEAST = 3072
const MOST = 3481
const SERVER_END = 3640
const CLIENT_END = 3896

const documentOf = (clients: number): Document.Document => {
  const host = (index: number): Document.Host => ({
    cores: 1,
    memory: "16GiB",
    nics: { eth0: { address: `10.0.0.${index + 1}/24`, rxUsecs: 0 } }
  })
  const names = ["server", ...Array.from({ length: clients }, (_, index) => `client${index + 1}`)]
  return {
    hosts: Object.fromEntries(names.map((name, index) => [name, host(index)])),
    switches: { tor: { ports: names.length } },
    links: names.map((name, index) => ({ endpoints: [`${name}:eth0`, `tor:port${index + 1}`], delay: "1us" }))
  }
}

const SERVER = "10.0.0.1"

/** Opens one connection, waits for the begin, opens the others. */
const client = (count: number, opened: Connections.Opened) =>
  Effect.gen(function* () {
    const to = { address: SERVER, port: PORT }
    yield* Connections.open(to, 1, opened)
    yield* Sys.nanosleep(BEGIN - (yield* Sys.clockGettime))
    yield* Connections.open(to, 1 + count, opened)
    yield* Connections.stay
  })

/** Slab of a host. */
interface Slab {
  readonly bytes: number
  readonly rows: ReadonlyArray<SlabInfoRow>
}

const slabOf = ({ kernel }: SimHost): Slab => ({
  bytes: MemoryViews.memInfo(kernel.memory).slab,
  rows: MemoryViews.slabInfo(kernel.memory)
})

/** What a host, or several, have gained. */
interface Growth {
  /** Of /proc/meminfo's Slab. */
  readonly slab: number
  /** Bytes of the objects handed out. */
  readonly objects: number
  /** Objects by cache, as slabtop shows them. */
  readonly caches: ReadonlyMap<string, number>
}

const growth = (before: Slab, after: Slab): Growth => {
  const active = new Map(before.rows.map((row) => [row.name, row]))
  const caches = new Map<string, number>()
  let objects = 0
  for (const row of after.rows) {
    const was = active.get(row.name)
    objects += (row.activeObjects - (was?.activeObjects ?? 0)) * row.objectBytes
    caches.set(row.name, row.shownActiveObjects - (was?.shownActiveObjects ?? 0))
  }
  return { slab: after.bytes - before.bytes, objects, caches }
}

interface Grown {
  readonly established: number
  readonly server: Growth
  /** All clients together. */
  readonly clientSlab: number
  readonly clientObjects: number
  /** Objects of one slab, by cache. */
  readonly objectsPerSlab: ReadonlyMap<string, number>
}

const grow = (input: LabInput, connections: number): Grown => {
  const clients = Math.max(1, Math.ceil(connections / CLIENT_MAX))
  const centre = Scene.build(input, documentOf(clients))
  const server = Scene.hostOf(centre, "server")
  const { nofile } = Connections
  let accepted = 0
  Scene.spawn(
    server,
    "server",
    Connections.acceptor(PORT, BACKLOG, () => accepted++),
    { nofile }
  )
  const hosts = centre.hosts.filter((host) => host !== server)
  const opened = hosts.map((host, index) => {
    const first = Math.floor((connections * index) / clients)
    const count = Math.floor((connections * (index + 1)) / clients) - first
    const each: Connections.Opened = { count: 0, errno: "" }
    Scene.spawn(host, "client", client(count, each), { nofile })
    return each
  })
  Scene.run(centre, BEGIN - centre.now - 1)
  const before = [server, ...hosts].map(slabOf)
  Scene.runWhile(centre, () => accepted < connections + clients && failure(opened) === "", 1000 * Scene.SECOND)
  if (failure(opened) !== "") throw new Error(`a connection failed: ${failure(opened)}`)
  return rest(centre, [server, ...hosts], before, accepted - clients)
}

const failure = (opened: ReadonlyArray<Connections.Opened>): string =>
  opened.find((each) => each.errno !== "")?.errno ?? ""

/** Lets everything come to rest, and looks again. */
const rest = (
  centre: DataCentre,
  hosts: ReadonlyArray<SimHost>,
  before: ReadonlyArray<Slab>,
  established: number
): Grown => {
  Scene.run(centre, REST)
  Scene.conserved(centre)
  const after = hosts.map(slabOf)
  const grown = after.map((each, index) => growth(before[index]!, each))
  const [server, ...clients] = grown
  return {
    established,
    server: server!,
    clientSlab: clients.reduce((sum, each) => sum + each.slab, 0),
    clientObjects: clients.reduce((sum, each) => sum + each.objects, 0),
    objectsPerSlab: new Map(after[0]!.rows.map((row) => [row.name, row.objectsPerSlab]))
  }
}

const each = (bytes: number, count: number): number => Math.round((bytes / count) * 100) / 100

const measure = (input: LabInput): LabOutcome => {
  const connections = input.knobs.int("connections")
  const { clientObjects, clientSlab, established, objectsPerSlab, server } = grow(input, connections)
  const perServer = each(server.slab, established)
  const perClient = each(clientSlab, established)
  const objects = { server: each(server.objects, established), client: each(clientObjects, established) }
  const cacheFinding = (name: string): Finding => {
    const gained = server.caches.get(name) ?? 0
    const slab = objectsPerSlab.get(name) ?? 0
    return {
      expected: `${name} +${connections} within ${slab}`,
      measured: `${name} +${gained}`,
      pass: Math.abs(gained - connections) <= slab
    }
  }
  return {
    answer:
      `${established} established connections: ${objects.server} B of objects at each server end and ` +
      `${objects.client} B at each client end; Slab grows by ${perServer} B and ${perClient} B.`,
    findings: {
      a: all([within(LEAST, MOST, perServer, " B a server end"), within(LEAST, MOST, perClient, " B a client end")]),
      b: all(CACHES.map(cacheFinding)),
      c: all([
        { ...exactly(SERVER_END, objects.server), expected: `${SERVER_END} B a server end` },
        { ...exactly(CLIENT_END, objects.client), expected: `${CLIENT_END} B a client end` }
      ])
    }
  }
}

export const established: Lab = {
  id: "7.4.3",
  knobs: { connections: { form: "int", minimum: 1, maximum: 1_000_000 } },
  run: (input) => Effect.sync(() => measure(input))
}
