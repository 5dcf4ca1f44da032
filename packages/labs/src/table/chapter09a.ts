import type { LabRow, Section } from "./LabSpec.ts"

/** Sections 9.1 to 9.3 of the book and their labs. */
export const sections: ReadonlyArray<Section> = [
  {
    number: "9.1",
    titleZh: "网络请求优化",
    titleEn: "Request-level (4 tips)",
    labs: ["9.1-1", "9.1-2", "9.1-3", "9.1-4"]
  },
  {
    number: "9.2",
    titleZh: "接收过程优化",
    titleEn: "Receive path (5 tips)",
    labs: ["9.2-1", "9.2-2", "9.2-3", "9.2-4", "9.2-5"]
  },
  {
    number: "9.3",
    titleZh: "发送过程优化",
    titleEn: "Send path (5 tips)",
    labs: ["9.3-1", "9.3-2", "9.3-3", "9.3-4", "9.3-5"]
  }
]

export const labs: ReadonlyArray<LabRow> = [
  {
    id: "9.1-1",
    section: "9.1",
    titleEn: "Avoid needless network I/O",
    titleZh: "尽量减少不必要的网络IO",
    question: "What does a needless local call cost?",
    knobs: ["callsPerRequest=1", "appWork=50us", "mode=both (before: sidecar over lo, after: in process)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a range NOTE":
        "CPU per request falls by at least 20 % in the default mix (50 us of application work per request)",
      "b range INF": "CPU per request falls by at least the cost of the lo exchange"
    }
  },
  {
    id: "9.1-2",
    section: "9.1",
    titleEn: "Merge requests",
    titleZh: "尽量合并网络请求",
    question: "What does merging 60 requests save?",
    knobs: ["gets=60", "rtt=1ms", "valueBytes=20", "serverCpu=2us per get"],
    profile: ["3.10", "6.x"],
    checks: {
      "a range AUTH": "before: at least 60 RTT; after: at most 1.2 RTT",
      "b ratio AUTH": "the number of packets falls by at least 20 times"
    }
  },
  {
    id: "9.1-3",
    section: "9.1",
    titleEn: "Deploy close",
    titleZh: "调用者与被调用机器部署得近一些",
    question: "What does distance between services cost?",
    knobs: ["rtt=0.3ms (0.3, 1, 35 ms)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a ratio AUTH": "request time at 35 ms is at least 50 times that at 0.3 ms"
    }
  },
  {
    id: "9.1-4",
    section: "9.1",
    titleEn: "No external names inside",
    titleZh: "内网调用不要用外网域名",
    question: "What does the detour through the outside cost?",
    knobs: ["path=external (external, internal)", "load=600/s for 180s", "clients=10", "nf_conntrack_max=65536"],
    profile: ["3.10", "6.x"],
    checks: {
      "a order AUTH": "the RTT of the external path is greater than that of the internal path",
      "b presence INF":
        "at 600 short connections/s from 10 clients the gateway's conntrack table of 65,536 entries is full after about 110 s (TIME_WAIT entries live 120 s) and it drops, while the direct path has 0 errors"
    }
  },
  {
    id: "9.2-1",
    section: "9.2",
    titleEn: "Ring size",
    titleZh: "调整网卡RingBuffer大小",
    question: "When does a larger ring help?",
    knobs: ["ring=256 (256, 4096)", "load=burst (burst, sustained)", "burstFrames=2000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a range AUTH": "burst of 2000 frames at wire speed: drops greater than 0 with 256, 0 with 4096",
      "b range AUTH": "sustained overload: once the ring is full the drop rates differ by at most 1 %",
      "c order AUTH": "the maximum latency is higher with 4096"
    }
  },
  {
    id: "9.2-2",
    section: "9.2",
    titleEn: "Multi-queue RSS",
    titleZh: "多队列网卡RSS调优",
    question: "What do more receive queues give?",
    knobs: ["queues=1 (1, 4, 8)", "cpus=8", "flows=1024"],
    profile: ["3.10", "6.x"],
    checks: {
      "a ratio INF": "packets per second with 4 queues are at least 3.2 times those with 1",
      "b range INF": "si is spread over 4 CPUs within 20 %"
    }
  },
  {
    id: "9.2-3",
    section: "9.2",
    titleEn: "Interrupt coalescing",
    titleZh: "硬中断合并",
    question: "What does coalescing trade?",
    knobs: ["rx_usecs=50 (0, 50, 250)", "pps=200000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a range INF":
        "interrupts per second are at most min(pps, max(pps/rx-frames, 10^6/rx-usecs)); with rx-usecs alone min(pps, 10^6/rx-usecs)",
      "b order AUTH": "CPU time falls with rising rx-usecs",
      "c range INF": "mean latency rises by at most rx-usecs"
    }
  },
  {
    id: "9.2-4",
    section: "9.2",
    titleEn: "Softirq budget",
    titleZh: "软中断budget调整",
    question: "What does a larger netdev_budget change?",
    knobs: ["netdev_budget=300 (300, 600)"],
    profile: ["3.10"],
    checks: {
      "a exact K310": "packets per pass 320 with 300 and 640 with 600",
      "b ratio INF": "time_squeeze per second falls to 0.4 to 0.6 of its value",
      "c order AUTH":
        "the longest stretch of soft-IRQ work in which a user task on the same CPU cannot run is longer with 600"
    }
  },
  {
    id: "9.2-5",
    section: "9.2",
    titleEn: "GRO and LRO",
    titleZh: "接收处理合并",
    question: "What does merging on receive save?",
    knobs: ["offload=gro (off, gro, lro)", "traffic=bulk (bulk, small)", "link=10Gbit/s", "rx_usecs=50"],
    profile: ["3.10", "6.x"],
    checks: {
      "a ratio K310": "at 10 Gbit/s with rx-usecs 50 ip_rcv calls per MB fall by at least 8 times",
      "b range K310 3.10": "3.10: at most 8 flows are merged at a time per NAPI instance",
      "c presence INF": "small request-response traffic is unchanged",
      "d presence K310":
        "GRO packets can be forwarded and re-segmented; enabling forwarding switches LRO off, and an LRO packet that still comes is dropped by ip_forward"
    }
  },
  {
    id: "9.3-1",
    section: "9.3",
    titleEn: "Packet size",
    titleZh: "控制数据包大小",
    question: "What does a datagram larger than the MTU cost?",
    knobs: ["payload=8972 (1472, 8972)", "loss=1%"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "1472 B gives 1 fragment, 8972 B gives 7",
      "b range INF": "at 1 % packet loss 1 % and 6.8 % of the datagrams are lost, within sampling error"
    }
  },
  {
    id: "9.3-2",
    section: "9.3",
    titleEn: "Fewer copies",
    titleZh: "减少内存拷贝",
    question: "What do mmap and sendfile save?",
    knobs: ["path=all (read+send, mmap+send, sendfile)", "fileMB=64"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact AUTH": "CPU copies per byte are 2, 1 and 0 (NIC with scatter-gather and checksum offload)",
      "b exact INF": "system calls per chunk are 2, 1 (plus one mapping) and 1"
    }
  },
  {
    id: "9.3-3",
    section: "9.3",
    titleEn: "Deferred segmentation",
    titleZh: "推迟分片TSO/GSO",
    question: "What do TSO and GSO save?",
    knobs: ["offload=tso (off, gso, tso)", "bytes=65536", "rtt=0.3ms"],
    profile: ["3.10", "6.x"],
    checks: {
      "a range INF":
        "with a congestion window of 46 segments or more stack traversals per 64 KB are 46 (MSS 1448) without, 1 or 2 with GSO, 1 or 2 with TSO",
      "b exact K310": "the packets on the wire are equal in number and length in all three cases"
    }
  },
  {
    id: "9.3-4",
    section: "9.3",
    titleEn: "XPS",
    titleZh: "多队列网卡XPS调优",
    question: "What does XPS avoid?",
    knobs: ["xps=on (off, on)", "cpus=8"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact INF": "lock contention events fall to 0 with one queue per CPU",
      "b range INF": "at least 95 % of transmit completions run on the sending CPU"
    }
  },
  {
    id: "9.3-5",
    section: "9.3",
    titleEn: "eBPF for local I/O",
    titleZh: "使用eBPF绕开协议栈的本机IO",
    question: "What does sockmap save locally?",
    knobs: ["path=sockmap (lo, sockmap)", "bytes=1000"],
    profile: ["6.x"],
    checks: {
      "a exact NOTE": "ip_* and dev_* events are 0 with sockmap in the data phase (3.10 has no sockmap)",
      "b range INF":
        "CPU per message falls by exactly the cost of the skipped ip, dev and soft-IRQ events, with the default cost model to at most 70 % of that over lo"
    }
  }
]
