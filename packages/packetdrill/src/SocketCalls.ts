/** socket, bind, listen, accept, connect, close, shutdown, fcntl and what is read and written. */
import type { UserBytes } from "@darkfiber/sockets/Message"
import * as Sys from "@darkfiber/sockets/Sys"
import type { Errno } from "@darkfiber/sockets/SystemError"
import { Effect } from "effect"
import type { SystemCall } from "./Ast.ts"
import { type CallPlan, type CallState, type Planner } from "./CallState.ts"
import { BadCall } from "./Failure.ts"
import * as Values from "./Values.ts"

const AF_UNSPEC = 0
const AF_INET = 2
const IPPROTO_TCP = 6
const IPPROTO_UDP = 17
const SOCK_STREAM = 1
const TYPE_MASK = 15

/** The protocol that 0 stands for. */
const protocolOf = (type: number, protocol: number): number =>
  protocol !== 0 ? protocol : (type & TYPE_MASK) === SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP

const fd = (call: SystemCall, state: CallState): number => state.live(Values.int(call.arguments[0]!))

const socket: Planner = (call, state) => {
  Values.arity(call, 3)
  const [family, typeOf, protocolArgument] = call.arguments
  const domain = Values.isEllipsis(family!) ? AF_INET : Values.int(family!)
  const type = Values.int(typeOf!)
  const protocol = Values.int(protocolArgument!)
  return {
    effect: Sys.socket(type, protocol, domain),
    mode: "fd",
    after: (_value, live) => {
      const script = Values.int(call.result)
      state.mustBeNew(script, live)
      const flow = state.newFlow(protocolOf(type, protocol), type & TYPE_MASK)
      flow.scriptFd = script
      flow.liveFd = live
      return null
    }
  }
}

const bind: Planner = (call, state) => {
  Values.arity(call, 3)
  const live = fd(call, state)
  Values.ellipsis(call.arguments[1]!)
  Values.ellipsis(call.arguments[2]!)
  const { bindPort, localAddress } = state.config
  return { effect: Sys.bind(live, { address: localAddress, port: bindPort }), mode: "exact" }
}

const listen: Planner = (call, state) => {
  Values.arity(call, 2)
  const script = Values.int(call.arguments[0]!)
  return {
    effect: Sys.listen(fd(call, state), Values.int(call.arguments[1]!)),
    mode: "exact",
    after: () => {
      const flow = state.flowOf(script)
      if (flow !== null && flow.state === "new") flow.state = "listening"
      return null
    }
  }
}

const accept: Planner = (call, state) => {
  Values.arity(call, 3)
  return {
    effect: Sys.accept(fd(call, state)),
    mode: "fd",
    after: (_value, live) => {
      const flow = state.flows.find((each) => each.state === "SYN-ACK sent" || each.state === "SYN-ACK acknowledged")
      if (flow === undefined) return "unable to find socket matching accept() call"
      flow.scriptFd = Values.int(call.result)
      flow.liveFd = live
      return null
    }
  }
}

/** A call that may begin a connection: the flow waits for its SYN. */
export const connecting = (state: CallState, scriptFd: number): void => {
  const flow = state.flowOf(scriptFd)
  if (flow === null || flow.state !== "new") return
  flow.state = "connecting"
  flow.remoteAddress = state.config.remoteAddress
  flow.remotePort = state.config.connectPort
}

const connect: Planner = (call, state) => {
  Values.arity(call, 3)
  const script = Values.int(call.arguments[0]!)
  const live = fd(call, state)
  const address = call.arguments[1]!
  const { connectPort, remoteAddress } = state.config
  if (Values.isEllipsis(address)) {
    connecting(state, script)
    return { effect: Sys.connect(live, { address: remoteAddress, port: connectPort }), mode: "exact" }
  }
  const family = Values.int(address)
  if (family === AF_UNSPEC) {
    const flow = state.flowOf(script)
    if (flow !== null) flow.state = "new"
  }
  return { effect: Sys.connect(live, { address: 0, port: 0 }, family), mode: "exact" }
}

const close: Planner = (call, state) => {
  Values.arity(call, 1)
  const script = Values.int(call.arguments[0]!)
  return {
    effect: Sys.close(fd(call, state)),
    mode: "exact",
    after: () => {
      state.closed(script)
      return null
    }
  }
}

const shutdown: Planner = (call, state) => {
  Values.arity(call, 2)
  return { effect: Sys.shutdown(fd(call, state), Values.int(call.arguments[1]!)), mode: "exact" }
}

const fcntl: Planner = (call, state) => {
  Values.arity(call, 2, 3)
  const [, command, argument] = call.arguments
  const value = argument === undefined ? 0 : Values.int(argument)
  return { effect: Sys.fcntl(fd(call, state), Values.int(command!), value), mode: "exact" }
}

const read: Planner = (call, state) => {
  Values.arity(call, 3)
  const count = Values.int(call.arguments[2]!)
  return { effect: Sys.read(fd(call, state), Values.buffer(call.arguments[1]!, count)), mode: "exact" }
}

const write: Planner = (call, state) => {
  Values.arity(call, 3)
  const count = Values.int(call.arguments[2]!)
  return { effect: Sys.write(fd(call, state), Values.buffer(call.arguments[1]!, count)), mode: "exact" }
}

const vector = (call: SystemCall): ReadonlyArray<Uint8Array> => {
  Values.arity(call, 3)
  const lengths = Values.iovec(call.arguments[1]!)
  const count = Values.int(call.arguments[2]!)
  if (count !== lengths.length) {
    throw new BadCall(`iov_count ${count} does not match ${lengths.length}-element iovec array`)
  }
  return lengths.map(Values.bytes)
}

const readv: Planner = (call, state) => ({
  effect: Sys.readv(fd(call, state), vector(call)),
  mode: "exact"
})

const writev: Planner = (call, state) => ({
  effect: Sys.writev(fd(call, state), vector(call)),
  mode: "exact"
})

/** Count and buffer of recv, recvfrom, send and sendto. */
const transfer = (call: SystemCall): { readonly data: UserBytes; readonly flags: number } => {
  const count = Values.int(call.arguments[2]!)
  const flags = Values.int(call.arguments[3]!)
  return { data: Values.buffer(call.arguments[1]!, count), flags }
}

const recv: Planner = (call, state) => {
  Values.arity(call, 4)
  const { data, flags } = transfer(call)
  return { effect: Sys.recv(fd(call, state), data, flags), mode: "exact" }
}

const recvfrom: Planner = (call, state) => {
  Values.arity(call, 6)
  const { data, flags } = transfer(call)
  return { effect: Sys.recv(fd(call, state), data, flags), mode: "exact" }
}

const send: Planner = (call, state) => {
  Values.arity(call, 4)
  const { data, flags } = transfer(call)
  return { effect: Sys.send(fd(call, state), data, flags), mode: "exact" }
}

const sendto: Planner = (call, state) => {
  Values.arity(call, 6)
  const { data, flags } = transfer(call)
  const script = Values.int(call.arguments[0]!)
  const live = fd(call, state)
  Values.ellipsis(call.arguments[5]!)
  const family = Values.isEllipsis(call.arguments[4]!) ? AF_INET : Values.int(call.arguments[4]!)
  if (family === AF_INET) connecting(state, script)
  const { connectPort, remoteAddress } = state.config
  const to = { address: remoteAddress, port: connectPort }
  return { effect: Sys.sendto(live, data, to, flags, family), mode: "exact" }
}

/** Nothing happens: for what a simulated process has anyway. */
export const nothing: Effect.Effect<number, Errno> = Effect.succeed(0)

const capSet: Planner = (call): CallPlan => {
  Values.arity(call, 3)
  return { effect: nothing, mode: "exact" }
}

export const planners: Readonly<Record<string, Planner>> = {
  socket,
  bind,
  listen,
  accept,
  connect,
  close,
  shutdown,
  fcntl,
  read,
  write,
  readv,
  writev,
  recv,
  recvfrom,
  send,
  sendto,
  cap_set: capSet
}
