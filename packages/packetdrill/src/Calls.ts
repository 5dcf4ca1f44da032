/** The system calls of scripts by name, and how their results are judged (run_system_call.c: end_syscall). */
import * as Errno from "@darkfiber/kernel-net/Errno"
import type { SystemCall } from "./Ast.ts"
import type { CallOutcome } from "./Caller.ts"
import type { CallPlan, CallState, Planner } from "./CallState.ts"
import * as FileCalls from "./FileCalls.ts"
import { Unsupported } from "./Failure.ts"
import * as MessageCalls from "./MessageCalls.ts"
import * as OptionCalls from "./OptionCalls.ts"
import * as PollCalls from "./PollCalls.ts"
import * as SocketCalls from "./SocketCalls.ts"
import * as Symbols from "./Symbols.ts"
import * as Values from "./Values.ts"

const planners: Readonly<Record<string, Planner>> = {
  ...SocketCalls.planners,
  ...MessageCalls.planners,
  ...OptionCalls.planners,
  ...PollCalls.planners,
  ...FileCalls.planners
}

export const plan = (call: SystemCall, state: CallState): CallPlan => {
  const planner = Object.hasOwn(planners, call.name) ? planners[call.name] : undefined
  if (planner === undefined) throw new Unsupported(`system call ${call.name}`)
  return planner(call, state)
}

/** Result and errno as a C program has them. */
const returned = (callPlan: CallPlan, outcome: CallOutcome): { readonly result: number; readonly errno: number } => {
  if (outcome._tag === "Errno") return { result: -1, errno: outcome.errno }
  const { value } = outcome
  if (value === -Errno.EAGAIN) return { result: -1, errno: Errno.EAGAIN }
  if (callPlan.result !== undefined) return { result: callPlan.result(value), errno: 0 }
  return { result: typeof value === "number" ? value : 0, errno: 0 }
}

const nameOf = (errno: number): string => (errno === 0 ? "0" : `${errno} (${Errno.name(errno)})`)

/** Null, or what is wrong with the outcome. */
export const judge = (call: SystemCall, callPlan: CallPlan, outcome: CallOutcome): string | null => {
  const { errno, result } = returned(callPlan, outcome)
  const expected = Values.int(call.result)
  const isFd = callPlan.mode === "fd" && expected >= 0
  if (isFd && result < 0) return `Expected non-negative result but got ${result} with errno ${nameOf(errno)}`
  if (!isFd && result !== expected) {
    return `Expected result ${expected} but got ${result} with errno ${nameOf(errno)}`
  }
  if (call.errno !== null) {
    const wanted = Symbols.find(call.errno)
    if (wanted === null) throw new Unsupported(`symbol ${call.errno}`)
    if (errno !== wanted) return `Expected errno ${nameOf(wanted)} but got ${nameOf(errno)}`
  }
  if (result < 0 || outcome._tag === "Errno" || callPlan.after === undefined) return null
  return callPlan.after(outcome.value, result)
}
