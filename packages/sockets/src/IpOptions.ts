/** Options of level SOL_IP (Linux: do_ip_setsockopt, do_ip_getsockopt, net/ipv4/ip_sockglue.c). */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Errno from "@darkfiber/kernel-net/Errno"
import { extraOf } from "@darkfiber/kernel-net/SockErrors"
import { SOCK_STREAM, type Socket } from "./Socket.ts"
import { keptDefault } from "./SocketKept.ts"
import * as O from "./SocketOptions.ts"
import type { OptionValue } from "./SocketOptions.ts"
import { done } from "./SystemCall.ts"
import type { Task } from "./Task.ts"

/** What IP_MTU_DISCOVER may be: 0 dont, 1 want, 2 do, 3 probe, 4 interface, 5 omit. */
const PMTU_MAX = 5
/** Options that may be set with nothing for a value. */
const TTL_DEFAULT = 64

/** An option of IP takes an int, or a byte when no more is given. @returns 0 or a negative errno */
export const setIpOption = (core: Core, socket: Socket, name: number, value: OptionValue, length: number): number => {
  if (typeof value !== "number" || !Number.isFinite(value)) return -Errno.EINVAL
  const number = length >= 4 ? value | 0 : length > 0 ? value & 0xff : 0
  const sk = socket.sk
  switch (name) {
    case O.IP_TTL:
      if (length < 1 || (number !== -1 && !(number >= 1 && number <= 255))) return -Errno.EINVAL
      sk.ttl = number === -1 ? 0 : number
      return 0
    case O.IP_TOS:
      // The ECN bits of a stream are TCP's own (Linux: __ip_sock_set_tos).
      sk.tos = socket.type === SOCK_STREAM ? (number & 0xfc) | (sk.tos & 3) : number & 0xff
      return 0
    case O.IP_MTU_DISCOVER:
      if (number < 0 || number > PMTU_MAX) return -Errno.EINVAL
      sk.pmtuDiscover = number
      return 0
    case O.IP_RECVERR:
      sk.receiveErrors = number !== 0
      return 0
    case O.IP_FREEBIND:
    case O.IP_TRANSPARENT:
    case O.IP_BIND_ADDRESS_NO_PORT:
      return socket.ops.setOption(core, socket, O.SOL_IP, name, number)
    default: {
      if (keptDefault(O.SOL_IP, name) === null) return -Errno.ENOPROTOOPT
      const extra = extraOf(sk)
      extra.kept = extra.kept ?? new Map()
      extra.kept.set((O.SOL_IP << 16) | name, number)
      return 0
    }
  }
}

/** @returns null with an errno in `task.result`, or for an option there is not */
export const getIpOption = (core: Core, task: Task, socket: Socket, name: number): OptionValue | null => {
  const sk = socket.sk
  switch (name) {
    case O.IP_TTL:
      return sk.ttl === 0 ? TTL_DEFAULT : sk.ttl
    case O.IP_TOS:
      return sk.tos
    case O.IP_MTU_DISCOVER:
      return sk.pmtuDiscover
    case O.IP_RECVERR:
      return sk.receiveErrors ? 1 : 0
    case O.IP_MTU:
      if (sk.dst !== null) return sk.dst.mtuAt(core.time)
      done(task, -Errno.ENOTCONN)
      return null
    default:
      return (
        socket.ops.getOption(core, socket, O.SOL_IP, name) ??
        sk.extra?.kept?.get((O.SOL_IP << 16) | name) ??
        keptDefault(O.SOL_IP, name)
      )
  }
}
