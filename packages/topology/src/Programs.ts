/**
 * The built-in programs with the arguments they take.
 */
import { Effect, Result, Schema } from "effect"
import * as Complaints from "./Complaints.ts"
import type { Arguments, Program, ProgramEnvironment } from "./Program.ts"
import type * as ProgramNames from "./ProgramNames.ts"
import * as Bulk from "./programs/Bulk.ts"
import * as Datagrams from "./programs/Datagrams.ts"
import * as Http from "./programs/Http.ts"

interface BuiltIn {
  readonly program: Program
  /** What is wrong with arguments: path inside them and message. */
  readonly check: (args: Arguments) => ReadonlyArray<Complaints.Complaint>
}

const builtIn = <A>(
  schema: Schema.ConstraintDecoder<A>,
  run: (args: A, environment: ProgramEnvironment) => Effect.Effect<unknown, unknown>
): BuiltIn => {
  const decode = Schema.decodeUnknownResult(schema, { errors: "all", onExcessProperty: "error" })
  return {
    program: (args, environment) =>
      Effect.suspend(() => {
        const decoded = decode(args)
        return Result.isSuccess(decoded) ? run(decoded.success, environment) : Effect.fail(decoded.failure)
      }),
    check: (args) => {
      const decoded = decode(args)
      if (Result.isSuccess(decoded)) return []
      return Complaints.of(decoded.failure.issue, args)
    }
  }
}

const known: Readonly<Record<keyof typeof ProgramNames.builtIn, BuiltIn>> = {
  "tcp-echo-server": builtIn(Bulk.EchoArguments, Bulk.echo),
  "udp-echo-server": builtIn(Datagrams.ServerArguments, Datagrams.echo),
  "http-server": builtIn(Http.ServerArguments, Http.server),
  "http-client": builtIn(Http.ClientArguments, Http.client),
  "bulk-sender": builtIn(Bulk.SenderArguments, Bulk.sender),
  "bulk-sink": builtIn(Bulk.SinkArguments, Bulk.sink),
  "udp-probe": builtIn(Datagrams.ProbeArguments, Datagrams.probe),
  "udp-sink": builtIn(Datagrams.ServerArguments, Datagrams.sink),
  ping: builtIn(Datagrams.PingArguments, Datagrams.ping)
}

const programs: ReadonlyMap<string, BuiltIn> = new Map(Object.entries(known))

/** The built-in program of that name. */
export const find = (program: string): Program | undefined => programs.get(program)?.program

/** What is wrong with the arguments of a built-in program; a user's own checks its own. */
export const checkArguments = (program: string, args: Arguments): ReadonlyArray<Complaints.Complaint> =>
  programs.get(program)?.check(args) ?? []
