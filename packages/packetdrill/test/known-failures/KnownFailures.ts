/**
 * Why each script of this folder fails in the simulator though a real kernel passes it. The list is exact: a script that begins to
 * pass fails the test until it is moved to `scripts` and its entry is gone.
 */
export const reasons: Readonly<Record<string, string>> = {
  "close/fin-wait2-linger2.pkt": "the end of FIN_WAIT2 counts as TW",
  "epoll/errors.pkt": "the runner's epoll_create of size 0 is not refused",
  "retransmit/collapse.pkt": "a retransmission takes in more than one segment"
}
