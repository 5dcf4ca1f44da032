/**
 * The way from an application to a host: its views and commands.
 */
import { type Machine, type Place, placeOf } from "@darkfiber/observe/Machine"
import * as HostNames from "@darkfiber/observe/HostNames"
import type { TraceNames } from "@darkfiber/observe/TraceReader"
import type { Island } from "@darkfiber/sim/Island"
import * as ToolShell from "@darkfiber/tools/Shell"
import type { DataCentre } from "@darkfiber/topology/DataCentre"
import type { HostSetting, SimHost } from "@darkfiber/topology/SimHost"

const machineOf = (host: SimHost): Machine => ({
  host: host.kernel,
  processes: host.sockets.processes,
  tcp: host.sockets.tcp
})

export const machinesOf = (centre: DataCentre): ReadonlyArray<Machine> => centre.hosts.map(machineOf)

/** `HOST` or `HOST/netns` as a place of the running data centre; undefined when there is none of that name. */
export const find = (centre: DataCentre, target: string): Place | undefined => {
  const [name, netns] = target.split("/")
  const host = centre.host(name ?? "")
  if (host === undefined) return undefined
  return placeOf(machineOf(host), netns ?? null) ?? undefined
}

/** Namespaces and devices by their names, for reading a trace. */
export const namesOf = (centre: DataCentre): ((island: Island) => TraceNames) =>
  HostNames.ofHosts(centre.hosts.map((host) => host.kernel))

/** Configuration commands of a topology file, run at boot. */
export const bootCommand: HostSetting["command"] = (host, text) => {
  const place = placeOf(machineOf(host))
  if (place === null) return "the host has no namespace"
  const outcome = ToolShell.execute(place, text)
  return outcome.code === 0 ? null : outcome.stderr.trim() || `exit status ${outcome.code}`
}
