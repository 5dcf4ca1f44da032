/** Words of a command line, one after the other, with the `!` in front of an option. */
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import * as Result from "effect/Result"
import { services } from "../filter/Names.ts"
import { usageError, withHint, type UsageError } from "./Command.ts"

/** Carries a {@link UsageError} out of the reading functions; caught in Parse.ts and nowhere else. */
export class Stop {
  readonly error: UsageError
  constructor(message: string) {
    this.error = usageError(withHint(message))
  }
}

export class Reader {
  readonly words: ReadonlyArray<string>
  at: number
  /** A `!` stands in front of the option in hand. */
  inverted: boolean

  constructor(words: ReadonlyArray<string>) {
    this.words = words
    this.at = 0
    this.inverted = false
  }

  get isAtEnd(): boolean {
    return this.at >= this.words.length
  }

  /** The next word, or undefined. */
  peek(): string | undefined {
    return this.words[this.at]
  }

  next(): string {
    return this.words[this.at++]!
  }

  fail(message: string): never {
    throw new Stop(message)
  }

  /** The value of `option`. */
  value(option: string): string {
    const word = this.words[this.at]
    if (word === undefined || word === "") this.fail(`option "${option}" requires an argument`)
    if (word === "!") this.fail("intrapositioned negation is not supported: write `!' in front of the option")
    this.at++
    return word!
  }

  /** The value of an option that may stand alone: undefined before another option or the end. */
  optional(): string | undefined {
    const word = this.words[this.at]
    if (word === undefined || word.startsWith("-") || word === "!") return undefined
    this.at++
    return word
  }

  /** Uses the `!` up. */
  takeInverted(): boolean {
    const inverted = this.inverted
    this.inverted = false
    return inverted
  }

  /** A whole number between `low` and `high`, decimal or hexadecimal. */
  number(option: string, text: string, low: number, high: number): number {
    const value = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN
    if (!(value >= low && value <= high)) this.fail(`invalid value "${text}" for option "${option}"`)
    return value
  }

  /** `80`, `http` */
  port(option: string, text: string): number {
    const known = services.get(text)
    if (known !== undefined) return known
    if (!/^\d+$/.test(text) || Number(text) > 65_535) this.fail(`invalid port/service \`${text}' specified`)
    return Number(text)
  }

  /** `80`, `80:90`, `:90`, `80:` */
  ports(option: string): { readonly from: number; readonly to: number } {
    const text = this.value(option)
    const colon = text.indexOf(":")
    if (colon < 0) {
      const port = this.port(option, text)
      return { from: port, to: port }
    }
    const from = colon === 0 ? 0 : this.port(option, text.slice(0, colon))
    const to = colon === text.length - 1 ? 65_535 : this.port(option, text.slice(colon + 1))
    if (from > to) this.fail(`invalid portrange (min > max)`)
    return { from, to }
  }

  /** `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `10.0.0.1`, or several of them joined by commas. */
  addresses(option: string): ReadonlyArray<{ readonly address: number; readonly prefixLength: number }> {
    const text = this.value(option)
    const list = text.split(",").map((one) => this.address(one))
    if (list.length > 1 && this.inverted) this.fail(`! not allowed with multiple source or destination IP addresses`)
    return list
  }

  private address(text: string): { readonly address: number; readonly prefixLength: number } {
    const slash = text.indexOf("/")
    const address = Ipv4Address.parse(slash < 0 ? text : text.slice(0, slash))
    if (Result.isFailure(address)) return this.fail(`host/network \`${text}' not found`)
    const prefixLength = slash < 0 ? 32 : this.prefixLength(text.slice(slash + 1))
    return { address: address.success & Ipv4Address.mask(prefixLength), prefixLength }
  }

  private prefixLength(text: string): number {
    if (/^\d{1,2}$/.test(text) && Number(text) <= 32) return Number(text)
    const mask = Ipv4Address.parse(text)
    const length = Result.isFailure(mask) ? -1 : Ipv4Address.prefixLength(mask.success)
    return length < 0 ? this.fail(`invalid mask \`${text}' specified`) : length
  }

  /** `0x1`, `0x1/0xff`: int32 value and mask, all ones without one. */
  mark(option: string): { readonly value: number; readonly mask: number; readonly hasMask: boolean } {
    const text = this.value(option)
    const slash = text.indexOf("/")
    const value = this.number(option, slash < 0 ? text : text.slice(0, slash), 0, 0xffff_ffff) | 0
    const mask = slash < 0 ? -1 : this.number(option, text.slice(slash + 1), 0, 0xffff_ffff) | 0
    return { value, mask, hasMask: slash >= 0 }
  }
}
