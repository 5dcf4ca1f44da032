/**
 * Segments per second of one bulk transfer between two SimpleHosts over a loss-free link: the machine's cost at both ends
 * with the copies of SimpleHost, no kernel around it. Runs the compiled output: `npx tsc -b packages/tcp`, then
 * `node packages/tcp/bench/Bulk.bench.mjs`.
 */
import { pair } from "../dist/SimpleHost.js"
import * as Counters from "../dist/Counters.js"

const megabytes = Number(process.argv[2] ?? 100)
const chunk = new Uint8Array(65_536)

const run = (name, link, host) => {
  const { clock, client, server } = pair(1, link, { checksums: false, ...host })
  const accepted = []
  server.onAccept = (stream) => {
    stream.keep = false
    stream.closeWhenEnded = true
    accepted.push(stream)
  }
  server.listen(80)
  const stream = client.connect(server.address, 80)
  stream.closeWhenEnded = true
  const chunks = Math.ceil((megabytes * 1e6) / chunk.length)
  for (let i = 0; i < chunks; i++) stream.write(chunk)
  stream.end()
  const before = process.cpuUsage()
  while (clock.step() && accepted[0]?.isDestroyed !== true);
  const used = process.cpuUsage(before)
  const nanos = (used.user + used.system) * 1000
  const segments = client.net.mib[Counters.ORIG_DATA_SENT] + client.net.mib[Counters.RETRANS_SEGS]
  const acks = server.net.mib[Counters.OUT_SEGS]
  console.log(
    JSON.stringify({
      bench: name,
      megabytes,
      segments,
      acks,
      ns_per_segment: Math.round(nanos / segments),
      segments_per_s: Math.round((segments * 1e9) / nanos),
      simulated_ms: Math.round(clock.now / 1e6)
    })
  )
}

run("warm-up", { delay: 50_000 }, {})
run("bulk, super-segments", { delay: 50_000 }, {})
run("bulk, wire segments", { delay: 50_000 }, { gsoMaxSize: 0 })
run("bulk, 10 Gbit/s", { delay: 50_000, rate: 1e10, queue: 10_000 }, {})
run("bulk, 1 % loss", { delay: 50_000, loss: 0.01 }, {})
