/** sendmsg, recvmsg and ioctl: messages with several buffers and control messages (run_system_call.c: cmsg_new, cmsg_expect_eq). */
import type * as Kernel from "@darkfiber/sockets/Message"
import * as Sys from "@darkfiber/sockets/Sys"
import type * as Ast from "./Ast.ts"
import type { CallState, Planner } from "./CallState.ts"
import { BadCall, Unsupported } from "./Failure.ts"
import * as ControlCompare from "./ControlCompare.ts"
import { connecting } from "./SocketCalls.ts"
import * as Values from "./Values.ts"

const header = (expression: Ast.Expression): Ast.MessageHeader => {
  if (expression._tag === "MessageHeader") return expression
  throw new BadCall(`a msghdr was expected, not ${Values.describe(expression)}`)
}

/** The buffers of a message, as many as it says. */
const buffers = (message: Ast.MessageHeader): ReadonlyArray<Uint8Array> => {
  const lengths = Values.iovec(message.vector)
  if (lengths.length !== message.count) {
    throw new BadCall(`msg_iovlen ${message.count} does not match ${lengths.length}-element iovec array`)
  }
  return lengths.map(Values.bytes)
}

/** Control messages of the script. */
const control = (message: Ast.MessageHeader): ReadonlyArray<Ast.ControlMessage> => {
  if (message.control._tag !== "List") throw new BadCall("a list of control messages was expected")
  return message.control.items.map((item) => {
    if (item._tag !== "ControlMessage") throw new BadCall(`a cmsg was expected, not ${Values.describe(item)}`)
    return item
  })
}

/** What a program sends along: numbers only. */
const outgoing = (one: Ast.ControlMessage): Kernel.ControlMessage => {
  if (one.data._tag !== "Integer" && one.data._tag !== "Word" && one.data._tag !== "Or") {
    throw new Unsupported(`sendmsg with ${Values.describe(one.data)}`)
  }
  return { level: Values.int(one.level), type: Values.int(one.type), data: Values.int(one.data) }
}

const sendmsg: Planner = (call, state) => {
  Values.arity(call, 3)
  const script = Values.int(call.arguments[0]!)
  const live = state.live(script)
  const message = header(call.arguments[1]!)
  if (Values.int(message.flags) !== 0) throw new BadCall("sendmsg ignores msg_flags field in msghdr")
  connecting(state, script)
  const { connectPort, remoteAddress } = state.config
  return {
    effect: Sys.sendmsg(
      live,
      {
        iov: buffers(message),
        to: { address: remoteAddress, port: connectPort },
        control: control(message).map(outgoing)
      },
      Values.int(call.arguments[2]!)
    ),
    mode: "exact"
  }
}

const recvmsg: Planner = (call, state) => {
  Values.arity(call, 3)
  const live = state.live(Values.int(call.arguments[0]!))
  const message = header(call.arguments[1]!)
  const wanted = control(message)
  const controlLength = wanted.reduce((sum, one) => sum + ControlCompare.room(one), 0)
  return {
    effect: Sys.recvmsg(live, { iov: buffers(message), controlLength }, Values.int(call.arguments[2]!)),
    mode: "exact",
    result: (value) => (value as Sys.ReceivedMessage).count,
    after: (value) => received(message, wanted, value as Sys.ReceivedMessage, state)
  }
}

const received = (
  message: Ast.MessageHeader,
  wanted: ReadonlyArray<Ast.ControlMessage>,
  found: Sys.ReceivedMessage,
  state: CallState
): string | null => {
  const flags = Values.int(message.flags)
  const hex = (value: number): string => `0x${(value >>> 0).toString(16).padStart(8, "0")}`
  if (flags !== (found.flags | 0)) return `Expected msg_flags ${hex(flags)} but got ${hex(found.flags)}`
  for (let i = 0; i < Math.max(wanted.length, found.control.length); i++) {
    const left = wanted[i]
    const right = found.control[i]
    if (left === undefined) return `received more than ${i} cmsgs`
    if (right === undefined) return `received only ${i} cmsgs`
    const complaint = ControlCompare.compare(left, right, i, state)
    if (complaint !== null) return complaint
  }
  return null
}

/** Two arguments, or three with the number that comes back. */
const ioctl: Planner = (call, state) => {
  Values.arity(call, 2, 3)
  const [fd, request, value] = call.arguments
  const effect = Sys.ioctl(state.live(Values.int(fd!)), Values.number(request!))
  if (value === undefined) return { effect, mode: "exact", result: () => 0 }
  const expected = Values.bracketed(value) | 0
  return {
    effect,
    mode: "exact",
    result: () => 0,
    after: (found) => {
      const actual = Number(found) | 0
      return actual === expected ? null : `Bad ioctl optval: expected: ${expected} actual: ${actual}`
    }
  }
}

export const planners: Readonly<Record<string, Planner>> = { sendmsg, recvmsg, ioctl }
