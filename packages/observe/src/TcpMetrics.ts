/** What TCP remembers of its peers, as `ip tcp_metrics` shows it (iproute2: tcp_metrics.c). */
import type { Netns } from "@darkfiber/kernel-net/Netns"
import type { MetricsTable, PeerMetrics } from "@darkfiber/tcp/Metrics"
import type { TcpNet } from "@darkfiber/tcp/TcpNet"
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"

/** The table of a namespace; null where TCP was never used. */
export const tableOf = (net: Netns): MetricsTable | null =>
  (net.extensions.get("tcp") as TcpNet | undefined)?.metrics ?? null

const seconds = (nanos: number): string => `${(nanos / 1e9).toFixed(3)}sec`

/**
 * One line of `ip tcp_metrics show`.
 *
 * @param at the time now, ns
 */
export const format = (entry: PeerMetrics, at: number): string => {
  let line = `${Ipv4Address.format(entry.remote)} age ${seconds(at - entry.stampedAt)}`
  if (entry.fastOpenMss !== 0) line += ` fo_mss ${entry.fastOpenMss}`
  if (entry.synLoss > 0) line += ` fo_syn_drops ${entry.synLoss}/${seconds(at - entry.lastSynLossAt)} ago`
  if (entry.cookieLength > 0) {
    const bytes = [...entry.cookie.subarray(0, entry.cookieLength)].map((byte) => byte.toString(16).padStart(2, "0"))
    line += ` fo_cookie ${bytes.join("")}`
  }
  return `${line} source ${Ipv4Address.format(entry.local)}\n`
}
