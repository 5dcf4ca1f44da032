/** `ip link`: show, add (veth, bridge), del, set. */
import * as BridgeDevice from "@darkfiber/kernel-net/bridge/BridgeDevice"
import { BridgePort } from "@darkfiber/kernel-net/bridge/BridgePort"
import * as Device from "@darkfiber/kernel-net/Device"
import { EBUSY, EEXIST, EINVAL, EOPNOTSUPP } from "@darkfiber/kernel-net/Errno"
import { IFF_PROMISC, type NetDevice } from "@darkfiber/kernel-net/NetDevice"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import * as Setup from "@darkfiber/kernel-net/netfilter/Setup"
import * as Veth from "@darkfiber/kernel-net/veth/Veth"
import * as Links from "@darkfiber/observe/Links"
import { formatBrief, formatLink } from "@darkfiber/observe/LinkText"
import type { Place } from "@darkfiber/observe/Machine"
import * as Nics from "@darkfiber/observe/Nics"
import { coreOf } from "../Command.ts"
import { success, type Outcome } from "../Outcome.ts"
import { abort, answer, check, device, isShortFor, mac, shownDevice, type IpOptions, type IpWords } from "./IpTools.ts"

export const ipLink = (words: IpWords, place: Place, options: IpOptions): Outcome => {
  const verb = words.peek() ?? "show"
  if (isShortFor(verb, "add")) return add(words, place)
  if (isShortFor(verb, "delete")) return remove(words, place)
  if (isShortFor(verb, "set")) return set(words, place)
  if (["show", "list", "lst", "ls"].some((full) => isShortFor(verb, full))) words.at++
  else if (verb !== "dev" && place.net.deviceByName(verb) === null) {
    return abort(`Command "${verb}" is unknown, try "ip link help".`, 255)
  }
  return show(words, place, options)
}

const show = (words: IpWords, place: Place, options: IpOptions): Outcome => {
  let only: NetDevice | null = null
  let isUp = false
  let master: NetDevice | null = null
  while (!words.isAtEnd) {
    if (words.take("up")) isUp = true
    else if (words.take("master")) master = device(place, words.next())
    else {
      words.take("dev")
      only = shownDevice(place, words.next())
    }
  }
  const shown = place.net.devices.filter(
    (dev) => (only === null || dev === only) && (!isUp || dev.isUp()) && (master === null || dev.master === master)
  )
  const format = (dev: NetDevice): string =>
    options.brief ? formatBrief(Links.record(dev), "link") : formatLink(Links.record(dev), options.statistics)
  return success(shown.map(format).join(""))
}

/** What is said of one end of a new link. */
interface EndSpec {
  name: string
  mac: number
  mtu: number
  net: Netns
}

const add = (words: IpWords, place: Place): Outcome => {
  words.at++
  const own: EndSpec = { name: "", mac: 0, mtu: 0, net: place.net }
  readEnd(words, place, own, true)
  if (!words.take("type")) abort(`Not enough information: "type" argument is required.`, 255)
  const type = words.next()
  switch (type) {
    case "veth":
      return addVeth(words, place, own)
    case "bridge":
      return addBridge(words, own)
    default:
      return abort("Error: Unknown device type.", 2)
  }
}

const readEnd = (words: IpWords, place: Place, end: EndSpec, mayBeBare: boolean): void => {
  while (!words.isAtEnd) {
    if (words.take("name", "dev")) end.name = words.next()
    else if (words.take("address")) end.mac = mac(words.next())
    else if (words.take("mtu")) end.mtu = words.number("mtu")
    else if (words.take("netns")) end.net = namespace(place, words.next())
    else if (words.peek() === "type" || words.peek() === "peer") return
    else if (mayBeBare && end.name === "") end.name = words.next()
    else abort(`Error: either "dev" is duplicate, or "${words.peek()!}" is a garbage.`, 255)
  }
}

const addVeth = (words: IpWords, place: Place, own: EndSpec): Outcome => {
  const peer: EndSpec = { name: "", mac: 0, mtu: 0, net: own.net }
  if (words.take("peer")) readEnd(words, place, peer, true)
  if (own.name === "") own.name = freeName(own.net, "veth")
  if (peer.name === "") peer.name = freeName(peer.net, "veth", own.name)
  const dev = Veth.create(own.net, own.name, peer.net, peer.name)
  if (typeof dev === "number") return answer(dev)
  dress(dev, own)
  dress(Veth.peerOf(dev)!, peer)
  return success()
}

const addBridge = (words: IpWords, own: EndSpec): Outcome => {
  if (!words.isAtEnd) abort(`bridge: unknown command "${words.peek()!}"?`, 255)
  if (own.name === "") own.name = freeName(own.net, "bridge")
  const dev = BridgeDevice.create(own.net, own.name, own.mac)
  if (typeof dev === "number") return answer(dev)
  dress(dev, { ...own, mac: 0 })
  return success()
}

const dress = (dev: NetDevice, end: EndSpec): void => {
  if (end.mac !== 0) Device.setMac(dev, end.mac)
  if (end.mtu !== 0) check(Device.setMtu(dev, end.mtu))
}

/** `veth0`, or the first number that is free (Linux: dev_alloc_name). */
const freeName = (net: Netns, stem: string, taken = ""): string => {
  let number = 0
  while (net.deviceByName(`${stem}${number}`) !== null || `${stem}${number}` === taken) number++
  return `${stem}${number}`
}

/** A namespace by name, or 1 for the initial one (its process). */
const namespace = (place: Place, name: string): Netns => {
  if (name === "1") return place.host.init
  const net = place.host.netns.find((one) => one.name === name && one.id !== 0)
  return net ?? abort(`Invalid "netns" value`, 255)
}

const remove = (words: IpWords, place: Place): Outcome => {
  words.at++
  words.take("dev")
  const dev = device(place, words.next())
  const core = coreOf(place)
  if (Veth.isVeth(dev)) return answer(Veth.remove(core, dev))
  if (BridgeDevice.of(dev) !== null) return answer(BridgeDevice.remove(core, dev, true))
  return answer(-EOPNOTSUPP)
}

const set = (words: IpWords, place: Place): Outcome => {
  words.at++
  words.take("dev")
  const dev = device(place, words.next())
  if (words.isAtEnd) abort("Not enough information: no changes given", 255)
  while (!words.isAtEnd) change(words, place, dev)
  return success()
}

const change = (words: IpWords, place: Place, dev: NetDevice): void => {
  const word = words.next()
  switch (word) {
    case "up":
      up(dev)
      return
    case "down":
      down(place, dev)
      return
    case "mtu":
      setMtu(dev, words.number("mtu"))
      return
    case "address":
      setMac(dev, mac(words.next()))
      return
    case "master":
      check(BridgeDevice.setMaster(dev, device(place, words.next())))
      return
    case "nomaster":
      check(BridgeDevice.setMaster(dev, null))
      return
    case "netns":
      move(place, dev, namespace(place, words.next()))
      return
    case "name":
      rename(dev, words.next())
      return
    case "txqueuelen":
    case "qlen":
      dev.txQueueLength = words.number("txqueuelen")
      return
    case "promisc":
      setPromiscuous(dev, words.next())
      return
    default:
      abort(`Error: either "dev" is duplicate, or "${word}" is a garbage.`, 255)
  }
}

/** A bridge hears at once that a port has come or gone. */
const tellBridge = (dev: NetDevice): void => {
  if (dev.rxHandler instanceof BridgePort) dev.rxHandler.bridge.portChanged(dev.rxHandler)
}

const up = (dev: NetDevice): void => {
  Device.up(dev)
  tellBridge(dev)
}

const down = (place: Place, dev: NetDevice): void => {
  Device.down(coreOf(place), dev)
  tellBridge(dev)
  Setup.peek(place.net)?.deviceDown(dev.index)
}

const setMtu = (dev: NetDevice, mtu: number): void => {
  if (Device.setMtu(dev, mtu) < 0) {
    abort(`Error: mtu ${mtu < 68 ? "less than device minimum" : "greater than device maximum"}.`, 2)
  }
  const bridge = BridgeDevice.of(dev)
  if (bridge !== null) bridge.mtuIsSet = true
  if (dev.rxHandler instanceof BridgePort) dev.rxHandler.bridge.followPorts()
}

const setMac = (dev: NetDevice, address: number): void => {
  const bridge = BridgeDevice.of(dev)
  if (bridge !== null) {
    bridge.setAddress(address)
    return
  }
  Device.setMac(dev, address)
  const nic = Nics.nicOf(dev)
  if (nic !== null) nic.mac = address
  if (dev.rxHandler instanceof BridgePort) dev.rxHandler.bridge.addressChanged(dev.rxHandler)
}

const move = (place: Place, dev: NetDevice, net: Netns): void => {
  if (dev.master !== null) check(BridgeDevice.setMaster(dev, null))
  check(Device.moveTo(coreOf(place), dev, net))
}

const rename = (dev: NetDevice, name: string): void => {
  if (dev.isUp()) check(-EBUSY)
  if (dev.net.deviceByName(name) !== null) check(-EEXIST)
  if (name.length > 15 || /[\s/]/.test(name) || name === "") check(-EINVAL)
  dev.name = name
}

const setPromiscuous = (dev: NetDevice, word: string): void => {
  if (word !== "on" && word !== "off") abort(`Error: argument of "promisc" must be "on" or "off", not "${word}"`, 255)
  const isOn = (dev.flags & IFF_PROMISC) !== 0
  if (isOn === (word === "on")) return
  dev.flags ^= IFF_PROMISC
  dev.promiscuity += isOn ? -1 : 1
  const nic = Nics.nicOf(dev)
  if (nic !== null) nic.promiscuous = dev.promiscuity > 0
}
