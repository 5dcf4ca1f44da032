/**
 * Names of programs in a topology: the built-in ones, and the form of a user's own.
 */

/** What each built-in program does; its arguments are checked when it starts. */
export const builtIn = {
  "tcp-echo-server": "echoes each connection's bytes",
  "udp-echo-server": "echoes datagrams",
  "http-server": "answers requests with a body, keeps connections or not",
  "http-client": "requests, over kept or short connections, and measures latency",
  "bulk-sender": "sends bytes over one TCP connection",
  "bulk-sink": "reads and discards, counts bytes",
  "udp-probe": "sends datagrams at a rate and measures answers",
  "udp-sink": "reads and counts datagrams",
  ping: "ICMP echo at an interval"
} as const

/** A user's program: a module file and an export of it. */
const ownPattern = /^(\.{1,2}\/[^#]+\.(?:ts|mts|js|mjs))#([A-Za-z_$][\w$]*)$/

export const own = (program: string): { readonly file: string; readonly member: string } | undefined => {
  const match = ownPattern.exec(program)
  return match === null ? undefined : { file: match[1]!, member: match[2]! }
}

/** What is wrong with the name of a program, if anything. */
export const complain = (program: string): string | undefined => {
  if (Object.hasOwn(builtIn, program) || own(program) !== undefined) return undefined
  return `there is no program ${program}, expected one of ${Object.keys(builtIn).join(", ")}, or ./file.ts#export`
}

export const shortName = (program: string): string => own(program)?.member ?? program
