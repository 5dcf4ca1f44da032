import type { LabRow, Section } from "./LabSpec.ts"

/** Sections 4.4.4 to 4.6 of the book and their labs. */
export const sections: ReadonlyArray<Section> = [
  {
    number: "4.4.4",
    titleZh: "邻居子系统",
    titleEn: "Neighbour subsystem",
    labs: ["4.4.4-a", "4.4.4-b", "4.4.4-c", "4.4.4-d", "4.4.4-e"]
  },
  {
    number: "4.4.5",
    titleZh: "网络设备子系统",
    titleEn: "Network device subsystem",
    labs: ["4.4.5-a", "4.4.5-b", "4.4.5-c", "4.4.5-d", "4.4.5-e"]
  },
  { number: "4.4.6", titleZh: "软中断调度", titleEn: "Soft-IRQ scheduling", labs: ["4.4.6"] },
  { number: "4.4.7", titleZh: "igb网卡驱动发送", titleEn: "igb driver transmit", labs: ["4.4.7"] },
  { number: "4.5", titleZh: "RingBuffer内存回收", titleEn: "Reclaiming ring memory", labs: ["4.5"] },
  { number: "4.6", titleZh: "本章总结", titleEn: "Chapter summary", labs: ["4.6-a", "4.6-b"] }
]

export const labs: ReadonlyArray<LabRow> = [
  {
    id: "4.4.4-a",
    section: "4.4.4",
    titleEn: "ARP, cold send",
    titleZh: "冷启动ARP",
    question: "What happens when the neighbour's address is not known?",
    knobs: ["packets=3"],
    profile: ["3.10", "6.x"],
    checks: {
      "a sequence K310": "ARP request, ARP reply, then the queued packets in their order",
      "b exact INF": "the first RTT equals data RTT plus ARP RTT"
    }
  },
  {
    id: "4.4.4-b",
    section: "4.4.4",
    titleEn: "ARP, dead next hop",
    titleZh: "下一跳不存在",
    question: "What does a sender see when the next hop is dead?",
    knobs: ["mcast_solicit=3", "retrans=1s"],
    profile: ["3.10", "6.x"],
    checks: {
      "a sequence K310": "requests at 0, 1 and 2 s, state FAILED at 3 s",
      "b presence K310": "the queued packets get host unreachable",
      "c range M618 6.x": "6.x: connect() fails with EHOSTUNREACH after 3.0 s to 3.1 s (measured 3.05 s)"
    }
  },
  {
    id: "4.4.4-c",
    section: "4.4.4",
    titleEn: "ARP queue overflow",
    titleZh: "邻居队列溢出",
    question: "How many packets wait for an address, and which are kept?",
    knobs: ["unres_qlen_bytes=65536 (6.x: 212992)", "datagrams=400x1000B"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310 3.10":
        "3.10: with truesize T the queue keeps floor(65536/T) packets, the newest (T = 2304: 28 of 400 datagrams of 1000 B)",
      "b exact M618 6.x":
        "6.x: 92 of 400 datagrams of 1000 B survive, floor(212992/2304), the newest (numbers 309 to 400)"
    }
  },
  {
    id: "4.4.4-d",
    section: "4.4.4",
    titleEn: "Stale neighbour",
    titleZh: "过期邻居",
    question: "What happens with an entry that is no longer fresh?",
    knobs: ["base_reachable=30s", "delay=5s", "ucast=3"],
    profile: ["3.10", "6.x"],
    checks: {
      "a sequence K310": "STALE is used at once, then DELAY for 5 s, then up to 3 unicast probes"
    }
  },
  {
    id: "4.4.4-e",
    section: "4.4.4",
    titleEn: "Neighbour table full",
    titleZh: "邻居表满",
    question: "What happens when the neighbour table is full?",
    knobs: ["gc_thresh3=1024"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310":
        "with 1024 dynamic entries in use, all in INCOMPLETE or REACHABLE so that none can be collected, entry 1025 is refused"
    }
  },
  {
    id: "4.4.5-a",
    section: "4.4.5",
    titleEn: "qdisc bypass",
    titleZh: "qdisc直通与排队",
    question: "When does a packet skip the queue?",
    knobs: ["device=idle"],
    profile: ["3.10"],
    checks: {
      "a exact K310": "an idle device makes 0 enqueues"
    }
  },
  {
    id: "4.4.5-b",
    section: "4.4.5",
    titleEn: "qdisc overflow",
    titleZh: "qdisc溢出",
    question: "What happens when the transmit queue is full?",
    knobs: ["txqueuelen=1000", "burst=2000", "ring=stopped", "queues=1", "sockets=20", "bytes=100"],
    profile: ["3.10"],
    checks: {
      "a exact K310":
        "of a burst of 2000 into a stopped queue 1000 are kept and 1000 dropped, and the counter says 1000"
    }
  },
  {
    id: "4.4.5-c",
    section: "4.4.5",
    titleEn: "qdisc bands",
    titleZh: "pfifo_fast频段",
    question: "Which band goes first?",
    knobs: ["priorities=0..15"],
    profile: ["3.10"],
    checks: {
      "a order K310":
        "band 0 (priorities 6 and 7, the interactive band) is always dequeued first, then band 1, then band 2"
    }
  },
  {
    id: "4.4.5-d",
    section: "4.4.5",
    titleEn: "XPS or hash",
    titleZh: "XPS与哈希选队列",
    question: "How is the transmit queue chosen?",
    knobs: ["xps=on", "queues=4", "senders=one UDP thread pinned per CPU"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence K310": "with XPS each CPU, its sending thread pinned to it, uses only its own queue",
      "b presence K310": "without XPS the same flow always uses the same queue while no retransmission timeout occurs"
    }
  },
  {
    id: "4.4.5-e",
    section: "4.4.5",
    titleEn: "Lock contention",
    titleZh: "发送队列锁竞争",
    question: "What do many CPUs on one transmit queue cost?",
    knobs: ["cpus=8", "queues=1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF":
        "lock contention events grow with the number of CPUs on one queue and are 0 with one CPU per queue"
    }
  },
  {
    id: "4.4.6",
    section: "4.4.6",
    titleEn: "NET_TX",
    titleZh: "软中断调度",
    question: "When does sending raise NET_TX?",
    knobs: ["queued=64", "quota=64", "competing=0"],
    profile: ["3.10"],
    checks: {
      "a exact K310":
        "64 packets in the qdisc when one __qdisc_run begins, the ring free and never stopped: drained in that run, NET_TX +0",
      "b exact K310": "65 packets in the same case: NET_TX +1, which sends the last one",
      "c exact INF": "sy + si + hi equals the total cost of sending",
      "d exact K310":
        "with the quota forced to 1, 1 of the 64 packets reaches the driver in the process and 63 in soft IRQ: NET_TX +63"
    }
  },
  {
    id: "4.4.7",
    section: "4.4.7",
    titleEn: "Driver transmit",
    titleZh: "igb驱动发送",
    question: "How many descriptors does an skb take?",
    knobs: ["frags=1..17", "tso=on", "wire=slow"],
    profile: ["3.10"],
    checks: {
      "a exact K310": "descriptors used = 1 (context, if TSO or checksum) + 1 + nr_frags",
      "b exact K310":
        "with a slow wire the queue stops after ceil((R-21)/d) packets of d descriptors (R = 256: 235 for d = 1, 118 for d = 2) and the driver loses 0"
    }
  },
  {
    id: "4.5",
    section: "4.5",
    titleEn: "Reclaiming the ring",
    titleZh: "RingBuffer内存回收",
    question: "Who frees a sent packet, and when?",
    knobs: ["protocol=udp (udp, tcp)", "rate=1000/s"],
    profile: ["3.10"],
    checks: {
      "a range K310": "on a host that only sends at a low rate NET_RX is greater than 0 and NET_TX is 0",
      "b exact K310": "after completion the ring has R-1 free descriptors",
      "c exact K310":
        "the TCP original is freed only when its ACK arrives: one RTT plus the ACK delay of the peer later"
    }
  },
  {
    id: "4.6-a",
    section: "4.6",
    titleEn: "NET_RX on a server",
    titleZh: "请求应答服务器的软中断",
    question: "What is the ratio of NET_RX to NET_TX on a server?",
    knobs: ["seconds=10", "rate=10000/s"],
    profile: ["3.10"],
    checks: {
      "a ratio BOOK": "NET_RX is greater than 0 and at least 100 times NET_TX, which may be 0",
      "b exact K310": "when no queue forms NET_TX is 0"
    }
  },
  {
    id: "4.6-b",
    section: "4.6",
    titleEn: "Kafka model",
    titleZh: "Kafka模型",
    question: "What do batches and sendfile save?",
    knobs: ["batch=100", "messageBytes=100", "path=sendfile (sendfile, read+write)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a ratio INF": "CPU per byte of sendfile with batches is at most 1/2 of read+write per message"
    }
  }
]
