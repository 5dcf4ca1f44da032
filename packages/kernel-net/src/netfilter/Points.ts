/**
 * Trace points of netfilter beside those in ../Points.ts, and its drop reason.
 *
 * A rule costs what one comparison of the IP part costs (`ip_packet_match`); a table walk is linear in its rules.
 */
import * as DropReason from "@darkfiber/sim/DropReason"
import * as TracePoint from "@darkfiber/sim/TracePoint"

/** One rule looked at: charged with the walk, not traced one by one. */
export const IP_PACKET_MATCH = TracePoint.define("ip_packet_match", 15)
export const IPV4_CONFIRM = TracePoint.define("ipv4_confirm", 60)
export const INIT_CONNTRACK = TracePoint.define("init_conntrack", 250)
export const NF_NAT_IPV4_FN = TracePoint.define("nf_nat_ipv4_fn", 40)
export const NF_NAT_SETUP_INFO = TracePoint.define("nf_nat_setup_info", 200)
export const NF_CT_KILL = TracePoint.define("nf_ct_delete", 100)
/** One port tried by `nf_nat_proto_unique_tuple`: a look-up in the table. */
export const NF_NAT_USED_TUPLE = TracePoint.define("nf_nat_used_tuple", 40)

/** A hook refused it: a rule, a full conntrack table, a clash at confirmation (Linux: SKB_DROP_REASON_NETFILTER_DROP). */
export const NETFILTER_DROP = DropReason.define("NETFILTER_DROP")
