import type { LabRow, Section } from "./LabSpec.ts"

/** Sections 7.1 to 7.5 of the book and their labs. */
export const sections: ReadonlyArray<Section> = [
  {
    number: "7.1",
    titleZh: "相关实际问题",
    titleEn: "Practical questions",
    labs: ["7.1", "Q7.1-1", "Q7.1-2", "Q7.1-3", "Q7.1-4"]
  },
  { number: "7.2", titleZh: "Linux内核如何管理内存", titleEn: "How Linux manages memory", labs: ["7.2"] },
  { number: "7.2.1", titleZh: "node划分", titleEn: "Nodes", labs: ["7.2.1"] },
  { number: "7.2.2", titleZh: "zone划分", titleEn: "Zones", labs: ["7.2.2"] },
  { number: "7.2.3", titleZh: "基于伙伴系统管理空闲页面", titleEn: "Buddy system", labs: ["7.2.3"] },
  { number: "7.2.4", titleZh: "slab分配器", titleEn: "Slab allocator", labs: ["7.2.4"] },
  { number: "7.2.5", titleZh: "小结", titleEn: "Summary", labs: ["7.2.5"] },
  { number: "7.3", titleZh: "TCP连接相关内核对象", titleEn: "Kernel objects of a TCP connection", labs: ["7.3"] },
  { number: "7.3.1", titleZh: "socket函数直接创建", titleEn: "Direct creation", labs: ["7.3.1"] },
  { number: "7.3.2", titleZh: "服务端socket创建", titleEn: "Creation by accept", labs: ["7.3.2"] },
  { number: "7.4", titleZh: "实测TCP内核对象开销", titleEn: "Measured cost", labs: ["7.4"] },
  { number: "7.4.1", titleZh: "实验准备", titleEn: "Preparation", labs: ["7.4.1"] },
  { number: "7.4.2", titleZh: "实验开始", titleEn: "Start", labs: ["7.4.2"] },
  { number: "7.4.3", titleZh: "观察ESTABLISH状态开销", titleEn: "ESTABLISHED", labs: ["7.4.3"] },
  { number: "7.4.4", titleZh: "观察非ESTABLISH状态开销", titleEn: "Other states", labs: ["7.4.4"] },
  { number: "7.4.5", titleZh: "收发缓存区简单测试", titleEn: "Simple buffer test", labs: ["7.4.5"] },
  { number: "7.4.6", titleZh: "实验结果小结", titleEn: "Results", labs: ["7.4.6"] },
  { number: "7.5", titleZh: "本章总结", titleEn: "Chapter summary", labs: ["7.5"] }
]

export const labs: ReadonlyArray<LabRow> = [
  {
    id: "7.1",
    section: "7.1",
    titleEn: "Ask: memory",
    titleZh: "内存问题集",
    question: "Which questions about connection memory can I ask?",
    knobs: ["question=Q7.1-1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "each of the four questions yields an answer from a run"
    }
  },
  {
    id: "Q7.1-1",
    section: "7.1",
    titleEn: "Kernel memory layers",
    titleZh: "内核如何管理内存",
    question: "How does the kernel manage memory?",
    knobs: ["runs=7.2.5"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 7.2.5, not from stored text",
      "b presence NOTE": "node, zone, buddy system and, for the kernel itself, slab"
    }
  },
  {
    id: "Q7.1-2",
    section: "7.1",
    titleEn: "Seeing kernel memory",
    titleZh: "如何查看内核使用的内存",
    question: "How do I see the kernel's memory use?",
    knobs: ["runs=7.2.4"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 7.2.4, not from stored text",
      "b presence NOTE": "slabtop, /proc/slabinfo and Slab in /proc/meminfo agree with the object counts"
    }
  },
  {
    id: "Q7.1-3",
    section: "7.1",
    titleEn: "Idle ESTABLISHED connection",
    titleZh: "一条空的ESTABLISHED连接多大",
    question: "How much memory does an idle established connection take?",
    knobs: ["runs=7.4.3"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 7.4.3, not from stored text",
      "b range AUTH 3.10": "3.10: 3.0 KB to 3.4 KB"
    }
  },
  {
    id: "Q7.1-4",
    section: "7.1",
    titleEn: "30,000 TIME_WAIT",
    titleZh: "三万条TIME_WAIT开销大吗",
    question: "Are 30,000 TIME_WAIT sockets expensive?",
    knobs: ["runs=7.4.4"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 7.4.4, not from stored text",
      "b range AUTH":
        "3.10: 7.5 MB to 12.5 MB (192 B of tw_sock_TCP plus 64 B of bind bucket by object size, 0.4 KB each by the author's measurement); 6.x: 15.4 MB with bind buckets of the host's own ports, 7.7 MB without"
    }
  },
  {
    id: "7.2",
    section: "7.2",
    titleEn: "Four layers",
    titleZh: "内存管理四层",
    question: "How does an allocation pass through the layers?",
    knobs: ["memory=4GB"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact INF":
        "total pages always equal the sum over zones of buddy blocks, per-CPU pages and used pages; free memory is the sum of the first two"
    }
  },
  {
    id: "7.2.1",
    section: "7.2.1",
    titleEn: "Nodes",
    titleZh: "node划分",
    question: "What happens when the local node is full?",
    knobs: ["nodes=2", "nicNode=0", "processNode=1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a range NOTE": "the remote share is 0 % before the node is full and greater than 0 % afterwards",
      "b exact INF":
        "an access to a page of the remote node takes the local time multiplied by the distance knob (default 21/10)"
    }
  },
  {
    id: "7.2.2",
    section: "7.2.2",
    titleEn: "Zones",
    titleZh: "zone划分",
    question: "How is memory divided into zones?",
    knobs: ["memory=4GB (1GB, 4GB, 64GB)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact NOTE":
        "4 GB host: DMA spans 4096 pages, DMA32 the rest below 4 GB, NORMAL what the board maps above 4 GB",
      "b exact INF": "the present pages of the zones sum up to the host's total of pages"
    }
  },
  {
    id: "7.2.3",
    section: "7.2.3",
    titleEn: "Buddy system",
    titleZh: "伙伴系统",
    question: "How are free pages split and merged?",
    knobs: ["request=8KB", "block=16KB"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "asking for 8 KB with one 16 KB block leaves one 8 KB used and one 8 KB free",
      "b exact K310": "after the free there is one 16 KB block again",
      "c exact INF": "100,000 random allocations and frees, everything freed at the end, end in the initial state"
    }
  },
  {
    id: "7.2.4",
    section: "7.2.4",
    titleEn: "Slab allocator",
    titleZh: "slab分配器",
    question: "How do kernel objects fill pages?",
    knobs: ["cache=TCP", "objects=1000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "slabs = ceil(n / objects per slab) and bytes = slabs x pages x 4096",
      "b presence K310": "freed objects are reused before new pages are taken"
    }
  },
  {
    id: "7.2.5",
    section: "7.2.5",
    titleEn: "Who uses what",
    titleZh: "内存管理小结",
    question: "Who uses the page allocator and who uses slab?",
    knobs: ["userPages=1000", "kernelObjects=1000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact NOTE": "allocating user pages changes slab counters by 0"
    }
  },
  {
    id: "7.3",
    section: "7.3",
    titleEn: "Objects of a connection",
    titleZh: "TCP连接相关的内核对象",
    question: "Which objects stand behind a connection, and when are they born?",
    knobs: ["connections=1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "labs 7.3.1 and 7.3.2 run in turn"
    }
  },
  {
    id: "7.3.1",
    section: "7.3.1",
    titleEn: "socket() objects",
    titleZh: "socket函数直接创建",
    question: "Which objects does socket() create?",
    knobs: ["type=tcp (tcp, udp)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310 3.10":
        "3.10: one socket() adds 1 each of sock_inode_cache, TCP, dentry, filp and kmalloc-64; close() takes all of them away, at the latest after an RCU grace period",
      "b exact M618 6.x":
        "6.x: a TCP socket() takes 3640 B (TCP 2368, sock_inode_cache 832, filp 192, dentry 192, 32 + 24)",
      "c exact M618 6.x": "6.x: a UDP socket() takes 2680 B"
    }
  },
  {
    id: "7.3.2",
    section: "7.3.2",
    titleEn: "accept objects",
    titleZh: "服务端socket创建",
    question: "Which objects exist between the third ACK and accept?",
    knobs: ["accept=later"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "between third ACK and accept: TCP +1, sock_inode_cache, dentry and filp +0",
      "b presence K310": "the request sock is freed at accept",
      "c exact M618 6.x": "6.x: 2688 B before accept and 3640 B after it"
    }
  },
  {
    id: "7.4",
    section: "7.4",
    titleEn: "Measuring 50,000 connections",
    titleZh: "实测TCP内核对象开销",
    question: "What does the whole measurement say?",
    knobs: ["connections=50000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "labs 7.4.1 to 7.4.6 run in turn"
    }
  },
  {
    id: "7.4.1",
    section: "7.4.1",
    titleEn: "Pre-flight",
    titleZh: "实验准备",
    question: "Are the preconditions of the measurement met?",
    knobs: ["tcp_max_tw_buckets=60000", "ip_local_port_range=5000-65000", "somaxconn=1024", "tcp_tw_reuse=0"],
    profile: ["3.10"],
    checks: {
      "a presence AUTH": "the check fails when any precondition is missing, for example tcp_max_tw_buckets below 50,000"
    }
  },
  {
    id: "7.4.2",
    section: "7.4.2",
    titleEn: "Opening 50,000",
    titleZh: "实验开始",
    question: "How do I open 50,000 connections without overflowing the queue?",
    knobs: ["connections=50000", "pause=1s per 1000", "backlog=1024", "rtt=0.3ms"],
    profile: ["3.10"],
    checks: {
      "a exact AUTH": "50,000 established and ListenOverflows 0",
      "b range AUTH": "the run takes at least 49 s of virtual time",
      "c range INF":
        "without the pause and with an accept loop that takes 1 ms per connection ListenOverflows is greater than 0"
    }
  },
  {
    id: "7.4.3",
    section: "7.4.3",
    titleEn: "ESTABLISHED",
    titleZh: "ESTABLISH状态开销",
    question: "How much does an established connection take?",
    knobs: ["connections=50000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a range AUTH 3.10": "3.10: (Slab after - before)/50,000 lies between 3.0 KB and 3.4 KB",
      "b range AUTH 3.10": "3.10: each of the four caches grows by 50,000, within one slab",
      "c exact M618 6.x": "6.x: 3640 B per server end and 3896 B per client end"
    }
  },
  {
    id: "7.4.4",
    section: "7.4.4",
    titleEn: "Other states",
    titleZh: "非ESTABLISH状态开销",
    question: "How much do FIN_WAIT2, CLOSE_WAIT and TIME_WAIT take?",
    knobs: ["tcp_fin_timeout=60", "connections=50000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a range AUTH":
        "FIN_WAIT2 and TIME_WAIT take at most 512 B each on the side of the kernel object, bind buckets included",
      "b range M618":
        "CLOSE_WAIT takes as much as ESTABLISHED, within 5 %, once the application has read the end of file; until then the FIN segment stays in the receive queue (6.x: truesize 832)",
      "c range K310 3.10": "3.10: after at most 112.5 s the slab is back to its base, within one slab per cache",
      "d presence K310":
        "with tcp_fin_timeout=120 and fewer connections than tcp_max_orphans (1000) FIN_WAIT2 keeps the full socket for the first 60 s",
      "e exact M618 6.x":
        "6.x: orphaned FIN_WAIT2 and TIME_WAIT take 256 B (plus 256 B of bind buckets on the client), SYN_RECV 320 B",
      "f range M618 6.x": "6.x: orphaned FIN_WAIT2 and TIME_WAIT live 60 s to 61 s"
    }
  },
  {
    id: "7.4.5",
    section: "7.4.5",
    titleEn: "Buffers",
    titleZh: "收发缓存区测试",
    question: "How much memory does unread data take?",
    knobs: ["bytes=1000", "connections=1000", "readerDelay=10s"],
    profile: ["3.10", "6.x"],
    checks: {
      "a range K310": "n unread bytes on m connections raise memory by at least m times the truesize of n",
      "b presence AUTH": "after reading the growth is gone",
      "c exact K310":
        "one unread byte over loopback has truesize 2304 in 3.10 and 833 in 6.x, less than the 4096 B of the sysctl minimum",
      "d exact M618 6.x":
        "6.x: one unread write of n bytes over loopback has truesize 832 + n for n = 1, 100, 500, 1000, 1448, 4000, 16000, 32000",
      "e exact M618 6.x": "6.x: an unread UDP datagram of 1000 B has truesize 2304"
    }
  },
  {
    id: "7.4.6",
    section: "7.4.6",
    titleEn: "Table of states",
    titleZh: "实验结果小结",
    question: "Which state takes how much?",
    knobs: ["connections=10000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a order NOTE":
        "ESTABLISHED = CLOSE_WAIT after the end of file was read (within 5 %) is at least 6 times FIN_WAIT2 = TIME_WAIT > 0",
      "b order M618 6.x":
        "6.x: 3896 B client ESTABLISHED > 3640 B server ESTABLISHED > 320 B SYN_RECV > 256 B FIN_WAIT2 = TIME_WAIT"
    }
  },
  {
    id: "7.5",
    section: "7.5",
    titleEn: "Memory calculator",
    titleZh: "连接内存计算器",
    question: "How much memory do n connections take?",
    knobs: ["connections=10000", "states=established", "bufferBytes=0"],
    profile: ["3.10", "6.x"],
    checks: {
      "a range INF": "calculator and simulated slab differ by less than 2 %",
      "b range NOTE 3.10": "3.10: 10,000 idle connections take about 33 MB, 30 MB to 34 MB"
    }
  }
]
