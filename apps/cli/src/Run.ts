/**
 * Runs a data centre in slices of virtual time, so that progress can be shown and Ctrl-C heard. Slices change nothing but
 * where the process looks up: a run stops only at a virtual time.
 */
import type { DataCentre } from "@darkfiber/topology/DataCentre"
import { Effect } from "effect"

/** Wall time a slice should take, ms. */
const SLICE_MS = 40
const FIRST_SLICE = 100_000
const PROGRESS_MS = 500

export interface RunOutcome {
  readonly wallMs: number
  readonly cpuMs: number
  /** True when Ctrl-C ended the run early. */
  readonly interrupted: boolean
}

export interface RunOptions {
  readonly until: number
  readonly progress: boolean
  /** Called when the run is complete up to `now`. */
  readonly onSlice: (now: number) => void
}

export const run = (centre: DataCentre, options: RunOptions): Effect.Effect<RunOutcome> =>
  Effect.callback<RunOutcome>((resume) => {
    const begin = performance.now()
    const cpu = process.cpuUsage()
    let slice = FIRST_SLICE
    let interrupted = false
    let shown = begin
    const stop = (): void => {
      interrupted = true
    }
    process.once("SIGINT", stop)
    const finish = (): void => {
      process.removeListener("SIGINT", stop)
      if (options.progress) process.stderr.write("\r\u001b[K")
      const used = process.cpuUsage(cpu)
      resume(
        Effect.succeed({
          wallMs: Math.round(performance.now() - begin),
          cpuMs: Math.round((used.user + used.system) / 1000),
          interrupted
        })
      )
    }
    const step = (): void => {
      if (interrupted || centre.now >= options.until) {
        finish()
        return
      }
      const started = performance.now()
      try {
        centre.run(Math.min(options.until, centre.now + Math.round(slice)))
        options.onSlice(centre.now)
      } catch (error) {
        process.removeListener("SIGINT", stop)
        resume(Effect.die(error))
        return
      }
      const took = performance.now() - started
      slice = Math.min(slice * (took < SLICE_MS / 2 ? 2 : took > SLICE_MS * 2 ? 0.5 : 1), 1_000_000_000)
      slice = Math.max(slice, 1000)
      const now = performance.now()
      if (options.progress && now - shown > PROGRESS_MS) {
        shown = now
        showProgress(centre.now, options.until, now - begin)
      }
      setImmediate(step)
    }
    step()
  })

const showProgress = (now: number, until: number, wallMs: number): void => {
  const simulated = now / 1e9
  const left = ((until - now) / Math.max(now, 1)) * wallMs
  const speed = simulated / (wallMs / 1000)
  const text = `${simulated.toFixed(3)} s simulated, ${speed.toFixed(3)} of real time, ${(left / 1000).toFixed(0)} s left`
  process.stderr.write(`\r\u001b[K${text}`)
}
