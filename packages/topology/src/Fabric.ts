/**
 * Routes of the routers: shortest paths by hops to every prefix, all equally short first hops (ECMP).
 */
import type { AddressPlan, EndPlan, LinkPlan, RouterRoutePlan } from "./Plan.ts"

export const maskOf = (prefix: number): number => (prefix === 0 ? 0 : (-1 << (32 - prefix)) | 0)
export const networkOf = (address: AddressPlan): number => address.address & maskOf(address.prefix)

/** What a router knows of one of its ports. */
export interface FabricPort {
  readonly addresses: ReadonlyArray<AddressPlan>
}

/**
 * @param routers addresses of each router's ports, by router name and port index
 * @returns routes by router name: connected prefixes first, then the computed ones by address
 */
export const routes = (
  routers: ReadonlyMap<string, ReadonlyMap<number, FabricPort>>,
  links: ReadonlyArray<LinkPlan>
): ReadonlyMap<string, ReadonlyArray<RouterRoutePlan>> => {
  const neighbours = new Map<string, Array<{ readonly port: number; readonly router: string }>>()
  for (const name of routers.keys()) neighbours.set(name, [])
  for (const link of links) {
    const [left, right] = link.ends
    if (left.kind !== "router" || right.kind !== "router") continue
    neighbours.get(left.node)!.push({ port: left.index, router: right.node })
    neighbours.get(right.node)!.push({ port: right.index, router: left.node })
  }
  const result = new Map<string, Array<RouterRoutePlan>>()
  for (const [name, ports] of routers) {
    const own: Array<RouterRoutePlan> = []
    for (const [port, { addresses }] of ports) {
      for (const address of addresses) {
        own.push({ address: networkOf(address), prefix: address.prefix, ports: [port], via: null })
      }
    }
    result.set(name, own)
  }
  for (const [target, owners] of owned(routers)) {
    const distance = distances(owners, neighbours)
    const [address, prefix] = target.split("/").map(Number) as [number, number]
    for (const name of routers.keys()) {
      const here = distance.get(name)
      if (here === undefined || here === 0) continue
      const ports = neighbours
        .get(name)!
        .filter((neighbour) => distance.get(neighbour.router) === here - 1)
        .map((neighbour) => neighbour.port)
        .sort((left, right) => left - right)
      result.get(name)!.push({ address, prefix, ports, via: null })
    }
  }
  return result
}

/** Which routers have a port in each prefix, by `network/prefix`. */
const owned = (
  routers: ReadonlyMap<string, ReadonlyMap<number, FabricPort>>
): ReadonlyMap<string, ReadonlyArray<string>> => {
  const prefixes = new Map<string, Array<string>>()
  for (const [name, ports] of routers) {
    for (const { addresses } of ports.values()) {
      for (const address of addresses) {
        const key = `${networkOf(address)}/${address.prefix}`
        const owners = prefixes.get(key) ?? []
        if (!owners.includes(name)) owners.push(name)
        prefixes.set(key, owners)
      }
    }
  }
  return prefixes
}

const distances = (
  from: ReadonlyArray<string>,
  neighbours: ReadonlyMap<string, ReadonlyArray<{ readonly router: string }>>
): ReadonlyMap<string, number> => {
  const distance = new Map<string, number>(from.map((name) => [name, 0]))
  const waiting = [...from]
  for (let i = 0; i < waiting.length; i++) {
    const name = waiting[i]!
    for (const { router } of neighbours.get(name) ?? []) {
      if (distance.has(router)) continue
      distance.set(router, distance.get(name)! + 1)
      waiting.push(router)
    }
  }
  return distance
}

/** The end of a link at the other side of `end`. */
export const otherEnd = (link: LinkPlan, node: string, port: string): EndPlan =>
  link.ends[0].node === node && link.ends[0].port === port ? link.ends[1] : link.ends[0]
