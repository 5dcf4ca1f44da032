/**
 * Whether a connection looks like a conversation, whose ACKs wait for the answer they can ride on (Linux: pingpong mode,
 * include/net/inet_connection_sock.h).
 */
import type { TcpSock } from "./TcpSock.ts"

/** An answer that follows what came within the ACK timeout counts up to this. */
const COUNT_MAX = 255

export const isOn = (sock: TcpSock): boolean => sock.ackPingpong >= sock.net.sysctl.pingpongThresh

export const enter = (sock: TcpSock): void => {
  sock.ackPingpong = sock.net.sysctl.pingpongThresh
}

export const leave = (sock: TcpSock): void => {
  sock.ackPingpong = 0
}

/** One more answer that came soon. */
export const count = (sock: TcpSock): void => {
  if (sock.ackPingpong < COUNT_MAX) sock.ackPingpong++
}
