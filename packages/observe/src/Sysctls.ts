/** Names under /proc/sys of a namespace: what `sysctl -a` lists. */
import type { Netns } from "@darkfiber/kernel-net/Netns"
import { neighbourNames } from "@darkfiber/kernel-net/InetDevice"
import type { Machine } from "./Machine.ts"

/** Names that live outside the namespaces' tables. */
const fileSysctls: ReadonlyArray<string> = ["fs.file-max", "fs.file-nr", "fs.nr_open"]

/** Every name, sorted. */
export const names = (machine: Machine, net: Netns): ReadonlyArray<string> => {
  const found = new Set<string>(net.sysctl.defaults.entries.keys())
  const owners = ["all", "default", ...net.devices.map((dev) => dev.name)]
  for (const owner of owners) {
    for (const field of Object.keys(net.confAll)) found.add(`net.ipv4.conf.${owner}.${field}`)
    if (owner !== "all") for (const field of Object.keys(neighbourNames)) found.add(`net.ipv4.neigh.${owner}.${field}`)
  }
  if (machine.processes !== null) for (const name of fileSysctls) found.add(name)
  return [...found].filter((name) => read(machine, net, name) !== null).sort()
}

/** The value as /proc/sys prints it, without newline; null for a name that this kernel has not. */
export const read = (machine: Machine, net: Netns, name: string): string | null => {
  const files = machine.processes?.files
  switch (name) {
    case "fs.file-max":
      return files === undefined ? null : String(files.max)
    case "fs.nr_open":
      return files === undefined ? null : String(files.nrOpen)
    case "fs.file-nr":
      return files === undefined ? null : `${files.count}\t0\t${files.max}`
    default:
      return net.getSysctl(name)
  }
}

/** `net/ipv4/ip_forward` and `net.ipv4.ip_forward` alike, as sysctl takes both. */
export const canonical = (name: string): string => name.replaceAll("/", ".")
