/**
 * Random variates over a named stream: the same values on every engine, since the functions behind them are.
 */
import * as FMath from "./FMath.ts"
import type { RandomStream } from "./Random.ts"

/** A number in (0, 1]: never 0, so that its logarithm is finite. */
const positiveUnit = (random: RandomStream): number => 1 - random.unit()

/** Exponential with this mean: the gaps of a Poisson process. One draw. */
export const exponential = (random: RandomStream, mean: number): number => -mean * FMath.log(positiveUnit(random))

/** Pareto: at least `scale`, P(X > x) = (scale / x)^shape. The mean is finite for shape > 1. One draw. */
export const pareto = (random: RandomStream, shape: number, scale: number): number =>
  scale / FMath.pow(positiveUnit(random), 1 / shape)

/** Pareto cut off at `high` by conditioning, not by clamping. One draw. */
export const boundedPareto = (random: RandomStream, shape: number, low: number, high: number): number => {
  const cut = FMath.pow(low / high, shape)
  return low / FMath.pow(1 - random.unit() * (1 - cut), 1 / shape)
}

/** Normal, by Marsaglia's polar method: an even number of draws, 2.55 on average. */
export const normal = (random: RandomStream, mean: number, deviation: number): number => {
  for (;;) {
    const u = 2 * random.unit() - 1
    const v = 2 * random.unit() - 1
    const square = u * u + v * v
    if (square >= 1 || square === 0) continue
    return mean + deviation * u * Math.sqrt((-2 * FMath.log(square)) / square)
  }
}

/** Log-normal: its logarithm is normal with `mean` and `deviation`. */
export const logNormal = (random: RandomStream, mean: number, deviation: number): number =>
  FMath.exp(normal(random, mean, deviation))

/** Failures before the first success with probability `p`: the gap between two lost frames. One draw. */
export const geometric = (random: RandomStream, p: number): number => {
  const unit = positiveUnit(random)
  if (p >= 1) return 0
  return p <= 0 ? Infinity : Math.floor(FMath.log(unit) / FMath.log(1 - p))
}
