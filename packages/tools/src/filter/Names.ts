/** Numbers that a capture filter may name (pcap-filter(7), /etc/services, /etc/protocols). */
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Tcp from "@darkfiber/wire/Tcp"
import type { Base } from "./Ast.ts"

/** Field offsets and values for arithmetic. */
export const constants: ReadonlyMap<string, number> = new Map([
  ["tcpflags", 13],
  ["tcp-fin", Tcp.FIN],
  ["tcp-syn", Tcp.SYN],
  ["tcp-rst", Tcp.RST],
  ["tcp-push", Tcp.PSH],
  ["tcp-ack", Tcp.ACK],
  ["tcp-urg", Tcp.URG],
  ["tcp-ece", Tcp.ECE],
  ["tcp-cwr", Tcp.CWR],
  ["icmptype", 0],
  ["icmpcode", 1],
  ["icmp-echoreply", Icmp.TYPE_ECHO_REPLY],
  ["icmp-unreach", Icmp.TYPE_DESTINATION_UNREACHABLE],
  ["icmp-sourcequench", Icmp.TYPE_SOURCE_QUENCH],
  ["icmp-redirect", Icmp.TYPE_REDIRECT],
  ["icmp-echo", Icmp.TYPE_ECHO_REQUEST],
  ["icmp-timxceed", Icmp.TYPE_TIME_EXCEEDED],
  ["icmp-paramprob", Icmp.TYPE_PARAMETER_PROBLEM],
  ["icmp-tstamp", Icmp.TYPE_TIMESTAMP_REQUEST],
  ["icmp-tstampreply", Icmp.TYPE_TIMESTAMP_REPLY]
])

/** IP protocols that stand for themselves. */
export const protocols: ReadonlyMap<string, number> = new Map([
  ["icmp", 1],
  ["igmp", 2],
  ["tcp", 6],
  ["udp", 17],
  ["gre", 47],
  ["esp", 50],
  ["ah", 51],
  ["icmp6", 58],
  ["sctp", 132]
])

export const etherTypes: ReadonlyMap<string, number> = new Map([
  ["ip", Ethernet.ETHERTYPE_IPV4],
  ["ip6", Ethernet.ETHERTYPE_IPV6],
  ["arp", Ethernet.ETHERTYPE_ARP],
  ["rarp", 0x8035]
])

export const bases: ReadonlySet<string> = new Set<Base>([
  "ether",
  "ip",
  "ip6",
  "arp",
  "rarp",
  "tcp",
  "udp",
  "icmp",
  "icmp6"
])

/** A few names of /etc/services. */
export const services: ReadonlyMap<string, number> = new Map([
  ["ftp", 21],
  ["ssh", 22],
  ["telnet", 23],
  ["smtp", 25],
  ["domain", 53],
  ["http", 80],
  ["ntp", 123],
  ["snmp", 161],
  ["https", 443],
  ["mysql", 3306],
  ["postgresql", 5432],
  ["redis", 6379],
  ["http-alt", 8080]
])

/** Words that are part of the grammar and never an id. */
export const keywords: ReadonlySet<string> = new Set([
  "and",
  "or",
  "not",
  "src",
  "dst",
  "host",
  "net",
  "port",
  "portrange",
  "proto",
  "mask",
  "less",
  "greater",
  "broadcast",
  "multicast",
  "vlan",
  "len",
  ...bases,
  ...protocols.keys()
])
