/**
 * A packetdrill script as the parser gives it: options, an init command, statements with their times, a cleanup command.
 *
 * The language is that of google/packetdrill (its grammar parser.y and lexer.l). Times are nanoseconds of virtual time.
 */

/** Where something stands in a script, both from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** `--name` or `--name=value`. */
export interface Option extends Position {
  readonly name: string
  /** Null when nothing was assigned. */
  readonly value: string | null
}

/** When a statement happens, in ns. */
export type Time =
  | { readonly _tag: "Absolute"; readonly at: number }
  | { readonly _tag: "Relative"; readonly after: number }
  | { readonly _tag: "Any" }
  | { readonly _tag: "AbsoluteRange"; readonly from: number; readonly to: number }
  | { readonly _tag: "RelativeRange"; readonly from: number; readonly to: number }

export interface Statement extends Position {
  readonly time: Time
  readonly action: Action
}

export type Action =
  | { readonly _tag: "Packet"; readonly packet: Packet }
  | { readonly _tag: "SystemCall"; readonly call: SystemCall }
  | { readonly _tag: "Command"; readonly line: string }
  | { readonly _tag: "Code"; readonly text: string; readonly line: number }

export interface Script {
  readonly options: ReadonlyArray<Option>
  readonly init: { readonly line: string; readonly position: Position } | null
  readonly statements: ReadonlyArray<Statement>
  readonly cleanup: { readonly line: string; readonly position: Position } | null
}

// ---- packets ----

export type Direction = "in" | "out"

/** What is asked of the TOS byte. */
export type TosCheck =
  | { readonly _tag: "None" }
  | { readonly _tag: "Ecn"; readonly bits: number }
  | { readonly _tag: "Ect01" }
  | { readonly _tag: "Tos"; readonly value: number }

export interface IpInfo {
  readonly tos: TosCheck
  /** 0 when not given. */
  readonly ttl: number
  /** 0 when not given; IPv6 only. */
  readonly flowLabel: number
}

export interface Packet {
  readonly direction: Direction
  readonly ip: IpInfo
  /** What of it the simulator has not, such as `gre encapsulation` or `ICMPv6`. */
  readonly foreign: ReadonlyArray<string>
  readonly ports: { readonly source: number; readonly destination: number }
  readonly body: TcpSegment | UdpDatagram | IcmpMessage
}

export interface TcpSegment {
  readonly _tag: "Tcp"
  /** The eight flag bits as on the wire. */
  readonly flags: number
  /** The AE bit of AccECN (bit 8). */
  readonly accurateEcn: boolean
  /** ECE, CWR and AE were given as one digit: the ACE field. */
  readonly isAce: boolean
  readonly sequence: number
  readonly payload: number
  readonly acknowledgment: number
  /** Null: any. */
  readonly window: number | null
  readonly urgent: number
  /** Null: any (`<...>`). */
  readonly options: ReadonlyArray<TcpOption> | null
}

export type TcpOption =
  | { readonly _tag: "End" }
  | { readonly _tag: "Nop" }
  | { readonly _tag: "Mss"; readonly bytes: number }
  | { readonly _tag: "WindowScale"; readonly shift: number }
  | { readonly _tag: "SackPermitted" }
  | { readonly _tag: "Sack"; readonly blocks: ReadonlyArray<readonly [number, number]> }
  | { readonly _tag: "Timestamp"; readonly val: number; readonly ecr: number }
  | { readonly _tag: "Md5"; readonly digest: ReadonlyArray<number> }
  | { readonly _tag: "FastOpen"; readonly cookie: ReadonlyArray<number>; readonly experimental: boolean }
  | { readonly _tag: "AccurateEcn"; readonly kind: number; readonly counters: ReadonlyArray<number> }

export interface UdpDatagram {
  readonly _tag: "Udp"
  readonly payload: number
}

/** What an ICMP message carries of the packet it answers. */
export type Echoed =
  | { readonly _tag: "Tcp"; readonly sequence: number; readonly payload: number }
  | { readonly _tag: "Udp"; readonly payload: number }
  | { readonly _tag: "Raw"; readonly bytes: number }

export interface IcmpMessage {
  readonly _tag: "Icmp"
  readonly type: number
  readonly code: number
  /** Null when not given. */
  readonly mtu: number | null
  readonly id: number
  readonly echoed: Echoed
}

// ---- system calls ----

export interface SystemCall {
  readonly name: string
  readonly arguments: ReadonlyArray<Expression>
  readonly result: Expression
  /** Name of the errno that is expected; null for none. */
  readonly errno: string | null
  /** End of a blocking call, in ns: on the same scale as the statement's time. Null for a call that does not block. */
  readonly end: number | null
}

export type Expression =
  | { readonly _tag: "Ellipsis" }
  | { readonly _tag: "Integer"; readonly value: number }
  | { readonly _tag: "Word"; readonly name: string }
  | { readonly _tag: "Text"; readonly text: string; readonly isPrefix: boolean }
  | { readonly _tag: "Or"; readonly left: Expression; readonly right: Expression }
  | { readonly _tag: "Assignment"; readonly name: string; readonly value: Expression }
  | { readonly _tag: "List"; readonly items: ReadonlyArray<Expression> }
  | { readonly _tag: "SocketAddress"; readonly family: string; readonly port: number; readonly address: string }
  | { readonly _tag: "Iovec"; readonly length: number }
  | { readonly _tag: "Linger"; readonly isOn: number; readonly seconds: number }
  | { readonly _tag: "Timestamping"; readonly seconds: number; readonly nanoseconds: number }
  | MessageHeader
  | PollDescriptor
  | EpollEvent
  | ControlMessage
  | ExtendedError
  | { readonly _tag: "Foreign"; readonly what: string }

export interface MessageHeader {
  readonly _tag: "MessageHeader"
  readonly count: number
  readonly vector: Expression
  readonly flags: Expression
  readonly control: Expression
}

export interface PollDescriptor {
  readonly _tag: "PollDescriptor"
  readonly fd: Expression
  readonly events: Expression
  readonly revents: Expression
}

export interface EpollEvent {
  readonly _tag: "EpollEvent"
  readonly events: Expression
  readonly member: "fd" | "ptr" | "u32" | "u64"
  readonly data: Expression
}

export interface ControlMessage {
  readonly _tag: "ControlMessage"
  readonly level: Expression
  readonly type: Expression
  readonly data: Expression
}

/** struct sock_extended_err. */
export interface ExtendedError {
  readonly _tag: "ExtendedError"
  readonly errno: Expression
  readonly origin: Expression
  readonly type: Expression
  readonly code: Expression
  readonly info: Expression
  readonly data: Expression
}
