/**
 * Nice values and what they weigh (Linux: sched_prio_to_weight, kernel/sched/core.c). A level is worth a factor of about
 * 1.25, so that of two tasks one level apart the nicer one gets 10 % less of a core.
 */

export const NICE_MIN = -20
export const NICE_MAX = 19
/** The weight of nice 0: virtual time of such a task is its real time. */
export const NICE_0_WEIGHT = 1024

const WEIGHTS: ReadonlyArray<number> = [
  88_761, 71_755, 56_483, 46_273, 36_291, 29_154, 23_254, 18_705, 14_949, 11_916, 9548, 7620, 6100, 4904, 3906, 3121,
  2501, 1991, 1586, 1277, 1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87, 70, 56, 45, 36, 29, 23, 18, 15
]

/** Precondition: NICE_MIN <= nice <= NICE_MAX. */
export const weightOf = (nice: number): number => WEIGHTS[nice - NICE_MIN]!

/**
 * Real time as virtual time of a task of this weight, in whole ns.
 *
 * Linux: calc_delta_fair. Differs: divides instead of multiplying by a rounded inverse; the results differ by at most
 * some ns a second.
 */
export const fairDelta = (ns: number, weight: number): number =>
  weight === NICE_0_WEIGHT ? ns : Math.floor((ns * NICE_0_WEIGHT) / weight)

/** What latencies, granularities and slices are multiplied by (Linux: get_update_sysctl_factor, the logarithmic form). */
export const scaling = (cores: number): number => 32 - Math.clz32(cores < 8 ? cores : 8)
