/** A host whose one device has a qdisc under test in front of it, and sockets that send through it. */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { World } from "@darkfiber/sim/World"
import * as Device from "../../src/Device.ts"
import type { Host } from "../../src/Host.ts"
import { linux6x } from "../../src/Profile.ts"
import type { Qdisc } from "../../src/Qdisc.ts"
import * as Spec from "../../src/qdisc/Spec.ts"
import { extraOf } from "../../src/SockErrors.ts"
import { UdpSock } from "../../src/Udp.ts"
import { type Dummy, dummy, ip, lone, newWorld, type Script } from "../Bench.ts"

/** Bytes of Ethernet, IP and UDP headers. */
export const HEADERS = 42
const PEER = ip("10.0.0.2")

export interface Bed extends Dummy {
  readonly world: World
  readonly host: Host
  readonly script: Script
  readonly qdisc: Qdisc
}

export const spec = (text: string): Spec.QdiscSpec => {
  const parsed = Spec.parse(text.split(" "))
  if (typeof parsed === "string") throw new Error(parsed)
  return parsed
}

export const bed = (text: string, seed = 1): Bed => {
  const world = newWorld(seed)
  const { host, scripts } = lone(world, "h", linux6x)
  const made = dummy(host, host.init, "d0", 1000)
  Device.addAddress(made.dev, ip("10.0.0.1"), 24)
  host.neighbours.set(host.cores[0]!, made.dev, PEER, 0x020000000002)
  Device.setQdisc(null, made.dev, spec(text))
  return { ...made, world, host, script: scripts[0]!, qdisc: made.dev.qdiscs[0]! }
}

/** A connected UDP socket; its packets carry `port` as destination. */
export const socket = (host: Host, port: number, rate = Infinity): UdpSock => {
  const sock = new UdpSock(host.init)
  sock.connect(PEER, port)
  sock.sndbuf = 1e9
  extraOf(sock).maxPacingRate = rate
  return sock
}

export const send = (core: Core, sock: UdpSock, bytes: number): number =>
  sock.send(core, 0, 0, new Uint8Array(bytes - HEADERS), 0, bytes - HEADERS)

/** Destination port of a sent frame. */
export const portOf = (frame: Uint8Array): number => (frame[36]! << 8) | frame[37]!
