/**
 * Boot as an ordered list of named steps, which a lab may leave out or let fail. A step whose precondition is missing
 * still runs: what breaks shows in the behaviour, as it would.
 *
 * Linux: early_initcall(spawn_ksoftirqd), subsys_initcall(net_dev_init), fs_initcall(inet_init), module_init of the
 * driver, ndo_open.
 */
import { NET_RX, NET_TX } from "@darkfiber/hardware/cpu/Softirq"
import { placed } from "@darkfiber/sim/Exact"
import { arpPacketType } from "./Arp.ts"
import type { Host } from "./Host.ts"
import { icmpProtocol } from "./Icmp.ts"
import { ipPacketType } from "./IpInput.ts"
import { loopbackPernet } from "./Loopback.ts"
import { tcpOffload } from "./TcpOffload.ts"
import { udpProtocol } from "./Udp.ts"

export interface BootStep {
  readonly name: string
  /** @returns 0 or a negative errno */
  run(host: Host): number
}

export interface BootOutcome {
  readonly name: string
  /** `done`, `left out`, or a negative errno. */
  readonly outcome: "done" | "left out" | number
}

/** The steps of the network kernel; drivers and other packages append theirs. */
export const networkSteps: ReadonlyArray<BootStep> = [
  {
    name: "spawn_ksoftirqd",
    run: (host) => {
      host.ksoftirqds = host.cores.length
      return 0
    }
  },
  {
    name: "net_dev_init",
    run: (host) => {
      for (const softnet of host.softnet) {
        softnet.core.openSoftirq(NET_TX, softnet.tx)
        softnet.core.openSoftirq(NET_RX, softnet.rx)
      }
      return 0
    }
  },
  { name: "loopback_net_init", run: (host) => host.registerPernet(loopbackPernet) },
  {
    name: "inet_add_protocol(ICMP)",
    run: (host) => {
      host.addProtocol(icmpProtocol)
      return 0
    }
  },
  {
    name: "inet_add_protocol(UDP)",
    run: (host) => {
      host.addProtocol(udpProtocol)
      return 0
    }
  },
  {
    name: "inet_add_offload(TCP)",
    run: (host) => {
      host.offloads = placed(host.offloads, tcpOffload.protocol, tcpOffload)
      return 0
    }
  },
  {
    name: "arp_init",
    run: (host) => {
      host.packetTypes.set(arpPacketType.etherType, arpPacketType)
      return 0
    }
  },
  {
    name: "dev_add_pack(ip_packet_type)",
    run: (host) => {
      host.packetTypes.set(ipPacketType.etherType, ipPacketType)
      return 0
    }
  }
]

const LEFT_OUT = 1

export class BootSequence {
  private readonly host: Host
  /** What is to run, in order. */
  readonly steps: ReadonlyArray<BootStep>
  /** A number a step that has run: 0, LEFT_OUT or a negative errno. */
  private outcomes: ReadonlyArray<number>

  constructor(host: Host) {
    this.host = host
    this.steps = networkSteps
    this.outcomes = []
  }

  /** What has run. */
  get log(): ReadonlyArray<BootOutcome> {
    return this.outcomes.map((each, i) => ({
      name: this.steps[i]!.name,
      outcome: each === 0 ? "done" : each === LEFT_OUT ? "left out" : each
    }))
  }

  /**
   * Runs every step not yet run.
   *
   * @param skip names of steps to leave out
   * @returns the first errno of a step that failed, else 0; later steps run all the same
   */
  run(skip: ReadonlySet<string> = new Set()): number {
    let status = 0
    const outcomes = [...this.outcomes]
    for (const step of this.steps.slice(outcomes.length)) {
      const result = skip.has(step.name) ? LEFT_OUT : step.run(this.host)
      outcomes.push(result)
      if (result < 0 && status === 0) status = result
    }
    this.outcomes = outcomes.slice()
    return status
  }
}
