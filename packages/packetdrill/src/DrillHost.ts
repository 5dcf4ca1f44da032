/**
 * The host under test: one core, next to no CPU cost, HZ=1000, and tun0 whose other end is the script.
 *
 *     script ── tun0 ── 192.168.0.1/16 · route 192.0.2.0/24 ── kernel, TCP, sockets ── one process
 */
import * as CostTable from "@darkfiber/hardware/cpu/CostTable"
import * as Device from "@darkfiber/kernel-net/Device"
import { Host } from "@darkfiber/kernel-net/Host"
import * as KernelProfile from "@darkfiber/kernel-net/Profile"
import { Tun } from "@darkfiber/kernel-net/tun/Tun"
import type { Place } from "@darkfiber/observe/Machine"
import * as ActorFiber from "@darkfiber/sim/ActorFiber"
import type { Island } from "@darkfiber/sim/Island"
import { Runtime } from "@darkfiber/sim/Runtime"
import { World } from "@darkfiber/sim/World"
import * as HostSockets from "@darkfiber/sockets/HostSockets"
import type { Config } from "./Config.ts"

const MEMORY = 4 * 1024 * 1024 * 1024
const HZ = 1000
const MILLISECOND = 1_000_000
/** Before this the host boots and the init command runs, ns. */
const BOOT = 1_000_000_000
/** A script begins so long after a jiffy, ns; looked for in steps. */
const JIFFY_FIRST = 150_000
const JIFFY_LAST = 350_000
const SEARCH_STEP = 25_000

export interface DrillHostOptions {
  readonly seed: number
  readonly kernel: "3.10" | "6.x"
}

/** The host could not be set up as the script's options want it. */
export class SetupFailed extends Error {}

export class DrillHost {
  readonly world: World
  readonly runtime: Runtime
  readonly kernel: Host
  readonly sockets: HostSockets.HostSockets
  readonly tun: Tun

  constructor(config: Config, options: DrillHostOptions) {
    this.world = new World(options.seed)
    this.runtime = new Runtime(this.world)
    const island = this.world.newIsland("drill")
    const profile = HostSockets.profiles[options.kernel]
    const network = KernelProfile.profiles.find((each) => each.name === options.kernel)!
    this.kernel = new Host(this.world, {
      name: "drill",
      island,
      profile: { ...network, hz: HZ, timerRounding: "exact" },
      cores: 1,
      memoryBytes: MEMORY,
      costTable: costs(),
      sysctls: [HostSockets.sysctls(profile, MEMORY)]
    })
    const group = this.runtime.group(island, "drill")
    this.sockets = HostSockets.attach(this.kernel, { profile, fibers: group, memoryBytes: MEMORY })
    this.kernel.boot.run()
    if (this.kernel.init.loopback !== null) Device.up(this.kernel.init.loopback)
    this.tun = this.bringUp(config)
    for (const core of this.kernel.cores) ActorFiber.lend(group, core, null)
  }

  get island(): Island {
    return this.kernel.island
  }

  /** Virtual time of the last instant, ns. */
  get now(): number {
    return this.island.now
  }

  get place(): Place {
    const { kernel, sockets } = this
    return { host: kernel, processes: sockets.processes, tcp: sockets.tcp, net: kernel.init }
  }

  /**
   * When a script that is ready now should begin: a little after a jiffy begins, as the real runner has it, and as far as
   * may be from where TCP's millisecond changes, so that the nanoseconds of the host's work change neither.
   */
  start(): number {
    const { phase } = this.kernel.timers.wheel
    const base = Math.ceil(Math.max(this.now, BOOT) / MILLISECOND) * MILLISECOND
    let best = 0
    let bestRoom = -1
    for (let inJiffy = JIFFY_FIRST; inJiffy <= JIFFY_LAST; inJiffy += SEARCH_STEP) {
      const offset = (phase + inJiffy) % MILLISECOND
      const room = Math.min(offset, MILLISECOND - offset)
      if (room <= bestRoom) continue
      best = offset
      bestRoom = room
    }
    return base + best
  }

  private bringUp(config: Config): Tun {
    const net = this.kernel.init
    const tun = Tun.create(net, "tun0")
    if (typeof tun === "number") throw new SetupFailed(`tun0: errno ${-tun}`)
    this.must("mtu of tun0", Device.setMtu(tun.dev, config.mtu))
    this.must("address of tun0", Device.addAddress(tun.dev, config.localAddress, config.localPrefix))
    Device.up(tun.dev)
    const mask = config.remotePrefix === 0 ? 0 : -1 << (32 - config.remotePrefix)
    const isLink = config.isAnyIp || config.gateway === config.localAddress
    this.must(
      "route to the remote network",
      net.fib.add({
        prefix: config.remoteAddress & mask,
        length: config.remotePrefix,
        dev: tun.dev,
        gateway: isLink ? 0 : config.gateway
      })
    )
    return tun
  }

  private must(what: string, status: number): void {
    if (status < 0) throw new SetupFailed(`${what}: errno ${-status}`)
  }
}

const costs = (): CostTable.CostTable => {
  const table = CostTable.make("bench")
  if (!(table instanceof CostTable.CostTable)) throw new Error(JSON.stringify(table))
  return table
}
