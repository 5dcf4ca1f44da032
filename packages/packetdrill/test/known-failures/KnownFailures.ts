/**
 * Why each script of this folder fails in the simulator though a real kernel passes it. The list is exact: a script that begins to
 * pass fails the test until it is moved to `scripts` and its entry is gone.
 */
export const reasons: Readonly<Record<string, string>> = {
  "close/fin-wait2-linger2.pkt": "the end of FIN_WAIT2 counts as TW",
  "ecn/client-asks.pkt": "ECN is not there",
  "ecn/client-falls-back.pkt": "ECN is not there",
  "ecn/client-refused.pkt": "ECN is not there",
  "ecn/receiver-echoes-ce.pkt": "ECN is not there",
  "ecn/retransmission-unmarked.pkt": "ECN is not there",
  "ecn/sender-reduces.pkt": "ECN is not there",
  "ecn/server-negotiates.pkt": "ECN is not there",
  "ecn/server-off.pkt": "ECN is not there",
  "epoll/errors.pkt": "the runner's epoll_create of size 0 is not refused",
  "md5/option-value.pkt": "TCP-MD5 is not there",
  "md5/unexpected-signature.pkt": "TCP-MD5 is not there",
  "mtu-probe/blackhole.pkt": "MTU probing is not there",
  "mtu-probe/starts-at-base.pkt": "MTU probing is not there",
  "retransmit/collapse.pkt": "a retransmission takes in more than one segment",
  "urgent/inline.pkt": "urgent data is not there",
  "urgent/receive-oob.pkt": "urgent data is not there",
  "urgent/send-oob.pkt": "urgent data is not there"
}
