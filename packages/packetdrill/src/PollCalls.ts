/** poll and the epoll family. */
import type { EpollEvent } from "@darkfiber/sockets/Epoll"
import type { PollFd } from "@darkfiber/sockets/PollCalls"
import * as Errno from "@darkfiber/kernel-net/Errno"
import * as Sys from "@darkfiber/sockets/Sys"
import * as SystemError from "@darkfiber/sockets/SystemError"
import { Effect } from "effect"
import type * as Ast from "./Ast.ts"
import type { CallState, Planner } from "./CallState.ts"
import { BadCall } from "./Failure.ts"
import * as Values from "./Values.ts"

const MILLISECOND = 1_000_000

const timeout = (expression: Ast.Expression): number => {
  const ms = Values.int(expression)
  return ms < 0 ? -1 : ms * MILLISECOND
}

const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`

interface Slot extends PollFd {
  revents: number
}

const poll: Planner = (call, state) => {
  Values.arity(call, 3)
  const list = call.arguments[0]!
  if (list._tag !== "List") throw new BadCall(`a list of pollfds was expected, not ${Values.describe(list)}`)
  const wanted = list.items.map((item) => {
    if (item._tag !== "PollDescriptor") throw new BadCall(`a pollfd was expected, not ${Values.describe(item)}`)
    return item
  })
  const count = Values.int(call.arguments[1]!)
  if (count !== wanted.length) throw new BadCall(`nfds ${count} does not match ${wanted.length}-element pollfd array`)
  const fds: Array<Slot> = wanted.map((item) => ({
    fd: state.live(Values.int(item.fd)),
    events: Values.int(item.events),
    revents: 0
  }))
  return {
    effect: Sys.poll(fds, timeout(call.arguments[2]!)),
    mode: "exact",
    after: () => {
      for (let i = 0; i < fds.length; i++) {
        const expected = Values.int(wanted[i]!.revents)
        const { revents } = fds[i]!
        if (expected !== revents) return `Expected pollfd ${i} revents ${hex(expected)} but got ${hex(revents)}`
      }
      return null
    }
  }
}

const epollCreate: Planner = (call, state) => ({
  effect:
    Values.int(call.arguments[0]!) > 0
      ? Sys.epollCreate1
      : Effect.fail(SystemError.make(-Errno.EINVAL, "epoll_create")),
  mode: "fd",
  after: (_value, live) => {
    const script = Values.int(call.result)
    state.mustBeNew(script, live)
    state.add(script, live)
    return null
  }
})

const eventOf = (expression: Ast.Expression): Ast.EpollEvent => {
  if (expression._tag !== "EpollEvent")
    throw new BadCall(`an epoll_event was expected, not ${Values.describe(expression)}`)
  return expression
}

/** What a registration carries: the host's descriptor, or the number itself. */
const dataOf = (event: Ast.EpollEvent, state: CallState): number => {
  const value = Values.number(event.data)
  return event.member === "fd" ? state.live(value) : value
}

const epollCtl: Planner = (call, state) => {
  Values.arity(call, 4)
  const [epfd, operation, fd, event] = call.arguments
  const script = Values.int(fd!)
  const wanted = eventOf(event!)
  if (wanted.member === "fd" && Values.int(wanted.data) !== script)
    throw new BadCall("wrong fd specified in epoll_event")
  return {
    effect: Sys.epollCtl(
      state.live(Values.int(epfd!)),
      Values.int(operation!),
      state.live(script),
      Values.int(wanted.events),
      dataOf(wanted, state)
    ),
    mode: "exact"
  }
}

const epollWait: Planner = (call, state) => {
  Values.arity(call, 4)
  const [epfd, event, most, wait] = call.arguments
  const wanted = eventOf(event!)
  const data = dataOf(wanted, state)
  return {
    effect: Effect.suspend(() => Sys.epollWait(state.live(Values.int(epfd!)), Values.int(most!), timeout(wait!))),
    mode: "exact",
    result: (value) => (value as ReadonlyArray<EpollEvent>).length,
    after: (value) => {
      const found = (value as ReadonlyArray<EpollEvent>)[0]
      const events = Values.int(wanted.events)
      const actual = found === undefined ? 0 : found.events
      if (events !== (actual | 0)) {
        return `epoll_event->events does not match script: expected: ${hex(events)} actual: ${hex(actual)}`
      }
      if (found !== undefined && found.data !== data) {
        return `epoll_event->data does not match script: expected: ${data} actual: ${found.data}`
      }
      return null
    }
  }
}

export const planners: Readonly<Record<string, Planner>> = {
  poll,
  epoll_create: epollCreate,
  epoll_ctl: epollCtl,
  epoll_wait: epollWait
}
