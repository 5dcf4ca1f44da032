/** The NIC of a device as `ethtool` shows it, and a device's features. */
import type { Nic } from "@darkfiber/hardware/nic/Nic"
import { Igb } from "@darkfiber/kernel-net/driver/Igb"
import {
  FEATURE_CHECKSUM,
  FEATURE_GRO,
  FEATURE_GSO,
  FEATURE_LLTX,
  FEATURE_SG,
  FEATURE_TSO,
  type NetDevice
} from "@darkfiber/kernel-net/NetDevice"
import type { Host } from "@darkfiber/kernel-net/Host"
import type { Channels, Coalescing, Driver, Feature, Rings } from "./EthtoolText.ts"

/** The driver of a physical device; null for lo, veth, bridges. */
export const driverOf = (dev: NetDevice): Igb | null => (dev.priv instanceof Igb ? dev.priv : null)
export const nicOf = (dev: NetDevice): Nic | null => driverOf(dev)?.nic ?? null

/** Where the current coalescing of a device is noted by who changes it; the NIC itself tells only what it began with. */
export const coalescingKey = (dev: NetDevice): string => `ethtool/coalescing/${dev.ops.kind}/${dev.mac}`

/** `ethtool -S`; null for a device without statistics of its own. */
export const statistics = (dev: NetDevice): ReadonlyArray<readonly [name: string, value: number]> | null =>
  driverOf(dev)?.statistics() ?? null

export const rings = (nic: Nic, max: number): Rings => ({
  rxMax: max,
  txMax: max,
  rx: nic.options.rxRing,
  tx: nic.options.txRing
})

export const channels = (host: Host, nic: Nic): Channels => ({
  combinedMax: Math.min(8, host.cores.length),
  combined: nic.vectorCount,
  other: 1
})

export const coalescing = (dev: NetDevice, nic: Nic): Coalescing => {
  const noted = dev.net.host.init.extensions.get(coalescingKey(dev)) as Coalescing | undefined
  if (noted !== undefined) return noted
  const { moderation, rxUsecs, rxFrames } = nic.options
  const isAdaptive = moderation === "adaptive"
  return { adaptiveRx: false, rxUsecs: isAdaptive ? 3 : rxUsecs, rxFrames, txUsecs: 0, txFrames: 0 }
}

export const driver = (dev: NetDevice): Driver => {
  const nic = nicOf(dev)
  return {
    driver: dev.ops.kind,
    version: dev.net.host.profile.release,
    firmware: nic === null ? (dev.ops.kind === "bridge" ? "N/A" : "") : "3.25, 0x800005cc",
    bus: nic === null ? (dev.ops.kind === "bridge" ? "N/A" : "") : `0000:0${dev.index}:00.0`,
    hasStatistics: nic !== null || dev.ops.kind === "veth"
  }
}

/** Names of `ethtool -k` and of `ethtool -K`, and the bit they stand for. */
export const featureNames: ReadonlyArray<{ readonly long: string; readonly short: string; readonly bit: number }> = [
  { long: "rx-checksumming", short: "rx", bit: FEATURE_CHECKSUM },
  { long: "tx-checksumming", short: "tx", bit: FEATURE_CHECKSUM },
  { long: "scatter-gather", short: "sg", bit: FEATURE_SG },
  { long: "tcp-segmentation-offload", short: "tso", bit: FEATURE_TSO },
  { long: "generic-segmentation-offload", short: "gso", bit: FEATURE_GSO },
  { long: "generic-receive-offload", short: "gro", bit: FEATURE_GRO },
  { long: "tx-lockless", short: "", bit: FEATURE_LLTX }
]

/** `ethtool -k` */
export const features = (dev: NetDevice): ReadonlyArray<Feature> =>
  featureNames.map(({ long, short, bit }) => ({ name: long, isOn: (dev.features & bit) !== 0, isFixed: short === "" }))

/** Speed of the cable in Mbit/s, 0 without one. */
export const speed = (dev: NetDevice): number => {
  const rate = nicOf(dev)?.link?.rate ?? 0
  return Math.round(rate / 1_000_000)
}
