/**
 * Code blocks: Python's assertions about the socket under test. Before a block runs, the names `tcpi_…` and
 * `SK_MEMINFO_…` get the values of TCP_INFO and SO_MEMINFO of this moment, and the kernel's names for states and flags theirs.
 */
import { SO_MEMINFO, SOL_SOCKET } from "@darkfiber/sockets/SocketOptions"
import * as Sys from "@darkfiber/sockets/Sys"
import type { Errno } from "@darkfiber/sockets/SystemError"
import { Effect } from "effect"
import type { CallState } from "./CallState.ts"
import { BadCall } from "./Failure.ts"
import * as PythonEval from "./PythonEval.ts"
import * as PythonParser from "./PythonParser.ts"

const SOL_TCP = 6
const TCP_INFO = 11

const names: Readonly<Record<string, number>> = {
  TCP_ESTABLISHED: 1,
  TCP_SYN_SENT: 2,
  TCP_SYN_RECV: 3,
  TCP_FIN_WAIT1: 4,
  TCP_FIN_WAIT2: 5,
  TCP_TIME_WAIT: 6,
  TCP_CLOSE: 7,
  TCP_CLOSE_WAIT: 8,
  TCP_LAST_ACK: 9,
  TCP_LISTEN: 10,
  TCP_CLOSING: 11,
  TCP_CA_Open: 0,
  TCP_CA_Disorder: 1,
  TCP_CA_CWR: 2,
  TCP_CA_Recovery: 3,
  TCP_CA_Loss: 4,
  TCPI_OPT_TIMESTAMPS: 1,
  TCPI_OPT_SACK: 2,
  TCPI_OPT_WSCALE: 4,
  TCPI_OPT_ECN: 8,
  TCPI_OPT_ECN_SEEN: 16,
  TCPI_OPT_SYN_DATA: 32,
  TCPI_OPT_USEC_TS: 64,
  TCPI_OPT_TFO_CHILD: 128
}

export class CodeRunner {
  private readonly variables: Map<string, PythonEval.Value>
  /** What `print` has written. */
  readonly output: Array<string>

  constructor() {
    this.variables = new Map(Object.entries(names))
    this.output = []
  }

  /** The call that asks the socket under test, and what takes its answer. */
  collect(state: CallState): {
    readonly effect: Effect.Effect<unknown, Errno>
    readonly read: (value: unknown) => void
  } {
    const flow = state.underTest
    if (flow === null || flow.liveFd < 0) throw new BadCall("can't find socket for code: there is no accepted socket")
    return {
      effect: Effect.all([
        Sys.getsockopt(flow.liveFd, SOL_TCP, TCP_INFO),
        Sys.getsockopt(flow.liveFd, SOL_SOCKET, SO_MEMINFO)
      ]),
      read: (values) => {
        const [info, memory] = values as ReadonlyArray<Readonly<Record<string, number>>>
        for (const [name, field] of Object.entries(info!)) this.variables.set(`tcpi_${name}`, field)
        for (const [name, field] of Object.entries(memory!)) {
          this.variables.set(`SK_MEMINFO_${name.toUpperCase()}`, field)
        }
      }
    }
  }

  /** Throws BadCall for an assertion that does not hold, Unsupported for what is not of the subset. */
  run(text: string, line: number): void {
    const program = PythonParser.parse(text, line)
    PythonEval.run(program, this.variables, this.output)
  }
}
