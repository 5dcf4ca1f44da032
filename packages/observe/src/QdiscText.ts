/** Options and own statistics of qdiscs, as `tc` prints them (iproute2: tc/q_fq.c, tc/q_fq_codel.c, tc/q_fifo.c, tc/tc_util.c). */
import { Pfifo } from "@darkfiber/kernel-net/Pfifo"
import type { Qdisc } from "@darkfiber/kernel-net/Qdisc"
import { bandWeights, Fq } from "@darkfiber/kernel-net/qdisc/Fq"
import { FqCodel } from "@darkfiber/kernel-net/qdisc/FqCodel"
import { general } from "./Columns.ts"

/** Three bands and the default priority map. */
const bands = "bands 3 priomap 1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1"

/** What stands behind the kind and the parent. */
export const optionsOf = (qdisc: Qdisc): string => {
  if (qdisc.kind === "pfifo_fast") return bands
  if (qdisc instanceof Pfifo) return `limit ${qdisc.limit}p`
  if (qdisc instanceof FqCodel) return fqCodelOptions(qdisc)
  return qdisc instanceof Fq ? fqOptions(qdisc) : ""
}

/** Lines of `tc -s` below those that all qdiscs have; "" for none. */
export const detailsOf = (qdisc: Qdisc): string => {
  if (qdisc instanceof FqCodel) return fqCodelDetails(qdisc)
  return qdisc instanceof Fq ? fqDetails(qdisc) : ""
}

const fqCodelOptions = ({ settings }: FqCodel): string => {
  const words = [`limit ${settings.limit}p flows ${settings.flows} quantum ${settings.quantum}`]
  words.push(`target ${duration(settings.target)}`)
  if (settings.ceThreshold !== Infinity) words.push(`ce_threshold ${duration(settings.ceThreshold)}`)
  words.push(`interval ${duration(settings.interval)} memory_limit ${size(settings.memoryLimit)}`)
  if (settings.ecn) words.push("ecn")
  words.push(`drop_batch ${settings.dropBatch}`)
  return words.join(" ")
}

const fqCodelDetails = (qdisc: FqCodel): string => {
  let text = `  maxpacket ${qdisc.longest} drop_overlimit ${qdisc.overLimit} new_flow_count ${qdisc.newFlows}`
  text += ` ecn_mark ${qdisc.ecnMarks}`
  if (qdisc.ceMarks > 0) text += ` ce_mark ${qdisc.ceMarks}`
  if (qdisc.memory > 0) text += ` memory_used ${qdisc.memory}`
  if (qdisc.overMemory > 0) text += ` drop_overmemory ${qdisc.overMemory}`
  const [fresh, old] = qdisc.listed
  return `${text}\n  new_flows_len ${fresh} old_flows_len ${old}\n`
}

const fqOptions = (fq: Fq): string => {
  const { settings } = fq
  const words = [
    `limit ${settings.limit}p flow_limit ${settings.flowLimit}p buckets ${settings.buckets}`,
    `orphan_mask ${settings.orphanMask}`
  ]
  if (!settings.pacing) words.push("nopacing")
  words.push(`${bands} weights ${bandWeights.join(" ")}`)
  words.push(`quantum ${size(settings.quantum)} initial_quantum ${size(settings.initialQuantum)}`)
  if (settings.maxRate !== Infinity) words.push(`maxrate ${rate(settings.maxRate)}`)
  if (settings.lowRateThreshold > 0) words.push(`low_rate_threshold ${rate(settings.lowRateThreshold)}`)
  words.push(`refill_delay ${duration(settings.refillDelay)}`)
  if (settings.ceThreshold !== Infinity) words.push(`ce_threshold ${duration(settings.ceThreshold)}`)
  words.push(`timer_slack ${duration(settings.timerSlack)} horizon ${duration(settings.horizon)}`)
  words.push(settings.horizonDrop ? "horizon_drop" : "horizon_cap")
  return words.join(" ")
}

const fqDetails = (fq: Fq): string => {
  const at = fq.dev.net.host.island.now
  let text = `  flows ${fq.flows.size} (inactive ${fq.inactive} throttled ${fq.throttled})`
  for (const band of [0, 1, 2]) text += ` band${band}_pkts ${fq.bandPackets(band)}`
  if (fq.timeNextDelayed !== Infinity && fq.timeNextDelayed > at) {
    text += ` next_packet_delay ${duration(fq.timeNextDelayed - at)}`
  }
  text += `\n  gc ${fq.collected} highprio 0`
  if (fq.fastPackets > 0) text += ` fastpath ${fq.fastPackets}`
  text += ` throttled ${fq.throttles}`
  if (fq.latency > 0) text += ` latency ${duration(fq.latency)}`
  if (fq.ceMarks > 0) text += ` ce_mark ${fq.ceMarks}`
  if (fq.flowLimitDrops > 0) text += ` flows_plimit ${fq.flowLimitDrops}`
  return `${text}\n${fqTroubles(fq)}`
}

const fqTroubles = (fq: Fq): string => {
  let text = ""
  if (fq.tooLong > 0) text += ` pkts_too_long ${fq.tooLong}`
  if (fq.horizonDrops > 0) text += ` horizon_drops ${fq.horizonDrops}`
  if (fq.horizonCaps > 0) text += `  horizon_caps ${fq.horizonCaps}`
  fq.bandDrops.forEach((count, band) => {
    if (count > 0) text += ` band${band}_drops ${count}`
  })
  return text === "" ? "" : `${text}\n`
}

/** `3028b`, `64Kb` (iproute2: sprint_size). */
const size = (bytes: number): string => {
  const mega = Math.round(bytes / 1_048_576)
  if (bytes >= 1_048_576 && Math.abs(mega * 1_048_576 - bytes) < 1024) return `${mega}Mb`
  const kilo = Math.round(bytes / 1024)
  return bytes >= 1024 && Math.abs(kilo * 1024 - bytes) < 16 ? `${kilo}Kb` : `${bytes}b`
}

const RATE_UNITS = ["", "K", "M", "G", "T"] as const

/** `550Kbit` from bytes a second (iproute2: print_rate). */
const rate = (bytes: number): string => {
  let bits = bytes * 8
  let unit = 0
  while (unit < RATE_UNITS.length - 1 && bits >= 1000 && (bits % 1000 === 0 || bits >= 1_000_000)) {
    bits = Math.floor(bits / 1000)
    unit++
  }
  return `${bits}${RATE_UNITS[unit]}bit`
}

/** `40ms`, `8.57us` (iproute2: sprint_time64). */
const duration = (nanos: number): string => {
  if (nanos >= 1e9) return `${general(nanos / 1e9, 3)}s`
  if (nanos >= 1e6) return `${general(nanos / 1e6, 3)}ms`
  return nanos >= 1e3 ? `${general(nanos / 1e3, 3)}us` : `${nanos}ns`
}
