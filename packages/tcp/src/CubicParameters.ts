/** The parameters of the kernel's CUBIC, one set for a host (Linux: module_param of net/ipv4/tcp_cubic.c). */

/** 2^40: the scale of the cubic's time, cubed, and of its C. */
const SCALE = 1_099_511_627_776

export class CubicParameters {
  fastConvergence = 1
  /** What is left of cwnd after a loss, in 1/1024. */
  beta = 717
  /** 0: none; only without HyStart. */
  initialSsthresh = 0
  tcpFriendliness = 1
  hystart = 1
  /** Bits: 1 ACK train, 2 delay. */
  hystartDetect = 3
  /** Segments below which slow start is left alone. */
  hystartLowWindow = 16
  /** Longest gap within an ACK train, us. */
  hystartAckDeltaUs = 2000
  /** C in 1/1024 for a round trip of 100 ms; cannot be changed at run time. */
  readonly bicScale = 41

  /** 1024 C over the round trip. */
  get rttScale(): number {
    return this.bicScale * 10
  }

  /** K^3 for one segment, in the cubic's time. */
  get cubeFactor(): number {
    return Math.floor(SCALE / this.rttScale)
  }

  /** `8 (1 + beta) / 3 / (1 - beta)`: growth of the Reno-friendly window, in 1/8 segments. */
  get friendlyScale(): number {
    return Math.floor(Math.floor((8 * (1024 + this.beta)) / 3) / (1024 - this.beta))
  }
}
