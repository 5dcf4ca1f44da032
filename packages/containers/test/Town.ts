/** Two hosts on a cable, the first with a bridge for containers: for tests and examples. */
import { Link } from "@darkfiber/hardware/link/Link"
import { Nic } from "@darkfiber/hardware/nic/Nic"
import * as Device from "@darkfiber/kernel-net/Device"
import { Igb } from "@darkfiber/kernel-net/driver/Igb"
import { Host } from "@darkfiber/kernel-net/Host"
import type { NetDevice } from "@darkfiber/kernel-net/NetDevice"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import { linux6x } from "@darkfiber/kernel-net/Profile"
import { Runtime } from "@darkfiber/sim/Runtime"
import { World } from "@darkfiber/sim/World"
import * as HostSockets from "@darkfiber/sockets/HostSockets"
import { SOCK_DGRAM, SOCK_STREAM } from "@darkfiber/sockets/Socket"
import { SO_RCVTIMEO, SO_REUSEADDR, SO_SNDTIMEO, SOL_SOCKET } from "@darkfiber/sockets/SocketOptions"
import * as Sys from "@darkfiber/sockets/Sys"
import { Effect, Result } from "effect"
import * as Container from "../src/Container.ts"

const MEMORY = 1024 ** 3
const SECOND = 1e9

export const ip = (text: string): number => text.split(".").reduce((value, part) => (value << 8) | Number(part), 0)

export interface Machine {
  readonly host: Host
  readonly processes: HostSockets.HostSockets["processes"]
}

export class Town {
  readonly world: World
  /** 10.0.0.1, with the bridge br0 at 172.17.0.1/24. */
  readonly docker: Machine
  /** 10.0.0.2, which knows nothing of 172.17.0.0/24. */
  readonly outside: Machine
  readonly bridge: NetDevice
  readonly containers: Array<Container.Container>
  private now: number
  private readonly runtime: Runtime

  constructor(seed = 1) {
    this.world = new World(seed)
    this.runtime = new Runtime(this.world)
    this.containers = []
    this.now = 0
    const link = new Link(this.world, "cable", { rate: 1e9, delay: 5000 })
    this.docker = this.machine("docker", link.a, ip("10.0.0.1"))
    this.outside = this.machine("outside", link.b, ip("10.0.0.2"))
    this.bridge = Container.createBridge(this.docker.host, "br0", { address: ip("172.17.0.1"), prefix: 24 }, true)
  }

  private machine(name: string, end: Link["a"], address: number): Machine {
    const host = new Host(this.world, {
      name,
      profile: linux6x,
      cores: 2,
      memoryBytes: MEMORY,
      sysctls: [HostSockets.sysctls(HostSockets.profiles["6.x"], MEMORY)]
    })
    host.boot.run()
    const fibers = this.runtime.group(host.island, name)
    const { processes } = HostSockets.attach(host, {
      profile: HostSockets.profiles["6.x"],
      fibers,
      memoryBytes: MEMORY
    })
    Device.up(host.init.loopback!)
    const nic = new Nic(host.island, `${name}/eth0`, { mac: 0x020000000000 + (address & 255), checksums: "filled" })
    nic.connect(end)
    const { dev } = new Igb(host, host.init, "eth0", nic)
    Device.addAddress(dev, address, 24)
    Device.up(dev)
    return { host, processes }
  }

  /** A container at 172.17.0.`number`. */
  container(number: number, publish: ReadonlyArray<Container.Published> = []): Container.Container {
    const made = Container.createContainer(this.docker.host, {
      name: `c${number}`,
      bridge: this.bridge,
      address: { address: ip(`172.17.0.${number}`), prefix: 24 },
      gateway: ip("172.17.0.1"),
      mac: 0x0242ac110000 + number,
      publish
    })
    this.containers.push(made)
    return made
  }

  run(nanos: number): void {
    this.now += nanos
    this.world.run(this.now)
  }

  /** Runs a program in a namespace of a machine. */
  start(machine: Machine, net: Netns, name: string, program: Effect.Effect<unknown, unknown>): void {
    const process = machine.processes.spawn(name, net, program)
    if (typeof process === "number") throw new Error(`${name}: errno ${-process}`)
  }

  /** Answers each TCP connection on a port with its peer's address as the server sees it, and each datagram likewise. */
  serve(machine: Machine, net: Netns, port: number): void {
    const peerOf = (peer: { readonly address: number }): Uint8Array => new TextEncoder().encode(textOf(peer.address))
    const tcp = Effect.gen(function* () {
      const listener = yield* Sys.socket(SOCK_STREAM)
      yield* Sys.setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, 1)
      yield* Sys.bind(listener, { address: 0, port })
      yield* Sys.listen(listener, 16)
      for (;;) {
        const fd = yield* Sys.accept(listener)
        yield* Sys.send(fd, peerOf(yield* Sys.getpeername(fd)))
        yield* Sys.close(fd)
      }
    })
    const udp = Effect.gen(function* () {
      const fd = yield* Sys.socket(SOCK_DGRAM)
      yield* Sys.bind(fd, { address: 0, port })
      const buffer = new Uint8Array(100)
      for (;;) {
        const from = yield* Sys.recvfrom(fd, buffer)
        if (from !== Sys.AGAIN) yield* Sys.sendto(fd, peerOf(from), from)
      }
    })
    this.start(machine, net, `tcp${port}`, tcp)
    this.start(machine, net, `udp${port}`, udp)
  }

  /** What a client in a namespace hears from a port: the address it is seen as, or an errno. Runs a second. */
  ask(machine: Machine, net: Netns, to: string, port: number, type: "tcp" | "udp" = "tcp"): string {
    let heard = "nothing"
    const client = Effect.gen(function* () {
      const fd = yield* Sys.socket(type === "tcp" ? SOCK_STREAM : SOCK_DGRAM)
      yield* Sys.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, SECOND / 2)
      yield* Sys.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, SECOND / 2)
      const exchange = Effect.gen(function* () {
        yield* Sys.connect(fd, { address: to, port })
        if (type === "udp") yield* Sys.send(fd, new Uint8Array(1))
        const buffer = new Uint8Array(100)
        const count = yield* Sys.recv(fd, buffer)
        heard = count === Sys.AGAIN ? "nothing" : new TextDecoder().decode(buffer.subarray(0, count))
      })
      const outcome = yield* Effect.result(exchange)
      if (Result.isFailure(outcome)) heard = outcome.failure._tag
      yield* Sys.close(fd)
    })
    this.start(machine, net, "client", client)
    this.run(SECOND)
    return heard
  }
}

const textOf = (address: number): string =>
  [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255].join(".")
