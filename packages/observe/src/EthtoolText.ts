/**
 * `ethtool` as text (ethtool: ethtool.c, features.c): -S, -g, -l, -c, -k, -i and the plain form.
 */
import { lines } from "./Columns.ts"

/** `ethtool -S` */
export const formatStatistics = (statistics: ReadonlyArray<readonly [name: string, value: number]>): string =>
  lines(["NIC statistics:", ...statistics.map(([name, value]) => `     ${name}: ${value}`)])

export interface Rings {
  readonly rxMax: number
  readonly txMax: number
  readonly rx: number
  readonly tx: number
}

/** `ethtool -g` */
export const formatRings = (device: string, rings: Rings): string => {
  const block = (rx: number, tx: number): ReadonlyArray<string> => [
    `RX:\t\t${rx}`,
    "RX Mini:\tn/a",
    "RX Jumbo:\tn/a",
    `TX:\t\t${tx}`
  ]
  return lines([
    `Ring parameters for ${device}:`,
    "Pre-set maximums:",
    ...block(rings.rxMax, rings.txMax),
    "Current hardware settings:",
    ...block(rings.rx, rings.tx)
  ])
}

export interface Channels {
  readonly combinedMax: number
  readonly combined: number
  /** Vectors for link changes and the like. */
  readonly other: number
}

/** `ethtool -l` */
export const formatChannels = (device: string, channels: Channels): string => {
  const block = (combined: number): ReadonlyArray<string> => [
    "RX:\t\tn/a",
    "TX:\t\tn/a",
    `Other:\t\t${channels.other}`,
    `Combined:\t${combined}`
  ]
  return lines([
    `Channel parameters for ${device}:`,
    "Pre-set maximums:",
    ...block(channels.combinedMax),
    "Current hardware settings:",
    ...block(channels.combined)
  ])
}

export interface Coalescing {
  readonly adaptiveRx: boolean
  readonly rxUsecs: number
  readonly rxFrames: number
  readonly txUsecs: number
  readonly txFrames: number
}

/** `ethtool -c` */
export const formatCoalescing = (device: string, c: Coalescing): string =>
  lines([
    `Coalesce parameters for ${device}:`,
    `Adaptive RX: ${c.adaptiveRx ? "on" : "off"}  TX: n/a`,
    "stats-block-usecs:\tn/a",
    "sample-interval:\tn/a",
    "pkt-rate-low:\t\tn/a",
    "pkt-rate-high:\t\tn/a",
    "",
    `rx-usecs:\t${c.rxUsecs}`,
    `rx-frames:\t${c.rxFrames}`,
    "rx-usecs-irq:\tn/a",
    "rx-frames-irq:\tn/a",
    "",
    `tx-usecs:\t${c.txUsecs}`,
    `tx-frames:\t${c.txFrames}`,
    "tx-usecs-irq:\tn/a",
    "tx-frames-irq:\tn/a",
    ""
  ])

/** One line of `ethtool -k`. */
export interface Feature {
  readonly name: string
  readonly isOn: boolean
  /** It cannot be changed. */
  readonly isFixed: boolean
}

/** `ethtool -k` */
export const formatFeatures = (device: string, features: ReadonlyArray<Feature>): string =>
  lines([
    `Features for ${device}:`,
    ...features.map((one) => `${one.name}: ${one.isOn ? "on" : "off"}${one.isFixed ? " [fixed]" : ""}`)
  ])

export interface Driver {
  readonly driver: string
  readonly version: string
  readonly firmware: string
  readonly bus: string
  readonly hasStatistics: boolean
}

/** `ethtool -i` */
export const formatDriver = (d: Driver): string =>
  lines([
    `driver: ${d.driver}`,
    `version: ${d.version}`,
    `firmware-version: ${d.firmware}`,
    "expansion-rom-version: ",
    `bus-info: ${d.bus}`,
    `supports-statistics: ${d.hasStatistics ? "yes" : "no"}`,
    "supports-test: no",
    "supports-eeprom-access: no",
    "supports-register-dump: no",
    "supports-priv-flags: no"
  ])

/** `ethtool eth0` */
export const formatSettings = (device: string, speedMbit: number, hasLink: boolean): string =>
  lines([
    `Settings for ${device}:`,
    `\tSpeed: ${speedMbit > 0 && hasLink ? `${speedMbit}Mb/s` : "Unknown!"}`,
    `\tDuplex: ${hasLink ? "Full" : "Unknown! (255)"}`,
    "\tPort: Twisted Pair",
    `\tLink detected: ${hasLink ? "yes" : "no"}`
  ])
