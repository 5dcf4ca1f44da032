/** Parameters of kernel modules under /sys/module: those of tcp_cubic (Linux: net/ipv4/tcp_cubic.c). */
import type { Place } from "@darkfiber/observe/Machine"

const CUBIC = "/sys/module/tcp_cubic/parameters/"

type Field =
  | "fastConvergence"
  | "beta"
  | "initialSsthresh"
  | "tcpFriendliness"
  | "hystart"
  | "hystartDetect"
  | "hystartLowWindow"
  | "hystartAckDeltaUs"

const fields: Readonly<Record<string, Field>> = {
  fast_convergence: "fastConvergence",
  beta: "beta",
  initial_ssthresh: "initialSsthresh",
  tcp_friendliness: "tcpFriendliness",
  hystart: "hystart",
  hystart_detect: "hystartDetect",
  hystart_low_window: "hystartLowWindow",
  hystart_ack_delta_us: "hystartAckDeltaUs"
}

const fieldOf = (path: string): Field | undefined => {
  const name = path.startsWith(CUBIC) ? path.slice(CUBIC.length) : ""
  return Object.hasOwn(fields, name) ? fields[name] : undefined
}

/** The text of a parameter; null for a path that is none. */
export const read = (place: Place, path: string): string | null => {
  const field = fieldOf(path)
  return field === undefined || place.tcp === null ? null : `${place.tcp.stack.cubic[field]}\n`
}

/** @returns whether it is a parameter that takes this text */
export const write = (place: Place, path: string, text: string): boolean => {
  const field = fieldOf(path)
  if (field === undefined || place.tcp === null || !/^\s*-?[0-9]+\s*$/.test(text)) return false
  place.tcp.stack.cubic[field] = Number(text)
  return true
}
