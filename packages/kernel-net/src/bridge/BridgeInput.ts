/**
 * What a bridge does with a frame that came in by a port (Linux: net/bridge/br_input.c).
 *
 *     br_handle_frame         link-local groups, port state, IPv4 hooks if asked for
 *     br_handle_frame_finish  learn; to the host, to one port, or to all
 *     br_pass_frame_up        the host's copy, from the bridge's own device
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Bytes from "@darkfiber/wire/Bytes"
import * as Drops from "../Drops.ts"
import { IFF_PROMISC } from "../NetDevice.ts"
import { BR_HANDLE_FRAME, BR_PASS_FRAME_UP } from "../Points.ts"
import { netifReceiveCore } from "../Receive.ts"
import { PACKET_HOST, PACKET_LOOPBACK, type SkBuff } from "../SkBuff.ts"
import type { Bridge } from "./Bridge.ts"
import { flood, forward } from "./BridgeForward.ts"
import { preRouting } from "./BridgeNetfilter.ts"
import type { BridgePort } from "./BridgePort.ts"
import { DISABLED, FORWARDING, LEARNING } from "./PortState.ts"
import {
  BR_FDB_UPDATE,
  BR_HANDLE_FRAME_FINISH,
  BRIDGE_INGRESS_STP_STATE,
  MAC_IEEE_MAC_CONTROL,
  MAC_INVALID_SOURCE
} from "./Points.ts"

/** 01:80:c2:00:00:0X: groups that no bridge forwards unless told to. */
const LINK_LOCAL_HIGH = 0x0180
const LINK_LOCAL_LOW = 0xc2000000 | 0
const GROUP_STP = 0
const GROUP_PAUSE = 1

/**
 * The rx_handler of a port.
 *
 * @returns true when the frame is the bridge's, false when it goes up on the port's own device
 */
export const handleFrame = (core: Core, skb: SkBuff, port: BridgePort): boolean => {
  if (skb.packetType === PACKET_LOOPBACK) return false
  const dev = port.dev
  const host = skb.host
  core.visit(BR_HANDLE_FRAME, dev.net.id, dev.index, skb.traceId, port.number)
  const bytes = host.world.slab.bytes
  const at = skb.macHeader
  const low = Bytes.i32(bytes, at + 8)
  if ((bytes[at + 6]! & 1) !== 0 || (low === 0 && Bytes.u16(bytes, at + 6) === 0)) {
    host.dropSkb(core, skb, MAC_INVALID_SOURCE)
    return true
  }
  const destination = Bytes.i32(bytes, at + 2)
  if (Bytes.u16(bytes, at) === LINK_LOCAL_HIGH && (destination & ~15) === LINK_LOCAL_LOW) {
    const group = destination & 15
    if (group === GROUP_PAUSE) {
      host.dropSkb(core, skb, MAC_IEEE_MAC_CONTROL)
      return true
    }
    const bridge = port.bridge
    const passes = (group === GROUP_STP && !bridge.stpEnabled) || (bridge.groupForwardMask & (1 << group)) !== 0
    if (!passes) {
      if (port.state === LEARNING || port.state === FORWARDING) learn(core, bytes, at, port)
      return false
    }
  }
  const state = port.currentState()
  if (state !== FORWARDING && state !== LEARNING) {
    host.dropSkb(core, skb, BRIDGE_INGRESS_STP_STATE)
    return true
  }
  const bridge = port.bridge.dev
  if (destination === bridge.macLow && Bytes.u16(bytes, at) === bridge.macHigh) skb.packetType = PACKET_HOST
  if (preRouting(core, skb, port)) finish(core, skb, port)
  return true
}

const learn = (core: Core, bytes: Uint8Array, at: number, port: BridgePort): void => {
  core.charge(core.costs[BR_FDB_UPDATE]!)
  port.bridge.learn(Bytes.u16(bytes, at + 6), Bytes.i32(bytes, at + 8), port, core.time)
}

/** Linux: br_handle_frame_finish. */
const finish = (core: Core, skb: SkBuff, port: BridgePort): void => {
  const bridge = port.bridge
  const host = skb.host
  core.charge(core.costs[BR_HANDLE_FRAME_FINISH]!)
  if (port.state === DISABLED) {
    host.dropSkb(core, skb, BRIDGE_INGRESS_STP_STATE)
    return
  }
  const bytes = host.world.slab.bytes
  const at = skb.macHeader
  learn(core, bytes, at, port)
  if (port.state === LEARNING) {
    host.dropSkb(core, skb, BRIDGE_INGRESS_STP_STATE)
    return
  }
  const isPromiscuous = (bridge.dev.flags & IFF_PROMISC) !== 0 || bridge.dev.promiscuity > 0
  if ((bytes[at]! & 1) !== 0) {
    if (Bytes.i32(bytes, at + 2) !== -1 || Bytes.u16(bytes, at) !== 0xffff) bridge.dev.stats.multicast++
    flood(core, skb, bridge, port, true)
    passFrameUp(core, skb, bridge)
    return
  }
  const entry = bridge.fdb.lookup(Bytes.u16(bytes, at), Bytes.i32(bytes, at + 2), bridge.holdTime, core.time)
  if (entry !== null && entry.isLocal) {
    entry.used = core.time
    passFrameUp(core, skb, bridge)
    return
  }
  if (entry === null) flood(core, skb, bridge, port, isPromiscuous)
  else {
    entry.used = core.time
    forward(core, skb, entry.port!, port, isPromiscuous)
  }
  if (isPromiscuous) passFrameUp(core, skb, bridge)
}

/** The frame has arrived at the bridge's own device (Linux: br_pass_frame_up). */
const passFrameUp = (core: Core, skb: SkBuff, bridge: Bridge): void => {
  const dev = bridge.dev
  core.visit(BR_PASS_FRAME_UP, dev.net.id, dev.index, skb.traceId, skb.length)
  if (!dev.isUp()) {
    dev.stats.rxDropped++
    skb.host.dropSkb(core, skb, Drops.DEV_READY)
    return
  }
  dev.stats.rxPackets++
  dev.stats.rxBytes += skb.length
  skb.dev = dev
  netifReceiveCore(core, skb)
}
