/**
 * The control block of a connection (Linux: tcp_sock with its inet_connection_sock and sock), plain numbers under the
 * kernel's names. State that an idle connection does not need hangs off it and is made on first use: the timers, the
 * congestion control's memory, SACK blocks, the out-of-order queue, keepalive options, a listener's queues.
 *
 * Units: sequence numbers are wrapping int32; `...Us` are microseconds (all below 2^31); `...Ms` are wrapping int32
 * milliseconds of the host's clock (Linux: tcp_jiffies32); windows and lengths are bytes; cwnd and counts are segments.
 */
import type { CongestionControl } from "./Congestion.ts"
import type { FastOpenRequest } from "./FastOpenCookie.ts"
import type { MtuSearch } from "./MtuSearch.ts"
import { Endpoint, KIND_SOCK } from "./Endpoint.ts"
import type { ListenState } from "./ListenState.ts"
import type { RequestSock } from "./RequestSock.ts"
import type { BindBucket } from "./BindHash.ts"
import { NO_SEGMENTS, type Segment, type SegmentList } from "./Segment.ts"
import type { SackBlocks } from "./SackBlocks.ts"
import type { Tcp } from "./Tcp.ts"
import type { TcpNet } from "./TcpNet.ts"
import type { TcpTimer, TimerOwner } from "./TcpHost.ts"
import type { WindowedMin } from "./WindowedMin.ts"
import { SockOptions, defaultOptions } from "./SockOptions.ts"
import * as State from "./State.ts"

/** `caState` (Linux: enum tcp_ca_state). */
export const CA_OPEN = 0
export const CA_DISORDER = 1
export const CA_CWR = 2
export const CA_RECOVERY = 3
export const CA_LOSS = 4

/** `pending` (Linux: icsk_pending): what the retransmission timer is armed for. */
export const PENDING_RETRANS = 1
export const PENDING_PROBE0 = 3
export const PENDING_LOSS_PROBE = 5
export const PENDING_REO_TIMEOUT = 6

/** `ackPending` (Linux: enum inet_csk_ack_state_t). */
export const ACK_SCHED = 1
export const ACK_TIMER = 2
export const ACK_PUSHED = 4
export const ACK_PUSHED2 = 8
export const ACK_NOW = 16
/** Data was not queued for want of memory: the window is 0 whatever was offered before. */
export const ACK_NOMEM = 32

/** `nonagle` (Linux: TCP_NAGLE_*). */
export const NAGLE_OFF = 1
export const NAGLE_CORK = 2
export const NAGLE_PUSH = 4

/** `synBits`: the SYN carried data, which was acknowledged; it carried the Fast Open option, in the experimental form. */
export const SYN_DATA = 1
export const SYN_DATA_ACKED = 2
export const SYN_FASTOPEN = 4
export const SYN_FASTOPEN_EXP = 8
/** `synBits`: the first try after a pause of Fast Open (syn_fastopen_ch). */
export const SYN_FASTOPEN_AGAIN = 16
/** `synBits`: TCP_FASTOPEN_CONNECT, TCP_FASTOPEN_NO_COOKIE; connect() left the SYN to the first write. */
export const FASTOPEN_CONNECT = 32
export const FASTOPEN_NO_COOKIE = 64
export const DEFER_CONNECT = 128

/** `ecnFlags` (Linux: TCP_ECN_*). */
export const ECN_OK = 1
export const ECN_QUEUE_CWR = 2
export const ECN_DEMAND_CWR = 4
export const ECN_SEEN = 8

/** `pacing` (Linux: enum sk_pacing): nobody paces, TCP itself, the qdisc below. */
export const PACING_NONE = 0
export const PACING_NEEDED = 1
export const PACING_FQ = 2

export const RCV_SHUTDOWN = 1
export const SEND_SHUTDOWN = 2

/** `sndSsthresh` before the first loss. */
export const INFINITE_SSTHRESH = 0x7fff_ffff
/** `minRttUs` before the first sample. */
export const INFINITE_RTT = 0x7fff_ffff

export class TcpSock extends Endpoint implements TimerOwner {
  readonly tcp: Tcp
  /** The host's socket object. */
  owner: unknown
  /** Route, kept by the host. */
  route: unknown

  // struct sock
  /** Pending error, a positive errno, 0 for none (sk_err), and the one of ICMP and the like (sk_err_soft). */
  error: number
  softError: number
  /** RCV_SHUTDOWN | SEND_SHUTDOWN. */
  shutdown: number
  /** No file refers to it any more (SOCK_DEAD). */
  dead: boolean
  /** The machine has let go of it. */
  destroyed: boolean
  reuseAddress: boolean
  reusePort: boolean
  rcvbuf: number
  sndbuf: number
  /** SO_RCVBUF or SO_SNDBUF was set: no autotuning (SOCK_RCVBUF_LOCK = 2, SOCK_SNDBUF_LOCK = 1). */
  bufferLocks: number
  /** A port was asked for by bind(), an address was (SOCK_BINDPORT_LOCK = 8, SOCK_BINDADDR_LOCK = 4). */
  bindLocks: number
  /** Bytes of truesize in receive and out-of-order queue (sk_rmem_alloc). */
  rmemAlloc: number
  /** Bytes of truesize in write and retransmit queue (sk_wmem_queued). */
  wmemQueued: number
  /** Bytes reserved of tcp_mem and not in use (sk_forward_alloc). */
  forwardAlloc: number
  /** Somebody waits for room (SOCK_NOSPACE). */
  noSpace: boolean
  /** TSQ stopped it; resume when wmemAlloc falls (TSQ_THROTTLED). */
  throttled: boolean
  /** A deferred transmission is under way; segment size and `nonagle` of the call that it goes on with (0: those of then). */
  deferred: boolean
  deferredMss: number
  deferredNonagle: number
  /** Largest super-segment payload, bytes (sk_gso_max_size), and wire segments in one. */
  gsoMaxSize: number
  gsoMaxSegs: number
  /** Bytes a second; Infinity before it is known. */
  pacingRate: number
  /** Who keeps to the pacing rate, PACING_* (sk_pacing_status). */
  pacing: number
  /** When the next segment may leave by that rate, or when the last one did, ns (tcp_wstamp_ns). */
  paceAt: number
  pacingTimer: TcpTimer | null
  options: SockOptions

  // bind
  bucket: BindBucket | null
  bindNext: TcpSock | null
  bindPrevious: TcpSock | null
  listen: ListenState | null
  /** In the accept queue of a listener: the next one. */
  acceptNext: TcpSock | null
  /** The listener, until accept(). */
  parent: TcpSock | null

  /** From the route: quick ACKs always, the least RTO. */
  isRouteQuick: boolean
  rtoMinUs: number
  /** The SYN's headers, until TCP_SAVED_SYN takes them. */
  savedSyn: Uint8Array | null
  /** Path MTU probing (MtuProbe.ts); null: off. */
  mtuSearch: MtuSearch | null
  /** Urgent data (Urgent.ts): what there is, where, and up to where ours goes. */
  urgData: number
  urgSeq: number
  sndUp: number
  /** ECN_OK ... (above). */
  ecnFlags: number
  /** The next segment is ECT(0): the host puts it into the IP header. */
  ect: boolean
  /** Segments that arrived marked, as far as their ACKs tell. */
  deliveredCe: number
  /** SYN_DATA ... (above). */
  synBits: number
  /** tcpi_fastopen_client_fail. */
  fastOpenFail: number
  /** Data on its way into our SYN (fastopen_req). */
  fastOpen: FastOpenRequest | null
  /** Made by a Fast Open SYN and not yet confirmed: its request (fastopen_rsk). */
  fastOpenRsk: RequestSock | null
  /** System calls that wait to write (sk_write_pending). */
  writePending: number

  // queues
  writeQueue: SegmentList
  rtxQueue: SegmentList
  receiveQueue: SegmentList
  ofoQueue: SegmentList

  // timers
  retransmitTimer: TcpTimer | null
  delackTimer: TcpTimer | null
  keepaliveTimer: TcpTimer | null
  pending: number
  retransmits: number
  backoff: number
  /** RTOs since connect or the last progress in SYN_SENT (total_rto). */
  totalRto: number
  /** Timeouts that chose another flow label. */
  timeoutRehash: number
  /** Times that timeouts began, ms spent in them, and when the present one began; 0: none. */
  totalRtoRecoveries: number
  totalRtoTimeMs: number
  rtoStampMs: number
  rtoUs: number
  probesOut: number
  /** When zero-window probing began; 0: not. */
  probesTstampMs: number

  // receive
  rcvNxt: number
  copiedSeq: number
  rcvWup: number
  rcvWnd: number
  windowClamp: number
  rcvSsthresh: number
  advmss: number
  rcvWscale: number
  sndWscale: number
  wscaleOk: boolean
  sackOk: boolean
  tstampOk: boolean
  tsRecent: number
  /** Second of the host's clock; 0: tsRecent is not valid. */
  tsRecentStamp: number
  tsOffset: number
  /** Timestamp option of the segment in hand: seen, value, echo (offset removed). */
  sawTstamp: boolean
  rcvTsval: number
  rcvTsecr: number
  /** Share of a buffer that is payload, in 1/256. */
  scalingRatio: number
  ackPending: number
  ackQuick: number
  ackPingpong: number
  atoUs: number
  lrcvtimeMs: number
  lastSegSize: number
  rcvMss: number
  sackBlocks: SackBlocks | null
  /** ACKs that wait for one that stands for all, and those sent at once since rcvNxt was what it is (AckCompression.ts). */
  compressedAcks: number
  compressedRcvNxt: number
  duplicateAcks: number
  compressedAckTimer: TcpTimer | null
  lastOowAckMs: number
  /** Receive buffer autotuning: RTT by data (<<3, us), its window, and the bytes copied in the last RTT. */
  rcvRttUs: number
  rcvRttSeq: number
  rcvRttTime: number
  /** The echoed timestamp that was looked at last. */
  rcvRttTsecr: number
  rcvqSpace: number
  rcvqSeq: number
  rcvqTime: number

  // send
  sndUna: number
  sndNxt: number
  sndSml: number
  sndWl1: number
  sndWnd: number
  maxWindow: number
  writeSeq: number
  pushedSeq: number
  mssCache: number
  mssClamp: number
  pmtu: number
  /** 20 plus the timestamp option. */
  headerLength: number
  nonagle: number
  lsndtimeMs: number
  rcvTstampMs: number
  packetsOut: number
  retransOut: number
  sackedOut: number
  lostOut: number
  reordering: number
  highSeq: number
  retransStampMs: number
  /** One past the highest SACKed segment (tcp_highest_sack_seq); holds while something is SACKed. */
  highestSack: number
  /** Segments of the retransmit queue in the order of their last transmission (tsorted_sent_queue). */
  sentHead: Segment | null
  sentTail: Segment | null
  /** Where retransmission goes on; null: at the head. */
  retransmitHint: Segment | null
  /** Segments ever marked lost. */
  lost: number
  /** RACK: last delivered transmission, ns and its end, its RTT; whether it advanced since the last look (struct tcp_rack). */
  rackSentAt: number
  rackEndSeq: number
  rackRttUs: number
  rackAdvanced: boolean
  rackDsackSeen: boolean
  rackSteps: number
  rackPersist: number
  rackLastDelivered: number
  /** A loss probe is out: what was sent when it left, and whether it was a retransmission. */
  probeOut: boolean
  probeHighSeq: number
  probeIsRetransmission: boolean
  /** A reduction that may be undone: where it began, and retransmissions that no D-SACK told of; -1: none were made. */
  undoMarked: boolean
  undoMarker: number
  undoRetrans: number
  /** F-RTO is under way (RFC 5682). */
  frto: boolean
  /** The peer threw SACKed data away in this loss. */
  isSackReneging: boolean

  // rtt
  srttUs: number
  mdevUs: number
  mdevMaxUs: number
  rttvarUs: number
  rttSeq: number
  /** Least RTT of net.ipv4.tcp_min_rtt_wlen seconds; INFINITE_RTT before the first sample. */
  minRttUs: number
  minRtt: WindowedMin | null

  // congestion
  caState: number
  sndCwnd: number
  sndCwndCnt: number
  sndCwndClamp: number
  sndCwndUsed: number
  sndCwndStampMs: number
  sndSsthresh: number
  priorSsthresh: number
  priorCwnd: number
  prrDelivered: number
  prrOut: number
  cwndLimited: boolean
  maxPacketsOut: number
  cwndUsageSeq: number
  congestion: CongestionControl
  /** The algorithm's own memory. */
  congestionState: unknown

  // rate sample (Rate.ts)
  windowSentAt: number
  deliveredAt: number
  /** The count of deliveries at which the bubble that the application left is over; 0: none. */
  appLimited: number
  rateDelivered: number
  rateIntervalUs: number
  rateAppLimited: boolean

  // how the time is spent (Chrono.ts)
  chronoKind: number
  chronoStartMs: number
  busyMs: number
  rwndLimitedMs: number
  sndbufLimitedMs: number
  /** A write is under way. */
  isWriting: boolean
  /** The call under way has queued something. */
  hasWritten: boolean

  // account
  delivered: number
  totalRetrans: number
  bytesSent: number
  bytesAcked: number
  bytesReceived: number
  bytesRetrans: number
  segsIn: number
  segsOut: number
  dataSegsIn: number
  dataSegsOut: number
  rcvOooPack: number
  dsackDups: number
  reordSeen: number

  constructor(tcp: Tcp, net: TcpNet, congestion: CongestionControl) {
    super(net, KIND_SOCK)
    const sysctl = net.sysctl
    this.tcp = tcp
    this.owner = null
    this.route = null
    this.state = State.CLOSE
    this.error = 0
    this.softError = 0
    this.shutdown = 0
    this.dead = false
    this.destroyed = false
    this.reuseAddress = false
    this.reusePort = false
    this.rcvbuf = sysctl.rmemDefault
    this.sndbuf = sysctl.wmemDefault
    this.bufferLocks = 0
    this.bindLocks = 0
    this.rmemAlloc = 0
    this.wmemQueued = 0
    this.forwardAlloc = 0
    this.noSpace = false
    this.throttled = false
    this.deferred = false
    this.deferredMss = 0
    this.deferredNonagle = 0
    this.gsoMaxSize = 65_536
    this.gsoMaxSegs = 65_535
    this.pacingRate = Infinity
    this.pacing = PACING_NONE
    this.paceAt = 0
    this.pacingTimer = null
    this.options = defaultOptions
    this.bucket = null
    this.bindNext = null
    this.bindPrevious = null
    this.listen = null
    this.acceptNext = null
    this.parent = null
    this.isRouteQuick = false
    this.rtoMinUs = sysctl.rtoMinUs
    this.mtuSearch = null
    this.savedSyn = null
    this.urgData = 0
    this.urgSeq = 0
    this.sndUp = 0
    this.ecnFlags = 0
    this.ect = false
    this.deliveredCe = 0
    this.synBits = 0
    this.fastOpenFail = 0
    this.fastOpen = null
    this.fastOpenRsk = null
    this.writePending = 0
    this.writeQueue = NO_SEGMENTS
    this.rtxQueue = NO_SEGMENTS
    this.receiveQueue = NO_SEGMENTS
    this.ofoQueue = NO_SEGMENTS
    this.retransmitTimer = null
    this.delackTimer = null
    this.keepaliveTimer = null
    this.pending = 0
    this.retransmits = 0
    this.backoff = 0
    this.totalRto = 0
    this.timeoutRehash = 0
    this.totalRtoRecoveries = 0
    this.totalRtoTimeMs = 0
    this.rtoStampMs = 0
    this.rtoUs = 1_000_000
    this.probesOut = 0
    this.probesTstampMs = 0
    this.rcvNxt = 0
    this.copiedSeq = 0
    this.rcvWup = 0
    this.rcvWnd = 0
    this.windowClamp = 0
    this.rcvSsthresh = 0
    this.advmss = 536
    this.rcvWscale = 0
    this.sndWscale = 0
    this.wscaleOk = false
    this.sackOk = false
    this.tstampOk = false
    this.tsRecent = 0
    this.tsRecentStamp = 0
    this.tsOffset = 0
    this.sawTstamp = false
    this.rcvTsval = 0
    this.rcvTsecr = 0
    this.scalingRatio = 128
    this.ackPending = 0
    this.ackQuick = 0
    this.ackPingpong = 0
    this.atoUs = 0
    this.lrcvtimeMs = 0
    this.lastSegSize = 0
    this.rcvMss = 536
    this.sackBlocks = null
    this.compressedAcks = 0
    this.compressedRcvNxt = 0
    this.duplicateAcks = 0
    this.compressedAckTimer = null
    this.lastOowAckMs = 0
    this.rcvRttUs = 0
    this.rcvRttSeq = 0
    this.rcvRttTime = 0
    this.rcvRttTsecr = 0
    this.rcvqSpace = 0
    this.rcvqSeq = 0
    this.rcvqTime = 0
    this.sndUna = 0
    this.sndNxt = 0
    this.sndSml = 0
    this.sndWl1 = 0
    this.sndWnd = 0
    this.maxWindow = 0
    this.writeSeq = 0
    this.pushedSeq = 0
    this.mssCache = 536
    this.mssClamp = 65_535
    this.pmtu = 0
    this.headerLength = 20
    this.nonagle = 0
    this.lsndtimeMs = 0
    this.rcvTstampMs = 0
    this.packetsOut = 0
    this.retransOut = 0
    this.sackedOut = 0
    this.lostOut = 0
    this.reordering = sysctl.reordering
    this.highSeq = 0
    this.retransStampMs = 0
    this.highestSack = 0
    this.sentHead = null
    this.sentTail = null
    this.retransmitHint = null
    this.lost = 0
    this.rackSentAt = -1
    this.rackEndSeq = 0
    this.rackRttUs = 0
    this.rackAdvanced = false
    this.rackDsackSeen = false
    this.rackSteps = 1
    this.rackPersist = 0
    this.rackLastDelivered = 0
    this.probeOut = false
    this.probeHighSeq = 0
    this.probeIsRetransmission = false
    this.undoMarked = false
    this.undoMarker = 0
    this.undoRetrans = -1
    this.frto = false
    this.isSackReneging = false
    this.srttUs = 0
    this.mdevUs = 1_000_000
    this.mdevMaxUs = 0
    this.rttvarUs = 0
    this.rttSeq = 0
    this.minRttUs = INFINITE_RTT
    this.minRtt = null
    this.caState = CA_OPEN
    this.sndCwnd = 10
    this.sndCwndCnt = 0
    this.sndCwndClamp = 0x7fff_ffff
    this.sndCwndUsed = 0
    this.sndCwndStampMs = 0
    this.sndSsthresh = INFINITE_SSTHRESH
    this.priorSsthresh = 0
    this.priorCwnd = 0
    this.prrDelivered = 0
    this.prrOut = 0
    this.cwndLimited = false
    this.maxPacketsOut = 0
    this.cwndUsageSeq = 0
    this.congestion = congestion
    this.congestionState = null
    this.windowSentAt = 0
    this.deliveredAt = -1
    this.appLimited = 0
    this.rateDelivered = 0
    this.rateIntervalUs = 0
    this.rateAppLimited = true
    this.chronoKind = 0
    this.chronoStartMs = 0
    this.busyMs = 0
    this.rwndLimitedMs = 0
    this.sndbufLimitedMs = 0
    this.isWriting = false
    this.hasWritten = false
    this.delivered = 0
    this.totalRetrans = 0
    this.bytesSent = 0
    this.bytesAcked = 0
    this.bytesReceived = 0
    this.bytesRetrans = 0
    this.segsIn = 0
    this.segsOut = 0
    this.dataSegsIn = 0
    this.dataSegsOut = 0
    this.rcvOooPack = 0
    this.dsackDups = 0
    this.reordSeen = 0
  }

  onTimer(kind: number): void {
    this.tcp.timerFired(this, kind)
  }

  /** The socket's own options, made when the first one is set. */
  ownOptions(): SockOptions {
    if (this.options === defaultOptions) this.options = new SockOptions()
    return this.options
  }
}

/** Segments in the network: sent, not acknowledged, not SACKed, not lost; retransmissions count again. */
export const packetsInFlight = (sock: TcpSock): number =>
  sock.packetsOut - sock.sackedOut - sock.lostOut + sock.retransOut

/** Bytes of receive window still open for the peer (Linux: tcp_receive_window). */
export const receiveWindow = (sock: TcpSock): number => {
  const window = (sock.rcvWup + sock.rcvWnd - sock.rcvNxt) | 0
  return window < 0 ? 0 : window
}

/** One past the highest SACKed segment; what is acknowledged while nothing is SACKed (Linux: tcp_highest_sack_seq). */
export const highestSackSeq = (sock: TcpSock): number => (sock.sackedOut === 0 ? sock.sndUna : sock.highestSack)

/** One past the last sequence number that the peer lets us send (Linux: tcp_wnd_end). */
export const windowEnd = (sock: TcpSock): number => (sock.sndUna + sock.sndWnd) | 0

/** Whether everything sent that is lost or SACKed has left the network (Linux: tcp_left_out). */
export const leftOut = (sock: TcpSock): number => sock.sackedOut + sock.lostOut

export const hasShutdown = (sock: TcpSock, bits: number): boolean => (sock.shutdown & bits) !== 0
