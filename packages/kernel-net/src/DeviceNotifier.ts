/**
 * Who is told when a device changes (Linux: netdev_chain, inetaddr_chain): bridges of their ports, NAT of addresses that
 * go.
 */
import type { NetDevice } from "./NetDevice.ts"

/** Linux: NETDEV_UP, NETDEV_DOWN, NETDEV_CHANGE, NETDEV_CHANGEMTU, NETDEV_CHANGEADDR, NETDEV_UNREGISTER. */
export const UP = 1
export const DOWN = 2
/** The carrier has come or gone. */
export const CHANGE = 4
export const CHANGE_MTU = 7
export const CHANGE_ADDRESS = 8
export const UNREGISTER = 6
/** An IP address was taken away (Linux: NETDEV_DOWN of inetaddr_chain). */
export const ADDRESS_GONE = 100

export interface DeviceNotifier {
  /** Called after the change. May change other devices, never this one's registration. */
  changed(event: number, dev: NetDevice): void
}

/** The chain of one host, in the order of registration. */
export class DeviceChain {
  private readonly notifiers: Array<DeviceNotifier>

  constructor() {
    this.notifiers = []
  }

  /** Linux: register_netdevice_notifier. Registering twice is once. */
  register(notifier: DeviceNotifier): void {
    if (!this.notifiers.includes(notifier)) this.notifiers.push(notifier)
  }

  call(event: number, dev: NetDevice): void {
    for (const notifier of this.notifiers) notifier.changed(event, dev)
  }
}
