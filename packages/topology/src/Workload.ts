/**
 * What a program counts while it runs: requests with their latencies and failures, bytes, datagrams. One account per
 * process; a report adds them up.
 *
 * Law: started = completed + failed + in flight, and each failure has an errno.
 */
import { Histogram } from "@darkfiber/observe/Histogram"

export class Workload {
  readonly host: string
  /** Container or namespace, empty for the host itself. */
  readonly place: string
  readonly name: string
  started: number
  completed: number
  failed: number
  /** Failures by errno name. */
  readonly failures: Map<string, number>
  /** Nanoseconds from a request to its whole answer. */
  readonly latency: Histogram
  /** Payload bytes and messages, as the program's system calls gave and took them. */
  bytesSent: number
  bytesReceived: number
  messagesSent: number
  messagesReceived: number
  /** Time of the last byte received, ns; 0 for none. */
  lastReceived: number

  constructor(host: string, place: string, name: string) {
    this.host = host
    this.place = place
    this.name = name
    this.started = 0
    this.completed = 0
    this.failed = 0
    this.failures = new Map()
    this.latency = new Histogram(7)
    this.bytesSent = 0
    this.bytesReceived = 0
    this.messagesSent = 0
    this.messagesReceived = 0
    this.lastReceived = 0
  }

  get inFlight(): number {
    return this.started - this.completed - this.failed
  }

  request(): void {
    this.started++
  }

  complete(nanos: number): void {
    this.completed++
    this.latency.record(Math.round(nanos))
  }

  /** The host went down: what was in flight has failed. */
  abandon(): void {
    while (this.inFlight > 0) this.fail("EHOSTDOWN")
  }

  fail(errno: string): void {
    this.failed++
    this.failures.set(errno, (this.failures.get(errno) ?? 0) + 1)
  }
}
