import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as host from "../examples/host.ts"
import * as latency from "../examples/latency.ts"

describe("examples", () => {
  it("latency", () => assert.equal(latency.main(), "p50 500.2 us, p99 990.2 us, max 1.00 ms"))

  it("host", () =>
    assert.equal(
      host.main(),
      "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default\n" +
        "    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n" +
        "    inet 127.0.0.1/8 scope host lo\n" +
        "       valid_lft forever preferred_lft forever\n" +
        "                    CPU0       CPU1       "
    ))
})
