/**
 * The data-centre file as it is written: an Effect Schema, also the source of the JSON Schema for editors. A library
 * caller builds the same record without YAML.
 *
 * What is left out takes the default stated with the field; `Plan.ts` turns a document into plain numbers.
 */
import { Schema } from "effect"
import * as FaultSwarm from "./FaultSwarm.ts"
import * as Units from "./Units.ts"

const text = (pattern: RegExp, description: string, expected: string) =>
  Schema.String.check(Schema.isPattern(pattern, { message: expected })).annotate({ description })

const duration = (description: string) =>
  text(Units.durationPattern, description, "a duration with its unit, such as 5us, 10ms or 2s").check(
    Schema.makeFilter((written: string) => (Units.duration(written) ?? 0) <= Units.DURATION_MAX, {
      message: "a duration of at most 50 days"
    })
  )
const rate = (description: string) =>
  text(Units.ratePattern, description, "a rate with its unit, such as 100Mbps or 10Gbps")
const size = (description: string) =>
  text(Units.sizePattern, description, "a size with its unit, such as 64KiB or 4GiB")
const share = (description: string) => text(Units.shareText, description, "a share in percent, such as 0.1%")
const int = (minimum: number, maximum: number, description: string) =>
  Schema.Int.check(Schema.isBetween({ minimum, maximum })).annotate({ description })

const ipv4 = "(?:\\d{1,3}\\.){3}\\d{1,3}"
const addressPattern = new RegExp(`^${ipv4}$`)
const cidrPattern = new RegExp(`^${ipv4}/\\d{1,2}$`)
const address = (description: string) => text(addressPattern, description, "an IPv4 address, such as 10.0.0.1")
const cidr = (description: string) => text(cidrPattern, description, "an address with its prefix, such as 10.0.0.2/24")

/** Names of hosts, devices, containers: what Linux allows for an interface. */
export const namePattern = /^[A-Za-z0-9_.-]{1,15}$/
const name = text(namePattern, "a name of 1 to 15 letters, digits, _ . -", "a name of 1 to 15 letters, digits, _ . -")

export const Process = Schema.Struct({
  name: Schema.optionalKey(Schema.String.annotate({ description: "shown in reports; default: the program's name" })),
  program: Schema.String.annotate({
    description: "a built-in program (see `darkfiber schema`), or your own as ./file.ts#export"
  }),
  args: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.Json).annotate({ description: "arguments of the program, plain JSON" })
  ),
  core: Schema.optionalKey(int(0, 1023, "pins it to this core")),
  nice: Schema.optionalKey(int(-20, 19, "nice value: below 0 it gets more of a core, above 0 less; default 0")),
  start: Schema.optionalKey(duration("when it starts; default 0s")),
  count: Schema.optionalKey(int(1, 100_000, "how many of it; default 1"))
}).annotate({ identifier: "Process" })
export type Process = typeof Process.Type

export const Route = Schema.Struct({
  to: Schema.String.annotate({ description: "a prefix such as 10.1.0.0/16, or default" }),
  via: Schema.optionalKey(address("gateway")),
  device: Schema.optionalKey(name)
}).annotate({ identifier: "Route" })
export type Route = typeof Route.Type

const sysctls = Schema.Record(Schema.String, Schema.Union([Schema.Finite, Schema.String])).annotate({
  description: "sysctls by their Linux names, such as net.ipv4.tcp_syncookies"
})

export const Nic = Schema.Struct({
  address: Schema.optionalKey(Schema.Union([cidr("address"), Schema.Array(cidr("address"))])),
  gateway: Schema.optionalKey(address("default gateway of the host")),
  mac: Schema.optionalKey(
    text(/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/, "MAC address", "a MAC address, such as 02:00:00:00:00:01")
  ),
  mtu: Schema.optionalKey(int(68, 9000, "bytes; default 1500")),
  queues: Schema.optionalKey(int(1, 8, "RX and TX queues; default 1")),
  rxRing: Schema.optionalKey(int(80, 4096, "RX descriptors a queue; default 256")),
  txRing: Schema.optionalKey(int(80, 4096, "TX descriptors a queue; default 256")),
  rxUsecs: Schema.optionalKey(int(0, 10_000, "interrupt moderation in us; default 3")),
  tso: Schema.optionalKey(Schema.Boolean.annotate({ description: "segmentation offload; default true" })),
  gro: Schema.optionalKey(Schema.Boolean.annotate({ description: "receive merging; default true" })),
  qdisc: Schema.optionalKey(
    Schema.String.annotate({
      description: "the root qdisc as tc takes it, such as fq or fq maxrate 1gbit; default: net.core.default_qdisc"
    })
  )
}).annotate({ identifier: "Nic" })
export type Nic = typeof Nic.Type

export const Bridge = Schema.Struct({
  address: Schema.optionalKey(cidr("address of the bridge device, the containers' gateway")),
  ports: Schema.optionalKey(Schema.Array(name).annotate({ description: "NICs that are ports of the bridge" })),
  masquerade: Schema.optionalKey(
    Schema.Boolean.annotate({ description: "source NAT for what leaves the bridge's network; default true" })
  )
}).annotate({ identifier: "Bridge" })
export type Bridge = typeof Bridge.Type

export const Container = Schema.Struct({
  bridge: Schema.optionalKey(name.annotate({ description: "the bridge it is attached to; default: the only one" })),
  address: Schema.optionalKey(cidr("address of its eth0; default: the next free one of the bridge's network")),
  publish: Schema.optionalKey(
    Schema.Array(
      text(
        /^\d{1,5}:\d{1,5}(?:\/(?:tcp|udp))?$/,
        "published ports, host:container, such as 8080:80 or 5353:53/udp",
        "a published port host:container, such as 8080:80 or 5353:53/udp"
      )
    )
  ),
  sysctls: Schema.optionalKey(sysctls),
  processes: Schema.optionalKey(Schema.Array(Process))
}).annotate({ identifier: "Container" })
export type Container = typeof Container.Type

export const Namespace = Schema.Struct({
  sysctls: Schema.optionalKey(sysctls),
  processes: Schema.optionalKey(Schema.Array(Process))
}).annotate({ identifier: "Namespace" })
export type Namespace = typeof Namespace.Type

export const Host = Schema.Struct({
  cores: Schema.optionalKey(int(1, 64, "CPU cores; default 2")),
  memory: Schema.optionalKey(size("physical memory; default 4GiB")),
  kernel: Schema.optionalKey(Schema.Literals(["3.10", "6.x"]).annotate({ description: "kernel profile" })),
  nics: Schema.optionalKey(Schema.Record(name, Nic)),
  bridges: Schema.optionalKey(Schema.Record(name, Bridge)),
  containers: Schema.optionalKey(Schema.Record(name, Container)),
  namespaces: Schema.optionalKey(Schema.Record(name, Namespace)),
  sysctls: Schema.optionalKey(sysctls),
  routes: Schema.optionalKey(Schema.Array(Route)),
  setup: Schema.optionalKey(
    Schema.Array(Schema.String).annotate({ description: "commands run at boot, such as iptables -A INPUT -j DROP" })
  ),
  processes: Schema.optionalKey(Schema.Array(Process))
}).annotate({ identifier: "Host" })
export type Host = typeof Host.Type

export const Switch = Schema.Struct({
  ports: Schema.optionalKey(int(1, 1024, "number of ports, port1 on; default 48")),
  queue: Schema.optionalKey(size("bytes a port may queue; default 512KiB")),
  ecn: Schema.optionalKey(size("queue above which ECN-capable packets are marked; default: never")),
  latency: Schema.optionalKey(duration("forwarding time; default 500ns")),
  ageing: Schema.optionalKey(duration("life of a learnt address; default 300s"))
}).annotate({ identifier: "Switch" })
export type Switch = typeof Switch.Type

export const Router = Schema.Struct({
  ports: Schema.optionalKey(int(1, 1024, "number of ports, port1 on; default 48")),
  addresses: Schema.optionalKey(
    Schema.Record(name, cidr("address of a port")).annotate({
      description: "addresses by port; a port that faces a NIC with a gateway takes that address by itself"
    })
  ),
  mtus: Schema.optionalKey(
    Schema.Record(name, int(68, 9000, "longest IP packet of a port, bytes")).annotate({
      description: "longest IP packets by port, what is longer is cut or, with DF, refused; default 9000"
    })
  ),
  routes: Schema.optionalKey(
    Schema.Array(Route).annotate({ description: "static routes; the others are computed: shortest paths, all of them" })
  ),
  queue: Schema.optionalKey(size("bytes a port may queue; default 512KiB")),
  ecn: Schema.optionalKey(size("queue above which ECN-capable packets are marked; default: never")),
  latency: Schema.optionalKey(duration("forwarding time; default 500ns"))
}).annotate({ identifier: "Router" })
export type Router = typeof Router.Type

export const Link = Schema.Struct({
  endpoints: Schema.Tuple([Schema.String, Schema.String]).annotate({
    description: "the two ends, node:port, such as [web1:eth0, leaf1:port3]"
  }),
  rate: Schema.optionalKey(rate("default 10Gbps")),
  delay: Schema.optionalKey(duration("one way, above zero; default 1us")),
  loss: Schema.optionalKey(share("of all frames, each direction; default 0%"))
}).annotate({ identifier: "Link" })
export type Link = typeof Link.Type

const faultTime = {
  id: Schema.optionalKey(Schema.String.annotate({ description: "names its random stream; default: its position" })),
  at: duration("when it begins"),
  for: Schema.optionalKey(duration("how long it lasts; default: to the end"))
}
const linkFault = { link: Schema.String.annotate({ description: "one end of the link, such as web1:eth0" }) }
const chance = { share: Schema.optionalKey(share("of the frames it meets; default 100%")) }
const direction = {
  direction: Schema.optionalKey(
    Schema.Literals(["both", "from", "to"]).annotate({ description: "from or to the named end; default both" })
  )
}

export const Fault = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("drop"), ...faultTime, ...linkFault, ...chance, ...direction }),
  Schema.Struct({
    kind: Schema.Literal("delay"),
    ...faultTime,
    ...linkFault,
    ...chance,
    ...direction,
    by: duration("added delay")
  }),
  Schema.Struct({ kind: Schema.Literal("duplicate"), ...faultTime, ...linkFault, ...chance, ...direction }),
  Schema.Struct({
    kind: Schema.Literal("corrupt"),
    ...faultTime,
    ...linkFault,
    ...chance,
    ...direction,
    what: Schema.optionalKey(
      Schema.Literals(["fcs", "payload"]).annotate({
        description: "payload repairs the frame check sequence, so that only IP, TCP and UDP checksums can catch it"
      })
    )
  }),
  Schema.Struct({
    kind: Schema.Literal("reorder"),
    ...faultTime,
    ...linkFault,
    ...chance,
    ...direction,
    by: duration("how much later a chosen frame arrives")
  }),
  Schema.Struct({ kind: Schema.Literal("cut"), ...faultTime, ...linkFault, ...direction }),
  Schema.Struct({ kind: Schema.Literal("link-down"), ...faultTime, ...linkFault }),
  Schema.Struct({
    kind: Schema.Literal("crash"),
    ...faultTime,
    host: Schema.String.annotate({ description: "the host that crashes; after `for` it boots again" })
  }),
  Schema.Struct({
    kind: Schema.Literal("slow-core"),
    ...faultTime,
    host: Schema.String,
    core: int(0, 63, "which core"),
    factor: Schema.Finite.check(Schema.isBetween({ minimum: 1, maximum: 1000 })).annotate({
      description: "how much longer everything takes"
    })
  }),
  Schema.Struct({
    kind: Schema.Literal("swarm"),
    ...faultTime,
    kinds: Schema.optionalKey(
      Schema.Array(Schema.Literals(FaultSwarm.kinds)).annotate({
        description: "what the seed may choose from, each on or off for the whole run; default all"
      })
    ),
    links: Schema.optionalKey(
      Schema.Array(Schema.String).annotate({ description: "links it may hit, each by one end; default all" })
    ),
    hosts: Schema.optionalKey(Schema.Array(Schema.String).annotate({ description: "hosts it may hit; default all" })),
    count: Schema.optionalKey(int(1, 1000, "most faults of one kind; default 3")),
    shortest: Schema.optionalKey(duration("shortest life of a fault; default 1ms")),
    longest: Schema.optionalKey(duration("longest life of a fault; default 500ms")),
    share: Schema.optionalKey(share("largest share of frames that a rule hits; default 20%")),
    by: Schema.optionalKey(duration("longest delay of a frame; default 1ms")),
    factor: Schema.optionalKey(
      Schema.Finite.check(Schema.isBetween({ minimum: 2, maximum: 1000 })).annotate({
        description: "how much slower a core gets at most; default 50"
      })
    )
  })
]).annotate({ identifier: "Fault" })
export type Fault = typeof Fault.Type

export const Document = Schema.Struct({
  name: Schema.optionalKey(Schema.String.annotate({ description: "shown in reports" })),
  description: Schema.optionalKey(Schema.String),
  kernel: Schema.optionalKey(
    Schema.Literals(["3.10", "6.x"]).annotate({ description: "kernel profile of all hosts; default 6.x" })
  ),
  duration: Schema.optionalKey(duration("simulated time of a run; default 2s")),
  costs: Schema.optionalKey(
    Schema.Literals(["default", "bench"]).annotate({ description: "cost profile of the CPUs; default default" })
  ),
  checksums: Schema.optionalKey(
    Schema.Literals(["carried", "filled"]).annotate({
      description:
        "filled: NICs compute transport checksums; carried: captures show what the stack handed over; default filled"
    })
  ),
  hosts: Schema.Record(name, Host),
  switches: Schema.optionalKey(Schema.Record(name, Switch)),
  routers: Schema.optionalKey(Schema.Record(name, Router)),
  links: Schema.optionalKey(Schema.Array(Link)),
  faults: Schema.optionalKey(Schema.Array(Fault))
}).annotate({ identifier: "Topology", description: "A darkfiber data centre" })
export type Document = typeof Document.Type
