import { Result } from "effect"
import * as Describe from "@darkfiber/wire/Describe"
import * as Frame from "@darkfiber/wire/Frame"
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import * as Pcapng from "@darkfiber/wire/Pcapng"
import * as PcapngReader from "@darkfiber/wire/PcapngReader"

const ends: Frame.Ends = {
  sourceMac: MacAddress.local(1),
  destinationMac: MacAddress.local(2),
  source: Ipv4Address.of(10, 0, 0, 1),
  destination: Ipv4Address.of(10, 0, 0, 2)
}

/** A capture file of one question and one datagram, as tcpdump and Wireshark read it. */
export const file: Uint8Array = Pcapng.concat([
  Pcapng.sectionHeader({ application: "darkfiber" }),
  Pcapng.interfaceDescription({ name: "host0/eth0" }),
  Pcapng.enhancedPacket({
    interfaceIndex: 0,
    time: 1_000,
    bytes: Frame.arpRequest(ends.sourceMac, ends.source, ends.destination)
  }),
  Pcapng.enhancedPacket({
    interfaceIndex: 0,
    time: 2_000,
    bytes: Frame.udp(ends, { sourcePort: 40_000, destinationPort: 7 }, Uint8Array.of(1, 2, 3)),
    comments: ["drop: NO_SOCKET"]
  })
])

/** One line a packet. */
export const lines: ReadonlyArray<string> = Result.getOrThrow(PcapngReader.read(file)).packets.map((packet) =>
  `${packet.time} ns ${Describe.frame(packet.bytes)} ${packet.comments.join()}`.trimEnd()
)
