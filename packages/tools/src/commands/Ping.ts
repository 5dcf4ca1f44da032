/**
 * `ping`, over a ping socket (SOCK_DGRAM, IPPROTO_ICMP): it runs as a process and takes virtual time (iputils: ping.c).
 *
 * Differs: no -f, -A, -R; without -c it goes on until it is killed, as the real one does.
 */
import type { PingSock } from "@darkfiber/kernel-net/Ping"
import * as SysTask from "@darkfiber/sockets/SysTask"
import { POLLIN } from "@darkfiber/sockets/Poll"
import * as O from "@darkfiber/sockets/SocketOptions"
import { MSG_DONTWAIT, SOCK_DGRAM, type Socket } from "@darkfiber/sockets/Socket"
import * as Sys from "@darkfiber/sockets/Sys"
import type { Errno } from "@darkfiber/sockets/SystemError"
import { fixed } from "@darkfiber/observe/Columns"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import { Effect, Result } from "effect"
import { timed, type Command, type Invocation } from "../Command.ts"
import { failure, outcome, type Outcome } from "../Outcome.ts"
import { strerror } from "../Strerror.ts"

const IPPROTO_ICMP = 1
const SECOND = 1_000_000_000
const LINGER = 10 * SECOND

interface Options {
  destination: number
  count: number
  interval: number
  /** ns; -1 for the default: twice the longest round trip, or 10 s. */
  timeout: number
  size: number
  ttl: number
  /** A device or an address; empty for none. */
  source: string
  dontFragment: boolean
  quiet: boolean
}

const parse = (args: ReadonlyArray<string>): Options | Outcome => {
  const options: Options = {
    destination: 0,
    count: Infinity,
    interval: SECOND,
    timeout: -1,
    size: 56,
    ttl: 0,
    source: "",
    dontFragment: false,
    quiet: false
  }
  let host: string | undefined
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!
    if (!/^-[A-Za-z]/.test(arg)) {
      host = arg
      continue
    }
    const letter = arg[1]!
    if ("nq".includes(letter) && arg.length === 2) {
      options.quiet ||= letter === "q"
      continue
    }
    if (!"ciWstIM".includes(letter)) return failure(`ping: invalid option -- '${letter}'`, 2)
    const value = arg.length > 2 ? arg.slice(2) : args[++at]
    if (value === undefined) return failure(`ping: option requires an argument -- '${letter}'`, 2)
    const error = set(options, letter, value)
    if (error !== undefined) return failure(`ping: ${error}`, 2)
  }
  if (host === undefined) return failure("ping: usage error: Destination address required", 1)
  const address = Ipv4Address.parse(host)
  if (Result.isFailure(address)) return failure(`ping: ${host}: Name or service not known`, 2)
  return { ...options, destination: address.success }
}

const set = (options: Options, letter: string, value: string): string | undefined => {
  const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN
  const bad = `invalid argument: '${value}'`
  switch (letter) {
    case "c":
      options.count = number
      return number >= 1 && Number.isInteger(number) ? undefined : bad
    case "i":
      options.interval = Math.round(number * SECOND)
      return number >= 0.002 && number <= 86_400 ? undefined : bad
    case "W":
      options.timeout = Math.round(number * SECOND)
      return number >= 0 && number <= 86_400 ? undefined : bad
    case "s":
      options.size = number
      return number <= 65_507 && Number.isInteger(number)
        ? undefined
        : `invalid argument: '${value}': out of range: 0 <= value <= 65507`
    case "t":
      options.ttl = number
      return number >= 1 && number <= 255 && Number.isInteger(number) ? undefined : bad
    case "M":
      options.dontFragment = value === "do"
      return value === "do" || value === "dont" || value === "want"
        ? undefined
        : `wrong value for -M: do, dont, want are valid ones.`
    default:
      options.source = value
      return undefined
  }
}

/** What has been measured. */
class Tally {
  sent = 0
  received = 0
  errors = 0
  minimum = Infinity
  maximum = 0
  sum = 0
  squares = 0
  readonly sentAt = new Map<number, number>()
  readonly answered = new Set<number>()
  startedAt = 0
  lastSent = 0

  rtt(ns: number): void {
    const ms = ns / 1_000_000
    this.minimum = Math.min(this.minimum, ms)
    this.maximum = Math.max(this.maximum, ms)
    this.sum += ms
    this.squares += ms * ms
  }
}

const echo = (sequence: number, size: number): Uint8Array => {
  const message = new Uint8Array(Icmp.headerBytes + size)
  Icmp.write(message, 0, Icmp.TYPE_ECHO_REQUEST, 0, sequence & 0xffff)
  for (let i = 0; i < size; i++) message[Icmp.headerBytes + i] = i & 0xff
  return message
}

/** As ping prints round trips: three significant places (print_time of iputils). */
export const timeText = (ns: number): string => {
  const us = Math.floor(ns / 1000)
  if (us >= 99_950) return fixed(us / 1000, 0)
  if (us >= 9995) return fixed(us / 1000, 1)
  return us >= 1000 ? fixed(us / 1000, 2) : fixed(us / 1000, 3)
}

const unreachable: ReadonlyArray<string> = [
  "Destination Net Unreachable",
  "Destination Host Unreachable",
  "Destination Protocol Unreachable",
  "Destination Port Unreachable",
  "Frag needed and DF set",
  "Source Route Failed",
  "Destination Net Unknown",
  "Destination Host Unknown",
  "Source Host Isolated",
  "Destination Net Prohibited",
  "Destination Host Prohibited"
]

const errorText = (type: number, code: number): string => {
  if (type === Icmp.TYPE_TIME_EXCEEDED) return code === 0 ? "Time to live exceeded" : "Frag reassembly time exceeded"
  return type === Icmp.TYPE_DESTINATION_UNREACHABLE
    ? (unreachable[code] ?? "Packet filtered")
    : `Bad ICMP type: ${type}`
}

const session = (options: Options, invocation: Invocation): Effect.Effect<Outcome, Errno> =>
  Effect.gen(function* () {
    const fd = yield* Sys.socket(SOCK_DGRAM, IPPROTO_ICMP)
    yield* prepare(fd, options, invocation)
    const process = yield* SysTask.self
    const socket = process.files.get(fd)!.object as Socket
    const tally = new Tally()
    const name = Ipv4Address.format(options.destination)
    const from = options.source === "" ? "" : ` from ${options.source}`
    invocation.emit(`PING ${name} (${name})${from} ${options.size}(${options.size + 28}) bytes of data.\n`)
    tally.startedAt = yield* SysTask.clockGettime
    let nextSend = tally.startedAt
    for (;;) {
      const now = yield* SysTask.clockGettime
      const isDone = tally.sent >= options.count
      if (isDone && tally.received + tally.errors >= tally.sent) break
      const until = isDone ? tally.lastSent + linger(options, tally) : nextSend
      if (now >= until) {
        if (isDone) break
        const error = yield* sendOne(fd, options, tally, now)
        if (error !== "") {
          tally.errors++
          invocation.emit(`ping: sendmsg: ${error}\n`)
        }
        nextSend += options.interval
        continue
      }
      const ready = yield* Sys.poll([{ fd, events: POLLIN, revents: 0 }], until - now)
      if (ready > 0) yield* receiveOne(fd, socket, options, tally, invocation)
    }
    yield* Sys.close(fd)
    return report(options, tally)
  })

const prepare = (fd: number, options: Options, invocation: Invocation): Effect.Effect<void, Errno> =>
  Effect.gen(function* () {
    yield* Sys.setsockopt(fd, O.SOL_IP, O.IP_RECVERR, 1)
    if (options.ttl > 0) yield* Sys.setsockopt(fd, O.SOL_IP, O.IP_TTL, options.ttl)
    if (options.dontFragment) yield* Sys.setsockopt(fd, O.SOL_IP, O.IP_MTU_DISCOVER, 2)
    if (options.source === "") return
    if (invocation.place.net.deviceByName(options.source) !== null) {
      yield* Sys.setsockopt(fd, O.SOL_SOCKET, O.SO_BINDTODEVICE, options.source)
    } else yield* Sys.bind(fd, { address: options.source, port: 0 })
  })

const linger = (options: Options, tally: Tally): number => {
  if (options.timeout >= 0) return options.timeout
  return tally.received > 0 ? Math.max(2 * tally.maximum * 1_000_000, options.interval) : LINGER
}

/** Sends the next request. @returns what went wrong, or the empty text */
const sendOne = (fd: number, options: Options, tally: Tally, now: number): Effect.Effect<string> => {
  const sequence = ++tally.sent
  tally.sentAt.set(sequence & 0xffff, now)
  tally.lastSent = now
  return Sys.sendto(fd, echo(sequence, options.size), { address: options.destination, port: 0 }, MSG_DONTWAIT).pipe(
    Effect.as(""),
    Effect.catch((error) => Effect.succeed(strerror(error.errno)))
  )
}

const receiveOne = (
  fd: number,
  socket: Socket,
  options: Options,
  tally: Tally,
  invocation: Invocation
): Effect.Effect<void> => {
  // The kernel hands the time to live over beside the message (IP_RECVTTL); here it is read off the buffer.
  const head = socket.sk.receiveQueue.head
  const ttl = head === null ? 0 : Ipv4.timeToLive(head.host.world.slab.bytes, head.networkHeader)
  const arrived = head === null ? 0 : head.timestamp
  const buffer = new Uint8Array(Icmp.headerBytes + options.size + 64)
  return Effect.gen(function* () {
    const got = yield* Sys.recvfrom(fd, buffer, MSG_DONTWAIT)
    if (got === Sys.AGAIN) return
    const now = yield* SysTask.clockGettime
    const sequence = Icmp.echoSequence(buffer, 0)
    const sentAt = tally.sentAt.get(sequence)
    if (sentAt === undefined) return
    const rtt = Math.max(0, (arrived > sentAt ? arrived : now) - sentAt)
    const isDuplicate = tally.answered.has(sequence)
    tally.answered.add(sequence)
    if (!isDuplicate) {
      tally.received++
      tally.rtt(rtt)
    }
    if (options.quiet) return
    const who = Ipv4Address.format(got.address)
    const end = `${isDuplicate ? " (DUP!)" : ""}${got.count < Icmp.headerBytes + options.size ? " (truncated)" : ""}\n`
    invocation.emit(`${got.count} bytes from ${who}: icmp_seq=${sequence} ttl=${ttl} time=${timeText(rtt)} ms${end}`)
  }).pipe(Effect.catch((error) => Effect.sync(() => icmpError(error, socket, tally, options, invocation))))
}

/** An ICMP error came back instead of an answer. */
const icmpError = (error: Errno, socket: Socket, tally: Tally, options: Options, invocation: Invocation): void => {
  tally.errors++
  const last = (socket.sk as PingSock).lastError
  if (options.quiet) return
  if (last === null) invocation.emit(`ping: recvmsg: ${strerror(error.errno)}\n`)
  else {
    const from = Ipv4Address.format(last.from)
    invocation.emit(`From ${from} icmp_seq=${tally.sent} ${errorText(last.type, last.code)}\n`)
  }
}

const report = (options: Options, tally: Tally): Outcome => {
  const { sent, received, errors } = tally
  const loss = sent === 0 ? 0 : Math.floor(((sent - received) * 100) / sent)
  const duration = Math.floor(Math.max(0, tally.lastSent - tally.startedAt) / 1_000_000)
  const wrong = errors > 0 ? ` +${errors} errors,` : ""
  let text = `\n--- ${Ipv4Address.format(options.destination)} ping statistics ---\n`
  text += `${sent} packets transmitted, ${received} received,${wrong} ${loss}% packet loss, time ${duration}ms\n`
  if (received > 0) {
    const mean = tally.sum / received
    const deviation = Math.sqrt(Math.max(0, tally.squares / received - mean * mean))
    text += `rtt min/avg/max/mdev = ${[tally.minimum, mean, tally.maximum, deviation].map((one) => fixed(one, 3)).join("/")} ms\n`
  } else text += "\n"
  return outcome(text, "", received > 0 ? 0 : 1)
}

export const ping: Command = {
  name: "ping",
  usage: "ping [-c COUNT] [-i SECONDS] [-W SECONDS] [-s BYTES] [-t TTL] [-I DEVICE|ADDRESS] [-M do] ADDRESS",
  run: (args, invocation) => {
    const options = parse(args)
    if ("code" in options) return options
    return timed(
      session(options, invocation).pipe(
        Effect.catch((error) => Effect.succeed(failure(`ping: ${error.call}: ${strerror(error.errno)}`, 2)))
      )
    )
  }
}
