/** NewReno's window rules: halve on loss, one segment a round trip (RFC 5681 §3.1; Linux: tcp_reno, net/ipv4/tcp_cong.c). */
import {
  additiveIncrease,
  type CongestionControl,
  inSlowStart,
  isCwndLimited,
  slowStart,
  undoToPrior
} from "./Congestion.ts"

export const reno: CongestionControl = {
  name: "reno",
  init: () => {},
  ssthresh: (sock) => Math.max(sock.sndCwnd >> 1, 2),
  undoCwnd: undoToPrior,
  congControl: null,
  minTsoSegments: null,
  sndbufFactor: 2,
  congAvoid: (sock, _ack, acked) => {
    if (!isCwndLimited(sock)) return
    let left = acked
    if (inSlowStart(sock)) {
      left = slowStart(sock, left)
      if (left === 0) return
    }
    additiveIncrease(sock, sock.sndCwnd, left)
  },
  packetsAcked: () => {},
  setState: () => {},
  event: () => {}
}
