/**
 * What a run leaves in files besides its report: packet captures and a trace. Neither changes the run.
 */
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs"
import * as Path from "node:path"
import { Capture } from "@darkfiber/observe/Capture"
import * as TraceReader from "@darkfiber/observe/TraceReader"
import { UP } from "@darkfiber/kernel-net/DeviceNotifier"
import type { NetDevice } from "@darkfiber/kernel-net/NetDevice"
import type { DataCentre } from "@darkfiber/topology/DataCentre"
import type { SimHost } from "@darkfiber/topology/SimHost"
import { namesOf } from "./Shell.ts"
import { Packr } from "msgpackr"

/** Something that watches a run from its start to its end. */
export interface Recording {
  /** The run is complete up to `now`. */
  readonly flush: (now: number) => void
  readonly close: () => void
}

interface OpenCapture {
  readonly capture: Capture
  readonly fd: number
}

/**
 * One capture of all links, and one a host of its devices and its cables: super-segments and wire frames as interfaces of
 * their own. Devices of containers are in it, those made later, and those of the host's next lives (`web1#1/eth0`).
 */
export const captures = (centre: DataCentre, folder: string, checksums: "carried" | "filled"): Recording => {
  mkdirSync(folder, { recursive: true })
  const opened: Array<OpenCapture> = []
  const open = (name: string): Capture => {
    const fd = openSync(Path.join(folder, `${name}.pcapng`), "w")
    const capture = new Capture(centre.world, (chunk) => void writeSync(fd, chunk), { checksums })
    opened.push({ capture, fd })
    return capture
  }
  const links = open("links")
  for (const link of centre.links) links.addLink(link)
  for (const host of centre.hosts) {
    const capture = open(host.name)
    const follow = (): void => followDevices(capture, host)
    follow()
    centre.onReturn.push((each) => {
      if (each === host) follow()
    })
    centre.plan.links.forEach(({ ends }, index) => {
      if (ends.some((end) => end.kind === "host" && end.node === host.name)) capture.addLink(centre.links[index]!)
    })
  }
  return {
    flush: (now) => {
      for (const { capture } of opened) capture.flush(now)
    },
    close: () => {
      for (const { capture, fd } of opened) {
        capture.close()
        closeSync(fd)
      }
    }
  }
}

/** Captures every device that the host's present life has, or brings up later. */
const followDevices = (capture: Capture, host: SimHost): void => {
  const life = host.incarnation === 0 ? host.name : `${host.name}#${host.incarnation}`
  const known = new Set<NetDevice>()
  const add = (dev: NetDevice): void => {
    if (known.has(dev)) return
    known.add(dev)
    capture.addDevice(dev.net.id === 0 ? life : `${life}/${dev.net.name}`, dev)
  }
  for (const net of host.kernel.netns) net.devices.forEach(add)
  host.kernel.deviceChain.register({
    changed: (event, dev) => {
      if (event === UP) add(dev)
    }
  })
}

/** A MessagePack stream of trace records in the order of time. */
export const trace = (centre: DataCentre, file: string): Recording => {
  const fd = openSync(file, "w")
  const packr = new Packr({ useRecords: false })
  for (const island of centre.world.islands) island.trace.on = true
  let written = 0
  const flush = (): void => {
    for (const record of TraceReader.read(centre.world.islands, { names: namesOf(centre) })) {
      writeSync(fd, packr.pack(record))
      written++
    }
    for (const island of centre.world.islands) island.trace.clear()
  }
  return {
    flush,
    close: () => {
      flush()
      closeSync(fd)
      const lost = TraceReader.lost(centre.world.islands)
      if (lost > 0) process.stderr.write(`${file}: ${written} records, ${lost} did not fit\n`)
    }
  }
}
