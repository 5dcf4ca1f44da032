/**
 * Containers as a runtime makes them: a network namespace, a veth pair, a bridge, routes and NAT.
 *
 *     init namespace                                   container
 *     eth0 ── routing, NAT ── br0 ── veth… ══════════ eth0 (default route: br0's address)
 *
 * What each recipe does can be done by hand with `ip`, `brctl` and `iptables`; book section 10.5.2 does.
 */
import * as BridgeDevice from "@darkfiber/kernel-net/bridge/BridgeDevice"
import * as Device from "@darkfiber/kernel-net/Device"
import type { Host } from "@darkfiber/kernel-net/Host"
import type { NetDevice } from "@darkfiber/kernel-net/NetDevice"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import type { Match, Rule, Target } from "@darkfiber/kernel-net/netfilter/Rules"
import * as Netfilter from "@darkfiber/kernel-net/netfilter/Setup"
import * as Veth from "@darkfiber/kernel-net/veth/Veth"
import { hashText } from "@darkfiber/sim/Random"

/** An address with its prefix; int32. */
export interface Address {
  readonly address: number
  readonly prefix: number
}

/** A port of the host that leads to one of a container. */
export interface Published {
  readonly hostPort: number
  readonly containerPort: number
  readonly protocol: "tcp" | "udp"
}

export interface ContainerOptions {
  readonly name: string
  readonly bridge: NetDevice
  readonly address: Address
  /** Default gateway; null for none. */
  readonly gateway: number | null
  /** 48-bit number. */
  readonly mac: number
  readonly publish: ReadonlyArray<Published>
}

export interface Container {
  readonly name: string
  readonly net: Netns
  /** The container's end of the veth pair. */
  readonly eth0: NetDevice
  /** The host's end, a port of the bridge. */
  readonly port: NetDevice
  /** What publishes its ports, in the host's nat table. */
  readonly rules: ReadonlyArray<{ readonly chain: string; readonly rule: Rule }>
}

/** A step of a recipe failed. */
export class RecipeFailed extends Error {
  readonly errno: number
  constructor(step: string, status: number) {
    super(`${step} failed with errno ${-status}`)
    this.errno = -status
  }
}

const masquerade: Target = { _tag: "Masquerade", portMin: 0, portMax: 0, random: false }

const PROTOCOLS = { tcp: 6, udp: 17 } as const

const check = (step: string, status: number): void => {
  if (status < 0) throw new RecipeFailed(step, status)
}

const got = <A>(step: string, value: A | number): A => {
  if (typeof value === "number") throw new RecipeFailed(step, value)
  return value
}

/**
 * A bridge with its address, up; with `hides`, what its network sends elsewhere takes the address of the way out.
 */
export const createBridge = (host: Host, name: string, address: Address | null, hides: boolean): NetDevice => {
  const bridge = got(`bridge ${name}`, BridgeDevice.create(host.init, name))
  if (address !== null) check(`address of ${name}`, Device.addAddress(bridge, address.address, address.prefix))
  Device.up(bridge)
  check("ip_forward", host.init.setSysctl("net.ipv4.ip_forward", "1"))
  if (!hides || address === null) return bridge
  const mask = address.prefix === 0 ? 0 : (-1 << (32 - address.prefix)) | 0
  check(
    `masquerade of ${name}`,
    Netfilter.of(host.init).append("nat", "POSTROUTING", {
      matches: [
        { _tag: "Source", address: address.address & mask, prefixLength: address.prefix, invert: false },
        { _tag: "OutInterface", name, invert: true }
      ],
      target: masquerade
    })
  )
  return bridge
}

/** A container on a bridge, up, with its published ports. A step that fails leaves nothing behind. */
export const createContainer = (host: Host, options: ContainerOptions): Container => {
  const net = got(`namespace ${options.name}`, host.createNetns(options.name))
  const rules: Array<{ readonly chain: string; readonly rule: Rule }> = []
  try {
    const port = got(`veth of ${options.name}`, Veth.create(host.init, portName(options.name), net, "eth0"))
    const eth0 = attach(net, port, options)
    for (const published of options.publish) {
      for (const each of publishing(options.bridge, options.address.address, published)) {
        check(`publish ${published.hostPort}`, Netfilter.of(host.init).append("nat", each.chain, each.rule))
        rules.push(each)
      }
    }
    return { name: options.name, net, eth0, port, rules }
  } catch (error) {
    withdraw(host, rules)
    host.destroyNetns(null, net)
    throw error
  }
}

/** Plugs a pair into bridge and container; the container's end. */
const attach = (net: Netns, port: NetDevice, options: ContainerOptions): NetDevice => {
  const { address, bridge, gateway, mac, name } = options
  const eth0 = Veth.peerOf(port)!
  Device.setMac(eth0, mac)
  check(`${port.name} into ${bridge.name}`, BridgeDevice.addPort(bridge, port))
  if (net.loopback !== null) Device.up(net.loopback)
  check(`address of ${name}`, Device.addAddress(eth0, address.address, address.prefix))
  Device.up(eth0)
  Device.up(port)
  if (gateway !== null) check(`route of ${name}`, net.fib.add({ prefix: 0, length: 0, gateway, dev: eth0 }))
  return eth0
}

/** Makes a device of the host a port of a bridge. */
export const addPort = (bridge: NetDevice, port: NetDevice): void => {
  check(`${port.name} into ${bridge.name}`, BridgeDevice.addPort(bridge, port))
  Device.up(port)
}

/**
 * Ends a container: its published ports, its pair of devices, its namespace with what is tracked there. Its processes
 * have to be gone. Flows that the host tracks end by their own timeouts.
 */
export const removeContainer = (host: Host, container: Container): void => {
  withdraw(host, container.rules)
  Veth.remove(null, container.port)
  host.destroyNetns(null, container.net)
}

const withdraw = (host: Host, rules: Container["rules"]): void => {
  for (const { chain, rule } of rules) Netfilter.of(host.init).table("nat").deleteRule(chain, rule)
}

/**
 * `-p hostPort:containerPort`: DNAT for what comes to an address of the host, from outside and from the host itself. As
 * Docker does it, not for what comes in over the bridge.
 */
const publishing = (bridge: NetDevice, address: number, published: Published): Container["rules"] => {
  const { containerPort, hostPort, protocol } = published
  const common: ReadonlyArray<Match> = [
    { _tag: "Protocol", protocol: PROTOCOLS[protocol], invert: false },
    { _tag: "DestinationPorts", from: hostPort, to: hostPort, invert: false },
    { _tag: "AddressType", side: "destination", kind: "LOCAL", invert: false }
  ]
  const target: Target = {
    _tag: "Dnat",
    addressMin: address,
    addressMax: address,
    portMin: containerPort,
    portMax: containerPort,
    random: false,
    persistent: false
  }
  const outside: Match = { _tag: "InInterface", name: bridge.name, invert: true }
  return [
    { chain: "PREROUTING", rule: { matches: [outside, ...common], target } },
    { chain: "OUTPUT", rule: { matches: common, target } }
  ]
}

/** Length of an interface's name, at most. */
const NAME_MAX = 15

/** The host's end of a container's pair: `veth-` and the name, or a hash of it where that is too long. */
export const portName = (container: string): string => {
  const name = `veth-${container}`
  if (name.length <= NAME_MAX) return name
  return `veth${(hashText(container, 0) >>> 0).toString(16).padStart(8, "0")}`
}
