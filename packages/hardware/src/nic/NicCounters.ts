/** The counters of one NIC under the names that `ethtool -S` prints for igb, in its order. */
import type { RxRing } from "./RxRing.ts"
import type { TxRing } from "./TxRing.ts"

/** Counted by the MAC; bytes include the frame check sequence, as igb's do (GORC, GOTC). */
export class NicCounters {
  rxPackets = 0
  txPackets = 0
  rxBytes = 0
  txBytes = 0
  rxBroadcast = 0
  txBroadcast = 0
  rxMulticast = 0
  txMulticast = 0
  /** Frames that found no free descriptor. */
  rxNoDescriptor = 0
  rxCrcErrors = 0
  /** Frames with a wrong transport checksum. */
  rxChecksumErrors = 0
  /** Unicast frames for somebody else. igb does not print it. */
  rxFiltered = 0
  txCarrierErrors = 0
  /** Super-segments cut. */
  txTcpSegGood = 0
}

/** Name and value of every counter. */
export const rows = (
  counters: NicCounters,
  rx: ReadonlyArray<RxRing>,
  tx: ReadonlyArray<TxRing>
): ReadonlyArray<readonly [name: string, value: number]> => {
  // With one queue the hardware's own counter of missed packets moves; with several the drops are counted by queue.
  const missed = rx.length === 1 ? counters.rxNoDescriptor : 0
  const result: Array<readonly [string, number]> = [
    ["rx_packets", counters.rxPackets],
    ["tx_packets", counters.txPackets],
    ["rx_bytes", counters.rxBytes],
    ["tx_bytes", counters.txBytes],
    ["rx_broadcast", counters.rxBroadcast],
    ["tx_broadcast", counters.txBroadcast],
    ["rx_multicast", counters.rxMulticast],
    ["tx_multicast", counters.txMulticast],
    ["multicast", counters.rxMulticast],
    ["rx_crc_errors", counters.rxCrcErrors],
    ["rx_missed_errors", missed],
    ["tx_carrier_errors", counters.txCarrierErrors],
    ["tx_tcp_seg_good", counters.txTcpSegGood],
    ["rx_errors", counters.rxCrcErrors],
    ["rx_fifo_errors", counters.rxNoDescriptor],
    ["tx_restart_queue", tx.reduce((sum, ring) => sum + ring.restarts, 0)]
  ]
  tx.forEach((ring, queue) => {
    result.push([`tx_queue_${queue}_packets`, ring.packets])
    result.push([`tx_queue_${queue}_bytes`, ring.bytes])
    result.push([`tx_queue_${queue}_restart`, ring.restarts])
  })
  rx.forEach((ring, queue) => {
    result.push([`rx_queue_${queue}_packets`, ring.packets])
    result.push([`rx_queue_${queue}_bytes`, ring.bytes])
    result.push([`rx_queue_${queue}_drops`, ring.drops])
  })
  result.push(["rx_csum_errors", counters.rxChecksumErrors])
  return result
}
