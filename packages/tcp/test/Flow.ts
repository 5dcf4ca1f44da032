/** Bulk flows: the bench of the tests of fairness and of goodput. */
import { linux6x } from "../src/Profile.ts"
import { type HostOptions, type Pair, pair } from "../src/SimpleHost.ts"
import type { LinkOptions } from "../src/SimpleLink.ts"
import type { SimpleStream } from "../src/SimpleStream.ts"
import * as SockOpt from "../src/SockOpt.ts"

const PORT = 80
/** What a flow writes at a time, again and again. */
const CHUNK = new Uint8Array(1 << 20)
const MIB = 1024 * 1024

/** Two hosts with buffers that autotuning makes as large as any window; the server only reads. */
export const bulkHosts = (seed: number, link: Partial<LinkOptions>, options: Partial<HostOptions> = {}): Pair => {
  const made = pair(seed, link, { profile: linux6x, checksums: false, memoryBytes: 64 * 1024 * MIB, ...options })
  for (const { net } of [made.client, made.server]) {
    net.sysctl.rmemDefault = 8 * MIB
    net.sysctl.rmemLimit = 128 * MIB
    net.sysctl.wmemDefault = 2 * MIB
    net.sysctl.wmemLimit = 128 * MIB
  }
  made.server.onAccept = (stream) => {
    stream.keep = false
  }
  made.server.listen(PORT)
  return made
}

/** Starts a flow with `bytes` and more to send. */
export const bulkFlow = (made: Pair, algorithm: string, bytes: number): SimpleStream => {
  const stream = made.client.connect(made.server.address, PORT, (sock) => {
    if (SockOpt.setCongestion(sock, algorithm) !== 0) throw new Error(`no ${algorithm}`)
  })
  for (let at = 0; at < bytes; at += CHUNK.length) stream.write(CHUNK)
  return stream
}
