/** A capture filter on the bytes of one frame. */
import { compile } from "@darkfiber/tools/filter/Filter"
import * as Frame from "@darkfiber/wire/Frame"
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import { Result } from "effect"

export const main = (): string => {
  const request = Frame.arpRequest(MacAddress.local(1), Ipv4Address.of(10, 0, 0, 1), Ipv4Address.of(10, 0, 0, 2))
  const asks = (text: string): boolean =>
    Result.getOrThrow(compile(text)).matches(request, 0, request.length, request.length)
  return `arp: ${asks("arp and dst host 10.0.0.2")}, tcp: ${asks("tcp port 80")}`
}
