import { assert, describe, it } from "vitest"
import { ACK, FIN, RST, SYN } from "./Puppet.ts"
import { type Situation, ways } from "./Ways.ts"
import * as Close from "../src/Close.ts"
import type { StateName } from "../src/State.ts"

/** What can happen to a connection. Segments are acceptable ones: in order, with the ACK that fits. */
type Event =
  | "syn"
  | "synAck"
  | "ack"
  | "data"
  | "fin"
  | "ackOfFin"
  | "finAckOfFin"
  | "reset"
  | "staleAck"
  | "close"
  | "shutdown"
  | "minute"

const events: Record<Event, (situation: Situation) => void> = {
  syn: ({ puppet, seq }) => puppet.say({ flags: SYN, seq, mss: 1460 }),
  synAck: ({ puppet, seq, ack }) => puppet.say({ flags: SYN | ACK, seq, ack, mss: 1460 }),
  ack: ({ puppet, seq, ack }) => puppet.say({ seq, ack }),
  data: ({ puppet, seq, ack }) => puppet.say({ seq, ack, length: 10 }),
  fin: ({ puppet, seq, ack }) => puppet.say({ flags: FIN | ACK, seq, ack }),
  ackOfFin: ({ puppet, seq }) => puppet.say({ seq, ack: 2 }),
  finAckOfFin: ({ puppet, seq }) => puppet.say({ flags: FIN | ACK, seq, ack: 2 }),
  reset: ({ puppet, seq, ack }) => puppet.say({ flags: RST | ACK, seq, ack }),
  staleAck: ({ puppet, seq, ack }) => puppet.say({ seq, ack: ack - 100_000 }),
  close: ({ puppet }) => {
    if (puppet.stream !== null) puppet.stream.close()
    puppet.run(0)
  },
  shutdown: ({ puppet }) => {
    if (puppet.stream !== null) Close.shutdown(puppet.stream.sock, 1)
    puppet.run(0)
  },
  minute: ({ puppet }) => puppet.run(61e9)
}

/** Where each event leads. What the machine ignores, or answers with an ACK or RST, leaves the state as it is. */
const table: Record<StateName, Record<Event, StateName>> = {
  CLOSE: {
    syn: "CLOSE",
    synAck: "CLOSE",
    ack: "CLOSE",
    data: "CLOSE",
    fin: "CLOSE",
    ackOfFin: "CLOSE",
    finAckOfFin: "CLOSE",
    reset: "CLOSE",
    staleAck: "CLOSE",
    close: "CLOSE",
    shutdown: "CLOSE",
    minute: "CLOSE"
  },
  LISTEN: {
    syn: "SYN_RECV",
    synAck: "LISTEN",
    ack: "LISTEN",
    data: "LISTEN",
    fin: "LISTEN",
    ackOfFin: "LISTEN",
    finAckOfFin: "LISTEN",
    reset: "LISTEN",
    staleAck: "LISTEN",
    close: "LISTEN",
    shutdown: "LISTEN",
    minute: "LISTEN"
  },
  SYN_SENT: {
    syn: "SYN_RECV",
    synAck: "ESTABLISHED",
    ack: "SYN_SENT",
    data: "SYN_SENT",
    fin: "SYN_SENT",
    ackOfFin: "SYN_SENT",
    finAckOfFin: "SYN_SENT",
    reset: "CLOSE",
    staleAck: "SYN_SENT",
    close: "CLOSE",
    shutdown: "CLOSE",
    minute: "SYN_SENT"
  },
  SYN_RECV: {
    syn: "CLOSE",
    synAck: "CLOSE",
    ack: "ESTABLISHED",
    data: "ESTABLISHED",
    fin: "CLOSE_WAIT",
    ackOfFin: "SYN_RECV",
    finAckOfFin: "SYN_RECV",
    reset: "CLOSE",
    staleAck: "SYN_RECV",
    close: "SYN_RECV",
    shutdown: "SYN_RECV",
    minute: "SYN_RECV"
  },
  ESTABLISHED: {
    syn: "ESTABLISHED",
    synAck: "ESTABLISHED",
    ack: "ESTABLISHED",
    data: "ESTABLISHED",
    fin: "CLOSE_WAIT",
    ackOfFin: "ESTABLISHED",
    finAckOfFin: "ESTABLISHED",
    reset: "CLOSE",
    staleAck: "ESTABLISHED",
    close: "FIN_WAIT1",
    shutdown: "FIN_WAIT1",
    minute: "ESTABLISHED"
  },
  FIN_WAIT1: {
    syn: "FIN_WAIT1",
    synAck: "FIN_WAIT1",
    ack: "FIN_WAIT1",
    data: "FIN_WAIT1",
    fin: "CLOSING",
    ackOfFin: "FIN_WAIT2",
    finAckOfFin: "TIME_WAIT",
    reset: "CLOSE",
    staleAck: "FIN_WAIT1",
    close: "FIN_WAIT1",
    shutdown: "FIN_WAIT1",
    minute: "FIN_WAIT1"
  },
  FIN_WAIT2: {
    syn: "FIN_WAIT2",
    synAck: "FIN_WAIT2",
    ack: "FIN_WAIT2",
    data: "FIN_WAIT2",
    fin: "TIME_WAIT",
    ackOfFin: "FIN_WAIT2",
    finAckOfFin: "TIME_WAIT",
    reset: "CLOSE",
    staleAck: "FIN_WAIT2",
    close: "FIN_WAIT2",
    shutdown: "FIN_WAIT2",
    minute: "FIN_WAIT2"
  },
  CLOSING: {
    syn: "CLOSING",
    synAck: "CLOSING",
    ack: "CLOSING",
    data: "CLOSING",
    fin: "CLOSING",
    ackOfFin: "TIME_WAIT",
    finAckOfFin: "TIME_WAIT",
    reset: "CLOSE",
    staleAck: "CLOSING",
    close: "CLOSING",
    shutdown: "CLOSING",
    minute: "CLOSING"
  },
  TIME_WAIT: {
    syn: "TIME_WAIT",
    synAck: "TIME_WAIT",
    ack: "TIME_WAIT",
    data: "TIME_WAIT",
    fin: "TIME_WAIT",
    ackOfFin: "TIME_WAIT",
    finAckOfFin: "TIME_WAIT",
    reset: "CLOSE",
    staleAck: "TIME_WAIT",
    close: "TIME_WAIT",
    shutdown: "TIME_WAIT",
    minute: "CLOSE"
  },
  CLOSE_WAIT: {
    syn: "CLOSE_WAIT",
    synAck: "CLOSE_WAIT",
    ack: "CLOSE_WAIT",
    data: "CLOSE_WAIT",
    fin: "CLOSE_WAIT",
    ackOfFin: "CLOSE_WAIT",
    finAckOfFin: "CLOSE_WAIT",
    reset: "CLOSE",
    staleAck: "CLOSE_WAIT",
    close: "LAST_ACK",
    shutdown: "LAST_ACK",
    minute: "CLOSE_WAIT"
  },
  LAST_ACK: {
    syn: "LAST_ACK",
    synAck: "LAST_ACK",
    ack: "LAST_ACK",
    data: "LAST_ACK",
    fin: "LAST_ACK",
    ackOfFin: "CLOSE",
    finAckOfFin: "CLOSE",
    reset: "CLOSE",
    staleAck: "LAST_ACK",
    close: "LAST_ACK",
    shutdown: "LAST_ACK",
    minute: "LAST_ACK"
  }
}

describe("the eleven states", () => {
  for (const state of Object.keys(table) as Array<StateName>) {
    it(`${state} is reached`, () => {
      assert.strictEqual(ways[state]().puppet.state(), state)
    })
    for (const event of Object.keys(table[state]) as Array<Event>) {
      it(`${state} and ${event} make ${table[state][event]}`, () => {
        const situation = ways[state]()
        events[event](situation)
        assert.strictEqual(situation.puppet.state(), table[state][event])
      })
    }
  }
})
