/** What ICMP errors mean to sockets of any protocol. Linux: net/ipv4/icmp.c. */
import * as Icmp from "@darkfiber/wire/Icmp"

/** What a destination unreachable code means to a socket. Linux: icmp_err_convert */
const errnos: ReadonlyArray<number> = [101, 113, 92, 111, 90, 95, 101, 112, 64, 101, 113, 101, 113, 113, 113, 113]
const fatals: ReadonlyArray<boolean> = [0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1].map((bit) => bit === 1)

/** The errno of an ICMP error, 0 for types that mean none. */
export const errnoOf = (type: number, code: number): number => {
  if (type === Icmp.TYPE_DESTINATION_UNREACHABLE) return errnos[code] ?? 113
  if (type === Icmp.TYPE_TIME_EXCEEDED) return 113
  return type === Icmp.TYPE_PARAMETER_PROBLEM ? 71 : 0
}

/** Whether the error ends a connection attempt at once rather than being remembered. */
export const isFatal = (type: number, code: number): boolean =>
  type === Icmp.TYPE_PARAMETER_PROBLEM || (type === Icmp.TYPE_DESTINATION_UNREACHABLE && fatals[code] === true)
