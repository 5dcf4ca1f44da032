/**
 * One host of a document resolved: NICs, bridges, containers, namespaces, processes.
 */
import * as Spec from "@darkfiber/kernel-net/qdisc/Spec"
import type * as Document from "./Document.ts"
import { maskOf } from "./Fabric.ts"
import type * as Plan from "./Plan.ts"
import { PROCESSES_MAX } from "@darkfiber/sockets/Processes"
import * as ProgramNames from "./ProgramNames.ts"
import * as Programs from "./Programs.ts"
import type { Path } from "./Read.ts"
import type { Problems } from "./Resolve.ts"
import * as Units from "./Units.ts"

export const defaults = {
  cores: 2,
  memory: 4_294_967_296,
  mtu: 1500,
  queues: 1,
  ring: 256,
  rxUsecs: 3
} as const

/** Least memory a host boots with. */
const MEMORY_MIN = 67_108_864

/** @param index of the host in the document: names its MAC addresses */
export const resolve = (
  name: string,
  host: Document.Host,
  index: number,
  kernel: Plan.Kernel,
  problems: Problems
): Plan.HostPlan => {
  const path: Path = ["hosts", name]
  const cores = host.cores ?? defaults.cores
  const memory = host.memory === undefined ? defaults.memory : Units.size(host.memory)!
  if (memory < MEMORY_MIN) problems.add([...path, "memory"], "a host needs at least 64MiB of memory")
  const bridges = Object.entries(host.bridges ?? {}).map(([key, bridge]) =>
    resolveBridge(key, bridge, host, path, problems)
  )
  bridgesApart(bridges, path, problems)
  return {
    name,
    cores,
    memory,
    kernel: host.kernel ?? kernel,
    nics: Object.entries(host.nics ?? {}).map(([key, nic], number) =>
      resolveNic(key, nic, macOf(index, number), [...path, "nics", key], problems)
    ),
    bridges,
    containers: resolveContainers(host, bridges, index, cores, path, problems),
    namespaces: Object.entries(host.namespaces ?? {}).map(([key, each]) => ({
      name: key,
      sysctls: sysctls(each.sysctls),
      processes: processes(each.processes, cores, [...path, "namespaces", key, "processes"], problems)
    })),
    sysctls: sysctls(host.sysctls),
    routes: (host.routes ?? []).flatMap((route, number) => {
      const parsed = parseRoute(route, [...path, "routes", number], problems)
      return parsed === undefined ? [] : [parsed]
    }),
    setup: host.setup ?? [],
    processes: processes(host.processes, cores, [...path, "processes"], problems)
  }
}

/** Locally administered, by host and number of the NIC or container. */
const macOf = (host: number, number: number): number => 0x020000000000 + (host + 1) * 4096 + number

const resolveNic = (name: string, nic: Document.Nic, mac: number, path: Path, problems: Problems): Plan.NicPlan => {
  const list = nic.address === undefined ? [] : typeof nic.address === "string" ? [nic.address] : nic.address
  const addresses = list.flatMap((text, index) => {
    const at = typeof nic.address === "string" ? [...path, "address"] : [...path, "address", index]
    const parsed = parseHostCidr(text, at, problems)
    return parsed === undefined ? [] : [parsed]
  })
  const gateway = nic.gateway === undefined ? null : (parseAddress(nic.gateway, [...path, "gateway"], problems) ?? null)
  if (gateway !== null && !addresses.some((own) => isInside(gateway, own))) {
    problems.add([...path, "gateway"], `the gateway ${nic.gateway} is in no network of the NIC`)
  }
  return {
    name,
    addresses,
    gateway,
    mac: nic.mac === undefined ? mac : parseMac(nic.mac),
    mtu: nic.mtu ?? defaults.mtu,
    queues: nic.queues ?? defaults.queues,
    rxRing: nic.rxRing ?? defaults.ring,
    txRing: nic.txRing ?? defaults.ring,
    rxUsecs: nic.rxUsecs ?? defaults.rxUsecs,
    tso: nic.tso ?? true,
    gro: nic.gro ?? true,
    qdisc: nic.qdisc === undefined ? null : parseQdisc(nic.qdisc, [...path, "qdisc"], problems)
  }
}

const parseQdisc = (text: string, path: Path, problems: Problems): Spec.QdiscSpec | null => {
  const spec = Spec.parse(text.trim().split(/\s+/))
  if (typeof spec !== "string") return spec
  problems.add(path, `${spec.replace(/^Error: /, "")} in the qdisc ${text}`)
  return null
}

const parseMac = (text: string): number =>
  text.split(":").reduce((value, part) => value * 256 + Number.parseInt(part, 16), 0)

const resolveBridge = (
  name: string,
  bridge: Document.Bridge,
  host: Document.Host,
  path: Path,
  problems: Problems
): Plan.BridgePlan => {
  const at = [...path, "bridges", name]
  if (Object.hasOwn(host.nics ?? {}, name)) problems.add(at, `the host has a NIC ${name} already`)
  const ports = bridge.ports ?? []
  ports.forEach((port, index) => {
    if (!Object.hasOwn(host.nics ?? {}, port)) problems.add([...at, "ports", index], `the host has no NIC ${port}`)
  })
  return {
    name,
    address:
      bridge.address === undefined ? null : (parseHostCidr(bridge.address, [...at, "address"], problems) ?? null),
    ports,
    masquerade: bridge.masquerade ?? true
  }
}

const bridgesApart = (bridges: ReadonlyArray<Plan.BridgePlan>, path: Path, problems: Problems): void => {
  bridges.forEach(({ address, name }, index) => {
    if (address === null) return
    const other = bridges
      .slice(0, index)
      .find(
        (each) =>
          each.address !== null && (isInside(address.address, each.address) || isInside(each.address.address, address))
      )
    if (other === undefined) return
    problems.add(
      [...path, "bridges", name, "address"],
      `overlaps the network of bridge ${other.name}, expected another one`
    )
  })
}

const resolveContainers = (
  host: Document.Host,
  bridges: ReadonlyArray<Plan.BridgePlan>,
  index: number,
  cores: number,
  hostPath: Path,
  problems: Problems
): ReadonlyArray<Plan.ContainerPlan> => {
  const used = new Map<string, Set<number>>()
  for (const bridge of bridges) used.set(bridge.name, new Set(bridge.address === null ? [] : [bridge.address.address]))
  const published = new Map<string, string>()
  return Object.entries(host.containers ?? {}).flatMap(([name, container], number) => {
    const path = [...hostPath, "containers", name]
    if (Object.hasOwn(host.namespaces ?? {}, name)) problems.add(path, `the host has a namespace ${name} already`)
    const bridge = findBridge(container, bridges, path, problems)
    if (bridge === undefined) return []
    const address = containerAddress(container, bridge, used.get(bridge.name)!, path, problems)
    if (address === undefined) return []
    const publish = (container.publish ?? []).map((text, position) =>
      parsePublish(text, name, published, [...path, "publish", position], problems)
    )
    return [
      {
        name,
        bridge: bridge.name,
        address,
        gateway: bridge.address?.address ?? null,
        mac: macOf(index, 1024 + number),
        publish,
        sysctls: sysctls(container.sysctls),
        processes: processes(container.processes, cores, [...path, "processes"], problems)
      }
    ]
  })
}

const findBridge = (
  container: Document.Container,
  bridges: ReadonlyArray<Plan.BridgePlan>,
  path: Path,
  problems: Problems
): Plan.BridgePlan | undefined => {
  if (container.bridge === undefined && bridges.length === 1) return bridges[0]
  const bridge = bridges.find((each) => each.name === container.bridge)
  if (bridge !== undefined) return bridge
  if (container.bridge === undefined) {
    problems.add(path, `expected \`bridge\`: the host has ${bridges.length === 0 ? "none" : "more than one"}`)
  } else problems.add([...path, "bridge"], `the host has no bridge ${container.bridge}`)
  return undefined
}

/** The address given, or the lowest free one of the bridge's network. */
const containerAddress = (
  container: Document.Container,
  bridge: Plan.BridgePlan,
  used: Set<number>,
  path: Path,
  problems: Problems
): Plan.AddressPlan | undefined => {
  if (container.address !== undefined) {
    const at = [...path, "address"]
    const given = parseHostCidr(container.address, at, problems)
    if (given === undefined) return undefined
    if (used.has(given.address)) {
      problems.add(at, `${formatAddress(given.address)} is taken on bridge ${bridge.name}`)
      return undefined
    }
    if (bridge.address !== null && !isInside(given.address, bridge.address)) {
      problems.add(at, `${formatAddress(given.address)} is not in the network of bridge ${bridge.name}`)
    }
    used.add(given.address)
    return given
  }
  if (bridge.address === null) {
    problems.add(path, `expected \`address\`: bridge ${bridge.name} has none to count from`)
    return undefined
  }
  const { prefix } = bridge.address
  const network = bridge.address.address & maskOf(prefix)
  const size = prefix === 0 ? 4_294_967_296 : (1 << (32 - prefix)) >>> 0
  for (let offset = 2; offset < size - 1; offset++) {
    const candidate = (network + offset) | 0
    if (used.has(candidate)) continue
    used.add(candidate)
    return { address: candidate, prefix }
  }
  problems.add(path, `the network of bridge ${bridge.name} is full`)
  return undefined
}

const parsePublish = (
  text: string,
  container: string,
  published: Map<string, string>,
  path: Path,
  problems: Problems
): Plan.PublishPlan => {
  const [ports, protocol] = text.split("/")
  const [hostPort, containerPort] = ports!.split(":").map(Number) as [number, number]
  for (const port of [hostPort, containerPort]) {
    if (port < 1 || port > 65535) problems.add(path, `${port} is no port, expected 1 to 65535`)
  }
  const key = `${hostPort}/${protocol ?? "tcp"}`
  const before = published.get(key)
  if (before !== undefined) problems.add(path, `port ${key} of the host is published for container ${before} already`)
  published.set(key, container)
  return { hostPort, containerPort, protocol: protocol === "udp" ? "udp" : "tcp" }
}

const processes = (
  list: ReadonlyArray<Document.Process> | undefined,
  cores: number,
  path: Path,
  problems: Problems
): ReadonlyArray<Plan.ProcessPlan> => {
  let total = 0
  return (list ?? []).flatMap((process, index) => {
    const at = [...path, index]
    const complaint = ProgramNames.complain(process.program)
    if (complaint !== undefined) problems.add([...at, "program"], complaint)
    for (const problem of Programs.checkArguments(process.program, process.args ?? {})) {
      const where = problem.path.length === 0 ? "" : `${problem.path.map(String).join(".")}: `
      problems.add([...at, "args", ...problem.path], `${where}${problem.message}`, problem.onKey)
    }
    if (process.core !== undefined && process.core >= cores) {
      problems.add([...at, "core"], `the host has ${cores} cores, counted from 0`)
    }
    const name = process.name ?? ProgramNames.shortName(process.program)
    const count = process.count ?? 1
    total += count
    if (total > PROCESSES_MAX) {
      if (total - count <= PROCESSES_MAX) problems.add(at, `more than ${PROCESSES_MAX} processes, expected fewer`)
      return []
    }
    return Array.from({ length: count }, (_, copy) => ({
      name: count === 1 ? name : `${name}-${copy + 1}`,
      program: process.program,
      args: process.args ?? {},
      core: process.core ?? null,
      nice: process.nice ?? 0,
      start: process.start === undefined ? 0 : Units.duration(process.start)!
    }))
  })
}

const sysctls = (
  record: { readonly [name: string]: string | number } | undefined
): ReadonlyArray<readonly [string, string]> =>
  Object.entries(record ?? {}).map(([name, value]) => [name, String(value)] as const)

// ---- addresses ----

export const formatAddress = (address: number): string =>
  `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`

export const parseAddress = (text: string, path: Path, problems: Problems): number | undefined => {
  const parts = text.split(".").map(Number)
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part <= 255))) {
    problems.add(path, `${text} is no IPv4 address: each part is 0 to 255`)
    return undefined
  }
  return (parts[0]! << 24) | (parts[1]! << 16) | (parts[2]! << 8) | parts[3]! | 0
}

export const parseCidr = (text: string, path: Path, problems: Problems): Plan.AddressPlan | undefined => {
  const [host, bits] = text.split("/")
  const address = parseAddress(host!, path, problems)
  const prefix = Number(bits)
  if (!(prefix >= 0 && prefix <= 32)) {
    problems.add(path, `/${bits} is no prefix, expected /0 to /32`)
    return undefined
  }
  return address === undefined ? undefined : { address, prefix }
}

/** As `parseCidr`, for what an interface can have: neither the network's own address nor its broadcast address. */
export const parseHostCidr = (text: string, path: Path, problems: Problems): Plan.AddressPlan | undefined => {
  const parsed = parseCidr(text, path, problems)
  if (parsed === undefined || parsed.prefix > 30) return parsed
  const inNetwork = parsed.address & ~maskOf(parsed.prefix)
  if (inNetwork === 0) problems.add(path, `${text} is the address of the network itself, expected one inside it`)
  else if (inNetwork === ~maskOf(parsed.prefix)) {
    problems.add(path, `${text} is the broadcast address of the network, expected one inside it`)
  }
  return parsed
}

export const isInside = (address: number, network: Plan.AddressPlan): boolean =>
  ((address ^ network.address) & maskOf(network.prefix)) === 0

export const parseRoute = (route: Document.Route, path: Path, problems: Problems): Plan.RoutePlan | undefined => {
  const target =
    route.to === "default"
      ? { address: 0, prefix: 0 }
      : /^[\d.]+\/\d+$/.test(route.to)
        ? parseCidr(route.to, [...path, "to"], problems)
        : undefined
  if (target === undefined) {
    problems.add([...path, "to"], `${JSON.stringify(route.to)} is no prefix, expected such as 10.1.0.0/16, or default`)
    return undefined
  }
  if (route.via === undefined && route.device === undefined) {
    problems.add(path, "expected `via` or `device`")
    return undefined
  }
  const via = route.via === undefined ? null : (parseAddress(route.via, [...path, "via"], problems) ?? null)
  return { ...target, via, device: route.device ?? null }
}
