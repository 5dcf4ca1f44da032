/** What the objects of `ip` share: words, prefixes of words, errors in iproute2's wording. */
import type { NetDevice } from "@darkfiber/kernel-net/NetDevice"
import type { Place } from "@darkfiber/observe/Machine"
import * as Cidr from "@darkfiber/wire/Cidr"
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import { Result } from "effect"
import { failure, success, type Outcome } from "../Outcome.ts"
import { strerror } from "../Strerror.ts"

/** Carries an outcome out of nested reading; caught by {@link attempt} and nowhere else. */
export class Abort {
  readonly outcome: Outcome
  constructor(outcome: Outcome) {
    this.outcome = outcome
  }
}

export const attempt = (body: () => Outcome): Outcome => {
  try {
    return body()
  } catch (stop) {
    if (stop instanceof Abort) return stop.outcome
    throw stop
  }
}

/** Ends with one line on stderr. */
export const abort = (message: string, code = 1): never => {
  throw new Abort(failure(message, code))
}

/** Options in front of the object: -s, -4, -br, -o, -d, -n NETNS. */
export interface IpOptions {
  readonly statistics: boolean
  readonly brief: boolean
}

/** Words of an `ip` command, one after the other. */
export class IpWords {
  readonly words: ReadonlyArray<string>
  at: number

  constructor(words: ReadonlyArray<string>) {
    this.words = words
    this.at = 0
  }

  get isAtEnd(): boolean {
    return this.at >= this.words.length
  }

  peek(): string | undefined {
    return this.words[this.at]
  }

  /** The next word; complains as iproute2 does when there is none (NEXT_ARG). */
  next(): string {
    const word = this.words[this.at]
    if (word === undefined) return abort('Command line is not complete. Try option "help"', 255)
    this.at++
    return word
  }

  /** Steps over one of these words. */
  take(...texts: ReadonlyArray<string>): boolean {
    const word = this.words[this.at]
    if (word === undefined || !texts.includes(word)) return false
    this.at++
    return true
  }

  number(name: string, high = 0xffff_ffff): number {
    const text = this.next()
    const value = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN
    if (!(value <= high)) return abort(`Error: argument "${text}" is wrong: Invalid "${name}" value`, 255)
    return value
  }
}

/** True when `word` is `full` or a beginning of it, as `ip a` is `ip address` (matches). */
export const isShortFor = (word: string, full: string): boolean => word !== "" && full.startsWith(word)

export const device = (place: Place, name: string): NetDevice =>
  place.net.deviceByName(name) ?? abort(`Cannot find device "${name}"`)

/** For listings, which word it otherwise. */
export const shownDevice = (place: Place, name: string): NetDevice =>
  place.net.deviceByName(name) ?? abort(`Device "${name}" does not exist.`)

/** `10.0.0.1/24`; a bare address means /32. */
export const prefix = (text: string): Cidr.Cidr => {
  const parsed = Cidr.parse(text)
  return Result.isFailure(parsed) ? abort(`Error: any valid prefix is expected rather than "${text}".`) : parsed.success
}

export const address = (text: string): number => {
  const parsed = Ipv4Address.parse(text)
  return Result.isFailure(parsed)
    ? abort(`Error: any valid address is expected rather than "${text}".`)
    : parsed.success
}

export const mac = (text: string): number => {
  const parsed = MacAddress.parse(text)
  if (Result.isFailure(parsed)) return abort(`"${text}" is invalid lladdr.`)
  return parsed.success
}

/** What the kernel answered: nothing, or `RTNETLINK answers: File exists` with status 2. */
export const answer = (status: number): Outcome =>
  status >= 0 ? success() : failure(`RTNETLINK answers: ${strerror(status)}`, 2)

/** As {@link answer}, but goes on when it was fine. */
export const check = (status: number): void => {
  if (status < 0) abort(`RTNETLINK answers: ${strerror(status)}`, 2)
}
