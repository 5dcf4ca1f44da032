/**
 * Two processes of one simulated host talk over 127.0.0.1, in virtual time.
 *
 *     npx tsx --conditions=@darkfiber/source packages/sockets/examples/Echo.ts
 */
import * as Device from "@darkfiber/kernel-net/Device"
import { Host } from "@darkfiber/kernel-net/Host"
import { linux6x } from "@darkfiber/kernel-net/Profile"
import { Runtime } from "@darkfiber/sim/Runtime"
import { World } from "@darkfiber/sim/World"
import * as HostSockets from "@darkfiber/sockets/HostSockets"
import { SOCK_STREAM } from "@darkfiber/sockets/Socket"
import * as Sys from "@darkfiber/sockets/Sys"
import { Effect } from "effect"

export const run = (): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const memoryBytes = 4 * 1024 ** 3
  const profile = HostSockets.linux6x
  const world = new World(7)
  const runtime = new Runtime(world)
  const sysctls = [HostSockets.sysctls(profile, memoryBytes)]
  const host = new Host(world, { name: "web", profile: linux6x, cores: 2, memoryBytes, sysctls })
  host.boot.run()
  Device.up(host.init.loopback!)
  const fibers = runtime.group(host.island, "web")
  const { processes } = HostSockets.attach(host, { profile, fibers, memoryBytes })

  const server = Effect.gen(function* () {
    const listener = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.bind(listener, { address: "127.0.0.1", port: 7 })
    yield* Sys.listen(listener, 16)
    const fd = yield* Sys.accept(listener)
    const buffer = new Uint8Array(100)
    const count = yield* Sys.recv(fd, buffer)
    yield* Sys.compute(20_000) // thinks for 20 us
    yield* Sys.send(fd, buffer.subarray(0, count))
  })
  const client = Effect.gen(function* () {
    yield* Sys.nanosleep(1_000_000)
    const fd = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.connect(fd, { address: "127.0.0.1", port: 7 })
    yield* Sys.send(fd, new TextEncoder().encode("hello"))
    const reply = yield* Sys.recvBytes(fd, 100)
    lines.push(`${yield* Sys.clockGettime} ns: ${new TextDecoder().decode(reply as Uint8Array)}`)
  })
  processes.spawn("server", host.init, server)
  processes.spawn("client", host.init, client)
  world.run(1_000_000_000)
  lines.push(`context switches: ${processes.scheduler.switches}, exits: ${processes.exits.length}`)
  return lines
}

for (const line of run()) console.log(line)
