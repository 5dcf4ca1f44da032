/**
 * ICMP types and codes by the names the language has for them (RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1), and the
 * names that only ICMPv6 has (RFC 4443).
 */

/** Stands for a type or code that IPv4 has not. */
export const FOREIGN = -1

const types: Readonly<Record<string, number>> = {
  echo_reply: 0,
  unreachable: 3,
  source_quench: 4,
  redirect: 5,
  echo_request: 8,
  time_exceeded: 11,
  parameter_problem: 12,
  timestamp_request: 13,
  timestamp_reply: 14,
  information_request: 15,
  information_reply: 16,
  address_mask_request: 17,
  address_mask_reply: 18
}

const unreachable: Readonly<Record<string, number>> = {
  net_unreachable: 0,
  host_unreachable: 1,
  protocol_unreachable: 2,
  port_unreachable: 3,
  frag_needed: 4,
  source_route_failed: 5,
  net_unknown: 6,
  host_unknown: 7,
  source_host_isolated: 8,
  net_prohibited: 9,
  host_prohibited: 10,
  net_unreachable_for_tos: 11,
  host_unreachable_for_tos: 12,
  packet_filtered: 13,
  precedence_violation: 14,
  precedence_cutoff: 15
}

const foreignTypes: ReadonlySet<string> = new Set(["packet_too_big"])

const foreignCodes: ReadonlySet<string> = new Set([
  "no_route",
  "admin_prohibited",
  "not_neighbour",
  "address_unreachable",
  "exceeded_hop_limit",
  "exceeded_frag_time",
  "header_field",
  "unknown_next_header",
  "unknown_option"
])

const numbered = (name: string, prefix: string): number | null => {
  const match = new RegExp(`^${prefix}_([0-9]+)$`).exec(name)
  const value = match === null ? -1 : Number(match[1])
  return value >= 0 && value <= 255 ? value : null
}

const own = (table: Readonly<Record<string, number>>, name: string): number | null =>
  Object.hasOwn(table, name) ? table[name]! : null

/** A name or `type_N`; null for neither, {@link FOREIGN} for one of ICMPv6. */
export const type = (name: string): number | null =>
  foreignTypes.has(name) ? FOREIGN : (numbered(name, "type") ?? own(types, name))

/** A name that belongs to the type or `code_N`; null for neither, {@link FOREIGN} for one of ICMPv6. */
export const code = (ofType: number, name: string): number | null =>
  foreignCodes.has(name)
    ? FOREIGN
    : (numbered(name, "code") ?? (ofType === types["unreachable"] ? own(unreachable, name) : null))
