/** `tc qdisc`: show, add, change, replace, delete the root of a device. */
import * as Device from "@darkfiber/kernel-net/Device"
import { EINVAL, ENOENT } from "@darkfiber/kernel-net/Errno"
import type { NetDevice } from "@darkfiber/kernel-net/NetDevice"
import * as Kinds from "@darkfiber/kernel-net/qdisc/Kinds"
import * as Spec from "@darkfiber/kernel-net/qdisc/Spec"
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

/** `dev eth0 root …`: the device, and the words behind. */
const place = (
  where: Place,
  words: ReadonlyArray<string>
): { readonly device: NetDevice; readonly rest: ReadonlyArray<string> } | Outcome => {
  const rest = [...words]
  let name = ""
  let isRoot = false
  for (let word = rest[0]; word === "dev" || word === "root" || word === "handle"; word = rest[0]) {
    rest.shift()
    if (word === "root") isRoot = true
    else {
      const value = rest.shift() ?? ""
      if (word === "dev") name = value
    }
  }
  if (!isRoot) return failure(`What is "${rest[0] ?? words.at(-1) ?? ""}"? Only the root of a device can be set.`)
  const device = where.net.deviceByName(name)
  return device === null ? failure(`Cannot find device "${name}"`) : { device, rest }
}

const change = (where: Place, verb: string, words: ReadonlyArray<string>): Outcome => {
  const at = place(where, words)
  if ("code" in at) return at
  const { device, rest } = at
  // The limit of pfifo_fast is the device's.
  if (rest[0] === "pfifo_fast" && rest.length > 1) return changeLimit(device, rest.slice(1))
  const spec = Spec.parse(rest)
  if (typeof spec === "string") return failure(spec, spec.startsWith("Error") ? 2 : 1)
  const root = device.hasRoot ? device.qdiscs[0]! : null
  if (root !== null && verb === "add") return failure("Error: Exclusivity flag on, cannot modify.", 2)
  const status = root === null ? -ENOENT : Kinds.change(coreOf(where), root, spec)
  if (status === 0) return success()
  if (status === -EINVAL) return failure("RTNETLINK answers: Invalid argument", 2)
  if (verb === "change") {
    return root === null
      ? failure("Error: Qdisc not found. To create specify NLM_F_CREATE flag.", 2)
      : failure("Error: Invalid qdisc name: must match existing qdisc.", 2)
  }
  Device.setQdisc(coreOf(where), device, spec)
  return success()
}

/** `pfifo_fast limit N`: of all bands together, which the kernel takes from txqueuelen. */
const changeLimit = (device: NetDevice, words: ReadonlyArray<string>): Outcome => {
  const [limit, count = ""] = words
  if (limit !== "limit" || !/^\d{1,9}$/.test(count) || Number(count) < 1) return failure(`What is "${limit}"?`)
  if (device.qdiscs.every((one) => !one.hasQueue)) return failure("RTNETLINK answers: Operation not supported", 2)
  device.txQueueLength = Number(count)
  return success()
}

/** Back to what the device has by itself. */
const remove = (where: Place, words: ReadonlyArray<string>): Outcome => {
  const at = place(where, words)
  if ("code" in at) return at
  if (!at.device.hasRoot) return failure("Error: Cannot delete qdisc with handle of zero.", 2)
  Device.setQdisc(coreOf(where), at.device, null)
  return success()
}

export const tc: Command = {
  name: "tc",
  usage:
    "tc [-s] qdisc [show [dev DEVICE] | add|change|replace dev DEVICE root pfifo_fast|pfifo|fq|fq_codel [OPTIONS] | del dev DEVICE root]",
  run: (args, { place: where }) => {
    const words = args.filter((arg) => arg !== "-s" && arg !== "-statistics")
    const [object = "", verb = "show", ...rest] = words
    if (object === "" || !"qdisc".startsWith(object)) return failure(`Object "${object}" is unknown, try "tc help".`)
    if (verb === "show" || verb === "list" || verb === "ls") return show(where, rest, args.length > words.length)
    if (verb === "dev") return show(where, [verb, ...rest], args.length > words.length)
    if (["add", "change", "replace"].includes(verb)) return change(where, verb, rest)
    if (["del", "delete"].includes(verb)) return remove(where, rest)
    return failure(`Command "${verb}" is unknown, try "tc qdisc help".`)
  }
}
