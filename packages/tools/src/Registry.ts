/** The commands by name. */
import type { Command } from "./Command.ts"
import * as Basics from "./commands/Basics.ts"
import { brctl, bridge } from "./commands/Brctl.ts"
import { ethtool } from "./commands/Ethtool.ts"
import { ip } from "./commands/Ip.ts"
import { conntrack, iptables, iptablesRestore, iptablesSave } from "./commands/Iptables.ts"
import { ping } from "./commands/Ping.ts"
import { ss } from "./commands/Ss.ts"
import * as Statistics from "./commands/Statistics.ts"
import { sysctl } from "./commands/Sysctl.ts"
import { tc } from "./commands/Tc.ts"
import { tcpdump } from "./commands/Tcpdump.ts"
import * as Scheduling from "./commands/Scheduling.ts"
import { timeout } from "./commands/Timeout.ts"
import * as Files from "./Files.ts"
import { textFilters } from "./TextFilters.ts"

const filters: ReadonlyArray<Command> = [...textFilters].map(([name, filter]) => ({
  name,
  usage: `${name} [OPTION]… (a filter of its input or a file)`,
  run: (args, { place, stdin }) => filter(args, stdin, (path) => Files.read(place, path))
}))

const all: ReadonlyArray<Command> = [
  ip,
  ss,
  iptables,
  iptablesSave,
  iptablesRestore,
  conntrack,
  sysctl,
  ethtool,
  tc,
  brctl,
  bridge,
  ping,
  tcpdump,
  timeout,
  ...Object.values(Statistics),
  ...Object.values(Scheduling),
  ...Object.values(Basics).filter((one): one is Command => typeof one !== "function"),
  ...filters
]

/** Every command. Another package's commands are added by copying: `new Map([...commands, ["mine", mine]])`. */
export const commands: ReadonlyMap<string, Command> = new Map(all.map((command) => [command.name, command]))
