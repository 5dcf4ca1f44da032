import * as TcpHeader from "@darkfiber/wire/Tcp"
import { assert, describe, it } from "vitest"
import type { StateName } from "../src/State.ts"
import { ACK, FIN, PSH, RST, SYN, type Say } from "./Puppet.ts"
import { type Situation, ways } from "./Ways.ts"

/** Segments that no well-behaved peer sends. */
type Odd =
  | "noFlags"
  | "synInWindow"
  | "synOutside"
  | "resetExact"
  | "resetInWindow"
  | "resetOutside"
  | "ackOfUnsent"
  | "ackTooOld"
  | "dataOutside"
  | "dataOld"
  | "christmasTree"

/** What comes back: nothing, an ACK, a RST, a SYN-ACK; `ends`: nothing, and the connection is over. */
type Answer = "silence" | "ack" | "rst" | "synAck" | "ends"

const odd: Record<Odd, (situation: Situation) => Say> = {
  noFlags: ({ seq }) => ({ flags: 0, seq, length: 10 }),
  synInWindow: ({ seq, ack }) => ({ flags: SYN, seq: seq + 5, ack, mss: 1460 }),
  synOutside: ({ seq, ack }) => ({ flags: SYN, seq: seq + 10_000_000, ack, mss: 1460 }),
  resetExact: ({ seq, ack }) => ({ flags: RST | ACK, seq, ack }),
  resetInWindow: ({ seq, ack }) => ({ flags: RST | ACK, seq: seq + 5, ack }),
  resetOutside: ({ seq, ack }) => ({ flags: RST | ACK, seq: seq + 10_000_000, ack }),
  ackOfUnsent: ({ seq, ack }) => ({ flags: ACK, seq, ack: ack + 100_000 }),
  ackTooOld: ({ seq, ack }) => ({ flags: ACK, seq, ack: ack - 1_000_000 }),
  dataOutside: ({ seq, ack }) => ({ flags: ACK, seq: seq + 10_000_000, ack, length: 10 }),
  dataOld: ({ seq, ack }) => ({ flags: ACK, seq: seq - 20, ack, length: 10 }),
  christmasTree: ({ seq, ack }) => ({
    flags: FIN | SYN | RST | PSH | ACK | TcpHeader.URG | TcpHeader.ECE | TcpHeader.CWR,
    seq,
    ack,
    urgent: 1
  })
}

/** RFC 5961 and RFC 9293 §3.10.7 as Linux 6.x reads them. */
const table: Record<StateName, Record<Odd, Answer>> = {
  CLOSE: {
    noFlags: "rst",
    synInWindow: "rst",
    synOutside: "rst",
    resetExact: "silence",
    resetInWindow: "silence",
    resetOutside: "silence",
    ackOfUnsent: "rst",
    ackTooOld: "rst",
    dataOutside: "rst",
    dataOld: "rst",
    christmasTree: "silence"
  },
  LISTEN: {
    noFlags: "silence",
    synInWindow: "synAck",
    synOutside: "synAck",
    resetExact: "silence",
    resetInWindow: "silence",
    resetOutside: "silence",
    ackOfUnsent: "rst",
    ackTooOld: "rst",
    dataOutside: "rst",
    dataOld: "rst",
    christmasTree: "silence"
  },
  SYN_SENT: {
    noFlags: "silence",
    synInWindow: "synAck",
    synOutside: "synAck",
    resetExact: "ends",
    resetInWindow: "ends",
    resetOutside: "ends",
    ackOfUnsent: "rst",
    ackTooOld: "rst",
    dataOutside: "silence",
    dataOld: "silence",
    christmasTree: "ends"
  },
  SYN_RECV: {
    noFlags: "silence",
    synInWindow: "rst",
    synOutside: "ack",
    resetExact: "ends",
    resetInWindow: "ends",
    resetOutside: "silence",
    ackOfUnsent: "rst",
    ackTooOld: "rst",
    dataOutside: "ack",
    dataOld: "ack",
    christmasTree: "ends"
  },
  ESTABLISHED: {
    noFlags: "silence",
    synInWindow: "ack",
    synOutside: "ack",
    resetExact: "ends",
    resetInWindow: "ack",
    resetOutside: "silence",
    ackOfUnsent: "ack",
    ackTooOld: "ack",
    dataOutside: "ack",
    dataOld: "ack",
    christmasTree: "ends"
  },
  FIN_WAIT1: {
    noFlags: "silence",
    synInWindow: "ack",
    synOutside: "ack",
    resetExact: "ends",
    resetInWindow: "ack",
    resetOutside: "silence",
    ackOfUnsent: "ack",
    ackTooOld: "ack",
    dataOutside: "ack",
    dataOld: "ack",
    christmasTree: "ends"
  },
  FIN_WAIT2: {
    noFlags: "silence",
    synInWindow: "ack",
    synOutside: "ack",
    resetExact: "ends",
    resetInWindow: "ack",
    resetOutside: "silence",
    ackOfUnsent: "ack",
    ackTooOld: "ack",
    dataOutside: "ack",
    dataOld: "ack",
    christmasTree: "ends"
  },
  CLOSING: {
    noFlags: "silence",
    synInWindow: "ack",
    synOutside: "ack",
    resetExact: "ends",
    resetInWindow: "ack",
    resetOutside: "silence",
    ackOfUnsent: "ack",
    ackTooOld: "ack",
    dataOutside: "ack",
    dataOld: "ack",
    christmasTree: "ends"
  },
  TIME_WAIT: {
    noFlags: "ack",
    synInWindow: "ack",
    synOutside: "ack",
    resetExact: "ends",
    resetInWindow: "silence",
    resetOutside: "silence",
    ackOfUnsent: "silence",
    ackTooOld: "silence",
    dataOutside: "ack",
    dataOld: "ack",
    christmasTree: "ends"
  },
  CLOSE_WAIT: {
    noFlags: "silence",
    synInWindow: "ack",
    synOutside: "ack",
    resetExact: "ends",
    resetInWindow: "ack",
    resetOutside: "silence",
    ackOfUnsent: "ack",
    ackTooOld: "ack",
    dataOutside: "ack",
    dataOld: "ack",
    christmasTree: "ends"
  },
  LAST_ACK: {
    noFlags: "silence",
    synInWindow: "ack",
    synOutside: "ack",
    resetExact: "ends",
    resetInWindow: "ack",
    resetOutside: "silence",
    ackOfUnsent: "ack",
    ackTooOld: "ack",
    dataOutside: "ack",
    dataOld: "ack",
    christmasTree: "ends"
  }
}

/** What the situation's host answers. */
const answerTo = (situation: Situation, what: Say): Answer => {
  const { puppet } = situation
  // Past the rate limit of answers to what is out of window.
  puppet.run(1e9)
  const before = puppet.state()
  puppet.forget()
  puppet.say(what)
  const [first] = puppet.heard
  if (first !== undefined) {
    if ((first.flags & RST) !== 0) return "rst"
    return (first.flags & SYN) !== 0 ? "synAck" : "ack"
  }
  return puppet.state() !== before ? "ends" : "silence"
}

for (const [state, answers] of Object.entries(table) as Array<[StateName, Record<Odd, Answer>]>) {
  describe(state, () => {
    for (const [name, expected] of Object.entries(answers) as Array<[Odd, Answer]>) {
      it(`${name}: ${expected}`, () => {
        const situation = ways[state]()
        assert.strictEqual(answerTo(situation, odd[name](situation)), expected)
      })
    }
  })
}
