/** `ip addr`: show, add, del, flush. */
import * as Device from "@darkfiber/kernel-net/Device"
import type { NetDevice } from "@darkfiber/kernel-net/NetDevice"
import * as Setup from "@darkfiber/kernel-net/netfilter/Setup"
import * as Links from "@darkfiber/observe/Links"
import { formatAddress, formatBrief } from "@darkfiber/observe/LinkText"
import type { Place } from "@darkfiber/observe/Machine"
import { success, type Outcome } from "../Outcome.ts"
import {
  abort,
  address,
  answer,
  device,
  isShortFor,
  prefix,
  shownDevice,
  type IpOptions,
  type IpWords
} from "./IpTools.ts"

export const ipAddr = (words: IpWords, place: Place, options: IpOptions): Outcome => {
  const verb = words.peek() ?? "show"
  if (["show", "list", "lst", "ls"].some((full) => isShortFor(verb, full)) && !place.net.deviceByName(verb)) {
    words.at++
    return show(words, place, options)
  }
  if (isShortFor(verb, "add")) return change(words, place, "add")
  if (isShortFor(verb, "replace") || isShortFor(verb, "change")) return change(words, place, "replace")
  if (isShortFor(verb, "delete")) return change(words, place, "delete")
  if (isShortFor(verb, "flush")) return flush(words, place)
  if (verb === "dev" || place.net.deviceByName(verb) !== null) return show(words, place, options)
  return abort(`Command "${verb}" is unknown, try "ip address help".`, 255)
}

const show = (words: IpWords, place: Place, options: IpOptions): Outcome => {
  let only: NetDevice | null = null
  let isUp = false
  while (!words.isAtEnd) {
    if (words.take("up")) isUp = true
    else if (words.take("dev")) only = shownDevice(place, words.next())
    else only = shownDevice(place, words.next())
  }
  const shown = place.net.devices.filter((dev) => (only === null || dev === only) && (!isUp || dev.isUp()))
  const format = (dev: NetDevice): string =>
    options.brief ? formatBrief(Links.record(dev), "addr") : formatAddress(Links.record(dev))
  return success(shown.map(format).join(""))
}

const change = (words: IpWords, place: Place, what: "add" | "replace" | "delete"): Outcome => {
  words.at++
  let local: string | undefined
  let broadcast = 0
  let dev: NetDevice | undefined
  while (!words.isAtEnd) {
    if (words.take("dev")) dev = device(place, words.next())
    else if (words.take("broadcast", "brd")) broadcast = broadcastOf(words.next())
    else if (words.take("scope", "label", "peer", "metric"))
      abort(`ip address: "${words.words[words.at - 1]}" is not supported`, 255)
    else {
      words.take("local")
      if (local !== undefined)
        abort(`Error: either "local" is duplicate, or "${words.peek() ?? ""}" is a garbage.`, 255)
      local = words.next()
    }
  }
  if (dev === undefined) return abort(`Not enough information: "dev" argument is required.`, 255)
  if (local === undefined) return abort("Not enough information: address is required.", 255)
  const { address: own, prefixLength } = prefix(local)
  if (what === "delete") {
    const status = Device.removeAddress(dev, own, prefixLength)
    // Flows that MASQUERADE gave this address are of no use any more (masq_inet_event).
    if (status === 0) Setup.peek(place.net)?.deviceDown(dev.index)
    return answer(status)
  }
  const status = Device.addAddress(dev, own, prefixLength, broadcast)
  return answer(what === "replace" && status < 0 && dev.addresses.some((one) => one.local === own) ? 0 : status)
}

/** `+` is the network's own, which the kernel takes anyway; `-` as well. */
const broadcastOf = (text: string): number => (text === "+" || text === "-" ? 0 : address(text))

const flush = (words: IpWords, place: Place): Outcome => {
  words.at++
  words.take("dev")
  const dev = shownDevice(place, words.next())
  for (const own of dev.addresses.slice()) Device.removeAddress(dev, own.local, own.prefixLength)
  return success()
}
