/** Targets of `iptables`: -j, -g and their options. */
import type { RejectWith, Target } from "@darkfiber/kernel-net/netfilter/Rules"
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import * as Result from "effect/Result"
import type { Reader } from "./Reader.ts"

/** A target in the making: its name and what its options have said. */
export interface TargetDraft {
  name: string
  isGoto: boolean
  target: Target | null
  /** An option that the target cannot do without has been seen. */
  isComplete: boolean
}

export const newTarget = (): TargetDraft => ({ name: "", isGoto: false, target: null, isComplete: true })

/** -j NAME: known targets by name, any other name is a chain. */
export const named = (draft: TargetDraft, name: string): void => {
  draft.name = name
  draft.target = start(name)
  draft.isComplete = !["DNAT", "SNAT", "MARK", "CT"].includes(name)
}

const start = (name: string): Target => {
  switch (name) {
    case "ACCEPT":
      return { _tag: "Accept" }
    case "DROP":
      return { _tag: "Drop" }
    case "RETURN":
      return { _tag: "Return" }
    case "REJECT":
      return { _tag: "Reject", with: "icmp-port-unreachable" }
    case "MARK":
      return { _tag: "Mark", value: 0, mask: 0 }
    case "LOG":
      return { _tag: "Log", prefix: "" }
    case "CT":
    case "NOTRACK":
      return { _tag: "Notrack" }
    case "DNAT":
    case "SNAT": {
      const empty = { addressMin: 0, addressMax: 0, portMin: 0, portMax: 0, random: false, persistent: false }
      return { _tag: name === "DNAT" ? "Dnat" : "Snat", ...empty }
    }
    case "MASQUERADE":
    case "REDIRECT":
      return { _tag: name === "MASQUERADE" ? "Masquerade" : "Redirect", portMin: 0, portMax: 0, random: false }
    default:
      return { _tag: "Jump", chain: name }
  }
}

const rejects: ReadonlyMap<string, RejectWith> = new Map([
  ["icmp-net-unreachable", "icmp-net-unreachable"],
  ["net-unreach", "icmp-net-unreachable"],
  ["icmp-host-unreachable", "icmp-host-unreachable"],
  ["host-unreach", "icmp-host-unreachable"],
  ["icmp-port-unreachable", "icmp-port-unreachable"],
  ["port-unreach", "icmp-port-unreachable"],
  ["icmp-proto-unreachable", "icmp-proto-unreachable"],
  ["proto-unreach", "icmp-proto-unreachable"],
  ["icmp-net-prohibited", "icmp-net-prohibited"],
  ["net-prohib", "icmp-net-prohibited"],
  ["icmp-host-prohibited", "icmp-host-prohibited"],
  ["host-prohib", "icmp-host-prohibited"],
  ["icmp-admin-prohibited", "icmp-admin-prohibited"],
  ["admin-prohib", "icmp-admin-prohibited"],
  ["tcp-reset", "tcp-reset"],
  ["tcp-rst", "tcp-reset"]
])

/** Reads `option` if it is one of the target in hand. @returns false when it is none */
export const readTarget = (reader: Reader, draft: TargetDraft, option: string): boolean => {
  const { target } = draft
  if (target === null) return false
  switch (target._tag) {
    case "Reject": {
      if (option !== "--reject-with") return false
      const text = reader.value(option)
      const how = rejects.get(text)
      if (how === undefined) return reader.fail(`unknown reject type "${text}"`)
      draft.target = { _tag: "Reject", with: how }
      return true
    }
    case "Mark":
      return readMark(reader, draft, option)
    case "Log": {
      if (option !== "--log-prefix") return false
      const prefix = reader.value(option)
      if (prefix.length > 29) reader.fail("LOG: Maximum prefix length 29 for --log-prefix")
      draft.target = { _tag: "Log", prefix }
      return true
    }
    case "Notrack":
      if (draft.name !== "CT" || option !== "--notrack") return false
      draft.isComplete = true
      return true
    case "Dnat":
    case "Snat":
      return readNat(reader, draft, target, option)
    case "Masquerade":
    case "Redirect":
      return readPorts(reader, draft, target, option)
    default:
      return false
  }
}

const readMark = (reader: Reader, draft: TargetDraft, option: string): boolean => {
  switch (option) {
    case "--set-mark": {
      const { value, mask } = reader.mark(option)
      draft.target = { _tag: "Mark", value, mask: mask | value }
      break
    }
    case "--set-xmark": {
      const { value, mask } = reader.mark(option)
      draft.target = { _tag: "Mark", value, mask }
      break
    }
    case "--and-mark":
      draft.target = { _tag: "Mark", value: 0, mask: ~reader.mark(option).value }
      break
    case "--or-mark": {
      const { value } = reader.mark(option)
      draft.target = { _tag: "Mark", value, mask: value }
      break
    }
    case "--xor-mark":
      draft.target = { _tag: "Mark", value: reader.mark(option).value, mask: 0 }
      break
    default:
      return false
  }
  draft.isComplete = true
  return true
}

const readNat = (
  reader: Reader,
  draft: TargetDraft,
  target: Extract<Target, { readonly _tag: "Dnat" | "Snat" }>,
  option: string
): boolean => {
  if (option === "--random") draft.target = { ...target, random: true }
  else if (option === "--persistent") draft.target = { ...target, persistent: true }
  else if (option === (target._tag === "Dnat" ? "--to-destination" : "--to-source")) {
    draft.target = { ...target, ...natRange(reader, reader.value(option)) }
    draft.isComplete = true
  } else return false
  return true
}

interface NatRange {
  readonly addressMin: number
  readonly addressMax: number
  readonly portMin: number
  readonly portMax: number
}

/** `10.0.0.2`, `10.0.0.2-10.0.0.9`, `10.0.0.2:80`, `10.0.0.2:80-90`, `:80` */
const natRange = (reader: Reader, text: string): NatRange => {
  const colon = text.indexOf(":")
  const address = colon < 0 ? text : text.slice(0, colon)
  const ports = colon < 0 ? { portMin: 0, portMax: 0 } : portRange(reader, text.slice(colon + 1))
  if (address === "") {
    if (colon < 0) reader.fail(`Bad IP address "${text}"`)
    return { addressMin: 0, addressMax: 0, ...ports }
  }
  const dash = address.indexOf("-")
  const first = ipv4(reader, dash < 0 ? address : address.slice(0, dash))
  const last = dash < 0 ? first : ipv4(reader, address.slice(dash + 1))
  if (first >>> 0 > last >>> 0) reader.fail(`Bad IP address range "${address}"`)
  return { addressMin: first, addressMax: last, ...ports }
}

const ipv4 = (reader: Reader, text: string): number => {
  const address = Ipv4Address.parse(text)
  return Result.isFailure(address) ? reader.fail(`Bad IP address "${text}"`) : address.success
}

/** `80`, `80-90` */
const portRange = (reader: Reader, text: string): { readonly portMin: number; readonly portMax: number } => {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text)
  const low = Number(match?.[1] ?? "0")
  const high = Number(match?.[2] ?? low)
  if (match === null || low < 1 || high > 65_535) reader.fail(`Port range \`${text}' invalid`)
  if (low > high) reader.fail(`Port range \`${text}' funky`)
  return { portMin: low, portMax: high }
}

const readPorts = (
  reader: Reader,
  draft: TargetDraft,
  target: Extract<Target, { readonly _tag: "Masquerade" | "Redirect" }>,
  option: string
): boolean => {
  if (option === "--random") draft.target = { ...target, random: true }
  else if (option === "--to-ports" || option === "--to-port") {
    draft.target = { ...target, ...portRange(reader, reader.value(option)) }
  } else return false
  return true
}

/** The finished target. */
export const finish = (reader: Reader, draft: TargetDraft): Target => {
  if (draft.target === null) return { _tag: "Continue" }
  if (!draft.isComplete) reader.fail(`${draft.name}: an option that says what to do must be specified`)
  if (!draft.isGoto) return draft.target
  return draft.target._tag === "Jump" ? { _tag: "Goto", chain: draft.target.chain } : reader.fail("-g needs a chain")
}
