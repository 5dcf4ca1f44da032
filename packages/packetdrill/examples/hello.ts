import * as Drill from "@darkfiber/packetdrill/Drill"
import { Result } from "effect"

const text = `
0   socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0  bind(3, ..., ...) = 0
+0  listen(3, 1) = 0
+0  < S 0:0(0) win 32792 <mss 1460>
+0  > S. 0:0(0) ack 1 <...>
+.1 < . 1:1(0) ack 1 win 257
+0  accept(3, ..., ...) = 4
`

/** The verdict on a script: pass. */
export const verdict = (): Drill.Report =>
  Result.getOrThrow(Drill.drill({ name: "hello.pkt", text, readFile: () => null }, Drill.defaults))
