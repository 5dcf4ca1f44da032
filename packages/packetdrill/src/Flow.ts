/**
 * The socket under test: its script's numbers and the live ones, and how one becomes the other.
 *
 * A script counts sequence numbers from 0 on either side and has its own ports and timestamps; the host draws initial
 * sequence numbers, ports and timestamp offsets. Linux reference of the rules: google/packetdrill (socket.h, run_packet.c).
 */
import type { Ends } from "./PacketBytes.ts"

/** How far a flow has come, as the packets of the script tell it. */
export type FlowState =
  | "new"
  | "listening"
  | "packet received"
  | "SYN-ACK sent"
  | "SYN-ACK acknowledged"
  | "connecting"
  | "SYN sent"
  | "SYN acknowledged"

export class Flow {
  state: FlowState
  /** IP protocol number. */
  protocol: number
  type: number
  /** Descriptors in the script and on the host; -1 while it has none. */
  scriptFd: number
  liveFd: number
  closed: boolean
  localAddress: number
  localPort: number
  remoteAddress: number
  remotePort: number
  scriptLocalIsn: number
  liveLocalIsn: number
  remoteIsn: number
  /** Outbound timestamp values of the script, and what the host really sent. */
  readonly timestamps: Map<number, number>
  hasTimestamp: boolean
  firstScriptTs: number
  firstLiveTs: number

  constructor(protocol: number, type: number) {
    this.state = "new"
    this.protocol = protocol
    this.type = type
    this.scriptFd = -1
    this.liveFd = -1
    this.closed = false
    this.localAddress = 0
    this.localPort = 0
    this.remoteAddress = 0
    this.remotePort = 0
    this.scriptLocalIsn = 0
    this.liveLocalIsn = 0
    this.remoteIsn = 0
    this.timestamps = new Map()
    this.hasTimestamp = false
    this.firstScriptTs = 0
    this.firstLiveTs = 0
  }

  /** Addresses and ports of a packet to the host. */
  inbound(): Ends {
    return {
      source: this.remoteAddress,
      destination: this.localAddress,
      sourcePort: this.remotePort,
      destinationPort: this.localPort
    }
  }

  /** Addresses and ports of a packet from the host. */
  outbound(): Ends {
    return {
      source: this.localAddress,
      destination: this.remoteAddress,
      sourcePort: this.localPort,
      destinationPort: this.remotePort
    }
  }

  /** What makes a live sequence number of the remote side from one of the script. */
  remoteOffset(isSyn: boolean): number {
    return isSyn ? 0 : this.remoteIsn
  }

  /** What makes a live sequence number of the host from one of the script. */
  localOffset(isSyn: boolean): number {
    return isSyn ? this.liveLocalIsn - this.scriptLocalIsn : this.liveLocalIsn
  }

  /** The host sent `live` where the script has `script`. */
  learnTimestamp(script: number, live: number): void {
    this.timestamps.set(script, live)
    if (this.hasTimestamp) return
    this.hasTimestamp = true
    this.firstScriptTs = script
    this.firstLiveTs = live
  }

  /** The live value that an inbound echo of `script` has to carry; null when there is none. */
  echoOf(script: number, scaled: boolean): number | null {
    const exact = this.timestamps.get(script)
    if (exact !== undefined) return exact
    return scaled && this.hasTimestamp ? (script - this.firstScriptTs + this.firstLiveTs) >>> 0 : null
  }
}
