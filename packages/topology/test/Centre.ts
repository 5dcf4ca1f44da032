/** What the tests of this package share: data centres from texts, and the laws a run has to keep. */
import assert from "node:assert/strict"
import { Result } from "effect"
import { Capture } from "@darkfiber/observe/Capture"
import * as DataCentre from "../src/DataCentre.ts"
import type { Document } from "../src/Document.ts"
import type { Plan } from "../src/Plan.ts"
import * as Read from "../src/Read.ts"
import * as Resolve from "../src/Resolve.ts"
import * as Summary from "../src/Summary.ts"

export const MS = 1_000_000
export const SECOND = 1_000_000_000

export const documentOf = (text: string): Document => {
  const source = Read.readText("test.yaml", text)
  if (Result.isFailure(source)) throw new Error(source.failure.message)
  return source.success.document
}

export const planOfDocument = (document: Document): Plan => {
  const plan = Resolve.resolve(document)
  if (Result.isFailure(plan)) throw new Error(JSON.stringify(plan.failure))
  return plan.success
}

export const planOf = (text: string): Plan => planOfDocument(documentOf(text))

export const build = (text: string, options: Partial<DataCentre.BuildOptions> = {}): DataCentre.DataCentre =>
  DataCentre.build(planOf(text), options)

/** Laws that do not hold and defects, as text; empty in a right run. */
export const complaintsOf = (centre: DataCentre.DataCentre): ReadonlyArray<string> => {
  const { defects, requests, violations } = Summary.summarize(centre)
  const complaints = [...violations, ...defects]
  for (const each of centre.hosts.flatMap((host) => host.workloads)) {
    const failures = [...each.failures.values()].reduce((sum, count) => sum + count, 0)
    const who = `${each.host}/${each.place}/${each.name}`
    if (failures !== each.failed) complaints.push(`${who}: ${each.failed} failed, ${failures} with an errno`)
    if (each.inFlight < 0) complaints.push(`${who}: ${each.inFlight} requests in flight`)
    for (const errno of each.failures.keys()) if (!/^E[A-Z]+$/.test(errno)) complaints.push(`${who}: errno ${errno}`)
  }
  if (requests.started !== requests.completed + requests.failed + requests.in_flight) {
    complaints.push(`requests: ${JSON.stringify(requests)}`)
  }
  return complaints
}

export const assertLaws = (centre: DataCentre.DataCentre, when: string): void => {
  const found = complaintsOf(centre)
  assert.deepEqual(found, [], `${when}: ${found.slice(0, 5).join("; ")}`)
}

/** Runs to `until` in `count` slices and checks the laws after each. */
export const runWithLaws = (centre: DataCentre.DataCentre, until: number, count: number): void => {
  const from = centre.now
  for (let i = 1; i <= count; i++) {
    centre.run(Math.floor(from + ((until - from) * i) / count))
    assertLaws(centre, `at ${centre.now} ns`)
  }
}

/** Taps every link and every device of every namespace. */
export const captureAll = (
  centre: DataCentre.DataCentre,
  sink: (chunk: Uint8Array) => void,
  checksums: "carried" | "filled"
): Capture => {
  const capture = new Capture(centre.world, sink, { checksums })
  for (const link of centre.links) capture.addLink(link)
  for (const host of centre.hosts) {
    for (const net of host.kernel.netns) {
      for (const dev of net.devices) capture.addDevice(net.name === "" ? host.name : `${host.name}.${net.name}`, dev)
    }
  }
  return capture
}
