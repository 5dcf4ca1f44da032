/** `ethtool`: -S, -g, -G, -l, -L, -c, -C, -k, -K, -i and the plain form. */
import { type Igb, RING_MAX } from "@darkfiber/kernel-net/driver/Igb"
import { FEATURE_GRO, type NetDevice } from "@darkfiber/kernel-net/NetDevice"
import * as EthtoolText from "@darkfiber/observe/EthtoolText"
import type { Place } from "@darkfiber/observe/Machine"
import * as Nics from "@darkfiber/observe/Nics"
import { type Command, coreOf } from "../Command.ts"
import { failure, success, type Outcome } from "../Outcome.ts"

const unsupported = (what: string, code: number): Outcome => failure(`${what}: Operation not supported`, code)

const withNic = (dev: NetDevice, what: string, code: number, body: (driver: Igb) => Outcome): Outcome => {
  const driver = Nics.driverOf(dev)
  return driver === null ? unsupported(what, code) : body(driver)
}

const statistics = (dev: NetDevice): Outcome => {
  const rows = Nics.statistics(dev)
  return rows === null ? failure("no stats available", 94) : success(EthtoolText.formatStatistics(rows))
}

/** `name value` pairs; a name outside `known` is an error that names it. */
const pairs = (words: ReadonlyArray<string>, known: ReadonlyArray<string>): ReadonlyMap<string, string> | Outcome => {
  const found = new Map<string, string>()
  if (words.length === 0) return failure("ethtool: bad command line argument(s)\nFor more information run ethtool -h")
  for (let at = 0; at < words.length; at += 2) {
    const value = words[at + 1]
    if (!known.includes(words[at]!)) return failure(`ethtool: unknown parameter '${words[at]!}'`)
    if (value === undefined) return failure(`ethtool: no value for parameter '${words[at]!}'`)
    found.set(words[at]!, value)
  }
  return found
}

const setCoalescing = (dev: NetDevice, words: ReadonlyArray<string>): Outcome =>
  withNic(dev, "Cannot get device coalesce settings", 82, (driver) => {
    const given = pairs(words, ["rx-usecs", "adaptive-rx", "rx-frames", "tx-usecs"])
    if ("code" in given) return given
    if (given.has("rx-frames") || given.has("tx-usecs") || given.has("adaptive-rx")) {
      return unsupported("Cannot set device coalesce parameters", 80)
    }
    const text = given.get("rx-usecs") ?? ""
    if (!/^\d+$/.test(text)) return failure(`ethtool: invalid value '${text}' for parameter 'rx-usecs'`)
    if (driver.setCoalesce(Number(text)) < 0)
      return failure("Cannot set device coalesce parameters: Invalid argument", 80)
    const noted: EthtoolText.Coalescing = { ...Nics.coalescing(dev, driver.nic), rxUsecs: Number(text) }
    dev.net.host.init.extensions.set(Nics.coalescingKey(dev), noted)
    return success()
  })

const setFeatures = (dev: NetDevice, words: ReadonlyArray<string>): Outcome => {
  if (words.length === 0 || words.length % 2 === 1) return failure("ethtool: bad command line argument(s)")
  for (let at = 0; at < words.length; at += 2) {
    const [name, value] = [words[at]!, words[at + 1]!]
    const feature = Nics.featureNames.find((one) => one.long === name || (one.short !== "" && one.short === name))
    if (feature === undefined) return failure(`ethtool: bad command line argument(s): unknown feature '${name}'`)
    if (value !== "on" && value !== "off") return failure(`ethtool: invalid value '${value}' for feature '${name}'`)
    if (feature.short === "") return failure(`Cannot change ${feature.long}`)
    const driver = Nics.driverOf(dev)
    if (driver !== null) driver.setFeature(feature.bit, value === "on")
    else if (feature.bit === FEATURE_GRO) return failure(`Cannot change ${feature.long}`)
    else dev.features = value === "on" ? dev.features | feature.bit : dev.features & ~feature.bit
  }
  return success()
}

const setRings = (place: Place, dev: NetDevice, words: ReadonlyArray<string>): Outcome =>
  withNic(dev, "Cannot get device ring settings", 76, (driver) => {
    const given = pairs(words, ["rx", "tx"])
    if ("code" in given) return given
    const { rxRing, txRing } = driver.nic.options
    const sizes = { rx: rxRing, tx: txRing }
    for (const name of ["rx", "tx"] as const) {
      const text = given.get(name)
      if (text === undefined) continue
      if (!/^\d{1,9}$/.test(text)) return failure(`ethtool: invalid value '${text}' for parameter '${name}'`)
      sizes[name] = Number(text)
      if (sizes[name] > RING_MAX) return failure("Cannot set device ring parameters: Invalid argument", 81)
    }
    return driver.setRings(coreOf(place), sizes.rx, sizes.tx)
      ? success()
      : success("no ring parameters changed, aborting\n")
  })

const setChannels = (place: Place, dev: NetDevice, words: ReadonlyArray<string>): Outcome =>
  withNic(dev, "Cannot get device channel parameters", 1, (driver) => {
    const given = pairs(words, ["rx", "tx", "other", "combined"])
    if ("code" in given) return given
    const text = given.get("combined") ?? ""
    if (!/^\d{1,9}$/.test(text)) return failure(`ethtool: invalid value '${text}' for parameter 'combined'`)
    const isOther = given.has("rx") || given.has("tx") || (given.get("other") ?? "1") !== "1"
    if (isOther || driver.setChannels(coreOf(place), Number(text)) < 0) {
      return failure("Cannot set device channel parameters: Invalid argument", 1)
    }
    return success()
  })

const run = (args: ReadonlyArray<string>, place: Place): Outcome => {
  const [first = "", second = "", ...rest] = args
  const isOption = first.startsWith("-")
  const name = isOption ? second : first
  if (name === "") return failure("ethtool: bad command line argument(s)\nFor more information run ethtool -h")
  const dev = place.net.deviceByName(name)
  if (dev === null) return failure(`Cannot get device settings: No such device`, 71)
  switch (isOption ? first : "") {
    case "":
      return success(EthtoolText.formatSettings(name, Nics.speed(dev), dev.carrier))
    case "-S":
    case "--statistics":
      return statistics(dev)
    case "-i":
    case "--driver":
      return success(EthtoolText.formatDriver(Nics.driver(dev)))
    case "-g":
    case "--show-ring":
      return withNic(dev, "netlink error", 76, ({ nic }) =>
        success(EthtoolText.formatRings(name, Nics.rings(nic, RING_MAX)))
      )
    case "-G":
    case "--set-ring":
      return setRings(place, dev, rest)
    case "-l":
    case "--show-channels":
      return withNic(dev, "netlink error", 1, ({ nic }) =>
        success(EthtoolText.formatChannels(name, Nics.channels(place.host, nic)))
      )
    case "-L":
    case "--set-channels":
      return setChannels(place, dev, rest)
    case "-c":
    case "--show-coalesce":
      return withNic(dev, "netlink error", 82, ({ nic }) =>
        success(EthtoolText.formatCoalescing(name, Nics.coalescing(dev, nic)))
      )
    case "-C":
    case "--coalesce":
      return setCoalescing(dev, rest)
    case "-k":
    case "--show-features":
    case "--show-offload":
      return success(EthtoolText.formatFeatures(name, Nics.features(dev)))
    case "-K":
    case "--features":
    case "--offload":
      return setFeatures(dev, rest)
    default:
      return failure(
        `ethtool: bad command line argument(s): unknown option '${first}'\nFor more information run ethtool -h`
      )
  }
}

export const ethtool: Command = {
  name: "ethtool",
  usage: "ethtool [-S|-g|-G|-l|-L|-c|-C|-k|-K|-i] DEVICE …",
  run: (args, { place }) => run(args, place)
}
