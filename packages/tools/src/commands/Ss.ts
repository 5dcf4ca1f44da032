/** `ss`: which sockets, which columns. */
import type { Place } from "@darkfiber/observe/Machine"
import * as Sockets from "@darkfiber/observe/Sockets"
import { format, formatSummary, type SocketRecord, type SocketState } from "@darkfiber/observe/SsText"
import * as Cidr from "@darkfiber/wire/Cidr"
import { Result } from "effect"
import type { Command } from "../Command.ts"
import { services } from "../filter/Names.ts"
import { failure, success, type Outcome } from "../Outcome.ts"

const long: Readonly<Record<string, string>> = {
  "--numeric": "n",
  "--listening": "l",
  "--all": "a",
  "--tcp": "t",
  "--udp": "u",
  "--raw": "w",
  "--processes": "p",
  "--memory": "m",
  "--info": "i",
  "--options": "o",
  "--extended": "e",
  "--summary": "s",
  "--ipv4": "4",
  "--no-header": "H"
}

/** Names of states as the filter writes them, and the groups it knows. */
const stateGroups: Readonly<Record<string, ReadonlyArray<SocketState>>> = {
  established: ["ESTAB"],
  "syn-sent": ["SYN-SENT"],
  "syn-recv": ["SYN-RECV"],
  "fin-wait-1": ["FIN-WAIT-1"],
  "fin-wait-2": ["FIN-WAIT-2"],
  "time-wait": ["TIME-WAIT"],
  closed: ["UNCONN"],
  "close-wait": ["CLOSE-WAIT"],
  "last-ack": ["LAST-ACK"],
  listening: ["LISTEN"],
  closing: ["CLOSING"],
  connected: [
    "ESTAB",
    "SYN-SENT",
    "SYN-RECV",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "TIME-WAIT",
    "CLOSE-WAIT",
    "LAST-ACK",
    "CLOSING"
  ],
  synchronized: ["ESTAB", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSE-WAIT", "LAST-ACK", "CLOSING"]
}

interface Request {
  readonly flags: Set<string>
  states: ReadonlyArray<SocketState> | undefined
  readonly tests: Array<(socket: SocketRecord) => boolean>
}

const read = (args: ReadonlyArray<string>): Request | Outcome => {
  const request: Request = { flags: new Set(), states: undefined, tests: [] }
  let at = 0
  while (at < args.length) {
    const word = args[at]!
    const options = Object.hasOwn(long, word) ? long[word]! : /^-[A-Za-z0-9]+$/.test(word) ? word.slice(1) : undefined
    if (options !== undefined) {
      for (const letter of options) {
        if (!"nlatuwpmioesrH4".includes(letter)) return failure(`ss: invalid option -- '${letter}'`, 255)
        request.flags.add(letter)
      }
      at++
    } else if (word === "state") {
      const name = args[at + 1] ?? ""
      if (!Object.hasOwn(stateGroups, name)) return failure(`ss: wrong state name: ${name}`, 255)
      request.states = [...(request.states ?? []), ...stateGroups[name]!]
      at += 2
    } else {
      const error = filter(args.slice(at), request)
      if (error !== undefined) return error
      return request
    }
  }
  return request
}

/** `( sport = :80 and dst 10.0.0.0/8 )`: comparisons joined by `and`. */
const filter = (words: ReadonlyArray<string>, request: Request): Outcome | undefined => {
  const plain = words
    .flatMap((word) => word.split(/\s+/))
    .filter((word) => word !== "(" && word !== ")" && word !== "and" && word !== "")
  for (let at = 0; at < plain.length;) {
    const key = plain[at]!
    if (key === "sport" || key === "dport") {
      const op = ["=", "==", "eq", "!=", "ne"].includes(plain[at + 1] ?? "") ? plain[at + 1]! : ""
      const text = (plain[at + (op === "" ? 1 : 2)] ?? "").replace(/^:/, "")
      const port = services.get(text) ?? (/^\d+$/.test(text) ? Number(text) : -1)
      if (port < 0) return bad(key)
      const isNot = op === "!=" || op === "ne"
      request.tests.push((one) => ((key === "sport" ? one.localPort : one.remotePort) === port) !== isNot)
      at += op === "" ? 2 : 3
    } else if (key === "src" || key === "dst") {
      const parsed = Cidr.parse(plain[at + 1] ?? "")
      if (Result.isFailure(parsed)) return bad(key)
      const cidr = parsed.success
      request.tests.push((one) => Cidr.contains(cidr, key === "src" ? one.localAddress : one.remoteAddress))
      at += 2
    } else return bad(key)
  }
  return undefined
}

const bad = (word: string): Outcome =>
  failure(`ss: bison bellows (while parsing filter): "syntax error!" Sorry: "${word}" is not supported here.`, 255)

const isOpen = (state: SocketState): boolean => !["LISTEN", "UNCONN", "TIME-WAIT", "SYN-RECV"].includes(state)

const list = (request: Request, place: Place): Outcome => {
  const { flags, states } = request
  const kinds = ["t", "u", "w"].filter((kind) => flags.has(kind))
  const isKind = (one: SocketRecord): boolean =>
    kinds.length === 0 || kinds.includes(one.netid === "tcp" ? "t" : one.netid === "udp" ? "u" : "w")
  const isState = (one: SocketRecord): boolean => {
    if (states !== undefined) return states.includes(one.state)
    if (flags.has("a")) return true
    return flags.has("l") ? one.state === "LISTEN" || one.state === "UNCONN" : isOpen(one.state)
  }
  const shown = Sockets.list(place).filter(
    (one) => isKind(one) && isState(one) && request.tests.every((test) => test(one))
  )
  return success(
    format(shown, {
      netid: kinds.length !== 1,
      state: states === undefined || states.length > 1,
      processes: flags.has("p"),
      timers: flags.has("o") || flags.has("e"),
      memory: flags.has("m"),
      info: flags.has("i"),
      header: !flags.has("H")
    })
  )
}

export const ss: Command = {
  name: "ss",
  usage: "ss [-ntulapmios] [state STATE] [FILTER]",
  run: (args, { place }) => {
    const request = read(args)
    if ("code" in request) return request
    return request.flags.has("s") ? success(formatSummary(Sockets.summary(place))) : list(request, place)
  }
}
