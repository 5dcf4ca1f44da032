/** Arguments and results of system calls: numbers, symbols, strings, lists and the structures the language knows. */
import type { Expression } from "./Ast.ts"
import type { Cursor } from "./Cursor.ts"

/** expression [ "|" expression ]… */
export const expression = (cursor: Cursor): Expression => {
  let left = single(cursor)
  while (cursor.accept("|")) left = { _tag: "Or", left, right: single(cursor) }
  return left
}

/** One or more expressions, separated by commas. */
export const expressions = (cursor: Cursor): Array<Expression> => {
  const list = [expression(cursor)]
  while (cursor.accept(",")) list.push(expression(cursor))
  return list
}

const single = (cursor: Cursor): Expression => {
  const token = cursor.peek()
  switch (token.kind) {
    case "ellipsis":
      cursor.next()
      return { _tag: "Ellipsis" }
    case "integer":
    case "hex":
      return { _tag: "Integer", value: cursor.anyInteger("a number") }
    case "word":
      return word(cursor)
    case "text":
      return text(cursor)
    default:
  }
  if (cursor.is("[")) return array(cursor)
  if (cursor.is("{")) return braces(cursor)
  if (cursor.is("inet_addr")) return inetAddress(cursor)
  if (cursor.is("inet6_addr")) {
    cursor.next()
    cursor.expect("(")
    cursor.expectKind("text", "an address")
    cursor.expect(")")
    return { _tag: "Foreign", what: "inet6_addr" }
  }
  return cursor.unexpected("an expression")
}

const word = (cursor: Cursor): Expression => {
  const name = cursor.next().text
  if (!cursor.accept("=")) return { _tag: "Word", name }
  return { _tag: "Assignment", name, value: expression(cursor) }
}

/** Strings that stand side by side are one; `"…"...` is the beginning of one. */
const text = (cursor: Cursor): Expression => {
  let all = ""
  while (cursor.isKind("text")) all += unescape(cursor.next().text)
  const isPrefix = cursor.isKind("ellipsis")
  if (isPrefix) cursor.next()
  return { _tag: "Text", text: all, isPrefix }
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", 0: "\0", a: "\x07", b: "\b", f: "\f" }

/** C's escapes; one char a byte. */
const unescape = (raw: string): string =>
  raw.replace(/\\(?:x([0-9a-fA-F]{1,2})|([^]))/g, (_, hex: string | undefined, char: string | undefined) =>
    hex !== undefined ? String.fromCharCode(Number.parseInt(hex, 16)) : (escapes[char!] ?? char!)
  )

const array = (cursor: Cursor): Expression => {
  cursor.expect("[")
  if (cursor.accept("]")) return { _tag: "List", items: [] }
  const items = expressions(cursor)
  cursor.expect("]")
  return { _tag: "List", items }
}

/** Int32 in network order, as the C function gives it on a little-endian machine. */
const inetAddress = (cursor: Cursor): Expression => {
  cursor.next()
  cursor.expect("(")
  const token = cursor.expectKind("text", "an address")
  cursor.expect(")")
  const parts = token.text.split(".").map(Number)
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part <= 255)))
    cursor.fail("invalid IPv4 address", token)
  return { _tag: "Integer", value: parts.reduceRight((value, part) => value * 256 + part, 0) }
}

const braces = (cursor: Cursor): Expression => {
  const first = cursor.peek(1)
  const reader = first.kind === "keyword" ? structures[first.text] : undefined
  cursor.expect("{")
  let value: Expression
  if (reader !== undefined) value = reader(cursor)
  else if (first.kind === "ellipsis" && cursor.is(",", 1) && cursor.isKind("integer", 2) && cursor.is("}", 3)) {
    cursor.next()
    cursor.next()
    value = { _tag: "Iovec", length: cursor.integer("a length") }
  } else if (cursor.is("(")) value = foreign(cursor, "an MPLS label stack")
  else value = { _tag: "List", items: expressions(cursor) }
  cursor.expect("}")
  return value
}

/** A structure of a protocol that is not modelled: read over. */
const foreign = (cursor: Cursor, what: string): Expression => {
  while (!cursor.is("}")) {
    if (cursor.isKind("end")) cursor.unexpected("'}'")
    cursor.next()
  }
  return { _tag: "Foreign", what }
}

const field = (cursor: Cursor, name: string): Expression => {
  cursor.expect(name)
  cursor.expect("=")
  return expression(cursor)
}

const nextField = (cursor: Cursor, name: string): Expression => {
  cursor.expect(",")
  return field(cursor, name)
}

const number = (cursor: Cursor, name: string): number => {
  cursor.expect(name)
  cursor.expect("=")
  return cursor.integer("a number")
}

const socketAddress = (cursor: Cursor): Expression => {
  cursor.expect("sa_family")
  cursor.expect("=")
  const family = cursor.expectKind("word", "an address family").text
  for (const each of [",", "sin_port", "=", "htons", "("]) cursor.expect(each)
  const port = cursor.u16("port")
  for (const each of [")", ",", "sin_addr", "=", "inet_addr", "("]) cursor.expect(each)
  const address = cursor.expectKind("text", "an address").text
  cursor.expect(")")
  return { _tag: "SocketAddress", family, port, address }
}

const messageHeader = (cursor: Cursor): Expression => {
  cursor.expect("msg_name")
  cursor.expect("(")
  cursor.expectKind("ellipsis", "'...'")
  for (const each of [")", "="]) cursor.expect(each)
  cursor.expectKind("ellipsis", "'...'")
  for (const each of [",", "msg_iov", "("]) cursor.expect(each)
  const count = cursor.integer("the number of iovecs")
  for (const each of [")", "="]) cursor.expect(each)
  const vector = array(cursor)
  const flags = nextField(cursor, "msg_flags")
  let control: Expression = { _tag: "List", items: [] }
  if (cursor.accept(",")) {
    for (const each of ["msg_control", "="]) cursor.expect(each)
    control = array(cursor)
  }
  return { _tag: "MessageHeader", count, vector, flags, control }
}

const pollDescriptor = (cursor: Cursor): Expression => {
  const fd = field(cursor, "fd")
  const events = nextField(cursor, "events")
  const revents: Expression = cursor.is(",") ? nextField(cursor, "revents") : { _tag: "Integer", value: 0 }
  return { _tag: "PollDescriptor", fd, events, revents }
}

const epollEvent = (cursor: Cursor): Expression => {
  const events = field(cursor, "events")
  cursor.expect(",")
  for (const member of ["fd", "ptr", "u32", "u64"] as const) {
    if (cursor.is(member)) return { _tag: "EpollEvent", events, member, data: field(cursor, member) }
  }
  return cursor.unexpected("'fd', 'ptr', 'u32' or 'u64'")
}

const structures: Readonly<Record<string, (cursor: Cursor) => Expression>> = {
  sa_family: socketAddress,
  msg_name: messageHeader,
  fd: pollDescriptor,
  events: epollEvent,
  cmsg_level: (cursor) => ({
    _tag: "ControlMessage",
    level: field(cursor, "cmsg_level"),
    type: nextField(cursor, "cmsg_type"),
    data: nextField(cursor, "cmsg_data")
  }),
  scm_sec: (cursor) => {
    const seconds = number(cursor, "scm_sec")
    cursor.expect(",")
    return { _tag: "Timestamping", seconds, nanoseconds: number(cursor, "scm_nsec") }
  },
  ee_errno: (cursor) => ({
    _tag: "ExtendedError",
    errno: field(cursor, "ee_errno"),
    origin: nextField(cursor, "ee_origin"),
    type: nextField(cursor, "ee_type"),
    code: nextField(cursor, "ee_code"),
    info: nextField(cursor, "ee_info"),
    data: nextField(cursor, "ee_data")
  }),
  onoff: (cursor) => {
    const isOn = number(cursor, "onoff")
    cursor.expect(",")
    return { _tag: "Linger", isOn, seconds: number(cursor, "linger") }
  },
  flags: (cursor) => foreign(cursor, "a GRE header"),
  Flags: (cursor) => foreign(cursor, "a GRE header")
}
