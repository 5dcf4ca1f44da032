/** `tc qdisc`: show, the limit of a device's queue (pfifo_fast takes it from txqueuelen), pfifo as root. */
import * as Device from "@darkfiber/kernel-net/Device"
import { Pfifo } from "@darkfiber/kernel-net/Pfifo"
import * as Links from "@darkfiber/observe/Links"
import type { Place } from "@darkfiber/observe/Machine"
import { formatQdisc } from "@darkfiber/observe/TableText"
import { type Command, coreOf } from "../Command.ts"
import { failure, success, type Outcome } from "../Outcome.ts"

const show = (place: Place, words: ReadonlyArray<string>, statistics: boolean): Outcome => {
  let dev = null
  for (let at = 0; at < words.length; at++) {
    if (words[at] !== "dev") return failure(`What is "${words[at]!}"? Try "tc qdisc help".`)
    const name = words[++at] ?? ""
    dev = place.net.deviceByName(name)
    if (dev === null) return failure(`Cannot find device "${name}"`)
  }
  return success(
    Links.qdiscs(place.net, dev)
      .map((one) => formatQdisc(one, statistics))
      .join("")
  )
}

/**
 * `tc qdisc add|change|replace dev eth0 root pfifo_fast limit N`: the limit of each band together; `… root pfifo limit N`: a
 * queue with a limit of its own.
 */
const change = (place: Place, verb: string, words: ReadonlyArray<string>): Outcome => {
  const [dev, name = "", root, kind = "", limit, count = ""] = words
  if (dev !== "dev" || root !== "root")
    return failure(
      `tc: "${verb} ${words.join(" ")}" is not supported; try qdisc ${verb} dev DEVICE root pfifo_fast limit N`
    )
  const device = place.net.deviceByName(name)
  if (device === null) return failure(`Cannot find device "${name}"`)
  if (kind !== "pfifo_fast" && kind !== "pfifo") return failure("Error: Specified qdisc kind is unknown.", 2)
  const least = kind === "pfifo" ? 0 : 1
  if (limit !== undefined && (limit !== "limit" || !/^\d{1,9}$/.test(count) || Number(count) < least)) {
    return failure(`What is "${limit}"?`)
  }
  if (kind === "pfifo") {
    Device.setQdiscs(
      coreOf(place),
      device,
      (queue) => new Pfifo(device, queue, limit === undefined ? device.txQueueLength : Number(count))
    )
    return success()
  }
  if (device.qdiscs.every((one) => !one.hasQueue)) return failure("RTNETLINK answers: Operation not supported", 2)
  if (limit !== undefined) device.txQueueLength = Number(count)
  return success()
}

/** `tc qdisc delete dev eth0 root`: back to what the device has by itself. */
const remove = (place: Place, words: ReadonlyArray<string>): Outcome => {
  const [dev, name = "", root] = words
  if (dev !== "dev" || root !== "root") return failure(`What is "${root ?? dev ?? ""}"?`)
  const device = place.net.deviceByName(name)
  if (device === null) return failure(`Cannot find device "${name}"`)
  if (!device.qdiscs.some((one) => one instanceof Pfifo)) {
    return failure("Error: Cannot delete qdisc with handle of zero.", 2)
  }
  Device.setQdiscs(coreOf(place), device, null)
  return success()
}

export const tc: Command = {
  name: "tc",
  usage:
    "tc [-s] qdisc [show [dev DEVICE] | add|change|replace dev DEVICE root pfifo_fast|pfifo [limit N] | del dev DEVICE root]",
  run: (args, { place }) => {
    const words = args.filter((arg) => arg !== "-s" && arg !== "-statistics")
    const [object = "", verb = "show", ...rest] = words
    if (object === "" || !"qdisc".startsWith(object)) return failure(`Object "${object}" is unknown, try "tc help".`)
    if (verb === "show" || verb === "list" || verb === "ls") return show(place, rest, args.length > words.length)
    if (verb === "dev") return show(place, [verb, ...rest], args.length > words.length)
    if (["add", "change", "replace"].includes(verb)) return change(place, verb, rest)
    if (["del", "delete"].includes(verb)) return remove(place, rest)
    return failure(`Command "${verb}" is unknown, try "tc qdisc help".`)
  }
}
