/**
 * The process side of a host: processes, sockets and TCP over its network kernel, put together.
 *
 *     const host = new Host(world, { …, sysctls: [HostSockets.sysctls(profile, memoryBytes)] })
 *     host.boot.run()
 *     const { processes } = HostSockets.attach(host, { profile, fibers, memoryBytes })
 */
import type { Host } from "@darkfiber/kernel-net/Host"
import type { SysctlDefault } from "@darkfiber/kernel-net/Sysctl"
import type { FiberGroup } from "@darkfiber/sim/FiberGroup"
import { linux310 as tcp310, linux6x as tcp6x, type TcpProfile } from "@darkfiber/tcp/Profile"
import { ProcessTable } from "./Processes.ts"
import { icmpFamily } from "./SocketIcmp.ts"
import { SocketLayer } from "./SocketLayer.ts"
import { linux310 as sockets310, linux6x as sockets6x, type SocketsProfile } from "./SocketsProfile.ts"
import { TcpFamily } from "./SocketTcp.ts"
import { UdpFamily } from "./SocketUdp.ts"
import { TcpGlue } from "./TcpGlue.ts"
import * as TcpSysctls from "./TcpSysctls.ts"

/** What this package and TCP take from a kernel profile. */
export interface HostProfile {
  readonly sockets: SocketsProfile
  readonly tcp: TcpProfile
  /** Slab objects of a UDP sock. */
  readonly udpObjects: ReadonlyArray<string>
}

export const linux310: HostProfile = { sockets: sockets310, tcp: tcp310, udpObjects: ["UDP"] }
export const linux6x: HostProfile = { sockets: sockets6x, tcp: tcp6x, udpObjects: ["UDP", "kmalloc-64"] }
export const profiles: Readonly<Record<"3.10" | "6.x", HostProfile>> = { "3.10": linux310, "6.x": linux6x }

export interface HostSocketsOptions {
  readonly profile: HostProfile
  /** The fibers of this incarnation of the host; null for a host that runs leased programs only. */
  readonly fibers: FiberGroup | null
  /** Bytes of memory of the host, and of those taken at boot. */
  readonly memoryBytes: number
  readonly usedBytes?: number
}

export interface HostSockets {
  readonly host: Host
  readonly processes: ProcessTable
  readonly layer: SocketLayer
  readonly tcp: TcpGlue
}

/** TCP's sysctls, for `HostOptions.sysctls`. */
export const sysctls = (profile: HostProfile, memoryBytes: number): ReadonlyArray<SysctlDefault> =>
  TcpSysctls.slice(profile.tcp, memoryBytes)

export const attach = (host: Host, options: HostSocketsOptions): HostSockets => {
  const processes = new ProcessTable({
    name: host.name,
    island: host.island,
    cores: host.cores,
    exactTimers: (core) => host.softnet[core.index]!.exactTimers,
    memory: host.memory,
    profile: options.profile.sockets,
    fibers: options.fibers,
    totalBytes: options.memoryBytes,
    usedBytes: options.usedBytes ?? 0
  })
  const layer = new SocketLayer(host, processes)
  const tcp = new TcpGlue(host, options.profile.tcp, options.memoryBytes)
  layer.register(new TcpFamily(tcp))
  layer.register(new UdpFamily(host.memory, options.profile.udpObjects))
  layer.register(icmpFamily)
  return { host, processes, layer, tcp }
}
