/** struct tcp_info and the memory of a connection as `ss -i` and `ss -m` show them (Linux: tcp_get_info, sock_diag). */
import { type TcpSock, INFINITE_SSTHRESH, receiveWindow } from "@darkfiber/tcp/TcpSock"
import * as State from "@darkfiber/tcp/State"
import type { TcpInfo } from "./SsText.ts"

const UNKNOWN_RTT = 0x7fff_ffff
const UNLIMITED = 0x7fff_ffff

export const tcpInfo = (sock: TcpSock, now: number): TcpInfo => {
  const ms = Math.floor(now / 1_000_000) | 0
  const since = (stamp: number): number => (stamp === 0 ? 0 : Math.max(0, (ms - stamp) | 0))
  return {
    congestion: sock.congestion.name,
    timestamps: sock.tstampOk,
    sack: sock.sackOk,
    windowScale: sock.wscaleOk ? [sock.sndWscale, sock.rcvWscale] : null,
    rtoUs: sock.rtoUs,
    backoff: sock.backoff,
    rttUs: sock.srttUs / 8,
    rttvarUs: sock.mdevUs / 4,
    atoUs: sock.atoUs,
    mss: sock.mssCache,
    pmtu: sock.pmtu,
    rcvMss: sock.rcvMss,
    advmss: sock.advmss,
    cwnd: sock.sndCwnd,
    ssthresh: sock.sndSsthresh >= INFINITE_SSTHRESH ? Infinity : sock.sndSsthresh,
    bytesSent: sock.bytesSent,
    bytesRetrans: sock.bytesRetrans,
    bytesAcked: sock.bytesAcked,
    bytesReceived: sock.bytesReceived,
    segsOut: sock.segsOut,
    segsIn: sock.segsIn,
    dataSegsOut: sock.dataSegsOut,
    dataSegsIn: sock.dataSegsIn,
    lastSendMs: since(sock.lsndtimeMs),
    lastReceiveMs: since(sock.lrcvtimeMs),
    lastAckMs: since(sock.rcvTstampMs),
    pacingRate: sock.pacingRate >= UNLIMITED ? Infinity : sock.pacingRate,
    delivered: sock.delivered,
    unacked: sock.packetsOut,
    retrans: sock.retransOut,
    totalRetrans: sock.totalRetrans,
    lost: sock.lostOut,
    sacked: sock.sackedOut,
    dsackDups: sock.dsackDups,
    reordering: sock.reordering,
    rcvRttUs: sock.rcvRttUs / 8,
    rcvSpace: sock.rcvqSpace,
    rcvSsthresh: sock.rcvSsthresh,
    notsent: sock.state === State.SYN_SENT ? 0 : Math.max(0, (sock.writeSeq - sock.sndNxt) | 0),
    minRttUs: sock.minRttUs === UNKNOWN_RTT ? 0 : sock.minRttUs,
    rcvOoo: sock.rcvOooPack,
    sendWindow: sock.sndWnd,
    receiveWindow: receiveWindow(sock)
  }
}
