/**
 * Options of a bench scenario: texts by name, as the command line gives them, read into numbers with their unit.
 */
import * as Units from "@darkfiber/topology/Units"

/** An option that is unknown or has an unreadable value. */
export class BadOption extends Error {}

/** What every scenario understands, with the names of the ns-3 programs where they have the option too. */
export const common = {
  seed: "1",
  programs: "leased",
  dispatch: "poll",
  checksum: "0",
  count: "1",
  qdisc: "0",
  payload: "1",
  cc: "cubic",
  mss: "1448",
  queue: "1000",
  buf: "1000000",
  rxUsecs: "0",
  rxFrames: "0",
  gro: "1"
} as const

export type Values = Readonly<Record<string, string>>

export class Options {
  private readonly values: Values

  /** @throws BadOption for a name that `defaults` has not */
  constructor(defaults: Values, given: Values) {
    for (const name of Object.keys(given)) {
      if (!Object.hasOwn(defaults, name)) {
        throw new BadOption(`there is no option ${name}, expected one of ${Object.keys(defaults).join(", ")}`)
      }
    }
    this.values = { ...defaults, ...given }
  }

  text(name: string, allowed: ReadonlyArray<string>): string {
    const value = this.values[name] ?? ""
    if (!allowed.includes(value)) throw new BadOption(`${name} is one of ${allowed.join(", ")}, not ${value}`)
    return value
  }

  /** A number from `least` to `most`; `5e5` is one too. */
  number(name: string, least: number, most: number): number {
    const text = this.values[name] ?? ""
    const value = Number(text)
    if (text.trim() === "" || !(value >= least && value <= most)) {
      throw new BadOption(`${name} is a number from ${least} to ${most}, not ${text}`)
    }
    return value
  }

  int(name: string, least: number, most: number): number {
    const value = this.number(name, least, most)
    if (!Number.isInteger(value)) throw new BadOption(`${name} is a whole number, not ${value}`)
    return value
  }

  flag(name: string): boolean {
    return this.text(name, ["0", "1"]) === "1"
  }

  /** Nanoseconds of a text such as `5us`. */
  duration(name: string): number {
    return this.unit(name, Units.duration, "a duration such as 5us")
  }

  /** Bits per second of a text such as `10Gbps`. */
  rate(name: string): number {
    return this.unit(name, Units.rate, "a rate such as 10Gbps")
  }

  private unit(name: string, read: (text: string) => number | undefined, expected: string): number {
    const value = read(this.values[name] ?? "")
    if (value === undefined || value < 1) throw new BadOption(`${name} is ${expected}, not ${this.values[name]}`)
    return value
  }
}

/** The common options, read. */
export interface Setting {
  readonly seed: number
  readonly leased: boolean
  readonly fiberDispatch: boolean
  /** Transport checksums are computed by the sender's NIC and verified by the receiver's. */
  readonly filled: boolean
  readonly mtu: number
  /** Packets a port may queue, and the bytes that many full ones take on the wire. */
  readonly queuePackets: number
  readonly buffer: number
  readonly rxUsecs: number
  readonly rxFrames: number
  readonly gro: boolean
}

/** IP and TCP headers with the timestamps option. */
const HEADERS = 52

export const settingOf = (options: Options): Setting => {
  options.text("qdisc", ["0"]) // pfifo_fast on the hosts, the kernel's own; the fabric has plain queues
  options.text("payload", ["1"]) // real bytes always
  options.text("count", ["1"])
  options.text("cc", ["cubic"])
  return {
    seed: options.int("seed", 0, 2 ** 31 - 1),
    leased: options.text("programs", ["leased", "fiber"]) === "leased",
    fiberDispatch: options.text("dispatch", ["poll", "fiber"]) === "fiber",
    filled: options.flag("checksum"),
    mtu: options.int("mss", 536, 8948) + HEADERS,
    queuePackets: options.int("queue", 1, 1_000_000),
    buffer: options.int("buf", 4096, 500_000_000),
    rxUsecs: options.int("rxUsecs", 0, 10_000),
    rxFrames: options.int("rxFrames", 0, 1024),
    gro: options.flag("gro")
  }
}
