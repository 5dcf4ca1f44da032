/** Qdiscs by their specification: making one, and changing one that stands (Linux: qdisc_create, qdisc_change). */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { NetDevice } from "../NetDevice.ts"
import type { Netns } from "../Netns.ts"
import { Pfifo } from "../Pfifo.ts"
import { PfifoFast } from "../PfifoFast.ts"
import type { Qdisc } from "../Qdisc.ts"
import { EINVAL, ENOENT } from "../Errno.ts"
import { Fq } from "./Fq.ts"
import { FqCodel } from "./FqCodel.ts"
import { fqCodelDefaults } from "./FqCodelSettings.ts"
import { fqDefaults } from "./FqSettings.ts"
import { ofKind, type QdiscSpec } from "./Spec.ts"

/** What a device has by itself: `net.core.default_qdisc`. */
export const standard = (net: Netns): QdiscSpec => {
  const kind = net.sysctl.writtenText("net.core.default_qdisc")
  return (kind === null ? null : ofKind(kind)) ?? { kind: "pfifo_fast" }
}

/** @param queue the TX queue it feeds, -1 for all */
export const make = (spec: QdiscSpec, dev: NetDevice, queue: number): Qdisc => {
  switch (spec.kind) {
    case "pfifo_fast":
      return new PfifoFast(dev, queue)
    case "pfifo":
      return new Pfifo(dev, queue, spec.limit ?? pfifoLimit(dev))
    case "fq":
      return new Fq(dev, queue, { ...fqDefaults(dev), ...spec.options })
    case "fq_codel":
      return new FqCodel(dev, queue, { ...fqCodelDefaults(dev), ...spec.options })
    default:
      return spec satisfies never
  }
}

/** Sets what `spec` says about a qdisc of the same kind; the rest stays. @returns 0, -ENOENT for another kind, or -EINVAL */
export const change = (core: Core, qdisc: Qdisc, spec: QdiscSpec): number => {
  if (spec.kind === "fq" && qdisc instanceof Fq) qdisc.change(core, { ...qdisc.settings, ...spec.options })
  else if (spec.kind === "fq_codel" && qdisc instanceof FqCodel) {
    if (spec.options.flows !== undefined) return -EINVAL
    qdisc.change(core, { ...qdisc.settings, ...spec.options })
  } else if (spec.kind === "pfifo" && qdisc instanceof Pfifo) qdisc.setLimit(spec.limit ?? pfifoLimit(qdisc.dev))
  else if (spec.kind !== qdisc.kind) return -ENOENT
  return 0
}

const pfifoLimit = (dev: NetDevice): number => (dev.txQueueLength > 0 ? dev.txQueueLength : 1)
