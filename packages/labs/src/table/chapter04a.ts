import type { LabRow, Section } from "./LabSpec.ts"

/** Sections 4.1 to 4.4.3 of the book and their labs. */
export const sections: ReadonlyArray<Section> = [
  {
    number: "4.1",
    titleZh: "相关实际问题",
    titleEn: "Practical questions",
    labs: ["4.1", "Q4.1-1", "Q4.1-2", "Q4.1-3", "Q4.1-4", "Q4.1-5"]
  },
  { number: "4.2", titleZh: "网络包发送过程总览", titleEn: "Overview of sending", labs: ["4.2"] },
  { number: "4.3", titleZh: "网卡启动准备", titleEn: "NIC preparation", labs: ["4.3"] },
  {
    number: "4.4",
    titleZh: "数据从用户进程到网卡的详细过程",
    titleEn: "From user process to NIC in detail",
    labs: ["4.4"]
  },
  { number: "4.4.1", titleZh: "send系统调用实现", titleEn: "The send system call", labs: ["4.4.1"] },
  { number: "4.4.2", titleZh: "传输层处理", titleEn: "Transport layer", labs: ["4.4.2"] },
  { number: "4.4.3", titleZh: "网络层发送处理", titleEn: "Network layer", labs: ["4.4.3-a", "4.4.3-b", "4.4.3-c"] }
]

export const labs: ReadonlyArray<LabRow> = [
  {
    id: "4.1",
    section: "4.1",
    titleEn: "Ask: sending",
    titleZh: "发包问题集",
    question: "Which questions about sending can I ask?",
    knobs: ["question=Q4.1-1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "each of the five questions yields an answer of one line with evidence lines"
    }
  },
  {
    id: "Q4.1-1",
    section: "4.1",
    titleEn: "sy or si",
    titleZh: "发送开销看sy还是si",
    question: "Do I look at sy or at si when measuring the cost of sending?",
    knobs: ["runs=4.4.6"],
    profile: ["3.10"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 4.4.6, not from stored text",
      "b exact INF": "both: sy + si, with the hi of the completion IRQs, equals the total cost of sending"
    }
  },
  {
    id: "Q4.1-2",
    section: "4.1",
    titleEn: "NET_RX against NET_TX",
    titleZh: "为什么NET_RX远大于NET_TX",
    question: "Why is NET_RX so much larger than NET_TX?",
    knobs: ["runs=4.6-a"],
    profile: ["3.10"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 4.6-a, not from stored text",
      "b ratio BOOK": "NET_RX is greater than 0 and at least 100 times NET_TX, which may be 0"
    }
  },
  {
    id: "Q4.1-3",
    section: "4.1",
    titleEn: "Copies on send",
    titleZh: "发送时有哪些内存拷贝",
    question: "Which memory copies happen on sending?",
    knobs: ["runs=4.4.2"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 4.4.2, not from stored text",
      "b exact INF": "bytes copied from user to kernel equal the bytes written; the clone copies no payload"
    }
  },
  {
    id: "Q4.1-4",
    section: "4.1",
    titleEn: "Zero copy",
    titleZh: "零拷贝是什么",
    question: "What is zero copy?",
    knobs: ["runs=9.3-2"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 9.3-2, not from stored text",
      "b exact AUTH": "CPU copies per byte are 2, 1 and 0 for read+send, mmap+send and sendfile with scatter-gather"
    }
  },
  {
    id: "Q4.1-5",
    section: "4.1",
    titleEn: "Why Kafka is fast",
    titleZh: "为什么Kafka的网络性能突出",
    question: "Why is Kafka's network performance outstanding?",
    knobs: ["runs=4.6-b"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 4.6-b, not from stored text",
      "b ratio INF":
        "for messages of 100 B CPU per byte with sendfile and batches of 100 is at most half of read+write per message"
    }
  },
  {
    id: "4.2",
    section: "4.2",
    titleEn: "Overview of sending",
    titleZh: "发送总览：一次写",
    question: "In which order does the kernel handle one send()?",
    knobs: ["bytes=100", "qdisc=idle", "neighbour=known"],
    profile: ["3.10"],
    checks: {
      "a sequence K310":
        "sys_sendto < inet_sendmsg < tcp_sendmsg < tcp_write_xmit < tcp_transmit_skb < ip_queue_xmit < ip_local_out < ip_output < ip_finish_output2 < dev_queue_xmit < sch_direct_xmit < dev_hard_start_xmit < igb_xmit_frame < wire < completion hard IRQ < igb_clean_tx_irq",
      "b presence K310": "everything up to igb_xmit_frame runs in process context",
      "c order K310": "the clone is freed at ring cleaning, the original at the ACK"
    }
  },
  {
    id: "4.3",
    section: "4.3",
    titleEn: "Opening the NIC",
    titleZh: "网卡启动准备",
    question: "What memory does the driver prepare for sending?",
    knobs: ["queues=4", "ring=256"],
    profile: ["3.10"],
    checks: {
      "a exact NOTE": "2 arrays per queue and direction",
      "b exact K310": "a ring size outside 80-4096 is clamped, any other is rounded up to a multiple of 8",
      "c exact K310":
        "the queue stops when fewer than 21 descriptors are free and restarts when cleaning has brought at least 42 free ones"
    }
  },
  {
    id: "4.4",
    section: "4.4",
    titleEn: "Follow the skb",
    titleZh: "跟踪一个skb",
    question: "What can hold up an skb on its way to the NIC?",
    knobs: ["pauseAt=none", "stageKnobs=defaults"],
    profile: ["3.10"],
    checks: {
      "a presence INF":
        "the run can pause before each of the seven stages, and a knob changed there takes effect in the next stage"
    }
  },
  {
    id: "4.4.1",
    section: "4.4.1",
    titleEn: "The send call",
    titleZh: "send系统调用",
    question: "What can send return?",
    knobs: ["case=normal (normal, badfd, unconnected, closedpeer)", "bytes=100"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "a bad descriptor gives EBADF",
      "b exact K310": "a TCP socket that is not connected gives EPIPE and SIGPIPE on send",
      "c exact M618 6.x": "6.x: recv on it gives ENOTCONN, send on an unconnected UDP socket EDESTADDRREQ",
      "d exact K310": "a normal call returns the byte count",
      "e sequence M618 6.x":
        "6.x: peer closed: the first write succeeds and draws a RST, the second, after the RST has arrived, gives EPIPE"
    }
  },
  {
    id: "4.4.2",
    section: "4.4.2",
    titleEn: "Transport layer",
    titleZh: "传输层处理",
    question: "When does a write leave, and how much of it?",
    knobs: ["writes=100x1B", "nodelay=off", "sndbuf=default", "window=default"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence K310":
        "Nagle on with one unacknowledged segment: the second small write stays queued until the ACK; off: it goes at once",
      "b range K310": "the first flight is at most 10 segments",
      "c exact K310": "Send-Q equals unacknowledged plus unsent bytes",
      "d exact INF": "copied bytes equal written bytes",
      "e range M618 6.x":
        "6.x: with Nagle and delayed ACK, from the first echo round on the second of two small writes leaves 40 ms to 50 ms later (measured 40.4 to 47.7 ms)",
      "f exact M618 6.x":
        "6.x: on a fresh connection the second of two small writes waits for a quick ACK only, not for the 40 ms timer",
      "g sequence M618 6.x":
        "6.x: unanswered data goes out again, as a tail-loss probe, after R = 204 ms (200 ms + RTT, rounded up to a tick), then as retransmissions at 2R, 4R, 8R, 16R and 32R (0.41, 0.82, 1.63, 3.26, 6.53 s), each at most 4 % late (measured 0.41 0.82 1.65 3.28 6.54 s)",
      "h sequence M618 6.x":
        "6.x: zero-window probes at R, 3R, 7R, 15R and 31R with R = 204 ms (0.20, 0.61, 1.43, 3.06, 6.32 s), each interval at most 12.5 % long (measured 0.21 0.63 1.50 3.19 6.71 s)"
    }
  },
  {
    id: "4.4.3-a",
    section: "4.4.3",
    titleEn: "Route cache",
    titleZh: "路由缓存命中",
    question: "How often is the route looked up?",
    knobs: ["packets=1000", "socket=connected (connected, unconnected)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310":
        "connected socket whose cached route has just been invalidated: 1 output fib lookup for the first packet and 0 for the next 999; unconnected UDP socket: 1000"
    }
  },
  {
    id: "4.4.3-b",
    section: "4.4.3",
    titleEn: "iptables cost",
    titleZh: "iptables规则的代价",
    question: "What do many iptables rules cost the sender?",
    knobs: ["rules=100"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence NOTE": "CPU per packet grows linearly in the number of rules"
    }
  },
  {
    id: "4.4.3-c",
    section: "4.4.3",
    titleEn: "MTU and fragments",
    titleZh: "MTU与分片",
    question: "When is a datagram fragmented, and into how many pieces?",
    knobs: ["payload=1473", "mtu=1500"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "UDP payload 1472 gives 1 fragment and 1473 gives 2",
      "b exact K310": "the number of fragments is ceil((payload + 8) / 1480)",
      "c exact M618 6.x": "6.x: a ping of 65,507 bytes gives 45 fragments and one ReasmOK"
    }
  }
]
