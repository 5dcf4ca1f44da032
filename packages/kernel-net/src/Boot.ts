/**
 * Boot as an ordered list of named steps, which a lab may leave out or let fail. A step whose precondition is missing
 * still runs: what breaks shows in the behaviour, as it would.
 *
 * Linux: early_initcall(spawn_ksoftirqd), subsys_initcall(net_dev_init), fs_initcall(inet_init), module_init of the
 * driver, ndo_open.
 */
import { NET_RX, NET_TX } from "@darkfiber/hardware/cpu/Softirq"
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
      host.offloads[tcpOffload.protocol] = tcpOffload
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

export class BootSequence {
  private readonly host: Host
  /** What is to run, in order. Append before `run`. */
  readonly steps: Array<BootStep>
  /** What has run. */
  readonly log: Array<BootOutcome>

  constructor(host: Host) {
    this.host = host
    this.steps = [...networkSteps]
    this.log = []
  }

  /**
   * Runs every step not yet run.
   *
   * @param skip names of steps to leave out
   * @returns the first errno of a step that failed, else 0; later steps run all the same
   */
  run(skip: ReadonlySet<string> = new Set()): number {
    let status = 0
    for (const step of this.steps.slice(this.log.length)) {
      if (skip.has(step.name)) {
        this.log.push({ name: step.name, outcome: "left out" })
        continue
      }
      const result = step.run(this.host)
      this.log.push({ name: step.name, outcome: result === 0 ? "done" : result })
      if (result !== 0 && status === 0) status = result
    }
    return status
  }
}
