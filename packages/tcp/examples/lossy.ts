import { stateNames } from "@darkfiber/tcp/State"
import * as Counters from "@darkfiber/tcp/Counters"
import { pair } from "@darkfiber/tcp/SimpleHost"

/** A megabyte over a link that loses every fiftieth frame: what it took, in virtual time. */
export const lossy = (seed: number): string => {
  const { clock, client, server } = pair(seed, { delay: 5_000_000, rate: 100e6, loss: 0.02 })
  let received = 0
  server.onAccept = (stream) => {
    stream.closeWhenEnded = true
    stream.pump()
    received = stream.receivedBytes
    clock.at(60e9, { run: () => (received = stream.receivedBytes) })
  }
  server.listen(80)
  const stream = client.connect(server.address, 80)
  stream.closeWhenEnded = true
  stream.write(new Uint8Array(1_000_000))
  stream.end()
  clock.runUntil(60e9)
  const { mib } = client.net
  return `${received} bytes, ${mib[Counters.RETRANS_SEGS]} sent again, ${mib[Counters.TIMEOUTS]} timeouts, ${stateNames[stream.sock.state]}`
}
