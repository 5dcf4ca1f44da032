/** `ip route`: show, get, add, append, replace, del, flush. `ip neigh`: show, add, replace, del, flush. `ip rule`: list. */
import * as Drops from "@darkfiber/kernel-net/Drops"
import { EEXIST, EINVAL, ENOENT } from "@darkfiber/kernel-net/Errno"
import {
  PROTOCOL_KERNEL,
  PROTOCOL_STATIC,
  SCOPE_HOST,
  SCOPE_LINK,
  SCOPE_UNIVERSE,
  TABLE_LOCAL,
  TABLE_MAIN
} from "@darkfiber/kernel-net/Fib"
import type { FibInfo, RouteSpec } from "@darkfiber/kernel-net/Fib"
import type { NetDevice } from "@darkfiber/kernel-net/NetDevice"
import * as RouteMetrics from "@darkfiber/kernel-net/RouteMetrics"
import { now, type Place } from "@darkfiber/observe/Machine"
import * as Routes from "@darkfiber/observe/Routes"
import { formatNeighbour, formatResult, formatRoute } from "@darkfiber/observe/RouteText"
import * as Cidr from "@darkfiber/wire/Cidr"
import { coreOf } from "../Command.ts"
import { failure, success, type Outcome } from "../Outcome.ts"
import { strerror } from "../Strerror.ts"
import {
  abort,
  address,
  answer,
  device,
  isShortFor,
  mac,
  prefix,
  shownDevice,
  type IpOptions,
  type IpWords
} from "./IpTools.ts"

export const ipRoute = (words: IpWords, place: Place): Outcome => {
  const verb = words.peek() ?? "show"
  if (verb === "get" || isShortFor(verb, "get")) return get(words, place)
  if (isShortFor(verb, "add")) return change(words, place, "add")
  if (isShortFor(verb, "append")) return change(words, place, "add")
  if (isShortFor(verb, "replace") || isShortFor(verb, "change")) return change(words, place, "replace")
  if (isShortFor(verb, "delete")) return change(words, place, "delete")
  if (isShortFor(verb, "flush")) return flush(words, place)
  if (["show", "list", "lst", "ls"].some((full) => isShortFor(verb, full))) words.at++
  else if (!["table", "dev", "via", "default", "proto"].includes(verb)) {
    return abort(`Command "${verb}" is unknown, try "ip route help".`, 255)
  }
  const { table, test } = selection(words, place)
  return success(place.net.fib.list(table).filter(test).map(Routes.record).map(formatRoute).join(""))
}

const tableOf = (name: string): number => {
  if (name === "main" || name === "254") return TABLE_MAIN
  if (name === "local" || name === "255") return TABLE_LOCAL
  return abort(`Error: argument "${name}" is wrong: table id value is invalid`, 255)
}

interface Selection {
  readonly table: number
  readonly test: (info: FibInfo) => boolean
}

const selection = (words: IpWords, place: Place): Selection => {
  let table = TABLE_MAIN
  const tests: Array<(info: FibInfo) => boolean> = []
  while (!words.isAtEnd) {
    if (words.take("table")) table = tableOf(words.next())
    else if (words.take("dev")) {
      const dev = device(place, words.next())
      tests.push((info) => info.dev === dev)
    } else if (words.take("via")) {
      const gateway = address(words.next())
      tests.push((info) => info.gateway === gateway)
    } else if (words.take("proto")) {
      const protocol = protocolOf(words.next())
      tests.push((info) => info.protocol === protocol)
    } else {
      words.take("root", "match", "exact")
      const wanted = destination(words.next())
      tests.push((info) => info.prefix === Cidr.network(wanted) && info.length === wanted.prefixLength)
    }
  }
  return { table, test: (info) => tests.every((one) => one(info)) }
}

const protocolOf = (name: string): number => {
  const known: Readonly<Record<string, number>> = { kernel: PROTOCOL_KERNEL, boot: 3, static: PROTOCOL_STATIC }
  return Object.hasOwn(known, name)
    ? known[name]!
    : abort(`Error: argument "${name}" is wrong: "protocol" value is invalid`, 255)
}

const scopeOf = (name: string): number => {
  const known: Readonly<Record<string, number>> = { global: SCOPE_UNIVERSE, link: SCOPE_LINK, host: SCOPE_HOST }
  return Object.hasOwn(known, name)
    ? known[name]!
    : abort(`Error: argument "${name}" is wrong: "scope" value is invalid`, 255)
}

const destination = (text: string): Cidr.Cidr => (text === "default" || text === "any" ? Cidr.everything : prefix(text))

const get = (words: IpWords, place: Place): Outcome => {
  words.at++
  words.take("to")
  const to = prefix(words.next()).address
  if (!words.isAtEnd) abort(`ip route get: "${words.peek()!}" is not supported`, 255)
  const result = Routes.get(place.net, to, now(place))
  return typeof result === "number"
    ? failure(`RTNETLINK answers: ${strerror(result)}`, 2)
    : success(formatResult(result))
}

const change = (words: IpWords, place: Place, what: "add" | "replace" | "delete"): Outcome => {
  words.at++
  const spec = readRoute(words, place)
  const { table, route } = spec
  const fib = place.net.fib
  if (what === "delete") return answer(fib.delete(route, table))
  if (what === "replace") {
    const same = {
      prefix: route.prefix,
      length: route.length,
      ...(route.metric === undefined ? {} : { metric: route.metric })
    }
    const status = fib.add(route, table)
    if (status !== -EEXIST) return answer(status)
    fib.delete(same, table)
  }
  const status = fib.add(route, table)
  // The kernel explains this one (NL_SET_ERR_MSG in fib_check_nh).
  if (status < 0 && route.gateway !== undefined && status !== -EEXIST) {
    return failure("Error: Nexthop has invalid gateway.", 2)
  }
  return answer(status)
}

const readRoute = (words: IpWords, place: Place): { readonly table: number; readonly route: RouteSpec } => {
  let table = TABLE_MAIN
  let to: Cidr.Cidr | undefined
  const values = new Map<number, number>()
  const locked = new Set<number>()
  const route: { -readonly [Key in keyof RouteSpec]: RouteSpec[Key] } = { prefix: 0, length: 0 }
  while (!words.isAtEnd) {
    const type = Routes.typeOf(words.peek()!)
    if (type >= 0 && to === undefined) {
      words.at++
      route.type = type
    } else if (words.take("via")) route.gateway = address(words.next())
    else if (words.take("dev")) route.dev = device(place, words.next())
    else if (words.take("src")) route.source = address(words.next())
    else if (words.take("metric", "preference")) route.metric = words.number("metric")
    else if (readMetric(words, values, locked)) continue
    else if (words.take("proto")) route.protocol = protocolOf(words.next())
    else if (words.take("scope")) route.scope = scopeOf(words.next())
    else if (words.take("table")) table = tableOf(words.next())
    else {
      words.take("to")
      if (to !== undefined) abort(`Error: either "to" is duplicate, or "${words.peek()!}" is a garbage.`, 255)
      to = destination(words.next())
    }
  }
  if (to === undefined) return abort("Not enough information: destination is required.", 255)
  if (!Cidr.isNetwork(to)) return abort(`RTNETLINK answers: ${strerror(EINVAL)}`, 2)
  route.prefix = to.address
  route.length = to.prefixLength
  route.metrics = RouteMetrics.make(values, locked)
  return { table, route }
}

/** `mtu lock 1400`, `advmss 600`, `rto_min 5ms`, `features ecn` …: whether the next words were one of these. */
const readMetric = (words: IpWords, values: Map<number, number>, locked: Set<number>): boolean => {
  const known = RouteMetrics.names.find(([name]) => name === words.peek())
  if (known === undefined) return false
  const [name, which] = known
  words.at++
  if (words.take("lock")) locked.add(which)
  if (which === RouteMetrics.RTAX_FEATURES) {
    if (!words.take("ecn")) abort(`Error: argument "${words.next()}" is wrong: "features" value is invalid`, 255)
    values.set(which, RouteMetrics.FEATURE_ECN)
  } else if (which === RouteMetrics.RTAX_RTO_MIN || which === RouteMetrics.RTAX_RTT) {
    values.set(which, milliseconds(words.next(), name))
    // As iproute2: it holds against what is measured.
    if (which === RouteMetrics.RTAX_RTO_MIN) locked.add(which)
  } else {
    values.set(which, words.number(name))
  }
  return true
}

/** `5`, `5ms`, `0.2s`. */
const milliseconds = (text: string, name: string): number => {
  const match = /^(\d+(?:\.\d+)?)(s|sec|secs|ms|msec|msecs)?$/.exec(text)
  if (match === null) return abort(`Error: argument "${text}" is wrong: "${name}" value is invalid`, 255)
  return Math.round(Number(match[1]) * (match[2]?.startsWith("s") === true ? 1000 : 1))
}

const flush = (words: IpWords, place: Place): Outcome => {
  words.at++
  if (words.take("cache")) {
    place.net.flushRoutes()
    return success()
  }
  const { table, test } = selection(words, place)
  for (const info of place.net.fib.list(table).filter(test)) {
    const { prefix: to, length, type, dev, gateway, metric, source } = info
    place.net.fib.delete({ prefix: to, length, type, dev, gateway, metric, source }, table)
  }
  return success()
}

/** `ip rule`: the three rules that every namespace has; more are not modelled. */
export const ipRule = (words: IpWords): Outcome => {
  const verb = words.peek() ?? "show"
  if (!["show", "list", "lst", "ls"].some((full) => isShortFor(verb, full))) {
    return abort(`Command "${verb}" is unknown, try "ip rule help".`, 255)
  }
  return success("0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n")
}

export const ipNeigh = (words: IpWords, place: Place, options: IpOptions): Outcome => {
  const verb = words.peek() ?? "show"
  if (isShortFor(verb, "add")) return setNeighbour(words, place, "add")
  if (isShortFor(verb, "replace") || isShortFor(verb, "change")) return setNeighbour(words, place, "replace")
  if (isShortFor(verb, "delete")) return removeNeighbour(words, place)
  if (isShortFor(verb, "flush")) return flushNeighbours(words, place)
  if (["show", "list", "lst", "ls"].some((full) => isShortFor(verb, full))) words.at++
  else if (verb !== "dev") return abort(`Command "${verb}" is unknown, try "ip neigh help".`, 255)
  let dev: NetDevice | null = null
  let only = 0
  while (!words.isAtEnd) {
    if (words.take("dev")) dev = shownDevice(place, words.next())
    else only = address(words.next())
  }
  const shown = Routes.neighbours(place.net, now(place), dev).filter((one) => only === 0 || one.address === only)
  return success(shown.map((one) => formatNeighbour(one, options.statistics)).join(""))
}

const readNeighbour = (
  words: IpWords,
  place: Place
): { readonly to: number; readonly mac: number; readonly dev: NetDevice } => {
  words.at++
  let to = 0
  let hardware = 0
  let dev: NetDevice | undefined
  while (!words.isAtEnd) {
    if (words.take("dev")) dev = device(place, words.next())
    else if (words.take("lladdr")) hardware = mac(words.next())
    else if (words.take("nud")) {
      const state = words.next()
      if (state !== "permanent") abort(`ip neigh: nud "${state}" is not supported, only permanent`, 255)
    } else {
      words.take("to")
      to = address(words.next())
    }
  }
  if (dev === undefined || to === 0) return abort("Device and destination are required arguments.", 255)
  return { to, mac: hardware, dev }
}

const setNeighbour = (words: IpWords, place: Place, what: "add" | "replace"): Outcome => {
  const { to, mac: hardware, dev } = readNeighbour(words, place)
  if (hardware === 0) return answer(-EINVAL)
  const known = dev.neighbours.get(to)
  if (what === "add" && known !== undefined) return answer(-EEXIST)
  return answer(place.host.neighbours.set(coreOf(place), dev, to, hardware))
}

const removeNeighbour = (words: IpWords, place: Place): Outcome => {
  const { to, dev } = readNeighbour(words, place)
  if (!dev.neighbours.has(to)) return answer(-ENOENT)
  return answer(place.host.neighbours.remove(coreOf(place), dev, to))
}

const flushNeighbours = (words: IpWords, place: Place): Outcome => {
  words.at++
  let dev: NetDevice | null = null
  let isAll = false
  while (!words.isAtEnd) {
    if (words.take("dev")) dev = shownDevice(place, words.next())
    else if (words.take("all")) isAll = true
    else abort(`ip neigh flush: "${words.peek()!}" is not supported`, 255)
  }
  if (dev === null && !isAll) return abort("Flush requires arguments.")
  for (const each of dev === null ? place.net.devices : [dev]) {
    place.host.neighbours.flush(coreOf(place), each, Drops.NEIGH_DEAD)
  }
  return success()
}
