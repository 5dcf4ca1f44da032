/** `brctl` and `bridge fdb`. */
import * as BridgeDevice from "@darkfiber/kernel-net/bridge/BridgeDevice"
import type { Bridge } from "@darkfiber/kernel-net/bridge/Bridge"
import { EBUSY, ELOOP } from "@darkfiber/kernel-net/Errno"
import * as Links from "@darkfiber/observe/Links"
import { now, type Place } from "@darkfiber/observe/Machine"
import { formatBridges, formatFdb, formatMacs } from "@darkfiber/observe/TableText"
import { coreOf, type Command } from "../Command.ts"
import { failure, success, type Outcome } from "../Outcome.ts"
import { strerror } from "../Strerror.ts"

const bridgeOf = (place: Place, name: string): Bridge | null => {
  const dev = place.net.deviceByName(name)
  return dev === null ? null : BridgeDevice.of(dev)
}

const missing = (name: string): Outcome => failure(`bridge ${name} does not exist!`)

const run = (args: ReadonlyArray<string>, place: Place): Outcome => {
  const [verb = "", name = "", ...rest] = args
  const needed: Readonly<Record<string, number>> = {
    addbr: 1,
    delbr: 1,
    addif: 2,
    delif: 2,
    showmacs: 1,
    stp: 2,
    setageing: 2,
    setfd: 2
  }
  const wanted = Object.hasOwn(needed, verb) ? needed[verb]! : 0
  if (args.length - 1 < wanted) return failure("Incorrect number of arguments for command\nUsage: brctl [commands]")
  switch (verb) {
    case "show":
      return show(place, name)
    case "addbr":
      return addBridge(place, name)
    case "delbr":
      return removeBridge(place, name)
    case "addif":
    case "delif":
      return rest.reduce((all, port) => (all.code === 0 ? changePort(place, verb, name, port) : all), success())
    default:
      return settings(place, verb, name, rest[0] ?? "")
  }
}

const show = (place: Place, name: string): Outcome => {
  const bridges = Links.bridges(place.net)
  if (name === "") return success(formatBridges(bridges))
  const one = bridges.filter((bridge) => bridge.name === name)
  return one.length === 0 ? failure(`can't get info No such device`) : success(formatBridges(one))
}

const addBridge = (place: Place, name: string): Outcome => {
  if (place.net.deviceByName(name) !== null) {
    return failure(`device ${name} already exists; can't create bridge with the same name`)
  }
  const dev = BridgeDevice.create(place.net, name)
  return typeof dev === "number" ? failure(`add bridge failed: ${strerror(dev)}`) : success()
}

const removeBridge = (place: Place, name: string): Outcome => {
  const bridge = bridgeOf(place, name)
  if (bridge === null) return failure(`bridge ${name} doesn't exist; can't delete it`)
  const status = BridgeDevice.remove(coreOf(place), bridge.dev, false)
  return status === -EBUSY ? failure(`bridge ${name} is still up; can't delete it`) : success()
}

const changePort = (place: Place, verb: "addif" | "delif", name: string, portName: string): Outcome => {
  const bridge = bridgeOf(place, name)
  if (bridge === null) return missing(name)
  const port = place.net.deviceByName(portName)
  if (port === null) return failure(`interface ${portName} does not exist!`)
  if (verb === "delif") {
    const status = BridgeDevice.removePort(bridge.dev, port)
    return status < 0 ? failure(`device ${portName} is not a slave of ${name}`) : success()
  }
  const status = BridgeDevice.addPort(bridge.dev, port)
  switch (status) {
    case 0:
      return success()
    case -EBUSY:
      return failure(`device ${portName} is already a member of a bridge; can't enslave it to bridge ${name}.`)
    case -ELOOP:
      return failure(`device ${portName} is a bridge device itself; can't enslave a bridge device to a bridge device.`)
    default:
      return failure(`can't add ${portName} to bridge ${name}: ${strerror(status)}`)
  }
}

const settings = (place: Place, verb: string, name: string, value: string): Outcome => {
  if (!["showmacs", "stp", "setageing", "setfd"].includes(verb)) {
    return failure(`never heard of command [${verb}]\nUsage: brctl [commands]`)
  }
  const bridge = bridgeOf(place, name)
  if (bridge === null) return missing(name)
  switch (verb) {
    case "showmacs":
      return success(formatMacs(Links.fdb(bridge, now(place)).filter((entry) => entry.port > 0)))
    case "stp": {
      const isOn = ["on", "yes", "1"].includes(value)
      if (!isOn && !["off", "no", "0"].includes(value)) return failure("expect on/off for argument")
      bridge.setStp(isOn)
      return success()
    }
    default: {
      const seconds = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN
      if (!(seconds <= 1_000_000)) return failure(`bad ${verb === "setfd" ? "forward delay" : "ageing time"} value`)
      if (verb === "setfd") bridge.forwardDelay = Math.round(seconds * 1e9)
      else bridge.ageingTime = Math.round(seconds * 1e9)
      return success()
    }
  }
}

export const brctl: Command = {
  name: "brctl",
  usage: "brctl show|showmacs|addbr|delbr|addif|delif|stp|setageing|setfd …",
  run: (args, { place }) => run(args, place)
}

export const bridge: Command = {
  name: "bridge",
  usage: "bridge fdb [show] [br BRIDGE | dev PORT]",
  run: (args, { place }) => {
    const [object, ...rest] = args
    if (object !== "fdb") return failure(`Object "${object ?? ""}" is unknown, try "bridge help".`, 255)
    const words = rest[0] === "show" ? rest.slice(1) : rest
    const [key, name] = words
    if (words.length > 0 && (name === undefined || !["br", "dev", "brport"].includes(key!))) {
      return failure(`Command "${words[0]!}" is unknown, try "bridge fdb help".`, 255)
    }
    const entries = place.net.devices.flatMap((dev) => {
      const bridge = BridgeDevice.of(dev)
      return bridge === null ? [] : Links.fdb(bridge, now(place))
    })
    const shown = entries.filter(
      (entry) => key === undefined || (key === "br" ? entry.bridge === name : entry.device === name)
    )
    if (name !== undefined && place.net.deviceByName(name) === null) return failure(`Cannot find device "${name}"`)
    return success(formatFdb(shown))
  }
}
