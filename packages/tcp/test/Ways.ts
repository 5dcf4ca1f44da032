/** A way into each state of a connection, against a peer made by hand. */
import type { StateName } from "../src/State.ts"
import { ACK, FIN, Puppet, RST, SYN } from "./Puppet.ts"

/** Each state with a way to it. Both sides' next sequence numbers are left in `at`. */
export interface Situation {
  readonly puppet: Puppet
  /** Our next sequence number, and the host's (its FIN not counted). */
  readonly seq: number
  readonly ack: number
}

export type Way = (prepare?: (puppet: Puppet) => void) => Situation

const make = (prepare?: (puppet: Puppet) => void): Puppet => {
  const puppet = new Puppet()
  prepare?.(puppet)
  return puppet
}

const established: Way = (prepare) => {
  const puppet = make(prepare)
  puppet.establish()
  return { puppet, seq: 1, ack: 1 }
}

export const ways: Record<StateName, Way> = {
  CLOSE: (prepare) => {
    const situation = established(prepare)
    situation.puppet.say({ flags: RST, seq: 1 })
    return situation
  },
  LISTEN: (prepare) => {
    const puppet = make(prepare)
    puppet.sock = puppet.host.listen(80)
    puppet.hostPort = 80
    return { puppet, seq: 0, ack: 0 }
  },
  SYN_SENT: (prepare) => {
    const puppet = make(prepare)
    puppet.connect()
    return { puppet, seq: 0, ack: 1 }
  },
  SYN_RECV: (prepare) => {
    const puppet = make(prepare)
    puppet.hostPort = 80
    puppet.host.listen(80)
    puppet.say({ flags: SYN, mss: 1460 })
    return { puppet, seq: 1, ack: 1 }
  },
  ESTABLISHED: established,
  FIN_WAIT1: (prepare) => {
    const situation = established(prepare)
    situation.puppet.stream!.end()
    situation.puppet.run(0)
    return situation
  },
  FIN_WAIT2: (prepare) => {
    const situation = ways.FIN_WAIT1(prepare)
    situation.puppet.say({ seq: 1, ack: 2 })
    return { ...situation, ack: 2 }
  },
  CLOSING: (prepare) => {
    const situation = ways.FIN_WAIT1(prepare)
    situation.puppet.say({ flags: FIN | ACK, seq: 1, ack: 1 })
    return { ...situation, seq: 2 }
  },
  TIME_WAIT: (prepare) => {
    const situation = ways.FIN_WAIT2(prepare)
    situation.puppet.say({ flags: FIN | ACK, seq: 1, ack: 2 })
    return { ...situation, seq: 2 }
  },
  CLOSE_WAIT: (prepare) => {
    const situation = established(prepare)
    situation.puppet.say({ flags: FIN | ACK, seq: 1, ack: 1 })
    return { ...situation, seq: 2 }
  },
  LAST_ACK: (prepare) => {
    const situation = ways.CLOSE_WAIT(prepare)
    situation.puppet.stream!.close()
    situation.puppet.run(0)
    return situation
  }
}
