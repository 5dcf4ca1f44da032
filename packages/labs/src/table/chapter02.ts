import type { LabRow, Section } from "./LabSpec.ts"

/** Sections 2.1 to 2.3 of the book and their labs. */
export const sections: ReadonlyArray<Section> = [
  {
    number: "2.1",
    titleZh: "相关实际问题",
    titleEn: "Practical questions",
    labs: ["2.1", "Q2.1-1", "Q2.1-2", "Q2.1-3", "Q2.1-4", "Q2.1-5", "Q2.1-6", "Q2.1-7", "Q2.1-8", "Q2.1-9"]
  },
  { number: "2.2", titleZh: "数据是如何从网卡到协议栈的", titleEn: "From NIC to protocol stack", labs: ["2.2"] },
  { number: "2.2.1", titleZh: "Linux网络收包总览", titleEn: "Overview of receiving", labs: ["2.2.1"] },
  { number: "2.2.2", titleZh: "Linux启动", titleEn: "Linux start-up", labs: ["2.2.2-a", "2.2.2-b"] },
  {
    number: "2.2.3",
    titleZh: "迎接数据的到来",
    titleEn: "When data arrives",
    labs: ["2.2.3-a", "2.2.3-b", "2.2.3-c", "2.2.3-d", "2.2.3-e", "2.2.3-f", "2.2.3-g"]
  },
  { number: "2.2.4", titleZh: "收包小结", titleEn: "Summary of receiving", labs: ["2.2.4"] },
  { number: "2.3", titleZh: "本章总结", titleEn: "Chapter summary", labs: ["2.3-a", "2.3-b"] }
]

export const labs: ReadonlyArray<LabRow> = [
  {
    id: "2.1",
    section: "2.1",
    titleEn: "Ask: receiving",
    titleZh: "收包问题集",
    question: "Which questions about receiving can I ask?",
    knobs: ["question=Q2.1-1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF":
        "each of the nine questions of the section can be chosen and yields an answer of one line with evidence lines"
    }
  },
  {
    id: "Q2.1-1",
    section: "2.1",
    titleEn: "The ring buffer",
    titleZh: "RingBuffer是什么，为什么会丢包",
    question: "What is the ring buffer and why does it drop packets?",
    knobs: ["runs=2.2.3-a"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 2.2.3-a, not from stored text",
      "b range INF": "a ring of R descriptors loses max(0, B(1 - mu/lambda) - (R-1)) packets of a burst B, within 16"
    }
  },
  {
    id: "Q2.1-2",
    section: "2.1",
    titleEn: "Hard and soft network IRQs",
    titleZh: "网络相关的硬中断、软中断",
    question: "What are the hard and the soft network IRQs?",
    knobs: ["runs=2.2.3-b"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 2.2.3-b, not from stored text",
      "b range INF": "for 1000 packets back to back at least 90 % of hi + si is si"
    }
  },
  {
    id: "Q2.1-3",
    section: "2.1",
    titleEn: "ksoftirqd",
    titleZh: "ksoftirqd内核线程做什么",
    question: "What does ksoftirqd do?",
    knobs: ["runs=2.2.2-a"],
    profile: ["3.10"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 2.2.2-a, not from stored text",
      "b exact K310":
        "there is one ksoftirqd thread per CPU; for receive work raised in a hard IRQ it runs only after __do_softirq gave up: 10 restarts, 2 ms or need_resched"
    }
  },
  {
    id: "Q2.1-4",
    section: "2.1",
    titleEn: "Multiple queues",
    titleZh: "多队列网卡为何提升性能",
    question: "Why do multiple queues help?",
    knobs: ["runs=2.2.3-d"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 2.2.3-d, not from stored text",
      "b ratio INF": "with every queue saturated 4 queues on 4 CPUs carry at least 3.2 times one queue"
    }
  },
  {
    id: "Q2.1-5",
    section: "2.1",
    titleEn: "How tcpdump works",
    titleZh: "tcpdump如何工作",
    question: "How does tcpdump work?",
    knobs: ["runs=2.2.3-e"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 2.2.3-e, not from stored text",
      "b order K310": "the tap event precedes PRE_ROUTING on receive"
    }
  },
  {
    id: "Q2.1-6",
    section: "2.1",
    titleEn: "Where netfilter sits",
    titleZh: "iptables/netfilter在哪一层",
    question: "At which layer are iptables and netfilter?",
    knobs: ["runs=2.2.3-f"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 2.2.3-f, not from stored text",
      "b presence K310": "the hooks fire inside the IP layer, in priority order"
    }
  },
  {
    id: "Q2.1-7",
    section: "2.1",
    titleEn: "tcpdump and iptables",
    titleZh: "tcpdump能否抓到被iptables封禁的包",
    question: "Can tcpdump capture packets that iptables drops?",
    knobs: ["runs=2.3-a"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 2.3-a, not from stored text",
      "b exact K310": "INPUT DROP: captured; OUTPUT DROP: not captured"
    }
  },
  {
    id: "Q2.1-8",
    section: "2.1",
    titleEn: "CPU cost of receiving",
    titleZh: "如何查看接收的CPU消耗",
    question: "How do I see the CPU cost of receiving?",
    knobs: ["runs=2.3-b"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 2.3-b, not from stored text",
      "b order INF": "in a receive flood whose reader takes every datagram si > sy > hi"
    }
  },
  {
    id: "Q2.1-9",
    section: "2.1",
    titleEn: "DPDK",
    titleZh: "DPDK是什么",
    question: "What is DPDK?",
    knobs: ["runs=Q1.1.8"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab Q1.1.8, not from stored text",
      "b exact INF": "the bypass path has 0 hard IRQs of the NIC and 0 runs of NET_RX and NET_TX"
    }
  },
  {
    id: "2.2",
    section: "2.2",
    titleEn: "Life of a packet",
    titleZh: "一个包的一生",
    question: "What happens to one packet between the NIC and the process?",
    knobs: ["protocol=both (tcp, udp)", "step=run (run, single)"],
    profile: ["3.10"],
    checks: {
      "a presence K310":
        "one TCP segment and one UDP datagram pass all stages of 2.2.1 to 2.2.3 and every stage leaves one event"
    }
  },
  {
    id: "2.2.1",
    section: "2.2.1",
    titleEn: "One packet",
    titleZh: "收包总览：一个包",
    question: "In which order does the kernel handle a received packet?",
    knobs: ["payload=100", "reader=blocked"],
    profile: ["3.10"],
    checks: {
      "a sequence K310":
        "dma < igb_msix_ring < napi_schedule < net_rx_action < igb_poll < netif_receive_skb < ip_rcv < udp_rcv < queue to socket < wake < copy to user",
      "b exact INF": "exactly one hard IRQ of the NIC and one NET_RX on the receiving host"
    }
  },
  {
    id: "2.2.2-a",
    section: "2.2.2",
    titleEn: "Boot tables",
    titleZh: "启动后的内核表",
    question: "What must exist before the first packet arrives?",
    knobs: ["cpus=4", "queues=4 (min(8, CPUs))", "nic=I350"],
    profile: ["3.10"],
    checks: {
      "a exact BOOK": "n CPUs give n ksoftirqd threads",
      "b exact K310":
        "q RX queues give, for q > 4, q lines for TX and RX together and, for q <= 4, q rx and q tx lines, plus one for link events (4 queues: 9 lines; 8 queues: 9 lines)",
      "c exact K310":
        "ptype_base maps IP to ip_rcv, and inet_protos maps 1, 6 and 17 to icmp_rcv, tcp_v4_rcv and udp_rcv"
    }
  },
  {
    id: "2.2.2-b",
    section: "2.2.2",
    titleEn: "Forgotten step",
    titleZh: "漏掉一个启动步骤",
    question: "What breaks when one step of the start-up is left out?",
    knobs: ["leaveOut=napi_enable (napi_enable, request_irq, inet_add_protocol, dev_add_pack)"],
    profile: ["3.10"],
    checks: {
      "a presence K310":
        "without napi_enable or request_irq the ring fills and rx_fifo_errors grows; with a single queue rx_missed_errors grows with it",
      "b presence K310":
        "without inet_add_protocol(TCP) the packet is dropped in ip_local_deliver_finish and ICMP protocol unreachable is sent",
      "c exact K310":
        "without dev_add_pack, and with no capture running, the packet is dropped in __netif_receive_skb_core and rx_dropped grows by 1"
    }
  },
  {
    id: "2.2.3-a",
    section: "2.2.3",
    titleEn: "Ring overflow",
    titleZh: "RingBuffer溢出",
    question: "How many packets does a ring of a given size lose in a burst?",
    knobs: [
      "ring=256",
      "burst=1000",
      "arrivalOverDrain=10",
      "frameBytes=64",
      "link=1Gbit/s",
      "drain=148810/s",
      "rx-usecs=0"
    ],
    profile: ["3.10", "6.x"],
    checks: {
      "a range INF": "ring 256, burst 1000 at 10 times the drain rate: 645 packets lost, within 16",
      "b exact INF": "ring 4096: 0 packets lost"
    }
  },
  {
    id: "2.2.3-b",
    section: "2.2.3",
    titleEn: "Top half and bottom half",
    titleZh: "硬中断与软中断的分工",
    question: "How is receive work split between hard and soft IRQ?",
    knobs: ["packets=1000", "arrival=back-to-back"],
    profile: ["3.10", "6.x"],
    checks: {
      "a range INF": "at least 90 % of hi + si is si"
    }
  },
  {
    id: "2.2.3-c",
    section: "2.2.3",
    titleEn: "NAPI flood",
    titleZh: "NAPI预算与饱和",
    question: "How many packets does one soft-IRQ pass take under flood?",
    knobs: ["netdev_budget=300", "weight=64", "HZ=1000"],
    profile: ["3.10"],
    checks: {
      "a exact K310":
        "a saturated queue gives 320 packets per net_rx_action pass while the pass ends before its limit of 2 jiffies",
      "b exact K310": "time_squeeze grows by 1 per pass that leaves work behind",
      "c exact K310": "with netdev_budget=600 a pass takes 640 packets while it ends before its limit of 2 jiffies"
    }
  },
  {
    id: "2.2.3-d",
    section: "2.2.3",
    titleEn: "Multi-queue",
    titleZh: "多队列与多核",
    question: "How does receiving scale with queues and CPUs?",
    knobs: [
      "queues=4",
      "cpus=4",
      "flows=64",
      "rxCost=10us per packet",
      "offered=1200000/s (12 times one CPU)",
      "frameBytes=64",
      "link=1Gbit/s"
    ],
    profile: ["3.10", "6.x"],
    checks: {
      "a ratio INF":
        "with 64 or more flows and every queue saturated 4 queues on 4 CPUs carry at least 3.2 times one queue",
      "b range INF": "NET_RX counts of the saturated CPUs are equal within 20 %"
    }
  },
  {
    id: "2.2.3-e",
    section: "2.2.3",
    titleEn: "Capture point",
    titleZh: "抓包点的位置",
    question: "Does tcpdump see a packet before or after iptables on receive?",
    knobs: ["rule=none"],
    profile: ["3.10", "6.x"],
    checks: {
      "a order K310": "the tap event precedes PRE_ROUTING"
    }
  },
  {
    id: "2.2.3-f",
    section: "2.2.3",
    titleEn: "Hook order",
    titleZh: "netfilter钩子顺序",
    question: "In which order do the netfilter hooks fire?",
    knobs: ["tables=raw,conntrack,mangle,nat,filter"],
    profile: ["3.10", "6.x"],
    checks: {
      "a sequence K310":
        "a forwarded packet fires, hook by hook: PRE_ROUTING raw -300, conntrack -200, mangle -150, DNAT -100; FORWARD mangle -150, filter 0; POST_ROUTING mangle -150, SNAT 100"
    }
  },
  {
    id: "2.2.3-g",
    section: "2.2.3",
    titleEn: "One flow, one queue",
    titleZh: "单流只能用一个队列",
    question: "Can one flow use more than one queue?",
    knobs: ["flows=1", "queues=4"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact INF": "throughput of one flow is the same with 4 queues as with 1"
    }
  },
  {
    id: "2.2.4",
    section: "2.2.4",
    titleEn: "Annotated timeline",
    titleZh: "收包时间线",
    question: "What does each stage of receiving cost?",
    knobs: ["packets=100"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact INF": "the sum of the stage costs equals the CPU time charged (hi + si + sy) within rounding"
    }
  },
  {
    id: "2.3-a",
    section: "2.3",
    titleEn: "tcpdump and iptables",
    titleZh: "tcpdump与iptables组合",
    question: "Can tcpdump capture packets that iptables drops?",
    knobs: ["rule=INPUT-DROP (INPUT-DROP, OUTPUT-DROP)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "INPUT DROP: the packet is captured and does not reach the socket",
      "b exact K310": "OUTPUT DROP: the packet is not captured"
    }
  },
  {
    id: "2.3-b",
    section: "2.3",
    titleEn: "CPU accounting",
    titleZh: "接收的CPU开销统计",
    question: "Where does the CPU time of a receive load appear?",
    knobs: ["pps=500000", "queues=4", "rx-usecs=100", "reader=every datagram"],
    profile: ["3.10", "6.x"],
    checks: {
      "a order INF": "in a receive flood whose reader takes every datagram si > sy > hi",
      "b presence INF": "si concentrates on the CPUs that take the IRQs"
    }
  }
]
