/**
 * The socket layer of a host (Linux: net/socket.c, net/ipv4/af_inet.c): which protocols there are, and how a socket and
 * its file come into being.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Errno from "@darkfiber/kernel-net/Errno"
import type { Host, PacketHolder } from "@darkfiber/kernel-net/Host"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import type { Sock } from "@darkfiber/kernel-net/Sock"
import { added } from "@darkfiber/sim/Exact"
import * as Points from "./Points.ts"
import type { Process } from "./Process.ts"
import type { ProcessTable } from "./Processes.ts"
import type { Pipe } from "./Pipe.ts"
import { RamFiles } from "./RamFiles.ts"
import { AF_INET, Socket, type SocketOps, socketFile } from "./Socket.ts"

/** A protocol that socket() can open (Linux: inet_protosw). */
export interface SocketFamily {
  readonly type: number
  readonly protocol: number
  readonly ops: SocketOps
  /** @returns the protocol's sock, or a negative errno */
  create(core: Core, net: Netns, process: Process): Sock | number
}

export class SocketLayer implements PacketHolder {
  readonly host: Host
  readonly processes: ProcessTable
  /** Regular files in memory. */
  readonly ramFiles: RamFiles
  /** Pipes that somebody has open. */
  readonly pipes: Set<Pipe>
  private families: ReadonlyArray<SocketFamily>

  constructor(host: Host, processes: ProcessTable) {
    this.host = host
    this.processes = processes
    this.ramFiles = new RamFiles(host)
    this.pipes = new Set()
    host.addHolder(this)
    this.families = []
    processes.sockets = this
  }

  /** Adds a protocol; the first of a type is its default (Linux: inet_register_protosw). */
  register(family: SocketFamily): void {
    this.families = added(this.families, family)
  }

  /**
   * socket(): the object, then the descriptor, then the file, in the kernel's order.
   *
   * @returns the descriptor or a negative errno
   */
  open(core: Core, process: Process, family: number, type: number, protocol: number, nonblock: boolean): number {
    if (family !== AF_INET) return -Errno.EAFNOSUPPORT
    const net = process.net
    if (net === null || !net.alive) return -Errno.EAFNOSUPPORT
    const found = this.find(type, protocol)
    if (typeof found === "number") return found
    core.enter(Points.SOCK_CREATE)
    const sk = found.create(core, net, process)
    if (typeof sk === "number") return sk
    const socket = new Socket(family, type, found.protocol, net, found.ops, sk)
    return this.install(core, process, socket, nonblock)
  }

  /** Gives a socket a descriptor and a file; on failure the socket is released (Linux: sock_map_fd). */
  install(core: Core, process: Process, socket: Socket, nonblock: boolean): number {
    core.enter(Points.GET_UNUSED_FD)
    const fd = process.files.reserve()
    if (fd < 0) {
      socket.ops.release(core, null, socket)
      return fd
    }
    core.enter(Points.SOCK_ALLOC_FILE)
    const file = this.processes.files.open(core, socketFile, socket, process.isRoot)
    if (typeof file === "number") {
      socket.ops.release(core, null, socket)
      return file
    }
    file.nonblock = nonblock
    socket.file = file
    process.files.install(fd, file)
    return fd
  }

  /** Pages of pipes and files hold no packets. */
  walk(): void {}

  /** The host is gone. */
  abandon(): void {
    for (const pipe of this.pipes) pipe.purge(0)
    this.pipes.clear()
    this.ramFiles.abandon()
  }

  /** Charges a copy between user and kernel. */
  copied(core: Core, bytes: number): void {
    core.charge(this.host.costTable.copy(bytes))
    this.host.copiedBytes += bytes
  }

  private find(type: number, protocol: number): SocketFamily | number {
    let typeKnown = false
    for (const family of this.families) {
      if (family.type !== type) continue
      typeKnown = true
      if (protocol === 0 || protocol === family.protocol) return family
    }
    return typeKnown ? -Errno.EPROTONOSUPPORT : -Errno.ESOCKTNOSUPPORT
  }
}
