/**
 * Trace points of the bridge beside those in ../Points.ts, and its drop reasons (Linux: include/net/dropreason-core.h).
 */
import * as DropReason from "@darkfiber/sim/DropReason"
import * as TracePoint from "@darkfiber/sim/TracePoint"

export const BR_HANDLE_FRAME_FINISH = TracePoint.define("br_handle_frame_finish", 60)
export const BR_FORWARD_FINISH = TracePoint.define("br_forward_finish", 40)
export const BR_DEV_QUEUE_PUSH_XMIT = TracePoint.define("br_dev_queue_push_xmit", 40)
export const BR_DEV_XMIT = TracePoint.define("br_dev_xmit", 80)
export const BR_FDB_UPDATE = TracePoint.define("br_fdb_update", 40)
export const BR_NF_PRE_ROUTING = TracePoint.define("br_nf_pre_routing", 80)

/** The port's state lets nothing in. */
export const BRIDGE_INGRESS_STP_STATE = DropReason.define("BRIDGE_INGRESS_STP_STATE")
/** No port may send it: its port only, or none that forwards. */
export const NO_TX_TARGET = DropReason.define("NO_TX_TARGET")
/** The source is a group address, or zero. */
export const MAC_INVALID_SOURCE = DropReason.define("MAC_INVALID_SOURCE")
/** A pause frame: never forwarded. */
export const MAC_IEEE_MAC_CONTROL = DropReason.define("MAC_IEEE_MAC_CONTROL")
