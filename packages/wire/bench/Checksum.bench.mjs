/**
 * Nanoseconds of CPU a call, best of five, on one frame out of 64 in a slab of stride 1,600. Needs the built package
 * (`tsc -b packages/wire`): `node packages/wire/bench/Checksum.bench.mjs` prints one JSON line a case.
 */
import * as Checksum from "../dist/Checksum.js"
import * as FlowKey from "../dist/FlowKey.js"
import * as Ipv4 from "../dist/Ipv4.js"
import * as Tcp from "../dist/Tcp.js"
import * as TcpOptions from "../dist/TcpOptions.js"

const stride = 1600
const slab = new Uint8Array(stride * 64)
for (let i = 0; i < slab.length; i++) slab[i] = i * 7
for (let i = 0; i < 64; i++) {
  const at = i * stride
  slab.set([0x08, 0x00], at + 12)
  Ipv4.write(slab, at + 14, 1500, Ipv4.PROTOCOL_TCP, 0x0a000001, 0x0a000002)
  Ipv4.writeChecksum(slab, at + 14)
  Tcp.write(slab, at + 34, 40000 + i, 80, i, i, Tcp.ACK, 512)
  Tcp.setHeaderLength(slab, at + 34, 32)
  TcpOptions.writeTimestamp(slab, at + 54, i, i)
}
const view = new DataView(slab.buffer)
const options = TcpOptions.make()
const key = FlowKey.make()

const scenarios = {
  "sum 1460": (at) => Checksum.sum(slab, at + 54, 1460),
  "sumView 1460": (at) => Checksum.sumView(view, at + 54, 1460),
  "ipv4 header verify": (at) => (Ipv4.verifyChecksum(slab, at + 14) ? 1 : 0),
  "transport verify 1480": (at) => (Checksum.verifyTransport(slab, at + 14) ? 1 : 0),
  "tcp options scan": (at) => (TcpOptions.scan(slab, at + 34, options), options.tsVal),
  "flow key": (at) => (FlowKey.read(slab, at, at + 1514, key), key.ports),
  "tcp header fields": (at) =>
    Tcp.ports(slab, at + 34) ^
    Tcp.sequence(slab, at + 34) ^
    Tcp.acknowledgment(slab, at + 34) ^
    Tcp.window(slab, at + 34)
}

for (const [name, run] of Object.entries(scenarios)) {
  let best = Infinity
  let value = 0
  for (let round = 0; round < 5; round++) {
    const calls = 200_000
    const start = process.cpuUsage().user
    for (let call = 0; call < calls; call++) value = (value + run((call & 63) * stride)) | 0
    best = Math.min(best, ((process.cpuUsage().user - start) * 1000) / calls)
  }
  console.log(JSON.stringify({ bench: name, ns: Math.round(best * 10) / 10, value }))
}
