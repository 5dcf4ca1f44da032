/**
 * How a frame leaves a bridge by its ports (Linux: net/bridge/br_forward.c).
 *
 * A flooded frame is cloned for every port but the last; each clone counts as a packet of its own.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Drops from "../Drops.ts"
import { BR_FLOOD, BR_FORWARD } from "../Points.ts"
import * as Skb from "../Skb.ts"
import type { SkBuff } from "../SkBuff.ts"
import { devQueueXmit } from "../DevXmit.ts"
import type { Bridge } from "./Bridge.ts"
import { forwardHook, postRouting } from "./BridgeNetfilter.ts"
import type { BridgePort } from "./BridgePort.ts"
import { FORWARDING } from "./PortState.ts"
import { BR_DEV_QUEUE_PUSH_XMIT, BR_FORWARD_FINISH, NO_TX_TARGET } from "./Points.ts"

const ETHERNET_HEADER = 14

/** Whether a frame from `source` (null: from the host) may leave by `port`. */
const shouldDeliver = (port: BridgePort, source: BridgePort | null): boolean =>
  port.currentState() === FORWARDING && (port !== source || port.hairpin)

/**
 * To the one port behind which the destination is (Linux: br_forward, br_deliver). `data` behind the header.
 *
 * @param keep the buffer stays the caller's: a clone is sent
 */
export const forward = (core: Core, skb: SkBuff, port: BridgePort, source: BridgePort | null, keep: boolean): void => {
  if (!shouldDeliver(port, source)) {
    if (!keep) skb.host.dropSkb(core, skb, NO_TX_TARGET)
    return
  }
  core.visit(BR_FORWARD, port.dev.net.id, port.dev.index, skb.traceId, port.number)
  if (keep) sendClone(core, skb, port, source)
  else send(core, skb, port, source)
}

/**
 * To every port that may send it (Linux: br_flood_forward, br_flood_deliver).
 *
 * @param keep the buffer stays the caller's: only clones are sent
 */
export const flood = (core: Core, skb: SkBuff, bridge: Bridge, source: BridgePort | null, keep: boolean): void => {
  core.visit(BR_FLOOD, bridge.dev.net.id, bridge.dev.index, skb.traceId, bridge.ports.length)
  let previous: BridgePort | null = null
  const ports = bridge.ports
  for (let i = ports.length - 1; i >= 0; i--) {
    const port = ports[i]!
    if (!port.flooding || !shouldDeliver(port, source)) continue
    if (previous !== null) sendClone(core, skb, previous, source)
    previous = port
  }
  if (previous === null) {
    if (!keep) skb.host.dropSkb(core, skb, NO_TX_TARGET)
  } else if (keep) sendClone(core, skb, previous, source)
  else send(core, skb, previous, source)
}

/** Linux: deliver_clone. */
const sendClone = (core: Core, skb: SkBuff, port: BridgePort, source: BridgePort | null): void => {
  const copy = Skb.clone(core, skb)
  if (copy === null) {
    port.bridge.dev.stats.txDropped++
    return
  }
  skb.host.bornSkb(copy)
  send(core, copy, port, source)
}

/** Linux: __br_forward, br_forward_finish, br_dev_queue_push_xmit. */
const send = (core: Core, skb: SkBuff, port: BridgePort, source: BridgePort | null): void => {
  const dev = port.dev
  if (source !== null && !forwardHook(core, skb, port)) return
  core.charge(core.costs[BR_FORWARD_FINISH]!)
  skb.dev = dev
  if (source !== null && !postRouting(core, skb, port)) return
  core.charge(core.costs[BR_DEV_QUEUE_PUSH_XMIT]!)
  if (skb.length > dev.mtu && skb.gsoSize === 0) {
    skb.host.dropSkb(core, skb, Drops.PKT_TOO_BIG)
    return
  }
  Skb.ensureHeadroom(skb.host, skb, ETHERNET_HEADER)
  skb.push(ETHERNET_HEADER)
  devQueueXmit(core, skb)
}
