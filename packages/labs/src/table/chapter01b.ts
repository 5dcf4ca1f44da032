import type { LabRow, Section } from "./LabSpec.ts"

/** Sections 1.1.5 to 1.4 of the book and their labs. */
export const sections: ReadonlyArray<Section> = [
  {
    number: "1.1.5",
    titleZh: "访问127.0.0.1过网卡吗",
    titleEn: "Does 127.0.0.1 go through the NIC?",
    labs: ["Q1.1.5-a", "Q1.1.5-b", "Q1.1.5-c"]
  },
  {
    number: "1.1.6",
    titleZh: "软中断和硬中断",
    titleEn: "Soft IRQs and hard IRQs",
    labs: ["Q1.1.6-a", "Q1.1.6-b", "Q1.1.6-c", "Q1.1.6-d"]
  },
  { number: "1.1.7", titleZh: "零拷贝到底是怎么回事", titleEn: "What zero-copy really is", labs: ["Q1.1.7"] },
  { number: "1.1.8", titleZh: "DPDK", titleEn: "DPDK", labs: ["Q1.1.8"] },
  { number: "1.2", titleZh: "本书内容结构", titleEn: "Structure of the book", labs: ["1.2"] },
  { number: "1.3", titleZh: "一些约定", titleEn: "Conventions", labs: ["1.3"] },
  { number: "1.4", titleZh: "一些术语", titleEn: "Terms", labs: ["1.4"] }
]

export const labs: ReadonlyArray<LabRow> = [
  {
    id: "Q1.1.5-a",
    section: "1.1.5",
    titleEn: "127.0.0.1: NIC or not",
    titleZh: "127.0.0.1过不过网卡",
    question: "Does traffic to 127.0.0.1 go through the NIC?",
    knobs: ["cable=plugged (plugged, unplugged)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "NIC rx and tx counters change by 0",
      "b presence INF": "the exchange still works with the cable unplugged",
      "c exact M618 6.x": "6.x: 10 pings to 127.0.0.1 add 20 rx and 20 tx packets on lo"
    }
  },
  {
    id: "Q1.1.5-b",
    section: "1.1.5",
    titleEn: "127.0.0.1 against own address",
    titleZh: "127.0.0.1与本机IP的比较",
    question: "Is 127.0.0.1 faster than the host's own address?",
    knobs: ["destination=127.0.0.1 (127.0.0.1, own)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a sequence K310": "both runs produce the identical sequence of events",
      "b exact INF": "the difference in CPU time is 0",
      "c exact M618 6.x": "6.x: 10 pings to the own NIC address add 20 packets on lo and 0 on the NIC"
    }
  },
  {
    id: "Q1.1.5-c",
    section: "1.1.5",
    titleEn: "Local against remote cost",
    titleZh: "本机与跨机开销比较",
    question: "What does local communication save against remote?",
    knobs: ["path=lo (lo, remote)", "messageBytes=100"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "a local exchange has 0 hard IRQs and 0 ring operations",
      "b presence K310": "a local exchange contains the events of system call, TCP, IP and device layer"
    }
  },
  {
    id: "Q1.1.6-a",
    section: "1.1.6",
    titleEn: "NET_RX against NET_TX",
    titleZh: "NET_RX与NET_TX之比",
    question: "Why is NET_RX so much larger than NET_TX?",
    knobs: ["traffic=symmetric", "seconds=10", "cpus=4"],
    profile: ["3.10"],
    checks: {
      "a ratio BOOK":
        "with symmetric traffic NET_RX is greater than 0 and at least 100 times NET_TX, which may be 0 (sample in the book: 4100 to 4240)"
    }
  },
  {
    id: "Q1.1.6-b",
    section: "1.1.6",
    titleEn: "Hello World and NET_TX",
    titleZh: "发送Hello World触发哪个软中断",
    question: 'Does sending "Hello World" raise NET_TX?',
    knobs: ["bytes=11"],
    profile: ["3.10"],
    checks: {
      "a exact K310": "one small send raises NET_TX by 0",
      "b range K310": "one small send raises NET_RX by at least 1 (transmit completion and ACK)"
    }
  },
  {
    id: "Q1.1.6-c",
    section: "1.1.6",
    titleEn: "Soft IRQ affinity",
    titleZh: "软中断与硬中断的CPU绑定",
    question: "Why must I bind hard IRQs to move soft-IRQ load to other cores?",
    knobs: ["queues=4", "smp_affinity_list=0,1,2,3 (one CPU per queue)"],
    profile: ["3.10"],
    checks: {
      "a exact K310":
        "NET_RX and si are greater than 0 on exactly the CPUs that take a hard IRQ of the NIC, and every NET_RX run is on the CPU whose hard IRQ raised it",
      "b presence BOOK": "changing smp_affinity alone moves si to the other CPU"
    }
  },
  {
    id: "Q1.1.6-d",
    section: "1.1.6",
    titleEn: "us, sy, hi, si",
    titleZh: "us、sy、hi、si的含义",
    question: "What do us, sy, hi and si mean?",
    knobs: ["cpus=4", "load=mixed"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact INF": "us + sy + hi + si + id = 100 % on every CPU",
      "b presence INF": "every tick is charged to exactly one class"
    }
  },
  {
    id: "Q1.1.7",
    section: "1.1.7",
    titleEn: "Zero copy",
    titleZh: "零拷贝",
    question: "What does zero copy really avoid?",
    knobs: ["path=all (read+send, mmap+send, sendfile, sendfile-sg)", "fileMB=64"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact AUTH":
        "bytes copied by the CPU on the sender are 2S, S, S and 0 (plus headers) for read+send, mmap+send, sendfile without and sendfile with scatter-gather",
      "b exact INF": "system calls per chunk are 2 for read+send, 1 for mmap+send and 1 for sendfile",
      "c exact INF": "the bytes on the wire are identical for all paths"
    }
  },
  {
    id: "Q1.1.8",
    section: "1.1.8",
    titleEn: "Kernel bypass (DPDK)",
    titleZh: "内核旁路（DPDK）",
    question: "What is kernel bypass and what do I lose with it?",
    knobs: ["mode=both (kernel, bypass)", "pps=1000000", "bypassCost=100ns per packet"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact INF": "bypass: 0 hard IRQs of the NIC and 0 runs of NET_RX and NET_TX",
      "b exact INF": "bypass: the polling core is 100 % busy at zero traffic",
      "c ratio INF":
        "CPU time per packet of the kernel path (hi + si + sy) is at least 5 times that of the bypass path, which is the knob bypassCost",
      "d exact INF": "bypass: the counters of tcpdump and iptables stay 0"
    }
  },
  {
    id: "1.2",
    section: "1.2",
    titleEn: "Map of the book",
    titleZh: "本书内容结构图",
    question: "Which chapter explains which part of the path?",
    knobs: ["chapter=1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence BOOK": "every section of the table of contents is present",
      "b presence INF": "every lab belongs to a section"
    }
  },
  {
    id: "1.3",
    section: "1.3",
    titleEn: "Profile and defaults",
    titleZh: "内核版本与默认值",
    question: "Which kernel, driver and defaults are in force?",
    knobs: ["kernel=3.10", "nic=igb"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310 3.10": "3.10: the printed defaults equal table 0.4 of the book specification",
      "b exact M618 6.x":
        "6.x: somaxconn 4096, port range 32768-60999, tcp_tw_reuse 2, tcp_syn_linear_timeouts 4, unres_qlen_bytes 212992 are printed"
    }
  },
  {
    id: "1.4",
    section: "1.4",
    titleEn: "Glossary",
    titleZh: "术语表",
    question: "What does a term in a trace event mean?",
    knobs: ["term=NAPI"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "every object type and every counter name has a glossary entry"
    }
  }
]
