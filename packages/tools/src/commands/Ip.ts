/** `ip`: options, objects by any beginning of their names, namespaces. */
import { EBUSY, EEXIST } from "@darkfiber/kernel-net/Errno"
import { placeOf, type Place } from "@darkfiber/observe/Machine"
import { formatNetns } from "@darkfiber/observe/TableText"
import { coreOf, type Command, type Invocation, type Result } from "../Command.ts"
import { failure, success, type Outcome } from "../Outcome.ts"
import { strerror } from "../Strerror.ts"
import { ipAddr } from "./IpAddr.ts"
import { ipLink } from "./IpLink.ts"
import { ipNeigh, ipRoute, ipRule } from "./IpRoute.ts"
import { ipTcpMetrics } from "./IpTcpMetrics.ts"
import { Abort, abort, isShortFor, IpWords, type IpOptions } from "./IpTools.ts"

const run = (args: ReadonlyArray<string>, invocation: Invocation): Result => {
  try {
    return read(args, invocation)
  } catch (stop) {
    if (stop instanceof Abort) return stop.outcome
    throw stop
  }
}

const read = (args: ReadonlyArray<string>, invocation: Invocation): Result => {
  let place = invocation.place
  let statistics = false
  let brief = false
  let at = 0
  for (; args[at]?.startsWith("-") === true; at++) {
    const option = args[at]!.replace(/^--/, "-")
    if (["-s", "-stats", "-statistics", "-ss"].includes(option)) statistics = true
    else if (option === "-br" || option === "-brief") brief = true
    else if (option === "-n" || option === "-netns") place = named(place, args[++at] ?? "")
    else if (!["-4", "-o", "-oneline", "-d", "-details", "-c", "-color"].includes(option)) {
      return failure(`Option "${args[at]!}" is unknown, try "ip -help".`, 255)
    }
  }
  const object = args[at]
  if (object === undefined) return failure("Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }", 255)
  return dispatch(object, new IpWords(args.slice(at + 1)), place, { statistics, brief }, invocation)
}

/** Objects in the order in which iproute2 tries their beginnings. */
const dispatch = (object: string, words: IpWords, place: Place, options: IpOptions, invocation: Invocation): Result => {
  if (isShortFor(object, "address")) return ipAddr(words, place, options)
  if (isShortFor(object, "route")) return ipRoute(words, place)
  if (isShortFor(object, "rule")) return ipRule(words)
  if (isShortFor(object, "neighbor") || isShortFor(object, "neighbour")) return ipNeigh(words, place, options)
  if (isShortFor(object, "link")) return ipLink(words, place, options)
  if (isShortFor(object, "netns")) return ipNetns(words, place, invocation)
  if (isShortFor(object, "tcp_metrics") || isShortFor(object, "tcpmetrics")) return ipTcpMetrics(words, place)
  return failure(`Object "${object}" is unknown, try "ip help".`, 1)
}

const named = (place: Place, name: string): Place =>
  placeOf(place, name) ?? abort(`Cannot open network namespace "${name}": No such file or directory`, 255)

const ipNetns = (words: IpWords, place: Place, invocation: Invocation): Result => {
  const verb = words.isAtEnd ? "list" : words.next()
  if (["list", "show", "lst", "ls"].some((full) => isShortFor(verb, full))) {
    return success(formatNetns(place.host.netns.filter((net) => net.id !== 0).map((net) => net.name)))
  }
  if (isShortFor(verb, "add")) return add(words.next(), place)
  if (isShortFor(verb, "delete")) return remove(words.next(), place)
  if (isShortFor(verb, "exec")) {
    const there = named(place, words.next())
    const command = words.next()
    return invocation.again(command, words.words.slice(words.at), there)
  }
  return failure(`Command "${verb}" is unknown, try "ip netns help".`, 255)
}

const add = (name: string, place: Place): Outcome => {
  const path = `/var/run/netns/${name}`
  if (placeOf(place, name) !== null) return failure(`Cannot create namespace file "${path}": ${strerror(EEXIST)}`)
  if (name.includes("/") || name === "." || name === "..") return failure(`Invalid netns name "${name}"`, 255)
  const net = place.host.createNetns(name)
  return typeof net === "number"
    ? failure(`Failed to create a new network namespace "${name}": ${strerror(net)}`)
    : success()
}

/** Processes hold their namespace; the simulator refuses instead of keeping a nameless one alive. */
const remove = (name: string, place: Place): Outcome => {
  const there = placeOf(place, name)
  const path = `/var/run/netns/${name}`
  if (there === null || there.net.id === 0) {
    return failure(`Cannot remove namespace file "${path}": No such file or directory`)
  }
  if (place.processes?.list().some((process) => process.net === there.net) === true) {
    return failure(`Cannot remove namespace file "${path}": ${strerror(EBUSY)}`)
  }
  place.host.destroyNetns(coreOf(place), there.net)
  return success()
}

export const ip: Command = { name: "ip", usage: "ip [-s] addr|link|route|neigh|rule|netns|tcp_metrics …", run }
