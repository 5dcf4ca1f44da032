/** System calls with messages and several buffers, as Effects. `Sys` has them all. */
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import { Effect, Result } from "effect"
import { type ControlMessage, Message, type UserBytes } from "./Message.ts"
import * as MessageCalls from "./MessageCalls.ts"
import { AGAIN, numberResult } from "./Results.ts"
import type { SocketAddress } from "./SocketCalls.ts"
import type { Errno } from "./SystemError.ts"
import type { SystemCall } from "./SystemCall.ts"
import { type Decode, systemCall } from "./Thread.ts"

/** An address to connect or send to: text or int32, and a port. */
export interface Endpoint {
  readonly address: string | number
  readonly port: number
}

/** In place of a port: the text is no address. */
export const NO_ADDRESS = -2

/** The address as an int32; null for a text that is none. */
export const addressOf = (to: Endpoint): number | null => {
  if (typeof to.address === "number") return to.address | 0
  const parsed = Ipv4Address.parse(to.address)
  return Result.isSuccess(parsed) ? parsed.success : null
}

/** What sendmsg sends. */
export interface Outgoing {
  readonly iov: ReadonlyArray<UserBytes>
  readonly to?: Endpoint
  readonly control?: ReadonlyArray<ControlMessage>
}

/** What recvmsg has room for: buffers, and bytes of control messages (as many as come when it is not said). */
export interface Incoming {
  readonly iov: ReadonlyArray<UserBytes>
  readonly controlLength?: number
}

/** What recvmsg brought. */
export interface ReceivedMessage {
  readonly count: number
  /** MSG_TRUNC, MSG_CTRUNC, MSG_ERRQUEUE … */
  readonly flags: number
  readonly control: ReadonlyArray<ControlMessage>
  /** The sender of a datagram; null on a stream. */
  readonly name: SocketAddress | null
}

const outgoing = (message: Outgoing): Message => {
  const made = new Message(message.iov, message.control)
  if (message.to === undefined) return made
  const address = addressOf(message.to)
  made.toAddress = address ?? 0
  made.toPort = address === null ? NO_ADDRESS : message.to.port
  return made
}

const incoming = (message: Incoming): Message => new Message(message.iov, [], message.controlLength)

const chain = <A>(list: ReadonlyArray<A>, make: (item: A) => Message): ReadonlyArray<Message> => {
  const messages = list.map(make)
  messages.forEach((message, i) => (message.next = messages[i + 1] ?? null))
  return messages
}

const resultOf = (message: Message, count: number): ReceivedMessage => ({
  count,
  flags: message.flags,
  control: message.control,
  name: message.name
})

const call = (kind: SystemCall, fd: number, message: Message | null, flags: number, decode: Decode) =>
  systemCall<number>(
    kind,
    (task) => {
      task.r0 = fd
      task.r3 = flags
      task.argument = null
      task.message = message
      task.messages = 0
    },
    decode
  )

const decodeSend = numberResult("sendmsg")
/** Bytes taken, or AGAIN. As `send`; EINVAL for a control message that is not known. */
export const sendmsg = (fd: number, message: Outgoing, flags = 0): Effect.Effect<number, Errno> =>
  Effect.suspend(() => call(MessageCalls.SENDMSG, fd, outgoing(message), flags, decodeSend))

const decodeSendMany = numberResult("sendmmsg")
/** How many of the messages were taken, or AGAIN. */
export const sendmmsg = (fd: number, messages: ReadonlyArray<Outgoing>, flags = 0): Effect.Effect<number, Errno> =>
  messages.length === 0
    ? Effect.succeed(0)
    : Effect.suspend(() => call(MessageCalls.SENDMMSG, fd, chain(messages, outgoing)[0]!, flags, decodeSendMany))

const decodeReceive = numberResult("recvmsg")
/** Reads into the buffers; with MSG_ERRQUEUE a report of the error queue. AGAIN when it would block. */
export const recvmsg = (
  fd: number,
  message: Incoming,
  flags = 0
): Effect.Effect<ReceivedMessage | typeof AGAIN, Errno> =>
  Effect.suspend(() => {
    const made = incoming(message)
    const count = call(MessageCalls.RECVMSG, fd, made, flags, decodeReceive)
    return Effect.map(count, (value) => (value === AGAIN ? AGAIN : resultOf(made, value)))
  })

const decodeReceiveMany = numberResult("recvmmsg")
/** Reads as many messages as there are, and waits for all of them, or with MSG_WAITFORONE for the first. */
export const recvmmsg = (
  fd: number,
  messages: ReadonlyArray<Incoming>,
  flags = 0
): Effect.Effect<ReadonlyArray<ReceivedMessage> | typeof AGAIN, Errno> =>
  Effect.suspend(() => {
    if (messages.length === 0) return Effect.succeed([])
    const list = chain(messages, incoming)
    const count = call(MessageCalls.RECVMMSG, fd, list[0]!, flags, decodeReceiveMany)
    return Effect.map(count, (value) =>
      value === AGAIN ? AGAIN : list.slice(0, value).map((message) => resultOf(message, message.count))
    )
  })

const decodeReadv = numberResult("readv")
/** As `read`, into several buffers in turn. */
export const readv = (fd: number, iov: ReadonlyArray<UserBytes>): Effect.Effect<number, Errno> =>
  Effect.suspend(() => call(MessageCalls.READV, fd, new Message(iov), 0, decodeReadv))

const decodeWritev = numberResult("writev")
/** As `write`, from several buffers in turn. */
export const writev = (fd: number, iov: ReadonlyArray<UserBytes>): Effect.Effect<number, Errno> =>
  Effect.suspend(() => call(MessageCalls.WRITEV, fd, new Message(iov), 0, decodeWritev))
