/** The SNMP counters of a namespace by their nstat names, in the kernel's order. */
import type { Netns } from "@darkfiber/kernel-net/Netns"
import * as Snmp from "@darkfiber/kernel-net/Snmp"
import { counterNames, CURR_ESTAB, tcpCounters } from "@darkfiber/tcp/Counters"
import type { TcpNet } from "@darkfiber/tcp/TcpNet"
import { groupOf, type Counters } from "./CounterText.ts"

const order = ["Ip", "Icmp", "IcmpMsg", "Tcp", "Udp", "UdpLite", "TcpExt", "IpExt"]

/**
 * @param tcp the namespace's share of TCP; null on a host without TCP
 * @param established connections in ESTABLISHED or CLOSE_WAIT, where TCP does not keep CurrEstab itself
 */
export const read = (net: Netns, tcp: TcpNet | null, established = -1): Counters => {
  const values = new Map<string, number>()
  const slots = Snmp.all()
  for (let slot = 0; slot < slots.length; slot++) {
    const name = slots[slot]!
    const value = net.mib[slot] ?? 0
    values.set(name, value)
  }
  values.set("IpForwarding", Number(net.getSysctl("net.ipv4.ip_forward") ?? "0") === 1 ? 1 : 2)
  values.set("IpDefaultTTL", Number(net.getSysctl("net.ipv4.ip_default_ttl") ?? "64"))
  if (tcp !== null) {
    counterNames.forEach((name, position) => {
      const full = `${position < tcpCounters ? "Tcp" : "TcpExt"}${name}`
      const value = position === CURR_ESTAB && established >= 0 ? established : tcp.mib[position]!
      values.set(full, (values.get(full) ?? 0) + value)
    })
    // Settings that stand among the counters: Van Jacobson's algorithm, times in ms, no limit.
    values.set("TcpRtoAlgorithm", 1)
    values.set("TcpRtoMin", Math.floor(tcp.sysctl.rtoMinUs / 1000))
    values.set("TcpRtoMax", tcp.sysctl.rtoMax)
    values.set("TcpMaxConn", -1)
  }
  const sorted = new Map<string, number>()
  for (const group of order) for (const [name, value] of values) if (groupOf(name) === group) sorted.set(name, value)
  return sorted
}

/** What has changed between two readings: the counters of an interval. Settings and levels keep their later value. */
export const difference = (before: Counters, after: Counters): Counters => {
  const result = new Map<string, number>()
  for (const [name, value] of after) {
    const isLevel = name === "TcpCurrEstab" || name === "IpForwarding" || name === "IpDefaultTTL"
    result.set(name, isLevel ? value : value - (before.get(name) ?? 0))
  }
  return result
}
