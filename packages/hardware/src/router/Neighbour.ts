/** The neighbours of one router port: address to MAC, with a short queue while ARP is asking. */

/** Nothing known and nothing asked. */
export const NONE = 0
/** Asked by ARP; frames wait. */
export const INCOMPLETE = 1
export const REACHABLE = 2

/** Frames that wait for one answer. */
export const QUEUE_MAX = 16
/** Requests before giving up, one a second (Linux: mcast_solicit, retrans_time). */
export const TRIES_MAX = 3
export const RETRY_NS = 1_000_000_000

export class Neighbour {
  readonly port: number
  /** Int32. */
  readonly address: number
  /** The MAC in halves: 16 and 32 bits. */
  high: number
  low: number
  state: number
  /** Set by hand: ARP does not change it. */
  isStatic: boolean
  tries: number
  readonly waiting: Array<number>

  constructor(port: number, address: number) {
    this.port = port
    this.address = address
    this.high = 0
    this.low = 0
    this.state = NONE
    this.isStatic = false
    this.tries = 0
    this.waiting = []
  }
}

/** All neighbours of a router. Looked up once a frame. */
export class Neighbours {
  readonly all: Array<Neighbour>
  private readonly byPort: Array<Map<number, Neighbour>>
  /** The one asked for last behind each port: nearly always the one asked for next. Entries are never taken out. */
  private readonly last: Array<Neighbour | null>

  constructor() {
    this.all = []
    this.byPort = []
    this.last = []
  }

  /** The neighbour with this address behind `port`, made when it is new. */
  get(port: number, address: number): Neighbour {
    while (this.byPort.length <= port) {
      this.byPort.push(new Map())
      this.last.push(null)
    }
    const last = this.last[port]!
    if (last !== null && last.address === address) return last
    const table = this.byPort[port]!
    let entry = table.get(address)
    if (entry === undefined) {
      entry = new Neighbour(port, address)
      table.set(address, entry)
      this.all.push(entry)
    }
    this.last[port] = entry
    return entry
  }

  find(port: number, address: number): Neighbour | undefined {
    return this.byPort[port]?.get(address)
  }
}
