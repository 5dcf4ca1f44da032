/** Options that a socket keeps for who asks, and that change nothing in this simulator. */
import * as O from "./SocketOptions.ts"

const defaults: ReadonlyMap<number, number> = new Map(
  [
    [O.SOL_SOCKET, O.SO_DEBUG, 0],
    [O.SOL_SOCKET, O.SO_DONTROUTE, 0],
    [O.SOL_SOCKET, O.SO_NO_CHECK, 0],
    [O.SOL_SOCKET, O.SO_RXQ_OVFL, 0],
    [O.SOL_SOCKET, O.SO_LOCK_FILTER, 0],
    [O.SOL_SOCKET, O.SO_SELECT_ERR_QUEUE, 0],
    [O.SOL_SOCKET, O.SO_BUSY_POLL, 0],
    [O.SOL_SOCKET, O.SO_INCOMING_CPU, -1],
    [O.SOL_IP, O.IP_RECVTTL, 0],
    [O.SOL_IP, O.IP_RECVTOS, 0],
    [O.SOL_IP, O.IP_MULTICAST_TTL, 1],
    [O.SOL_IP, O.IP_MULTICAST_LOOP, 1]
  ].map(([level, name, value]) => [(level! << 16) | name!, value!])
)

/** @returns null for an option that is none of these */
export const keptDefault = (level: number, name: number): number | null => defaults.get((level << 16) | name) ?? null
