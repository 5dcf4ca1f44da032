/** A packet the host has sent, with its fields as they are compared: of TCP in numbers of the script. */
import * as Bytes from "@darkfiber/wire/Bytes"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Tcp from "@darkfiber/wire/Tcp"
import type { Flow } from "./Flow.ts"
import type { Ends } from "./PacketBytes.ts"
import * as TcpOptionBytes from "./TcpOptionBytes.ts"

const AE = 1
const UDP_HEADER = 8
const ICMP_HEADER = 8

export class Captured {
  readonly bytes: Uint8Array
  /** When the device got it, ns. */
  readonly time: number
  readonly protocol: number
  /** Where the transport header begins. */
  readonly at: number

  constructor(bytes: Uint8Array, time: number) {
    this.bytes = bytes
    this.time = time
    this.protocol = Ipv4.protocol(bytes, 0)
    this.at = Ipv4.headerLength(bytes, 0)
  }

  get ends(): Ends {
    const hasPorts = this.protocol === Ipv4.PROTOCOL_TCP || this.protocol === Ipv4.PROTOCOL_UDP
    return {
      source: Ipv4.source(this.bytes, 0),
      destination: Ipv4.destination(this.bytes, 0),
      sourcePort: hasPorts ? Bytes.u16(this.bytes, this.at) : 0,
      destinationPort: hasPorts ? Bytes.u16(this.bytes, this.at + 2) : 0
    }
  }

  get flags(): number {
    return this.protocol === Ipv4.PROTOCOL_TCP ? Tcp.flags(this.bytes, this.at) : 0
  }

  get isSyn(): boolean {
    return (this.flags & Tcp.SYN) !== 0
  }

  get accurateEcn(): boolean {
    return (Tcp.reserved(this.bytes, this.at) & AE) !== 0
  }

  /** Where the payload begins. */
  get payloadAt(): number {
    if (this.protocol === Ipv4.PROTOCOL_TCP) return this.at + Tcp.headerLength(this.bytes, this.at)
    return this.at + (this.protocol === Ipv4.PROTOCOL_UDP ? UDP_HEADER : ICMP_HEADER)
  }

  get payload(): number {
    return this.bytes.length - this.payloadAt
  }

  get options(): ReadonlyArray<TcpOptionBytes.Found> {
    return TcpOptionBytes.list(this.bytes, this.at + Tcp.headerBytes, this.payloadAt)
  }

  /** Turns sequence numbers and SACK blocks into the script's. Once. */
  toScript(flow: Flow): void {
    if (this.protocol !== Ipv4.PROTOCOL_TCP) return
    const { at, bytes, isSyn } = this
    const local = flow.localOffset(isSyn)
    const remote = flow.remoteOffset(isSyn)
    Tcp.setSequence(bytes, at, (Tcp.sequence(bytes, at) - local) | 0)
    if ((this.flags & Tcp.ACK) !== 0) Tcp.setAcknowledgment(bytes, at, (Tcp.acknowledgment(bytes, at) - remote) | 0)
    for (const option of this.options) {
      if (option.kind !== TcpOptionBytes.SACK) continue
      for (let edge = option.at + 2; edge + 4 <= option.at + option.length; edge += 4) {
        Bytes.setI32(bytes, edge, (Bytes.i32(bytes, edge) - remote) | 0)
      }
    }
  }

  /** Offset of the timestamp option's value; -1 without the option. */
  get timestampAt(): number {
    const found = this.options.find((option) => option.kind === TcpOptionBytes.TIMESTAMP && option.length === 10)
    return found === undefined ? -1 : found.at + 2
  }
}

/**
 * Several segments in a row as the super-segment they would have been: the last one's header, the first one's sequence
 * number and CWR, all payload.
 */
export const aggregate = (parts: ReadonlyArray<Captured>): Captured => {
  const first = parts[0]!
  const last = parts.at(-1)!
  if (parts.length === 1) return last
  const payload = parts.reduce((sum, part) => sum + part.payload, 0)
  const bytes = new Uint8Array(last.payloadAt + payload)
  bytes.set(last.bytes.subarray(0, last.payloadAt))
  let at = last.payloadAt
  for (const part of parts) {
    bytes.set(part.bytes.subarray(part.payloadAt), at)
    at += part.payload
  }
  Ipv4.setTotalLength(bytes, 0, bytes.length)
  Ipv4.writeChecksum(bytes, 0)
  Tcp.setSequence(bytes, last.at, Tcp.sequence(first.bytes, first.at))
  Tcp.setFlags(bytes, last.at, (last.flags & ~Tcp.CWR) | (first.flags & Tcp.CWR))
  return new Captured(bytes, last.time)
}
