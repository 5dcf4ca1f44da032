/** TCP_INFO: what `ss -i` and getsockopt show of a connection (Linux: struct tcp_info, tcp_get_info). */
import * as Chrono from "./Chrono.ts"
import { clockMs } from "./Clock.ts"
import { DELACK_MAX_US } from "./Timers.ts"
import { INFINITE_RTT, PENDING_PROBE0, SYN_DATA_ACKED, ECN_OK, ECN_SEEN, type TcpSock } from "./TcpSock.ts"

/** Bits of `options` (Linux: TCPI_OPT_*). */
export const OPT_TIMESTAMPS = 1
export const OPT_SACK = 2
export const OPT_WSCALE = 4
export const OPT_ECN = 8
export const OPT_ECN_SEEN = 16
export const OPT_SYN_DATA = 32

/** Fields under the kernel's names without `tcpi_`; times as the comment says. */
export interface TcpInfo {
  readonly state: number
  readonly ca_state: number
  readonly retransmits: number
  readonly probes: number
  readonly backoff: number
  readonly options: number
  readonly snd_wscale: number
  readonly rcv_wscale: number
  /** Microseconds. */
  readonly rto: number
  readonly ato: number
  readonly snd_mss: number
  readonly rcv_mss: number
  readonly unacked: number
  readonly sacked: number
  readonly lost: number
  readonly retrans: number
  readonly fackets: number
  /** Milliseconds ago. */
  readonly last_data_sent: number
  readonly last_ack_sent: number
  readonly last_data_recv: number
  readonly last_ack_recv: number
  readonly pmtu: number
  readonly rcv_ssthresh: number
  /** Microseconds. */
  readonly rtt: number
  readonly rttvar: number
  readonly snd_ssthresh: number
  readonly snd_cwnd: number
  readonly advmss: number
  readonly reordering: number
  /** Microseconds. */
  readonly rcv_rtt: number
  readonly rcv_space: number
  readonly total_retrans: number
  /** Bytes a second. */
  readonly pacing_rate: number
  readonly max_pacing_rate: number
  readonly bytes_acked: number
  readonly bytes_received: number
  readonly segs_out: number
  readonly segs_in: number
  readonly notsent_bytes: number
  /** Microseconds. */
  readonly min_rtt: number
  /** Bytes a second, and whether the application was the limit (1). */
  readonly delivery_rate: number
  readonly delivery_rate_app_limited: number
  /** Microseconds of having something to send, and of waiting for the peer's window or the send buffer within it. */
  readonly busy_time: number
  readonly rwnd_limited: number
  readonly sndbuf_limited: number
  readonly data_segs_in: number
  readonly data_segs_out: number
  readonly delivered: number
  readonly delivered_ce: number
  readonly bytes_sent: number
  readonly bytes_retrans: number
  readonly dsack_dups: number
  readonly reord_seen: number
  readonly rcv_ooopack: number
  readonly snd_wnd: number
  readonly rcv_wnd: number
  readonly rehash: number
  readonly total_rto: number
  /** Why a Fast Open attempt of ours failed (FastOpen.ts); 0: it did not. */
  readonly fastopen_client_fail: number
  readonly total_rto_recoveries: number
  /** Milliseconds. */
  readonly total_rto_time: number
  /** The timer as `ss -o` shows it: 0 none, 1 retransmission, 2 keepalive, 4 probe; and nanoseconds until it fires. */
  readonly timer: number
  readonly timer_expires: number
}

/** What an unsigned field says that is not known (~0U). */
const UNKNOWN = 0xffff_ffff
/** ~0ULL, as near as a number comes to it. */
const UNLIMITED = 0xffff_ffff * 0x1_0000_0000

/** Bytes a second (Linux: tcp_compute_delivery_rate). */
const deliveryRate = (sock: TcpSock): number =>
  sock.rateDelivered === 0 || sock.rateIntervalUs === 0
    ? 0
    : Math.floor((sock.rateDelivered * sock.mssCache * 1_000_000) / sock.rateIntervalUs)

const timerOf = (sock: TcpSock): number => {
  if (sock.pending === PENDING_PROBE0) return 4
  if (sock.pending !== 0) return 1
  return sock.keepaliveTimer !== null && sock.keepaliveTimer.deadline >= 0 ? 2 : 0
}

const expiresIn = (sock: TcpSock): number => {
  const timer = timerOf(sock) === 2 ? sock.keepaliveTimer : sock.retransmitTimer
  return timer === null || timer.deadline < 0 ? 0 : Math.max(0, timer.deadline - sock.tcp.host.now())
}

const optionsOf = (sock: TcpSock): number =>
  (sock.tstampOk ? OPT_TIMESTAMPS : 0) |
  (sock.sackOk ? OPT_SACK : 0) |
  (sock.wscaleOk ? OPT_WSCALE : 0) |
  ((sock.ecnFlags & ECN_OK) !== 0 ? OPT_ECN : 0) |
  ((sock.ecnFlags & ECN_SEEN) !== 0 ? OPT_ECN_SEEN : 0) |
  ((sock.synBits & SYN_DATA_ACKED) !== 0 ? OPT_SYN_DATA : 0)

/** All fields of a socket, also of a listener (where unacked is the accept queue and sacked its limit). */
export const read = (sock: TcpSock): TcpInfo => {
  const now = clockMs(sock)
  const isListener = sock.listen !== null
  const rwndLimited = Chrono.total(sock, Chrono.RWND_LIMITED)
  const sndbufLimited = Chrono.total(sock, Chrono.SNDBUF_LIMITED)
  return {
    state: sock.state,
    ca_state: sock.caState,
    retransmits: sock.retransmits,
    probes: sock.probesOut,
    backoff: sock.backoff,
    options: optionsOf(sock),
    snd_wscale: sock.sndWscale,
    rcv_wscale: sock.rcvWscale,
    rto: sock.rtoUs,
    ato: Math.min(sock.atoUs, DELACK_MAX_US),
    snd_mss: sock.mssCache,
    rcv_mss: sock.rcvMss,
    unacked: isListener ? sock.listen!.ackBacklog : sock.packetsOut,
    sacked: isListener ? sock.listen!.maxAckBacklog : sock.sackedOut,
    lost: sock.lostOut,
    retrans: sock.retransOut,
    fackets: 0,
    last_data_sent: (now - sock.lsndtimeMs) | 0,
    last_ack_sent: 0,
    last_data_recv: (now - sock.lrcvtimeMs) | 0,
    last_ack_recv: (now - sock.rcvTstampMs) | 0,
    pmtu: sock.pmtu,
    rcv_ssthresh: sock.rcvSsthresh,
    rtt: sock.srttUs >> 3,
    rttvar: sock.mdevUs >> 2,
    snd_ssthresh: sock.sndSsthresh,
    snd_cwnd: sock.sndCwnd,
    advmss: sock.advmss,
    reordering: sock.reordering,
    rcv_rtt: sock.rcvRttUs >> 3,
    rcv_space: sock.rcvqSpace,
    total_retrans: sock.totalRetrans,
    pacing_rate: Math.min(sock.pacingRate, UNLIMITED),
    max_pacing_rate: Math.min(sock.options.maxPacingRate, UNLIMITED),
    bytes_acked: sock.bytesAcked,
    bytes_received: sock.bytesReceived,
    segs_out: sock.segsOut,
    segs_in: sock.segsIn,
    notsent_bytes: Math.max(0, (sock.writeSeq - sock.sndNxt) | 0),
    min_rtt: sock.minRttUs === INFINITE_RTT ? UNKNOWN : sock.minRttUs,
    delivery_rate: deliveryRate(sock),
    delivery_rate_app_limited: sock.rateAppLimited ? 1 : 0,
    busy_time: (Chrono.total(sock, Chrono.BUSY) + rwndLimited + sndbufLimited) * 1000,
    rwnd_limited: rwndLimited * 1000,
    sndbuf_limited: sndbufLimited * 1000,
    data_segs_in: sock.dataSegsIn,
    data_segs_out: sock.dataSegsOut,
    delivered: sock.delivered,
    delivered_ce: sock.deliveredCe,
    bytes_sent: sock.bytesSent,
    bytes_retrans: sock.bytesRetrans,
    dsack_dups: sock.dsackDups,
    reord_seen: sock.reordSeen,
    rcv_ooopack: sock.rcvOooPack,
    snd_wnd: sock.sndWnd,
    rcv_wnd: sock.rcvWnd,
    rehash: sock.timeoutRehash,
    total_rto: sock.totalRto,
    fastopen_client_fail: sock.fastOpenFail,
    total_rto_recoveries: sock.totalRtoRecoveries,
    total_rto_time: sock.totalRtoTimeMs + (sock.rtoStampMs === 0 ? 0 : (now - sock.rtoStampMs) | 0),
    timer: timerOf(sock),
    timer_expires: expiresIn(sock)
  }
}
