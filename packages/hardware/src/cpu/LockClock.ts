/**
 * What Linux guards with a spin lock, in a model where cores take steps one after another: the time its last holder
 * released it. A core that comes earlier spins until then; the spin is charged and counted.
 */
export class LockClock {
  /** Core time at which it is free. */
  freeAt: number
  /** Index of the core that held it last. */
  holder: number
  /** Times a core had to spin. */
  contended: number
  /** Nanoseconds spun in all. */
  spun: number

  constructor() {
    this.freeAt = 0
    this.holder = -1
    this.contended = 0
    this.spun = 0
  }
}
