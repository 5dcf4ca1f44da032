/**
 * The speed scenarios of `darkfiber bench`, with the names, the work and the JSON fields of the programs in bench/ns3.
 *
 *     Scenarios.scenarios["s1-bulk"].run({ gb: "0.2" })
 */
import * as Fabric from "./Fabric.ts"
import type { Line } from "./Measure.ts"
import type { Values } from "./Options.ts"
import * as S1Bulk from "./S1Bulk.ts"
import * as S2Leafspine from "./S2Leafspine.ts"
import * as S3Rpc from "./S3Rpc.ts"
import * as S4Conns from "./S4Conns.ts"
import * as S5Bridge from "./S5Bridge.ts"
import * as S6Scale from "./S6Scale.ts"

export interface Scenario {
  /** Every option with its default. */
  readonly options: Values
  /** @throws BadOption; Error when a law of the simulation does not hold */
  readonly run: (options: Values) => Line
}

export const scenarios: Readonly<Record<string, Scenario>> = {
  fabric: Fabric,
  "s1-bulk": S1Bulk,
  "s2-leafspine": S2Leafspine,
  "s3-rpc": S3Rpc,
  "s4-conns": S4Conns,
  "s5-bridge": S5Bridge,
  "s6-scale": S6Scale
}
