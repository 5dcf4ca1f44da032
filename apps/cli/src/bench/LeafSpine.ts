/** A leaf-spine fabric of IP switches: host j of leaf l is 10.l.j.2 behind 10.l.j.1; a flow keeps to one spine (ECMP). */
import { Router } from "@darkfiber/hardware/router/Router"
import { ip, type Machine, PEER, type Testbed } from "./Testbed.ts"

export interface LeafSpineOptions {
  readonly spines: number
  readonly leaves: number
  readonly perLeaf: number
  /** Bits per second of host and leaf uplinks. */
  readonly edge: number
  readonly uplink: number
}

const DELAY = 1000

export class LeafSpine {
  readonly hosts: Array<Machine>
  private readonly perLeaf: number

  constructor(bed: Testbed, options: LeafSpineOptions) {
    this.hosts = []
    this.perLeaf = options.perLeaf
    const queueLimit = bed.queueBytes
    const router = (name: string): Router => bed.box(new Router(bed.world.newIsland(name), name, { queueLimit }))
    const spines = Array.from({ length: options.spines }, (_, k) => router(`spine${k}`))
    for (let l = 0; l < options.leaves; l++) {
      const leaf = router(`leaf${l}`)
      for (let j = 0; j < options.perLeaf; j++) {
        const machine = bed.machine(`h${l}-${j}`)
        this.hosts.push(machine)
        bed.edge(machine, leaf, options.edge, DELAY, ip(10, l, j, 2), ip(10, l, j, 1))
      }
      const up = spines.map((spine) => {
        const [there, back] = bed.trunk(leaf, spine, options.uplink, DELAY)
        spine.setRoute(ip(10, l, 0, 0), 16, [{ port: back, gateway: PEER }])
        return { port: there, gateway: PEER }
      })
      leaf.setRoute(0, 0, up)
    }
  }

  address(n: number): number {
    return ip(10, Math.floor(n / this.perLeaf), n % this.perLeaf, 2)
  }
}
