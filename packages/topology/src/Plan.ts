/**
 * A topology in plain numbers, every reference resolved and every default filled in: what the builder builds from.
 *
 * Times are nanoseconds, rates bits per second, sizes bytes, addresses int32, MAC addresses 48-bit numbers.
 */
import type { QdiscSpec } from "@darkfiber/kernel-net/qdisc/Spec"
import type { Fault } from "./Document.ts"
import type { Swarm } from "./FaultSwarm.ts"

export type Kernel = "3.10" | "6.x"

export interface AddressPlan {
  readonly address: number
  readonly prefix: number
}

export interface ProcessPlan {
  readonly name: string
  readonly program: string
  readonly args: { readonly [name: string]: unknown }
  readonly core: number | null
  readonly nice: number
  readonly start: number
}

export interface RoutePlan {
  readonly address: number
  readonly prefix: number
  readonly via: number | null
  readonly device: string | null
}

export interface NicPlan {
  readonly name: string
  readonly addresses: ReadonlyArray<AddressPlan>
  readonly gateway: number | null
  readonly mac: number
  readonly mtu: number
  readonly queues: number
  readonly rxRing: number
  readonly txRing: number
  readonly rxUsecs: number
  readonly tso: boolean
  readonly gro: boolean
  /** The root of all its queues; null for what the kernel gives each. */
  readonly qdisc: QdiscSpec | null
}

export interface BridgePlan {
  readonly name: string
  readonly address: AddressPlan | null
  readonly ports: ReadonlyArray<string>
  readonly masquerade: boolean
}

export interface PublishPlan {
  readonly hostPort: number
  readonly containerPort: number
  readonly protocol: "tcp" | "udp"
}

export interface ContainerPlan {
  readonly name: string
  readonly bridge: string
  readonly address: AddressPlan
  readonly gateway: number | null
  readonly mac: number
  readonly publish: ReadonlyArray<PublishPlan>
  readonly sysctls: ReadonlyArray<readonly [string, string]>
  readonly processes: ReadonlyArray<ProcessPlan>
}

export interface NamespacePlan {
  readonly name: string
  readonly sysctls: ReadonlyArray<readonly [string, string]>
  readonly processes: ReadonlyArray<ProcessPlan>
}

export interface HostPlan {
  readonly name: string
  readonly cores: number
  readonly memory: number
  readonly kernel: Kernel
  readonly nics: ReadonlyArray<NicPlan>
  readonly bridges: ReadonlyArray<BridgePlan>
  readonly containers: ReadonlyArray<ContainerPlan>
  readonly namespaces: ReadonlyArray<NamespacePlan>
  readonly sysctls: ReadonlyArray<readonly [string, string]>
  readonly routes: ReadonlyArray<RoutePlan>
  readonly setup: ReadonlyArray<string>
  readonly processes: ReadonlyArray<ProcessPlan>
}

export interface SwitchPlan {
  readonly name: string
  readonly ports: number
  readonly queue: number
  /** Bytes above which packets are marked; null for never. */
  readonly ecn: number | null
  readonly latency: number
  readonly ageing: number
}

/** Traffic to a prefix leaves by any of these ports, chosen by the flow's hash. */
export interface RouterRoutePlan {
  readonly address: number
  readonly prefix: number
  readonly ports: ReadonlyArray<number>
  /** Next hop's address; null when the destination is on the wire or the far end is a router. */
  readonly via: number | null
}

export interface RouterPortPlan {
  readonly port: number
  readonly mac: number
  readonly addresses: ReadonlyArray<AddressPlan>
  /** MAC address of the router at the far end, where there is one. */
  readonly peerMac: number | null
  /** Longest IP packet that leaves by it, bytes. */
  readonly mtu: number
}

export interface RouterPlan {
  readonly name: string
  readonly ports: ReadonlyArray<RouterPortPlan>
  readonly routes: ReadonlyArray<RouterRoutePlan>
  readonly queue: number
  readonly ecn: number | null
  readonly latency: number
}

export interface EndPlan {
  readonly kind: "host" | "switch" | "router"
  /** Name of the host, switch or router. */
  readonly node: string
  /** NIC name, or `port1`. */
  readonly port: string
  /** Index of the port, from 0. */
  readonly index: number
}

export interface LinkPlan {
  readonly name: string
  readonly ends: readonly [EndPlan, EndPlan]
  readonly rate: number
  readonly delay: number
  /** Share of frames lost, each direction. */
  readonly loss: number
}

export interface FaultPlan {
  readonly id: string
  readonly kind: Fault["kind"]
  readonly at: number
  /** End of the fault; Infinity for the rest of the run. */
  readonly until: number
  /** Index of the link and the end named, for faults of links. */
  readonly link: number
  readonly end: 0 | 1
  readonly direction: "both" | "from" | "to"
  readonly share: number
  readonly by: number
  readonly what: "fcs" | "payload"
  readonly host: string
  readonly core: number
  readonly factor: number
  /** Faults that the seed chooses; null for a fault of its own. */
  readonly swarm: Swarm | null
}

export interface Plan {
  readonly name: string
  readonly kernel: Kernel
  readonly duration: number
  readonly costs: "default" | "bench"
  readonly checksums: "carried" | "filled"
  readonly hosts: ReadonlyArray<HostPlan>
  readonly switches: ReadonlyArray<SwitchPlan>
  readonly routers: ReadonlyArray<RouterPlan>
  readonly links: ReadonlyArray<LinkPlan>
  readonly faults: ReadonlyArray<FaultPlan>
}
