/**
 * A bridge: ports, forwarding database, settings (Linux: struct net_bridge, net/bridge/br_if.c, br_device.c).
 *
 *     port ── rx_handler ── BridgeInput ──┬─ to another port ── BridgeForward ── dev_queue_xmit
 *                                         └─ to the host ── the bridge's own device ── netif_receive_skb
 *     the host ── transmit of the bridge's device ── BridgeForward
 *
 * Not modelled: VLAN filtering, multicast snooping (groups are flooded), BPDUs (see BridgePort), ebtables.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { Schedulable } from "@darkfiber/sim/Actor"
import type { Lender } from "@darkfiber/sim/Lender"
import * as Device from "../Device.ts"
import { EBUSY, EINVAL, ELOOP } from "../Errno.ts"
import type { Host } from "../Host.ts"
import { type DeviceOps, IFF_LOOPBACK, type NetDevice } from "../NetDevice.ts"
import { KernelTimer, type TimerOwner } from "../Timers.ts"
import { BridgePort } from "./BridgePort.ts"
import { FORWARDING, LEARNING } from "./PortState.ts"
import { Fdb } from "./Fdb.ts"

/** No more port numbers (Linux: EXFULL). */
export const EXFULL = 54
const PORTS_MAX = 1024
const ETHERNET_HEADER = 14

export class Bridge implements TimerOwner {
  readonly dev: NetDevice
  readonly host: Host
  /** Its fiber: configuration, life cycle; its frame path and timers are lent to the cores. */
  readonly actor: Lender
  readonly ports: Array<BridgePort>
  readonly fdb: Fdb
  /** ns. */
  ageingTime: number
  forwardDelay: number
  helloTime: number
  maxAge: number
  stpEnabled: boolean
  /** First two bytes of the bridge id. */
  priority: number
  /** Somebody has chosen the bridge's MAC address: it does not follow the ports. */
  addressIsSet: boolean
  /** Somebody has chosen its MTU. */
  mtuIsSet: boolean
  /** Link-local groups 01:80:c2:00:00:0X that are forwarded after all, a bit each (group_fwd_mask). */
  groupForwardMask: number
  /** Its own address has an entry too (Linux since 3.14: br_fdb_change_mac_address). */
  private readonly ownEntry: boolean
  private readonly timer: KernelTimer
  private collecting: boolean

  constructor(dev: NetDevice, ownEntry: boolean) {
    this.ownEntry = ownEntry
    this.dev = dev
    this.host = dev.net.host
    this.actor = this.host.newLender(dev.net.id === 0 ? dev.name : `netns${dev.net.id}/${dev.name}`)
    this.ports = []
    this.fdb = new Fdb()
    this.ageingTime = 300e9
    this.forwardDelay = 15e9
    this.helloTime = 2e9
    this.maxAge = 20e9
    this.stpEnabled = false
    this.priority = 0x8000
    this.addressIsSet = false
    this.mtuIsSet = false
    this.groupForwardMask = 0
    this.timer = new KernelTimer(this)
    this.collecting = false
  }

  /** The bridge id as `brctl show` prints it: `8000.020000000001`; without ports the address part is zero. */
  get id(): string {
    const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0")
    const mac = this.ports.length === 0 && !this.addressIsSet ? 0 : this.dev.mac
    return `${hex(this.priority, 4)}.${hex(mac, 12)}`
  }

  port(dev: NetDevice): BridgePort | null {
    return this.ports.find((port) => port.dev === dev) ?? null
  }

  /**
   * Makes a device a port (Linux: br_add_if).
   *
   * @returns 0, -EINVAL (lo, no Ethernet, another namespace), -ELOOP (a bridge), -EBUSY (a port already), -EXFULL
   */
  addPort(dev: NetDevice, ops: DeviceOps): number {
    if ((dev.flags & IFF_LOOPBACK) !== 0 || dev.headerLength !== ETHERNET_HEADER || dev.mac === 0) return -EINVAL
    if (dev.net !== this.dev.net) return -EINVAL
    if (dev.ops === ops) return -ELOOP
    if (dev.master !== null || dev.rxHandler !== null) return -EBUSY
    let number = 1
    while (this.ports.some((port) => port.number === number)) number++
    if (number >= PORTS_MAX) return -EXFULL
    const now = this.host.island.now
    const port = new BridgePort(this, dev, number)
    this.ports.push(port)
    dev.promiscuity++
    dev.rxHandler = port
    dev.master = this.dev
    this.fdb.insert(dev.mac, port, true, now)
    this.followPorts()
    this.portChanged(port)
    return 0
  }

  /** Takes a port out (Linux: br_del_if). @returns 0 or -EINVAL when it is none of this bridge's */
  removePort(dev: NetDevice): number {
    const port = this.port(dev)
    if (port === null) return -EINVAL
    dev.rxHandler = null
    dev.master = null
    this.release(port)
    return 0
  }

  private release(port: BridgePort): void {
    port.disable()
    port.dev.promiscuity--
    if (port.dev.master === this.dev) port.dev.master = null
    if (port.dev.rxHandler === port) port.dev.rxHandler = null
    this.ports.splice(this.ports.indexOf(port), 1)
    this.fdb.deletePort(port, true)
    this.followPorts()
    this.updateCarrier()
  }

  /** A port's device has come up or gone down, or its carrier has, or it has gone altogether (br_device_event). */
  portChanged(port: BridgePort): void {
    const dev = port.dev
    if (!dev.registered || dev.rxHandler !== port) {
      this.release(port)
      return
    }
    if (dev.isUp() && dev.carrier && this.dev.isUp()) port.enable(this.host.island.now)
    else port.disable()
    this.updateCarrier()
  }

  /** The bridge itself goes up or down (Linux: br_stp_enable_bridge, br_stp_disable_bridge). */
  allPortsChanged(): void {
    for (const port of this.ports.slice()) this.portChanged(port)
  }

  /** A port's MAC address has changed (Linux: br_fdb_changeaddr). */
  addressChanged(port: BridgePort): void {
    for (const entry of this.fdb.list()) if (entry.isLocal && entry.port === port) this.fdb.delete(entry.mac)
    this.fdb.insert(port.dev.mac, port, true, this.host.island.now)
    this.followPorts()
  }

  /** Turns the spanning tree on or off: ports begin anew (Linux: br_stp_set_enabled). */
  setStp(on: boolean): void {
    if (this.stpEnabled === on) return
    this.stpEnabled = on
    for (const port of this.ports) port.disable()
    this.allPortsChanged()
  }

  /** Sets the bridge's MAC address for good. */
  setAddress(mac: number): void {
    this.addressIsSet = true
    this.changeAddress(mac)
  }

  /** The device's address, and the entry that says so: a port's local entry for the same address stands. */
  changeAddress(mac: number): void {
    const old = this.dev.mac
    if (this.fdb.list().some((entry) => entry.port === null && entry.mac === old)) this.fdb.delete(old)
    this.dev.mac = mac
    if ((this.ownEntry || this.addressIsSet) && mac !== 0) this.fdb.insert(mac, null, true, this.host.island.now)
  }

  /** MAC address and MTU are the smallest of the ports' (Linux: br_stp_recalculate_bridge_id, br_min_mtu). */
  followPorts(): void {
    const dev = this.dev
    if (!this.mtuIsSet) {
      dev.mtu = this.ports.reduce((least, port) => Math.min(least, port.dev.mtu), this.ports[0]?.dev.mtu ?? 1500)
      dev.net.flushRoutes()
    }
    if (this.addressIsSet) return
    const lowest = this.ports.reduce((least, port) => Math.min(least, port.dev.mac), this.ports[0]?.dev.mac ?? 0)
    if (lowest !== dev.mac) this.changeAddress(lowest)
  }

  /** The bridge has a carrier while a port forwards or learns. */
  updateCarrier(): void {
    const carrier = this.ports.some((port) => port.state === FORWARDING || port.state === LEARNING)
    if (carrier !== this.dev.carrier) Device.setCarrier(this.dev, carrier)
  }

  /** How long a learned entry holds, ns. */
  get holdTime(): number {
    return this.ageingTime
  }

  /** Learns where a frame came from. */
  learn(high: number, low: number, port: BridgePort, now: number): void {
    if (this.ageingTime === 0 || !port.learning) return
    if (this.fdb.learn(high, low, port, now) && !this.collecting) this.arm(now + this.holdTime)
  }

  lender(): Schedulable {
    return this.actor
  }

  expire(core: Core): void {
    this.collecting = false
    const next = this.fdb.collect(this.holdTime, core.time)
    if (next < Infinity) this.arm(next)
  }

  /** Stops its timers: the bridge is being deleted. */
  close(): void {
    for (const port of this.ports.slice()) this.removePort(port.dev)
    this.host.timers.cancel(this.timer)
    this.actor.retire()
  }

  /** The collector runs at whole seconds, as round_jiffies_up has it. */
  private arm(at: number): void {
    this.collecting = true
    this.host.timers.arm(this.timer, Math.ceil(at / 1e9) * 1e9, 0)
  }
}
