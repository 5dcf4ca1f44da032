/**
 * The SNMP counters of a namespace, under the names `nstat` prints (Linux: net/ipv4/proc.c, include/uapi/linux/snmp.h).
 *
 * A package defines its counters once: `const IP_IN_RECEIVES = Snmp.define("IpInReceives")`; the number is the slot in
 * `net.mib`.
 */
import { SymbolTable } from "@darkfiber/sim/Symbols"

const table = new SymbolTable()

export const define = (name: string): number => table.define(name)
/** The slot of a counter, -1 for a name nobody defined. */
export const find = (name: string): number => table.find(name)
export const name = (slot: number): string => table.name(slot)
export const all = (): ReadonlyArray<string> => table.all()
export const count = (): number => table.count

export const IP_FORWARDING = define("IpForwarding")
export const IP_DEFAULT_TTL = define("IpDefaultTTL")
export const IP_IN_RECEIVES = define("IpInReceives")
export const IP_IN_HDR_ERRORS = define("IpInHdrErrors")
export const IP_IN_ADDR_ERRORS = define("IpInAddrErrors")
export const IP_FORW_DATAGRAMS = define("IpForwDatagrams")
export const IP_IN_UNKNOWN_PROTOS = define("IpInUnknownProtos")
export const IP_IN_DISCARDS = define("IpInDiscards")
export const IP_IN_DELIVERS = define("IpInDelivers")
export const IP_OUT_REQUESTS = define("IpOutRequests")
export const IP_OUT_DISCARDS = define("IpOutDiscards")
export const IP_OUT_NO_ROUTES = define("IpOutNoRoutes")
export const IP_REASM_TIMEOUT = define("IpReasmTimeout")
export const IP_REASM_REQDS = define("IpReasmReqds")
export const IP_REASM_OKS = define("IpReasmOKs")
export const IP_REASM_FAILS = define("IpReasmFails")
export const IP_FRAG_OKS = define("IpFragOKs")
export const IP_FRAG_FAILS = define("IpFragFails")
export const IP_FRAG_CREATES = define("IpFragCreates")
export const IP_OUT_TRANSMITS = define("IpOutTransmits")

export const ICMP_IN_MSGS = define("IcmpInMsgs")
export const ICMP_IN_ERRORS = define("IcmpInErrors")
export const ICMP_IN_CSUM_ERRORS = define("IcmpInCsumErrors")
export const ICMP_IN_DEST_UNREACHS = define("IcmpInDestUnreachs")
export const ICMP_IN_TIME_EXCDS = define("IcmpInTimeExcds")
export const ICMP_IN_PARM_PROBS = define("IcmpInParmProbs")
export const ICMP_IN_SRC_QUENCHS = define("IcmpInSrcQuenchs")
export const ICMP_IN_REDIRECTS = define("IcmpInRedirects")
export const ICMP_IN_ECHOS = define("IcmpInEchos")
export const ICMP_IN_ECHO_REPS = define("IcmpInEchoReps")
export const ICMP_OUT_MSGS = define("IcmpOutMsgs")
export const ICMP_OUT_ERRORS = define("IcmpOutErrors")
export const ICMP_OUT_RATE_LIMIT_GLOBAL = define("IcmpOutRateLimitGlobal")
export const ICMP_OUT_RATE_LIMIT_HOST = define("IcmpOutRateLimitHost")
export const ICMP_OUT_DEST_UNREACHS = define("IcmpOutDestUnreachs")
export const ICMP_OUT_TIME_EXCDS = define("IcmpOutTimeExcds")
export const ICMP_OUT_ECHOS = define("IcmpOutEchos")
export const ICMP_OUT_ECHO_REPS = define("IcmpOutEchoReps")

export const UDP_IN_DATAGRAMS = define("UdpInDatagrams")
export const UDP_NO_PORTS = define("UdpNoPorts")
export const UDP_IN_ERRORS = define("UdpInErrors")
export const UDP_OUT_DATAGRAMS = define("UdpOutDatagrams")
export const UDP_RCVBUF_ERRORS = define("UdpRcvbufErrors")
export const UDP_SNDBUF_ERRORS = define("UdpSndbufErrors")
export const UDP_IN_CSUM_ERRORS = define("UdpInCsumErrors")
export const UDP_IGNORED_MULTI = define("UdpIgnoredMulti")

export const IPEXT_IN_NO_ROUTES = define("IpExtInNoRoutes")
export const IPEXT_IN_TRUNCATED_PKTS = define("IpExtInTruncatedPkts")
export const IPEXT_IN_BCAST_PKTS = define("IpExtInBcastPkts")
export const IPEXT_OUT_BCAST_PKTS = define("IpExtOutBcastPkts")
export const IPEXT_IN_OCTETS = define("IpExtInOctets")
export const IPEXT_OUT_OCTETS = define("IpExtOutOctets")
export const IPEXT_IN_CSUM_ERRORS = define("IpExtInCsumErrors")
export const IPEXT_IN_NO_ECT_PKTS = define("IpExtInNoECTPkts")
export const IPEXT_IN_ECT1_PKTS = define("IpExtInECT1Pkts")
export const IPEXT_IN_ECT0_PKTS = define("IpExtInECT0Pkts")
export const IPEXT_IN_CE_PKTS = define("IpExtInCEPkts")
export const IPEXT_REASM_OVERLAPS = define("IpExtReasmOverlaps")
export const TCPEXT_IP_RP_FILTER = define("TcpExtIPReversePathFilter")
