/**
 * 10.3.1: what is in a fresh network namespace.
 *
 *     init namespace                     net1
 *     veth1_p  192.168.0.100 ══════ veth1  192.168.0.101
 *
 * The steps of `ip netns add`, `ip link set veth1 netns net1` and a few pings, with what the views show in between.
 */
import * as Device from "@darkfiber/kernel-net/Device"
import * as Fib from "@darkfiber/kernel-net/Fib"
import { TABLE_NAMES } from "@darkfiber/kernel-net/netfilter/Rules"
import * as Netfilter from "@darkfiber/kernel-net/netfilter/Setup"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import * as Veth from "@darkfiber/kernel-net/veth/Veth"
import * as IptablesView from "@darkfiber/observe/IptablesView"
import * as Links from "@darkfiber/observe/Links"
import * as Routes from "@darkfiber/observe/Routes"
import type { Errno } from "@darkfiber/sockets/SystemError"
import type { DataCentre } from "@darkfiber/topology/DataCentre"
import * as Programs from "@darkfiber/topology/Programs"
import type { SimHost } from "@darkfiber/topology/SimHost"
import { Workload } from "@darkfiber/topology/Workload"
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import { Effect, Result } from "effect"
import { all, exactly, holds, type Lab, type LabInput, type LabOutcome } from "../Lab.ts"
import * as Scene from "../Scene.ts"

const OUTSIDE = "192.168.0.100"
const INSIDE = "192.168.0.101"
const PREFIX = 24
const LOCAL = "127.0.0.1"

/** What a namespace holds, as `ip link`, `ip route` and `iptables -L` show it. */
interface Content {
  readonly links: ReadonlyArray<string>
  readonly routes: number
  readonly rules: number
}

const contentOf = (net: Netns): Content => ({
  links: Links.list(net).map((link) => `${link.name} ${link.flags.includes("UP") ? "UP" : "DOWN"}`),
  routes: Routes.list(net, Fib.TABLE_MAIN).length + Routes.list(net, Fib.TABLE_LOCAL).length,
  rules: TABLE_NAMES.reduce((sum, name) => {
    const table = IptablesView.peek(net, name)
    const chains = table === null ? [] : IptablesView.chains(table)
    return sum + chains.reduce((count, chain) => count + chain.rules.length, 0)
  }, 0)
})

const namesOf = (net: Netns): ReadonlyArray<string> => Links.list(net).map((link) => link.name)

/** "answered", or the errno that the ping ends with. */
const ping = (centre: DataCentre, host: SimHost, net: Netns, to: string): string => {
  const workload = new Workload(host.name, net.name, "ping")
  const program = Programs.find("ping")!
  const environment = { host: host.name, place: net.name, name: "ping", workload }
  let errno = ""
  const refused = (error: unknown) => Effect.sync(() => (errno = (error as Errno)._tag))
  const effect = Effect.catch(program({ to, count: 1 }, environment), refused)
  Scene.runUntil(centre, Scene.spawn(host, "ping", effect, { net }), 10 * Scene.SECOND, 10 * Scene.MILLISECOND)
  return workload.completed === 1 ? "answered" : errno !== "" ? errno : ([...workload.failures.keys()][0] ?? "lost")
}

const must = (step: string, status: number): void => {
  if (status < 0) throw new Error(`${step}: errno ${-status}`)
}

const address = (text: string): number => Result.getOrThrow(Ipv4Address.parse(text))

const up = (net: Netns, name: string, own: string): void => {
  const dev = Scene.deviceIn(net, name)
  must(`address ${own}`, Device.addAddress(dev, address(own), PREFIX))
  Device.up(dev)
}

const measure = (input: LabInput): LabOutcome => {
  const name = input.knobs.text("name")
  const centre = Scene.pair(input)
  const host = Scene.hostOf(centre, "left")
  const { init } = host.kernel
  const rule = { matches: [], target: { _tag: "Accept" } } as const
  must("iptables -A INPUT", Netfilter.of(init).append("filter", "INPUT", rule))
  const net = host.kernel.createNetns(name)
  if (typeof net === "number") throw new Error(`namespace ${name}: errno ${-net}`)
  const fresh = contentOf(net)
  const own = contentOf(init)
  const down = ping(centre, host, net, LOCAL)

  const created = Veth.create(init, "veth1", init, "veth1_p")
  if (typeof created === "number") throw new Error(`veth1: errno ${-created}`)
  const before = namesOf(init)
  must("move", Device.moveTo(null, created, net))
  const after = { host: namesOf(init), inside: namesOf(net) }
  up(init, "veth1_p", OUTSIDE)
  up(net, "veth1", INSIDE)
  const inwards = ping(centre, host, init, INSIDE)
  const outwards = ping(centre, host, net, OUTSIDE)
  const stillDown = ping(centre, host, net, LOCAL)
  Device.up(Scene.deviceIn(net, "lo"))
  const upAtLast = ping(centre, host, net, LOCAL)
  Scene.conserved(centre)
  const failed = down !== "answered" && stillDown !== "answered"
  return {
    answer:
      `${name} is born with ${fresh.links.join(", ")}, ${fresh.routes} routes and ${fresh.rules} iptables rules, ` +
      `where the host has ${own.links.length} devices, ${own.routes} routes and ${own.rules} rule; ` +
      `veth1 moves in, pings are ${inwards} inwards and ${outwards} outwards; ${LOCAL} gives ${down} until lo is up.`,
    findings: {
      a: all([
        { ...exactly("lo DOWN", fresh.links.join(", ")), expected: "only lo, DOWN" },
        { ...exactly(0, fresh.routes), expected: "0 routes", measured: `${fresh.routes} routes` },
        { ...exactly(0, fresh.rules), expected: "0 iptables rules", measured: `${fresh.rules} iptables rules` }
      ]),
      b: all([
        holds(
          "veth1 leaves the host's list for the namespace's",
          before.includes("veth1") && !after.host.includes("veth1") && after.inside.includes("veth1"),
          `host: ${after.host.join(" ")}; ${name}: ${after.inside.join(" ")}`
        ),
        holds("ping works both ways", inwards === "answered" && outwards === "answered", `${inwards}, ${outwards}`)
      ]),
      c: holds(
        `ping ${LOCAL} inside fails until lo is up`,
        failed && upAtLast === "answered",
        `lo down: ${down}, ${stillDown}; lo up: ${upAtLast}`
      )
    }
  }
}

export const freshNamespace: Lab = {
  id: "10.3.1",
  knobs: { name: { form: "text" } },
  run: (input) => Effect.sync(() => measure(input))
}
