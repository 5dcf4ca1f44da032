/**
 * From a document to a plan: resolves references, fills defaults, and complains about what a schema cannot see.
 */
import { Result } from "effect"
import type * as Document from "./Document.ts"
import * as Fabric from "./Fabric.ts"
import * as FaultSwarm from "./FaultSwarm.ts"
import type * as Plan from "./Plan.ts"
import type { Path } from "./Read.ts"
import * as HostResolve from "./HostResolve.ts"
import * as Units from "./Units.ts"

/** Something wrong with a document that fits the schema. */
export interface Problem {
  readonly path: Path
  readonly message: string
  /** It is about the last key of the path, not about its value. */
  readonly onKey: boolean
}

export const defaults = {
  duration: 2_000_000_000,
  rate: 10_000_000_000,
  delay: 1_000,
  queue: 524_288,
  latency: 500,
  ageing: 300_000_000_000,
  ports: 48,
  routerMtu: 9000
} as const

/** Collects complaints. */
export class Problems {
  readonly list: Array<Problem> = []
  add(path: Path, message: string, onKey = false): void {
    this.list.push({ path, message, onKey })
  }
}

export const resolve = (document: Document.Document): Result.Result<Plan.Plan, ReadonlyArray<Problem>> => {
  const problems = new Problems()
  const kernel = document.kernel ?? "6.x"
  uniqueNames(document, problems)
  const hosts = Object.entries(document.hosts).map(([name, host], index) =>
    HostResolve.resolve(name, host, index, kernel, problems)
  )
  duplicateAddresses(hosts, document, problems)
  duplicateMacs(hosts, problems)
  const links = (document.links ?? []).flatMap((link, index) => resolveLink(link, index, document, problems))
  portsUsedOnce(links, problems)
  const routers = resolveRouters(document, hosts, links, problems)
  const faults = (document.faults ?? []).map((fault, index) => resolveFault(fault, index, document, links, problems))
  if (problems.list.length > 0) return Result.fail(problems.list)
  return Result.succeed({
    name: document.name ?? "topology",
    kernel,
    duration: durationOf(document),
    costs: document.costs ?? "default",
    checksums: document.checksums ?? "filled",
    hosts,
    switches: Object.entries(document.switches ?? {}).map(([name, each]) => resolveSwitch(name, each)),
    routers,
    links,
    faults
  })
}

const uniqueNames = (document: Document.Document, problems: Problems): void => {
  const seen = new Map<string, string>()
  for (const kind of ["hosts", "switches", "routers"] as const) {
    for (const name of Object.keys(document[kind] ?? {})) {
      const before = seen.get(name)
      if (before !== undefined) problems.add([kind, name], `the name ${name} is taken by one of the ${before}`, true)
      seen.set(name, kind)
    }
  }
}

const duplicateAddresses = (
  hosts: ReadonlyArray<Plan.HostPlan>,
  document: Document.Document,
  problems: Problems
): void => {
  const owner = new Map<number, string>()
  const claim = (address: number, who: string, path: Path): void => {
    const before = owner.get(address)
    if (before !== undefined && before !== who) {
      problems.add(path, `${HostResolve.formatAddress(address)} is the address of ${before} already`)
    }
    owner.set(address, who)
  }
  for (const host of hosts) {
    for (const nic of host.nics) {
      nic.addresses.forEach((each, index) => {
        const path: Path = Array.isArray(document.hosts[host.name]?.nics?.[nic.name]?.address)
          ? ["hosts", host.name, "nics", nic.name, "address", index]
          : ["hosts", host.name, "nics", nic.name, "address"]
        claim(each.address, `${host.name}:${nic.name}`, path)
      })
    }
  }
  for (const [name, router] of Object.entries(document.routers ?? {})) {
    for (const [port, cidr] of Object.entries(router.addresses ?? {})) {
      const path = ["routers", name, "addresses", port]
      const address = HostResolve.parseHostCidr(cidr, path, problems)
      if (address !== undefined) claim(address.address, `${name}:${port}`, path)
    }
  }
}

const duplicateMacs = (hosts: ReadonlyArray<Plan.HostPlan>, problems: Problems): void => {
  const owner = new Map<number, string>()
  for (const host of hosts) {
    for (const nic of host.nics) {
      const before = owner.get(nic.mac)
      if (before !== undefined) {
        problems.add(["hosts", host.name, "nics", nic.name, "mac"], `${before} has this MAC address already`)
      }
      owner.set(nic.mac, `${host.name}:${nic.name}`)
    }
  }
}

const resolveLink = (
  link: Document.Link,
  index: number,
  document: Document.Document,
  problems: Problems
): ReadonlyArray<Plan.LinkPlan> => {
  const left = resolveEnd(link.endpoints[0], ["links", index, "endpoints", 0], document, problems)
  const right = resolveEnd(link.endpoints[1], ["links", index, "endpoints", 1], document, problems)
  const delay = link.delay === undefined ? defaults.delay : Units.duration(link.delay)!
  if (delay < 1) problems.add(["links", index, "delay"], "a link needs a delay of at least 1ns")
  const rate = link.rate === undefined ? defaults.rate : Units.rate(link.rate)!
  if (rate < 1000) problems.add(["links", index, "rate"], "a link needs a rate of at least 1kbps")
  const loss = link.loss === undefined ? 0 : Units.share(link.loss)!
  if (loss > 1) problems.add(["links", index, "loss"], "a share of at most 100%")
  if (left === undefined || right === undefined) return []
  return [{ name: `${link.endpoints[0]}--${link.endpoints[1]}`, ends: [left, right], rate, delay, loss }]
}

const resolveEnd = (
  text: string,
  path: Path,
  document: Document.Document,
  problems: Problems
): Plan.EndPlan | undefined => {
  const [node, port, more] = text.split(":")
  if (node === undefined || port === undefined || more !== undefined || node === "" || port === "") {
    problems.add(path, `${JSON.stringify(text)} is no endpoint, expected node:port, such as web1:eth0`)
    return undefined
  }
  const host = Object.hasOwn(document.hosts, node) ? document.hosts[node] : undefined
  if (host !== undefined) {
    const nics = Object.keys(host.nics ?? {})
    const index = nics.indexOf(port)
    if (index >= 0) return { kind: "host", node, port, index }
    problems.add(
      path,
      `host ${node} has no NIC ${port}, expected ${nics.length === 0 ? "one of its nics" : nics.join(", ")}`
    )
    return undefined
  }
  const kind = Object.hasOwn(document.switches ?? {}, node) ? "switch" : "router"
  const box = kind === "switch" ? document.switches?.[node] : document.routers?.[node]
  if (box === undefined || !Object.hasOwn((kind === "switch" ? document.switches : document.routers) ?? {}, node)) {
    problems.add(path, `there is no host, switch or router ${node}`)
    return undefined
  }
  const count = box.ports ?? defaults.ports
  const number = /^port([1-9]\d{0,3})$/.exec(port)
  if (number === null || Number(number[1]) > count) {
    problems.add(path, `${kind} ${node} has no ${port}, expected port1 to port${count}`)
    return undefined
  }
  return { kind, node, port, index: Number(number[1]) - 1 }
}

const portsUsedOnce = (links: ReadonlyArray<Plan.LinkPlan>, problems: Problems): void => {
  const seen = new Map<string, number>()
  links.forEach((link, index) => {
    link.ends.forEach((end, side) => {
      const key = `${end.node}:${end.port}`
      const before = seen.get(key)
      if (before !== undefined) {
        problems.add(["links", index, "endpoints", side], `${key} has a cable already, that of link ${before + 1}`)
      }
      seen.set(key, index)
    })
  })
}

const resolveSwitch = (name: string, box: Document.Switch): Plan.SwitchPlan => ({
  name,
  ports: box.ports ?? defaults.ports,
  queue: box.queue === undefined ? defaults.queue : Units.size(box.queue)!,
  ecn: box.ecn === undefined ? null : Units.size(box.ecn)!,
  latency: box.latency === undefined ? defaults.latency : Units.duration(box.latency)!,
  ageing: box.ageing === undefined ? defaults.ageing : Units.duration(box.ageing)!
})

/** MAC address of a router's port: locally administered, by router and port. */
export const routerMac = (router: number, port: number): number => 0x02f000000000 + router * 65536 + port

const resolveRouters = (
  document: Document.Document,
  hosts: ReadonlyArray<Plan.HostPlan>,
  links: ReadonlyArray<Plan.LinkPlan>,
  problems: Problems
): ReadonlyArray<Plan.RouterPlan> => {
  const names = Object.keys(document.routers ?? {})
  const macOf = (end: Plan.EndPlan): number => routerMac(names.indexOf(end.node), end.index)
  const ports = new Map<string, Map<number, Plan.RouterPortPlan>>()
  for (const name of names) ports.set(name, new Map())
  for (const link of links) {
    for (const side of [0, 1] as const) {
      const end = link.ends[side]
      if (end.kind !== "router") continue
      const other = link.ends[side === 0 ? 1 : 0]
      ports.get(end.node)!.set(end.index, {
        port: end.index,
        mac: macOf(end),
        addresses: portAddresses(end, other, document, hosts, problems),
        peerMac: other.kind === "router" ? macOf(other) : null,
        mtu: document.routers?.[end.node]?.mtus?.[end.port] ?? defaults.routerMtu
      })
    }
  }
  const computed = Fabric.routes(ports, links)
  return names.map((name) => {
    const router = document.routers![name]!
    for (const port of Object.keys(router.mtus ?? {})) {
      const isPlugged = links.some(({ ends }) => ends.some((end) => end.node === name && end.port === port))
      if (!isPlugged) problems.add(["routers", name, "mtus", port], `no link ends at ${name}:${port}`)
    }
    const fixed = (router.routes ?? []).flatMap((route, index) =>
      staticRoute(route, ["routers", name, "routes", index], ports.get(name)!, problems)
    )
    return {
      name,
      ports: [...ports.get(name)!.values()].sort((left, right) => left.port - right.port),
      routes: [...fixed, ...computed.get(name)!],
      queue: router.queue === undefined ? defaults.queue : Units.size(router.queue)!,
      ecn: router.ecn === undefined ? null : Units.size(router.ecn)!,
      latency: router.latency === undefined ? defaults.latency : Units.duration(router.latency)!
    }
  })
}

/** The address the file gives a port, or else the gateway of the NIC it faces. */
const portAddresses = (
  end: Plan.EndPlan,
  other: Plan.EndPlan,
  document: Document.Document,
  hosts: ReadonlyArray<Plan.HostPlan>,
  problems: Problems
): ReadonlyArray<Plan.AddressPlan> => {
  const given = document.routers?.[end.node]?.addresses?.[end.port]
  if (given !== undefined) {
    const parsed = HostResolve.parseCidr(given, ["routers", end.node, "addresses", end.port], problems)
    return parsed === undefined ? [] : [parsed]
  }
  if (other.kind !== "host") return []
  const nic = hosts.find((host) => host.name === other.node)?.nics[other.index]
  if (nic === undefined || nic.gateway === null) return []
  const prefix = nic.addresses[0]?.prefix ?? 32
  return [{ address: nic.gateway, prefix }]
}

const staticRoute = (
  route: Document.Route,
  path: Path,
  ports: ReadonlyMap<number, Plan.RouterPortPlan>,
  problems: Problems
): ReadonlyArray<Plan.RouterRoutePlan> => {
  const target = HostResolve.parseRoute(route, path, problems)
  if (target === undefined) return []
  for (const [port, { addresses }] of ports) {
    const direct = route.device === `port${port + 1}`
    const near = target.via !== null && addresses.some((own) => HostResolve.isInside(target.via!, own))
    if (direct || near) return [{ address: target.address, prefix: target.prefix, ports: [port], via: target.via }]
  }
  problems.add(
    path,
    "no port of the router leads there, expected `via` an address on one of its wires or `device` portN"
  )
  return []
}

const resolveFault = (
  fault: Document.Fault,
  index: number,
  document: Document.Document,
  links: ReadonlyArray<Plan.LinkPlan>,
  problems: Problems
): Plan.FaultPlan => {
  const at = Units.duration(fault.at)!
  const resolved = {
    id: fault.id ?? `${index + 1}`,
    kind: fault.kind,
    at,
    until: fault.for === undefined ? Infinity : at + Units.duration(fault.for)!,
    link: -1,
    end: 0 as 0 | 1,
    direction: "direction" in fault ? (fault.direction ?? "both") : ("both" as const),
    share: "share" in fault && fault.share !== undefined ? Units.share(fault.share)! : 1,
    by: "by" in fault && fault.by !== undefined ? Units.duration(fault.by)! : 0,
    what: "what" in fault ? (fault.what ?? "fcs") : ("fcs" as const),
    host: "host" in fault ? fault.host : "",
    core: "core" in fault ? fault.core : 0,
    factor: "factor" in fault ? (fault.factor ?? 1) : 1,
    swarm: null as FaultSwarm.Swarm | null
  }
  if (fault.kind === "swarm") {
    if (fault.for === undefined) resolved.until = durationOf(document)
    resolved.swarm = resolveSwarm(fault, index, document, links, problems)
    if (resolved.until <= at) problems.add(["faults", index, "at"], "a time before the end of the run")
  }
  if (resolved.share > 1) problems.add(["faults", index, "share"], "a share of at most 100%")
  if ("link" in fault) {
    resolved.link = links.findIndex((link) => link.ends.some((end) => `${end.node}:${end.port}` === fault.link))
    if (resolved.link < 0) {
      problems.add(
        ["faults", index, "link"],
        `no cable is plugged into ${fault.link}, expected ${someOf(endsOf(links))}`
      )
    } else resolved.end = endIndex(links[resolved.link]!, fault.link)
  }
  if ("host" in fault) {
    const host = Object.hasOwn(document.hosts, fault.host) ? document.hosts[fault.host] : undefined
    if (host === undefined) {
      problems.add(
        ["faults", index, "host"],
        `there is no host ${fault.host}, expected ${someOf(Object.keys(document.hosts))}`
      )
    } else if (fault.kind === "slow-core" && fault.core >= (host.cores ?? 2)) {
      problems.add(["faults", index, "core"], `host ${fault.host} has ${host.cores ?? 2} cores, counted from 0`)
    }
  }
  return resolved
}

const durationOf = (document: Document.Document): number =>
  document.duration === undefined ? defaults.duration : Units.duration(document.duration)!

const resolveSwarm = (
  fault: Extract<Document.Fault, { readonly kind: "swarm" }>,
  index: number,
  document: Document.Document,
  links: ReadonlyArray<Plan.LinkPlan>,
  problems: Problems
): FaultSwarm.Swarm => {
  const hosts = fault.hosts ?? Object.keys(document.hosts)
  hosts.forEach((host, at) => {
    if (Object.hasOwn(document.hosts, host)) return
    const known = someOf(Object.keys(document.hosts))
    problems.add(["faults", index, "hosts", at], `there is no host ${host}, expected ${known}`)
  })
  const named = (fault.links ?? []).flatMap((text, at) => {
    const found = links.find((link) => link.ends.some((end) => `${end.node}:${end.port}` === text))
    if (found !== undefined) return [found.name]
    problems.add(["faults", index, "links", at], `no cable is plugged into ${text}, expected ${someOf(endsOf(links))}`)
    return []
  })
  const nanos = (text: string | undefined, otherwise: number): number =>
    text === undefined ? otherwise : Units.duration(text)!
  const durationMin = nanos(fault.shortest, FaultSwarm.defaults.durationMin)
  const durationMax = nanos(fault.longest, Math.max(durationMin, FaultSwarm.defaults.durationMax))
  if (durationMin > durationMax) problems.add(["faults", index, "shortest"], "a time of at most `longest`")
  return {
    kinds: fault.kinds ?? FaultSwarm.kinds,
    links: fault.links === undefined ? links.map((link) => link.name) : named,
    hosts,
    countMax: fault.count ?? FaultSwarm.defaults.countMax,
    durationMin,
    durationMax,
    shareMax: fault.share === undefined ? FaultSwarm.defaults.shareMax : Units.share(fault.share)!,
    delayMax: nanos(fault.by, FaultSwarm.defaults.delayMax),
    slownessMax: fault.factor ?? FaultSwarm.defaults.slownessMax
  }
}

const endsOf = (links: ReadonlyArray<Plan.LinkPlan>): ReadonlyArray<string> =>
  links.flatMap((link) => link.ends.map((end) => `${end.node}:${end.port}`))

/** Names shown in a complaint, at most. */
const SHOWN_MAX = 8

const someOf = (names: ReadonlyArray<string>): string => {
  if (names.length === 0) return "one that the file describes"
  return `one of ${names.slice(0, SHOWN_MAX).join(", ")}${names.length > SHOWN_MAX ? ", …" : ""}`
}

const endIndex = (link: Plan.LinkPlan, text: string): 0 | 1 =>
  `${link.ends[0].node}:${link.ends[0].port}` === text ? 0 : 1
