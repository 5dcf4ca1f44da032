/**
 * `tcpdump`: prints what a device sends and receives, with a capture filter. It runs until it has seen -c packets or is
 * ended (`timeout`, `kill`). Looking at packets costs the host nothing and changes none; the process itself starts and
 * ends as any other does.
 *
 * Differs: -v, -e, -X, -w and the like are not there; names are never resolved (-n).
 */
import type { NetDevice, Tap } from "@darkfiber/kernel-net/NetDevice"
import type { SkBuff } from "@darkfiber/kernel-net/SkBuff"
import * as SkbBytes from "@darkfiber/observe/SkbBytes"
import { seconds } from "@darkfiber/observe/Columns"
import * as Describe from "@darkfiber/wire/Describe"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Tcp from "@darkfiber/wire/Tcp"
import { Effect, Result } from "effect"
import { timed, type Command, type Invocation } from "../Command.ts"
import { describe } from "../filter/Lexer.ts"
import { compile, type Filter } from "../filter/Filter.ts"
import { failure, outcome, type Outcome } from "../Outcome.ts"

interface Options {
  device: string
  count: number
  /** -t once: no time; twice: seconds; otherwise time of day. */
  time: 0 | 1 | 2
  absolute: boolean
  snapLength: number
  filter: Filter
}

const parse = (args: ReadonlyArray<string>): Options | Outcome => {
  const options = { device: "", count: Infinity, time: 0, absolute: false, snapLength: 262_144 }
  let at = 0
  for (; at < args.length && args[at]!.startsWith("-") && args[at] !== "-"; at++) {
    const bundle = args[at]!.slice(1)
    for (let i = 0; i < bundle.length; i++) {
      const letter = bundle[i]!
      if ("nlpqU".includes(letter)) continue
      if (letter === "t") options.time++
      else if (letter === "S") options.absolute = true
      else if ("ics".includes(letter)) {
        const value = i + 1 < bundle.length ? bundle.slice(i + 1) : args[++at]
        if (value === undefined) return failure(`tcpdump: option requires an argument -- '${letter}'`, 1)
        if (letter === "i") options.device = value
        else if (!/^\d+$/.test(value) || (letter === "c" && Number(value) === 0)) {
          return failure(`tcpdump: invalid ${letter === "c" ? "packet count" : "snaplen"} ${value}`, 1)
        } else if (letter === "c") options.count = Number(value)
        else options.snapLength = Number(value) === 0 ? 262_144 : Number(value)
        break
      } else return failure(`tcpdump: invalid option -- '${letter}'`, 1)
    }
  }
  const filter = compile(args.slice(at).join(" "))
  if (Result.isFailure(filter)) return failure(`tcpdump: ${describe(filter.failure)}`, 1)
  const time = options.time === 0 ? 0 : options.time === 1 ? 1 : 2
  return { ...options, time, filter: filter.success }
}

/** What a conversation's numbers are counted from, by the end that sends. */
interface Conversation {
  readonly from: Map<string, number>
}

/**
 * Numbers relative to the first packet seen of a conversation, which itself (and every SYN) is shown as it is: tcpdump
 * without -S (print-tcp.c).
 */
class Origins {
  private readonly known = new Map<string, Conversation>()

  of(bytes: Uint8Array): Describe.SequenceOrigin {
    const at = SkbBytes.networkOffset(bytes)
    if (at < 0 || bytes.length < at + 40 || Ipv4.protocol(bytes, at) !== Ipv4.PROTOCOL_TCP) return Describe.absolute
    if (Ipv4.fragmentOffset(bytes, at) > 0) return Describe.absolute
    const tcp = at + Ipv4.headerLength(bytes, at)
    if (bytes.length < tcp + Tcp.headerBytes) return Describe.absolute
    const source = `${Ipv4.source(bytes, at)}:${Tcp.sourcePort(bytes, tcp)}`
    const destination = `${Ipv4.destination(bytes, at)}:${Tcp.destinationPort(bytes, tcp)}`
    const key = source < destination ? `${source} ${destination}` : `${destination} ${source}`
    const conversation = this.known.get(key)
    if (conversation === undefined || Tcp.hasFlags(bytes, tcp, Tcp.SYN)) {
      const from = new Map([[source, Tcp.sequence(bytes, tcp)]])
      from.set(destination, (Tcp.acknowledgment(bytes, tcp) - 1) | 0)
      this.known.set(key, { from })
      return Describe.absolute
    }
    return { sequence: conversation.from.get(source)!, acknowledgment: conversation.from.get(destination)! }
  }
}

/** `00:00:01.234567 ` */
const stamp = (time: number, form: 0 | 1 | 2): string => {
  if (form === 1) return ""
  if (form === 2) return `${seconds(time)} `
  const whole = Math.floor(time / 1e9)
  const pad = (value: number): string => String(value).padStart(2, "0")
  const day = `${pad(Math.floor(whole / 3600) % 24)}:${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}`
  return `${day}.${seconds(time).split(".")[1]!} `
}

/** Captures until it has enough. */
class Session implements Tap {
  captured = 0
  received = 0
  private readonly options: Options
  private readonly invocation: Invocation
  private readonly origins = new Origins()
  private readonly devices: ReadonlyArray<NetDevice>
  private readonly done: (result: Outcome) => void

  constructor(
    options: Options,
    invocation: Invocation,
    devices: ReadonlyArray<NetDevice>,
    done: (result: Outcome) => void
  ) {
    this.options = options
    this.invocation = invocation
    this.devices = devices
    this.done = done
    for (const dev of devices) dev.taps.push(this)
  }

  frame(dev: NetDevice, skb: SkBuff, outgoing: boolean, time: number): void {
    if (this.captured >= this.options.count) return
    const bytes = SkbBytes.frame(this.invocation.place.host.world, skb)
    const end = Math.min(bytes.length, this.options.snapLength)
    if (!this.options.filter.matches(bytes, 0, end, bytes.length)) return
    this.received++
    this.captured++
    const origin = this.options.absolute ? Describe.absolute : this.origins.of(bytes.subarray(0, end))
    const where = this.devices.length > 1 ? `${dev.name.padEnd(5)} ${outgoing ? "Out" : "In "} ` : ""
    this.invocation.emit(`${stamp(time, this.options.time)}${where}${Describe.frame(bytes, 0, end, origin)}\n`)
    if (this.captured >= this.options.count) this.done(this.summary())
  }

  summary(): Outcome {
    const packets = (count: number): string => `${count} packet${count === 1 ? "" : "s"}`
    return outcome(
      "",
      `${packets(this.captured)} captured\n${packets(this.received)} received by filter\n0 packets dropped by kernel\n`
    )
  }

  stop(): void {
    for (const dev of this.devices) {
      const at = dev.taps.indexOf(this)
      if (at >= 0) dev.taps.splice(at, 1)
    }
  }
}

const capture = (options: Options, invocation: Invocation, devices: ReadonlyArray<NetDevice>): Effect.Effect<Outcome> =>
  Effect.callback<Outcome>((resume) => {
    const { island } = invocation.place.host
    // The tap runs on a core; the fiber wakes where fibers may, in the process phase.
    const session = new Session(options, invocation, devices, (result) => {
      island.resumeLater({
        resume: () => {
          session.stop()
          resume(Effect.succeed(result))
        }
      })
    })
    return Effect.sync(() => session.stop())
  })

export const tcpdump: Command = {
  name: "tcpdump",
  usage: "tcpdump [-n] [-i DEVICE|any] [-c COUNT] [-t|-tt] [-S] [-s BYTES] [FILTER]",
  run: (args, invocation) => {
    const options = parse(args)
    if ("code" in options) return options
    const { net } = invocation.place
    const name =
      options.device === ""
        ? (net.devices.find((dev) => dev !== net.loopback && dev.isUp())?.name ?? "lo")
        : options.device
    const devices = name === "any" ? net.devices.slice() : net.devices.filter((dev) => dev.name === name)
    if (devices.length === 0) return failure(`tcpdump: ${name}: No such device exists`, 1)
    const hint = `tcpdump: verbose output suppressed, use -v[v]... for full protocol decode\nlistening on ${name}, link-type EN10MB (Ethernet), snapshot length ${options.snapLength} bytes\n`
    const effect = Effect.suspend(() => {
      let session: Effect.Effect<Outcome> = capture(options, invocation, devices)
      session = Effect.map(session, (end) => ({ ...end, stderr: hint + end.stderr }))
      return session
    })
    return timed(effect)
  }
}
