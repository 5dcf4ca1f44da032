import type { LabRow, Section } from "./LabSpec.ts"

/** Sections 5.1 to 5.5 of the book and their labs. */
export const sections: ReadonlyArray<Section> = [
  {
    number: "5.1",
    titleZh: "相关实际问题",
    titleEn: "Practical questions",
    labs: ["5.1", "Q5.1-1", "Q5.1-2", "Q5.1-3"]
  },
  { number: "5.2", titleZh: "跨机网络通信过程", titleEn: "Cross-host communication", labs: ["5.2"] },
  { number: "5.2.1", titleZh: "跨机数据发送", titleEn: "Sending", labs: ["5.2.1"] },
  { number: "5.2.2", titleZh: "跨机数据接收", titleEn: "Receiving", labs: ["5.2.2"] },
  { number: "5.2.3", titleZh: "跨机网络通信汇总", titleEn: "Combined picture", labs: ["5.2.3"] },
  { number: "5.3", titleZh: "本机发送过程", titleEn: "Local sending", labs: ["5.3"] },
  { number: "5.3.1", titleZh: "网络层路由", titleEn: "Routing at the network layer", labs: ["5.3.1"] },
  { number: "5.3.2", titleZh: "本机IP路由", titleEn: "Routing of the host's own IP", labs: ["5.3.2"] },
  { number: "5.3.3", titleZh: "网络设备子系统", titleEn: "Device subsystem", labs: ["5.3.3"] },
  { number: "5.3.4", titleZh: "“驱动”程序", titleEn: 'The "driver"', labs: ["5.3.4-a", "5.3.4-b"] },
  { number: "5.4", titleZh: "本机接收过程", titleEn: "Local receiving", labs: ["5.4"] },
  { number: "5.5", titleZh: "本章总结", titleEn: "Chapter summary", labs: ["5.5"] }
]

export const labs: ReadonlyArray<LabRow> = [
  {
    id: "5.1",
    section: "5.1",
    titleEn: "Ask: local I/O",
    titleZh: "本机IO问题集",
    question: "Which questions about local communication can I ask?",
    knobs: ["question=Q5.1-1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "each of the three questions yields an answer of one line with evidence lines"
    }
  },
  {
    id: "Q5.1-1",
    section: "5.1",
    titleEn: "Does 127.0.0.1 need a NIC",
    titleZh: "127.0.0.1需要网卡吗",
    question: "Does 127.0.0.1 need the NIC?",
    knobs: ["runs=5.3.4-a"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 5.3.4-a, not from stored text",
      "b exact K310": "no: NIC counters change by 0 and there are 0 hard IRQs"
    }
  },
  {
    id: "Q5.1-2",
    section: "5.1",
    titleEn: "Path of local traffic",
    titleZh: "本机数据走什么路径",
    question: "Which path does local traffic take and how does it differ from remote?",
    knobs: ["runs=5.5"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 5.5, not from stored text",
      "b presence NOTE": "no ring, IRQ or wire; system calls, TCP, IP, device layer and soft IRQ remain"
    }
  },
  {
    id: "Q5.1-3",
    section: "5.1",
    titleEn: "127.0.0.1 or own address",
    titleZh: "127.0.0.1比本机IP快吗",
    question: "Is 127.0.0.1 faster than the own address?",
    knobs: ["runs=5.3.2"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 5.3.2, not from stored text",
      "b exact INF": "no: the event lists are identical and the CPU difference is 0"
    }
  },
  {
    id: "5.2",
    section: "5.2",
    titleEn: "End to end between two hosts",
    titleZh: "跨机端到端",
    question: "What is the whole path between two hosts?",
    knobs: ["link=1ms,1Gbit/s", "loss=0"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact INF": "the bytes received equal the bytes sent",
      "b presence INF": "sequence numbers are continuous across both traces"
    }
  },
  {
    id: "5.2.1",
    section: "5.2.1",
    titleEn: "Layers of sending",
    titleZh: "跨机数据发送",
    question: "Which layer costs how much on the sender?",
    knobs: ["bytes=1000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact INF": "the sum over layers equals the sender's CPU time (hi + si + sy)"
    }
  },
  {
    id: "5.2.2",
    section: "5.2.2",
    titleEn: "Layers of receiving",
    titleZh: "跨机数据接收",
    question: "Which layer costs how much on the receiver?",
    knobs: ["bytes=1000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact INF": "the sum over layers equals the receiver's CPU time (hi + si + sy)"
    }
  },
  {
    id: "5.2.3",
    section: "5.2.3",
    titleEn: "Swim lanes",
    titleZh: "跨机通信汇总",
    question: "Where does the time of a request and its response go?",
    knobs: ["rtt=1ms"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact INF": "exactly 2 data segments and 2 wire delays (one each way) in one request and response",
      "b exact INF": "the RTT equals the sum of its parts"
    }
  },
  {
    id: "5.3",
    section: "5.3",
    titleEn: "Two substitutions",
    titleZh: "本机发送的两处不同",
    question: "In which two places does local sending differ?",
    knobs: ["destination=127.0.0.1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence NOTE":
        "the remote path and the local path differ on sending in the route (to lo), in the missing qdisc and ring steps and in the driver (loopback_xmit); every other function is the same"
    }
  },
  {
    id: "5.3.1",
    section: "5.3.1",
    titleEn: "Routing tables",
    titleZh: "网络层路由",
    question: "Which routing table answers for a local address?",
    knobs: ["destinations=127.0.0.1,own,neighbour,unknown"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "127.0.0.1 and the own address hit table local, the neighbour hits main",
      "b exact K310": "no route gives ENETUNREACH"
    }
  },
  {
    id: "5.3.2",
    section: "5.3.2",
    titleEn: "Own address",
    titleZh: "本机IP路由",
    question: "Does traffic to the own address leave on eth0?",
    knobs: ["destination=own (own, 127.0.0.1)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a sequence K310": "both runs have identical event lists",
      "b exact NOTE": "the capture on eth0 counts 0 and the captures on lo are equal",
      "c exact M618 6.x": "6.x: 10 pings to the own address: lo +20, NIC +0, and `ip route get` says dev lo"
    }
  },
  {
    id: "5.3.3",
    section: "5.3.3",
    titleEn: "lo has no queue",
    titleZh: "网络设备子系统（lo）",
    question: "Does lo have a queueing discipline?",
    knobs: ["packets=10000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "lo: 0 enqueues and NET_TX +0"
    }
  },
  {
    id: "5.3.4-a",
    section: "5.3.4",
    titleEn: "Loopback driver",
    titleZh: "环回“驱动”",
    question: "What replaces the NIC driver on lo?",
    knobs: ["packets=100"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "NIC counters 0 and hard IRQs 0",
      "b range K310": "NET_RX is greater than 0"
    }
  },
  {
    id: "5.3.4-b",
    section: "5.3.4",
    titleEn: "Backlog flood",
    titleZh: "backlog队列溢出",
    question: "How many packets can wait in the backlog queue?",
    knobs: ["netdev_max_backlog=1000", "burst=2000", "softirq=held during the burst"],
    profile: ["3.10"],
    checks: {
      "a exact K310": "the queue holds 1001 packets and the 1002nd is dropped: 999 of 2000 lost",
      "b exact K310": "column 2 of softnet_stat equals the drops"
    }
  },
  {
    id: "5.4",
    section: "5.4",
    titleEn: "Local receiving",
    titleZh: "本机接收",
    question: "How is the backlog worked off, and on which CPU?",
    knobs: ["queued=150", "softirq=held until all are queued", "rps=off", "sameCpu=yes"],
    profile: ["3.10"],
    checks: {
      "a sequence K310": "150 queued packets are polled as 64, 64 and 22",
      "b presence K310": "the soft IRQ runs on the sender's CPU unless RPS says otherwise"
    }
  },
  {
    id: "5.5",
    section: "5.5",
    titleEn: "Four paths",
    titleZh: "四种路径比较",
    question: "How do remote, lo, Unix socket and sockmap compare?",
    knobs: ["path=all (remote, lo, unix, sockmap in 6.x only)", "bytes=100..65536"],
    profile: ["3.10", "6.x"],
    checks: {
      "a order INF": "CPU per message, both ends together: remote > lo, and in profile 6.x lo > sockmap",
      "b presence NOTE": "lo still has TCP and IP events",
      "c exact NOTE 6.x": "6.x: sockmap has 0 ip_* events for the payload"
    }
  }
]
