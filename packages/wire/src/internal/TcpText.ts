/** TCP segments in tcpdump's words (tcpdump 4.99, `-n -S`, without its decoders for what segments carry). */
import { i32, u16, u32 } from "../Bytes.ts"
import * as Tcp from "../Tcp.ts"
import * as TcpOptions from "../TcpOptions.ts"

/** What is taken from sequence numbers before they are shown. */
export interface SequenceOrigin {
  /** Int32; for the sender's numbers. */
  readonly sequence: number
  /** Int32; for the numbers of the other direction: acknowledgment and SACK edges. */
  readonly acknowledgment: number
}

/** Both zero: numbers as they stand on the wire. */
export const absolute: SequenceOrigin = { sequence: 0, acknowledgment: 0 }

const letters: ReadonlyArray<readonly [number, string]> = [
  [Tcp.FIN, "F"],
  [Tcp.SYN, "S"],
  [Tcp.RST, "R"],
  [Tcp.PSH, "P"],
  [Tcp.ACK, "."],
  [Tcp.URG, "U"],
  [Tcp.ECE, "E"],
  [Tcp.CWR, "W"]
]

/** `S.`, `FP.` ... or `none`. */
export const flags = (value: number): string => {
  let text = ""
  for (const [flag, letter] of letters) if ((value & flag) !== 0) text += letter
  return text === "" ? "none" : text
}

/**
 * Everything behind `source > destination: `.
 *
 * @param length bytes of segment by the IP header
 * @param end where the captured bytes end
 */
export const segment = (bytes: Uint8Array, at: number, length: number, end: number, origin: SequenceOrigin): string => {
  if (end - at < Tcp.headerBytes) return " [|tcp]"
  const headerLength = Tcp.headerLength(bytes, at)
  if (headerLength < Tcp.headerBytes) {
    return ` tcp ${length - headerLength} [bad hdr length ${headerLength} - too short, < 20]`
  }
  const bits = Tcp.flags(bytes, at)
  let text = `Flags [${flags(bits)}]`
  if (headerLength > length) return `${text} [bad hdr length ${headerLength} - too long, > ${length}]`
  const payload = length - headerLength
  const first = (Tcp.sequence(bytes, at) - origin.sequence) >>> 0
  if (payload > 0) text += `, seq ${first}:${(first + payload) >>> 0}`
  else if ((bits & (Tcp.SYN | Tcp.FIN | Tcp.RST)) !== 0) text += `, seq ${first}`
  if ((bits & Tcp.ACK) !== 0) text += `, ack ${(Tcp.acknowledgment(bytes, at) - origin.acknowledgment) >>> 0}`
  text += `, win ${Tcp.window(bytes, at)}`
  if ((bits & Tcp.URG) !== 0) text += `, urg ${Tcp.urgentPointer(bytes, at)}`
  if (headerLength > Tcp.headerBytes) {
    if (end - at < headerLength) return `${text}, options [ [|tcp]`
    text += `, options ${options(bytes, at + Tcp.headerBytes, at + headerLength, origin)}`
    if (!text.endsWith("]") || text.endsWith("[bad opt]")) return text
  }
  return `${text}, length ${payload}`
}

/** `[mss 1460,sackOK,...]`; a list that breaks off ends in `[bad opt]` without its closing bracket, as tcpdump's does. */
const options = (bytes: Uint8Array, at: number, end: number, origin: SequenceOrigin): string => {
  const texts: Array<string> = []
  let i = at
  while (i < end) {
    const kind = bytes[i]!
    if (kind === TcpOptions.KIND_END) {
      texts.push("eol")
      break
    }
    if (kind === TcpOptions.KIND_NOP) {
      texts.push("nop")
      i++
      continue
    }
    const length = i + 1 < end ? bytes[i + 1]! : 0
    if (length < 2 || i + length > end) return `[${[...texts, "[bad opt]"].join(",")}`
    texts.push(option(bytes, i, kind, length, origin))
    i += length
  }
  return `[${texts.join(",")}]`
}

const option = (bytes: Uint8Array, at: number, kind: number, length: number, origin: SequenceOrigin): string => {
  if (kind === TcpOptions.KIND_MSS && length === 4) return `mss ${u16(bytes, at + 2)}`
  if (kind === TcpOptions.KIND_WINDOW_SCALE && length === 3) return `wscale ${bytes[at + 2]!}`
  if (kind === TcpOptions.KIND_SACK_PERMITTED && length === 2) return "sackOK"
  if (kind === TcpOptions.KIND_TIMESTAMP && length === 10)
    return `TS val ${u32(bytes, at + 2)} ecr ${u32(bytes, at + 6)}`
  if (kind === TcpOptions.KIND_SACK) return sack(bytes, at, length, origin)
  if (kind === TcpOptions.KIND_MD5 && length === 18) {
    return `md5 shared secret not supplied with -M, can't check - ${hex(bytes, at + 2, at + 18)}`
  }
  if (kind === TcpOptions.KIND_FAST_OPEN) return `tfo  ${cookie(bytes, at + 2, at + length)}`
  if ((kind === 253 || kind === TcpOptions.KIND_EXPERIMENTAL) && length >= 4) {
    const magic = u16(bytes, at + 2)
    return magic === TcpOptions.FAST_OPEN_MAGIC
      ? `exp-tfo ${cookie(bytes, at + 4, at + length)}`
      : `exp-${hex(bytes, at + 2, at + 4)}`
  }
  return length === 2 ? `unknown-${kind}` : `unknown-${kind} 0x${hex(bytes, at + 2, at + length)}`
}

const sack = (bytes: Uint8Array, at: number, length: number, origin: SequenceOrigin): string => {
  if (length < 10 || ((length - 2) & 7) !== 0) return "sack invalid sack"
  let text = `sack ${(length - 2) >> 3} `
  for (let i = at + 2; i < at + length; i += 8) {
    const left = (i32(bytes, i) - origin.acknowledgment) >>> 0
    text += `{${left}:${(i32(bytes, i + 4) - origin.acknowledgment) >>> 0}}`
  }
  return text
}

const cookie = (bytes: Uint8Array, at: number, end: number): string => {
  const length = end - at
  if (length === 0) return "cookiereq"
  return length % 2 !== 0 || length < 4 || length > 16 ? "(invalid)" : `cookie ${hex(bytes, at, end)}`
}

const hex = (bytes: Uint8Array, at: number, end: number): string => {
  let text = ""
  for (let i = at; i < end; i++) text += bytes[i]!.toString(16).padStart(2, "0")
  return text
}
