/**
 * Keeps an event of a schedulable in its island's queue for the next time it has to look, without one for each change
 * of that time: a later time is set when the earlier one has rung, an earlier one goes on top.
 */
import { KIND_OWN, type Schedulable } from "../Actor.ts"

export class Alarm {
  private readonly target: Schedulable
  /** Times of the events in the queue, strictly descending. */
  private readonly times: Array<number>

  constructor(target: Schedulable) {
    this.target = target
    this.times = []
  }

  /** The target has to look at `time`, or earlier. */
  set(time: number): void {
    const times = this.times
    if (times.length > 0 && times[times.length - 1]! <= time) return
    times.push(time)
    this.target.schedule(time, this.target.slot, KIND_OWN, 0, 0)
  }

  /** The event of `now` was delivered. */
  rang(now: number): void {
    const times = this.times
    while (times.length > 0 && times[times.length - 1]! <= now) times.pop()
  }
}
