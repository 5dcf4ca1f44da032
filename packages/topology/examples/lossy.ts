import * as DataCentre from "@darkfiber/topology/DataCentre"
import * as Read from "@darkfiber/topology/Read"
import * as Resolve from "@darkfiber/topology/Resolve"
import * as Summary from "@darkfiber/topology/Summary"
import { Result } from "effect"

const text = `
hosts:
  client:
    nics: { eth0: { address: 10.0.0.1/24 } }
    processes: [ { program: http-client, args: { to: "10.0.0.2:80", gap: 1ms } } ]
  server:
    nics: { eth0: { address: 10.0.0.2/24 } }
    processes: [ { program: http-server, args: { port: 80 } } ]
links: [ { endpoints: ["client:eth0", "server:eth0"], delay: 50us, loss: 1% } ]
`

/** Two seconds of requests over a link that loses one frame in a hundred. */
export const lossy = (seed: number): Summary.Summary => {
  const { document } = Result.getOrThrow(Read.readText("lossy.yaml", text))
  const centre = DataCentre.build(Result.getOrThrow(Resolve.resolve(document)), { seed })
  centre.run(2_000_000_000)
  return Summary.summarize(centre)
}
