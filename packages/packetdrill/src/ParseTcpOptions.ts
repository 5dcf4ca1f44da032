/** The option list of a TCP segment: `<mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>`; `<...>` is any. */
import type { TcpOption } from "./Ast.ts"
import type { Cursor } from "./Cursor.ts"
import * as TcpOptionBytes from "./TcpOptionBytes.ts"

/** The wire has room for 40 bytes. */
const BYTES_MAX = 40
const COOKIE_MAX = 38
const EXPERIMENTAL_COOKIE_MAX = 36
const DIGEST_MAX = 16
const U24_MAX = 0xff_ffff

/** Null for `<...>`, an empty list when there is none. */
export const tcpOptions = (cursor: Cursor): ReadonlyArray<TcpOption> | null => {
  const start = cursor.peek()
  if (!cursor.accept("<")) return []
  if (cursor.isKind("ellipsis")) {
    cursor.next()
    cursor.expect(">")
    return null
  }
  const options = [option(cursor)]
  while (cursor.accept(",")) options.push(option(cursor))
  cursor.expect(">")
  const length = TcpOptionBytes.byteLength(options)
  if (length > BYTES_MAX) cursor.fail("TCP option list too long", start)
  if ((length & 3) !== 0) {
    const excess = `${length & 3} excess bytes`
    cursor.fail(`TCP options are not padded so that the header is a multiple of 4 bytes: ${excess}`, start)
  }
  return options
}

const option = (cursor: Cursor): TcpOption => {
  const token = cursor.peek()
  const reader = token.kind === "keyword" ? readers[token.text] : undefined
  if (reader === undefined) return cursor.unexpected("a TCP option")
  cursor.next()
  return reader(cursor)
}

const readers: Readonly<Record<string, (cursor: Cursor) => TcpOption>> = {
  nop: () => ({ _tag: "Nop" }),
  eol: () => ({ _tag: "End" }),
  mss: (cursor) => ({ _tag: "Mss", bytes: cursor.u16("mss value") }),
  wscale: (cursor) => ({ _tag: "WindowScale", shift: cursor.ranged("window scale shift count", 255) }),
  sackOK: () => ({ _tag: "SackPermitted" }),
  sack: (cursor) => {
    const blocks = [sackBlock(cursor)]
    while (cursor.isKind("integer")) blocks.push(sackBlock(cursor))
    return { _tag: "Sack", blocks }
  },
  TS: (cursor) => {
    cursor.expect("val")
    const val = cursor.u32("ts val")
    cursor.expect("ecr")
    return { _tag: "Timestamp", val, ecr: cursor.u32("ecr val") }
  },
  md5: (cursor) => ({ _tag: "Md5", digest: hex(cursor, "TCP MD5 digest", DIGEST_MAX) }),
  FO: (cursor) => ({ _tag: "FastOpen", cookie: cookie(cursor, COOKIE_MAX), experimental: false }),
  FOEXP: (cursor) => ({ _tag: "FastOpen", cookie: cookie(cursor, EXPERIMENTAL_COOKIE_MAX), experimental: true }),
  ECN: (cursor) => accurateEcn(cursor)
}

const sackBlock = (cursor: Cursor): readonly [number, number] => {
  const left = cursor.u32("TCP SACK left sequence number")
  cursor.expect(":")
  return [left, cursor.u32("TCP SACK right sequence number")]
}

const cookie = (cursor: Cursor, most: number): ReadonlyArray<number> =>
  cursor.isKind("word") || cursor.isKind("integer") ? hex(cursor, "TCP fast open cookie", most) : []

const hex = (cursor: Cursor, what: string, most: number): ReadonlyArray<number> => {
  const token = cursor.peek()
  if (token.kind !== "word" && token.kind !== "integer") return cursor.unexpected(`${what} in hexadecimal digits`)
  cursor.next()
  if (!/^[0-9a-fA-F]*$/.test(token.text)) cursor.fail(`${what} '${token.text}' is not a valid hex string`, token)
  if (token.text.length % 2 !== 0) cursor.fail(`${what} has an odd number of digits`, token)
  const bytes = token.text.match(/../g) ?? []
  if (bytes.length > most) cursor.fail(`${what} of ${bytes.length} bytes exceeds its maximum of ${most} bytes`, token)
  return bytes.map((digits) => Number.parseInt(digits, 16))
}

/** `ECN e0b 1 ceb 0 e1b 1`: the order of the first field decides the kind (AccECN0 172, AccECN1 174). */
const accurateEcn = (cursor: Cursor): TcpOption => {
  const order = cursor.is("e0b") ? ["e0b", "ceb", "e1b"] : ["e1b", "ceb", "e0b"]
  const counters: Array<number> = []
  cursor.expect(order[0]!)
  counters.push(cursor.ranged("TCP AccECN field value", U24_MAX))
  for (const name of order.slice(1)) {
    if (!cursor.accept(name)) break
    counters.push(cursor.ranged("TCP AccECN field value", U24_MAX))
  }
  return { _tag: "AccurateEcn", kind: order[0] === "e0b" ? 172 : 174, counters }
}
