/**
 * Why each script of this folder fails in the simulator though a real kernel passes it, and how it fails. The list is exact: a
 * script that begins to pass, or to fail otherwise, fails the test until it is moved or its entry is changed.
 */
export interface KnownFailure {
  /** What the simulator does otherwise. */
  readonly cause: string
  /** The first line of what the runner says. */
  readonly outcome: string
}

export const reasons: Readonly<Record<string, KnownFailure>> = {
  "challenge-ack/ack-of-the-future.pkt": {
    cause: "an acknowledgment of what was never sent is not answered",
    outcome: "fail 16 timed out waiting for packet"
  },
  "close/fin-wait2-linger2.pkt": {
    cause: "the end of FIN_WAIT2 counts as TW",
    outcome: 'fail 22 error executing `nstat -asz TcpExtTW | grep -q "TcpExtTW  *0 "` command: non-zero status 1'
  },
  "ecn/client-asks.pkt": {
    cause: "ECN is not there",
    outcome: "fail 3 error executing `sysctl -q net.ipv4.tcp_congestion_control=reno"
  },
  "ecn/client-falls-back.pkt": {
    cause: "ECN is not there",
    outcome: "fail 3 error executing `sysctl -q net.ipv4.tcp_congestion_control=reno"
  },
  "ecn/client-refused.pkt": {
    cause: "ECN is not there",
    outcome: "fail 3 error executing `sysctl -q net.ipv4.tcp_congestion_control=reno"
  },
  "ecn/receiver-echoes-ce.pkt": {
    cause: "ECN is not there",
    outcome: "fail 3 error executing `sysctl -q net.ipv4.tcp_congestion_control=reno"
  },
  "ecn/retransmission-unmarked.pkt": {
    cause: "ECN is not there",
    outcome: "fail 14 live packet field tcp_ece: expected: 1 (0x1) vs actual: 0 (0x0)"
  },
  "ecn/sender-reduces.pkt": {
    cause: "ECN is not there",
    outcome: "fail 3 error executing `sysctl -q net.ipv4.tcp_congestion_control=reno"
  },
  "ecn/server-negotiates.pkt": {
    cause: "ECN is not there",
    outcome: "fail 3 error executing `sysctl -q net.ipv4.tcp_congestion_control=reno"
  },
  "ecn/server-off.pkt": {
    cause: "ECN is not there",
    outcome: "fail 3 error executing `sysctl -q net.ipv4.tcp_congestion_control=reno"
  },
  "epoll/errors.pkt": {
    cause: "epoll_create of size 0 is not refused",
    outcome: "fail 16 epoll_create: Expected result -1 but got 5 with errno 0"
  },
  "handshake/active-open-bad-ack.pkt": {
    cause: "a bad acknowledgment in SYN_SENT does not bring the next SYN forward",
    outcome:
      "fail 14 timing error: expected outbound packet at 0.050000~0.070000 sec but happened at 0.549325 sec; tolerance 0.001000 sec"
  },
  "handshake/simultaneous-open.pkt": {
    cause: "the SYN-ACK of a simultaneous open leaves the timestamp out",
    outcome: "fail 12 live packet field ipv4_total_length: expected: 60 (0x3c) vs actual: 52 (0x34)"
  },
  "icmp/host-unreachable-soft.pkt": {
    cause: "an unreachable host is not remembered as a soft error",
    outcome: "fail 18 getsockopt: Bad getsockopt optval: expected: 113 actual: 0"
  },
  "inq/cmsg.pkt": {
    cause: "the runner has no recvmsg",
    outcome: "unsupported 18 unsupported: system call recvmsg"
  },
  "ioctl/siocinq.pkt": {
    cause: "the runner has no ioctl",
    outcome: "unsupported 15 unsupported: system call ioctl"
  },
  "md5/option-value.pkt": {
    cause: "TCP-MD5 is not there",
    outcome: "fail 8 setsockopt: Expected errno 22 (EINVAL) but got 92 (ENOPROTOOPT)"
  },
  "md5/unexpected-signature.pkt": {
    cause: "TCP-MD5 is not there",
    outcome:
      'fail 12 error executing `nstat -asz TcpExtTCPMD5Unexpected | grep -q "TcpExtTCPMD5Unexpected  *1 "` command: non-zero status 1'
  },
  "mss-pmtu/dont-fragment.pkt": {
    cause: "IP_MTU_DISCOVER does not keep the path MTU from the connection",
    outcome:
      "fail 20 assertion failed: tcpi_pmtu == 1500 and tcpi_total_retrans == 0 (tcpi_pmtu = 1200, tcpi_total_retrans = 2)"
  },
  "mtu-probe/blackhole.pkt": {
    cause: "MTU probing is not there",
    outcome: "fail 22 live packet payload: expected 1024 bytes vs actual 1460 bytes"
  },
  "mtu-probe/starts-at-base.pkt": {
    cause: "MTU probing is not there",
    outcome: "fail 15 assertion failed: tcpi_snd_mss == 812: 1460 (tcpi_snd_mss = 1460)"
  },
  "retransmit/collapse.pkt": {
    cause: "a retransmission takes in more than one segment",
    outcome: "fail 23 live packet payload: expected 200 bytes vs actual 300 bytes"
  },
  "retransmit/go-back-after-rto.pkt": {
    cause: "retransmissions after a timeout carry PSH",
    outcome: "fail 26 live packet field tcp_psh: expected: 0 (0x0) vs actual: 1 (0x1)"
  },
  "sendfile/whole-file.pkt": {
    cause: "the runner has no files beside the script",
    outcome:
      "fail 15 error executing `head -c 3000 /dev/zero > sendfile.data` command: non-zero status 1: sh: sendfile.data: Read-only file system"
  },
  "splice/pipe-to-socket.pkt": {
    cause: "there are no pipes",
    outcome: "unsupported 15 unsupported: system call pipe"
  },
  "splice/socket-to-pipe.pkt": {
    cause: "there are no pipes",
    outcome: "unsupported 15 unsupported: system call pipe"
  },
  "synretries/synack-timer.pkt": {
    cause: "the third retry of a SYN-ACK does not come",
    outcome: "fail 15 timed out waiting for packet"
  },
  "urgent/inline.pkt": {
    cause: "urgent data is not there",
    outcome: "fail 15 setsockopt: Expected result 0 but got -1 with errno 92 (ENOPROTOOPT)"
  },
  "urgent/receive-oob.pkt": {
    cause: "urgent data is not there",
    outcome: "fail 17 poll: Expected pollfd 0 revents 0x3 but got 0x1"
  },
  "urgent/send-oob.pkt": {
    cause: "urgent data is not there",
    outcome: "fail 15 send: Expected result 10 but got -1 with errno 95 (EOPNOTSUPP)"
  },
  "window/clamp-rcvbuf.pkt": {
    cause: "SO_RCVBUF does not bound the window scale",
    outcome: "fail 13 bad value in outbound TCP option (kind=3)"
  },
  "zerocopy/notification.pkt": {
    cause: "MSG_ZEROCOPY sends no notification",
    outcome: "fail 20 poll: Expected result 1 but got 0 with errno 0"
  }
}
