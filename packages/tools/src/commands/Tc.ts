/** `tc qdisc`: show, and the limit of a device's queue (pfifo_fast takes it from txqueuelen). */
import * as Links from "@darkfiber/observe/Links"
import type { Place } from "@darkfiber/observe/Machine"
import { formatQdisc } from "@darkfiber/observe/TableText"
import type { Command } from "../Command.ts"
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

/** `tc qdisc change|replace dev eth0 root pfifo_fast limit N`: the limit of each band together. */
const change = (place: Place, verb: string, words: ReadonlyArray<string>): Outcome => {
  const [dev, name = "", root, kind = "", limit, count = ""] = words
  if (dev !== "dev" || root !== "root")
    return failure(
      `tc: "${verb} ${words.join(" ")}" is not supported; try qdisc ${verb} dev DEVICE root pfifo_fast limit N`
    )
  const device = place.net.deviceByName(name)
  if (device === null) return failure(`Cannot find device "${name}"`)
  if (kind !== "pfifo_fast" && kind !== "pfifo") return failure("Error: Specified qdisc kind is unknown.", 2)
  if (limit === undefined) return success()
  if (limit !== "limit" || !/^[1-9]\d{0,8}$/.test(count)) return failure(`What is "${limit}"?`)
  if (device.qdiscs.every((one) => !one.hasQueue)) return failure("RTNETLINK answers: Operation not supported", 2)
  device.txQueueLength = Number(count)
  return success()
}

export const tc: Command = {
  name: "tc",
  usage: "tc [-s] qdisc [show [dev DEVICE] | change dev DEVICE root pfifo_fast limit N]",
  run: (args, { place }) => {
    const words = args.filter((arg) => arg !== "-s" && arg !== "-statistics")
    const [object = "", verb = "show", ...rest] = words
    if (object === "" || !"qdisc".startsWith(object)) return failure(`Object "${object}" is unknown, try "tc help".`)
    if (verb === "show" || verb === "list" || verb === "ls") return show(place, rest, args.length > words.length)
    if (verb === "dev") return show(place, [verb, ...rest], args.length > words.length)
    if (["add", "change", "replace"].includes(verb)) return change(place, verb, rest)
    return failure(`Command "${verb}" is unknown, try "tc qdisc help".`)
  }
}
