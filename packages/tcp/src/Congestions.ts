/** The algorithms that a socket can choose, by the index that `TcpSysctl.congestionControl` holds. */
import { bbr } from "./Bbr.ts"
import type { CongestionControl } from "./Congestion.ts"
import { cubic } from "./Cubic.ts"
import { reno } from "./Reno.ts"

export const algorithms: ReadonlyArray<CongestionControl> = [reno, cubic, bbr]

/** The index of a name, or -1. */
export const find = (name: string): number => algorithms.findIndex((algorithm) => algorithm.name === name)
