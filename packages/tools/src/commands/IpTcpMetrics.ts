/** `ip tcp_metrics`: show, delete ADDRESS, flush (iproute2: tcp_metrics.c). */
import { now, type Place } from "@darkfiber/observe/Machine"
import * as TcpMetrics from "@darkfiber/observe/TcpMetrics"
import { failure, success, type Outcome } from "../Outcome.ts"
import { address, abort, isShortFor, type IpWords } from "./IpTools.ts"

export const ipTcpMetrics = (words: IpWords, place: Place): Outcome => {
  const verb = words.isAtEnd ? "show" : words.next()
  const table = TcpMetrics.tableOf(place.net)
  if (isShortFor(verb, "flush")) {
    words.take("all")
    if (words.isAtEnd) table?.flush()
    else table?.remove(address(words.next()))
    return success()
  }
  if (isShortFor(verb, "delete")) {
    const isKnown = table?.remove(address(words.next())) === true
    return isKnown ? success() : failure("RTNETLINK answers: No such process", 2)
  }
  if (!["show", "list", "lst", "ls"].some((full) => isShortFor(verb, full))) {
    return abort(`Command "${verb}" is unknown, try "ip tcp_metrics help".`, 255)
  }
  const only = words.isAtEnd ? 0 : address(words.next())
  const entries = (table?.all() ?? []).filter((entry) => only === 0 || entry.remote === only)
  return success(entries.map((entry) => TcpMetrics.format(entry, now(place))).join(""))
}
