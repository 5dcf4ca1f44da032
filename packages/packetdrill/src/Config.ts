/** What the options of a script and of the command line set. Defaults are those of google/packetdrill and its run_all.py. */
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import { Result } from "effect"
import type { Option, Script } from "./Ast.ts"

export interface Config {
  readonly localAddress: number
  readonly localPrefix: number
  readonly gateway: number
  readonly remoteAddress: number
  readonly remotePrefix: number
  readonly bindPort: number
  readonly connectPort: number
  readonly mtu: number
  /** Payload of each segment of injected merged packets; 0: injected packets are plain. */
  readonly mss: number
  /** How far an event may be off, ns. */
  readonly tolerance: number
  /** And the share of the time since the event before, in percent; the larger one counts. */
  readonly tolerancePercent: number
  /** Nanoseconds of a tick of the timestamp option; 0: not checked. */
  readonly timestampTick: number
  readonly scalesTimestampEcho: boolean
  /** A super-segment has to be sent as one. Otherwise segments in a row may make it up. */
  readonly strictSegments: boolean
  readonly nonFatalPackets: boolean
  readonly nonFatalCalls: boolean
  readonly isAnyIp: boolean
}

/** The part of a run that its caller sets. */
export interface ConfigDefaults {
  /** ns. */
  readonly tolerance: number
  readonly tolerancePercent: number
  readonly strictSegments: boolean
}

/** Symbols that scripts may use without defining them, as run_all.py gives them for IPv4. */
export const symbols: ReadonlyMap<string, string> = new Map([
  ["TFO_COOKIE", "3021b9d889017eeb"],
  ["CODE", "host_unreachable"],
  ["CMSG_LEVEL_IP", "SOL_IP"],
  ["CMSG_TYPE_RECVERR", "IP_RECVERR"]
])

const LOCAL = 0xc0a80001 | 0
const REMOTE = 0xc0000201 | 0

export const defaults = ({ strictSegments, tolerance, tolerancePercent }: ConfigDefaults): Config => ({
  localAddress: LOCAL,
  localPrefix: 16,
  gateway: LOCAL,
  remoteAddress: REMOTE,
  remotePrefix: 24,
  bindPort: 8080,
  connectPort: 8080,
  mtu: 1500,
  mss: 0,
  tolerance,
  tolerancePercent,
  timestampTick: 0,
  scalesTimestampEcho: false,
  strictSegments,
  nonFatalPackets: false,
  nonFatalCalls: false,
  isAnyIp: false
})

/** An option the runner does not serve: the script cannot be judged. */
export interface Refusal {
  readonly line: number
  readonly reason: string
}

export const asksForStrictSegments = ({ options }: Script): boolean =>
  options.some(({ name }) => name === "strict_segments")

type Change = Partial<{ -readonly [K in keyof Config]: Config[K] }>

/** Applies the script's options over the defaults. */
export const read = (script: Script, base: ConfigDefaults): Result.Result<Config, Refusal> => {
  let config = defaults(base)
  for (const option of script.options) {
    const reader = readers[option.name]
    const refuse = (reason: string): Result.Result<never, Refusal> => Result.fail({ line: option.line, reason })
    if (reader === undefined) return refuse(`unsupported: option --${option.name}`)
    const change = reader(option, config)
    if (typeof change === "string") return refuse(change)
    config = { ...config, ...change }
  }
  return Result.succeed(config)
}

type Reader = (option: Option, config: Config) => Change | string

const number =
  (make: (value: number) => Change, most = 0xffff_ffff): Reader =>
  ({ name, value }) => {
    const parsed = value !== null && /^[0-9]+(\.[0-9]+)?$/.test(value) ? Number(value) : Number.NaN
    return parsed >= 0 && parsed <= most ? make(parsed) : `unsupported: value of --${name}`
  }

const address =
  (make: (address: number, prefix: number | null) => Change): Reader =>
  ({ name, value }) => {
    const [text = "", prefix] = (value ?? "").split("/")
    const parsed = Ipv4Address.parse(text)
    if (Result.isFailure(parsed)) return `unsupported: --${name}=${value ?? ""} (only IPv4 is modelled)`
    return make(parsed.success, prefix === undefined ? null : Number(prefix))
  }

const nothing: Reader = () => ({})
const flag =
  (change: Change): Reader =>
  () =>
    change

const readers: Readonly<Record<string, Reader>> = {
  ip_version: ({ value }) =>
    value === "ipv4" ? {} : `unsupported: --ip_version=${value ?? ""} (only IPv4 is modelled)`,
  local_ip: address((localAddress) => ({ localAddress })),
  gateway_ip: address((gateway) => ({ gateway })),
  remote_ip: address((remoteAddress, prefix) => ({ remoteAddress, remotePrefix: prefix ?? 32 })),
  netmask_ip: address((mask) => ({ localPrefix: Math.clz32(~mask) })),
  bind_port: number((bindPort) => ({ bindPort }), 65_535),
  connect_port: number((connectPort) => ({ connectPort }), 65_535),
  mtu: number((mtu) => ({ mtu }), 65_535),
  mss: number((mss) => ({ mss }), 65_535),
  speed: nothing,
  tolerance_usecs: number((us) => ({ tolerance: us * 1000 })),
  tolerance_percent: number((tolerancePercent) => ({ tolerancePercent })),
  tcp_ts_tick_usecs: number((us) => ({ timestampTick: us * 1000 })),
  tcp_ts_ecr_scaled: flag({ scalesTimestampEcho: true }),
  strict_segments: flag({ strictSegments: true }),
  is_anyip: flag({ isAnyIp: true }),
  non_fatal: ({ value }) => {
    const kinds = (value ?? "").split(/[, ]+/)
    return { nonFatalPackets: kinds.includes("packet"), nonFatalCalls: kinds.includes("syscall") }
  },
  send_omit_free: nothing,
  define: nothing,
  verbose: nothing,
  debug: nothing
}
