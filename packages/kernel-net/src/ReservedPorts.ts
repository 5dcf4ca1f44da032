/**
 * net.ipv4.ip_local_reserved_ports of a namespace: ports that no automatic choice takes (Linux: inet_is_local_reserved_port,
 * proc_do_large_bitmap). An explicit bind() may.
 */
const PORTS = 65_536

export class ReservedPorts {
  private ports: Uint8Array | null

  constructor() {
    this.ports = null
  }

  has(port: number): boolean {
    return this.ports !== null && this.ports[port] === 1
  }

  /** Takes a list such as `8080,9000-9100`; the empty text reserves none. @returns false, and no change, for anything else */
  set(text: string): boolean {
    const ports = new Uint8Array(PORTS)
    for (const part of text.trim() === "" ? [] : text.trim().split(",")) {
      const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim())
      if (match === null) return false
      const low = Number(match[1])
      const high = match[2] === undefined ? low : Number(match[2])
      if (low > high || high >= PORTS) return false
      ports.fill(1, low, high + 1)
    }
    this.ports = ports.includes(1) ? ports : null
    return true
  }
}
