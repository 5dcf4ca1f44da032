import type { LabRow, Section } from "./LabSpec.ts"

/** Sections 8.1 to 8.6 of the book and their labs. */
export const sections: ReadonlyArray<Section> = [
  {
    number: "8.1",
    titleZh: "相关实际问题",
    titleEn: "Practical questions",
    labs: ["8.1", "Q8.1-1", "Q8.1-2", "Q8.1-3", "Q8.1-4"]
  },
  { number: "8.2", titleZh: "理解Linux最大文件描述符限制", titleEn: "File-descriptor limits", labs: ["8.2"] },
  { number: "8.2.1", titleZh: "找到源码入口", titleEn: "Entry", labs: ["8.2.1"] },
  { number: "8.2.2", titleZh: "寻找进程级限制nofile和fs.nr_open", titleEn: "Per-process limits", labs: ["8.2.2"] },
  { number: "8.2.3", titleZh: "寻找系统级限制fs.file-max", titleEn: "System-wide limit", labs: ["8.2.3"] },
  { number: "8.2.4", titleZh: "小结", titleEn: "Summary", labs: ["8.2.4"] },
  { number: "8.3", titleZh: "一台服务端机器最多可以支撑多少条TCP连接", titleEn: "Server side", labs: ["8.3"] },
  { number: "8.3.1", titleZh: "一次关于服务端并发的聊天", titleEn: "A talk about server concurrency", labs: ["8.3.1"] },
  { number: "8.3.2", titleZh: "服务器百万连接达成记", titleEn: "Reaching a million", labs: ["8.3.2"] },
  { number: "8.3.3", titleZh: "小结", titleEn: "Summary", labs: ["8.3.3"] },
  { number: "8.4", titleZh: "一台客户端机器最多只能发起65 535条连接吗", titleEn: "Client side", labs: ["8.4"] },
  { number: "8.4.1", titleZh: "65 535的束缚", titleEn: "The 65,535 limit", labs: ["8.4.1"] },
  { number: "8.4.2", titleZh: "多IP增加连接数", titleEn: "More client IPs", labs: ["8.4.2"] },
  { number: "8.4.3", titleZh: "端口复用增加连接数", titleEn: "Reusing ports", labs: ["8.4.3"] },
  { number: "8.4.4", titleZh: "小结", titleEn: "Summary", labs: ["8.4.4"] },
  { number: "8.5", titleZh: "单机百万并发连接的动手实验", titleEn: "Million-connection hands-on", labs: ["8.5"] },
  { number: "8.5.1", titleZh: "方案一，多IP客户端发起百万连接", titleEn: "Plan 1: many client IPs", labs: ["8.5.1"] },
  { number: "8.5.2", titleZh: "方案二，单IP客户端机器发起百万连接", titleEn: "Plan 2: one client IP", labs: ["8.5.2"] },
  { number: "8.5.3", titleZh: "最后多谈一点", titleEn: "A last word", labs: ["8.5.3"] },
  { number: "8.6", titleZh: "本章总结", titleEn: "Chapter summary", labs: ["8.6"] }
]

export const labs: ReadonlyArray<LabRow> = [
  {
    id: "8.1",
    section: "8.1",
    titleEn: "Ask: limits",
    titleZh: "连接数问题集",
    question: "Which questions about limits can I ask?",
    knobs: ["question=Q8.1-1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "each of the four questions yields an answer from a run"
    }
  },
  {
    id: "Q8.1-1",
    section: "8.1",
    titleEn: "Too many open files",
    titleZh: "Too many open files是怎么回事",
    question: 'What causes "Too many open files" and what cures it?',
    knobs: ["runs=8.2.2"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 8.2.2, not from stored text",
      "b exact K310": "the first failing descriptor equals min(soft nofile, nr_open rounded up to a multiple of 64)"
    }
  },
  {
    id: "Q8.1-2",
    section: "8.1",
    titleEn: "Server maximum",
    titleZh: "一台服务端最多多少连接",
    question: "How many connections can a server hold at most?",
    knobs: ["runs=8.3.2"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 8.3.2, not from stored text",
      "b exact AUTH 3.10": "3.10: 1,000,000 on a 4 GB host, limited by memory"
    }
  },
  {
    id: "Q8.1-3",
    section: "8.1",
    titleEn: "Client maximum",
    titleZh: "一台客户端最多多少连接",
    question: "How many connections can a client open at most?",
    knobs: ["runs=8.4.4"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 8.4.4, not from stored text",
      "b exact K310": "local IPs x ports x server (ip,port) pairs"
    }
  },
  {
    id: "Q8.1-4",
    section: "8.1",
    titleEn: "Push service",
    titleZh: "一亿用户的推送服务要多少台机器",
    question: "How many machines does a push service for 100 million users need?",
    knobs: ["runs=8.6"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 8.6, not from stored text",
      "b exact NOTE": "20 machines of 128 GB"
    }
  },
  {
    id: "8.2",
    section: "8.2",
    titleEn: "Descriptor limits",
    titleZh: "最大文件描述符限制",
    question: "Which limits stop open and accept?",
    knobs: ["nofile=1024", "nr_open=1048576"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "labs 8.2.1 to 8.2.4 run in turn"
    }
  },
  {
    id: "8.2.1",
    section: "8.2.1",
    titleEn: "Two checks",
    titleZh: "源码入口：两处检查",
    question: "In which order are the limits checked?",
    knobs: ["fail=none (none, fd, file)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a order K310": "the descriptor number is allocated before the file object",
      "b presence K310": "when the file object fails the number is given back"
    }
  },
  {
    id: "8.2.2",
    section: "8.2.2",
    titleEn: "nofile and nr_open",
    titleZh: "进程级限制nofile与nr_open",
    question: "At which descriptor does a process fail?",
    knobs: ["soft=1024", "hard=4096", "nr_open=1048576"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "the first failing descriptor equals min(soft nofile, nr_open rounded up to a multiple of 64)",
      "b exact K310": "with descriptors 0 to 2 in use the number of sockets is that minus 3",
      "c presence K310": "setrlimit with a hard limit above nr_open returns EPERM, so that the login fails"
    }
  },
  {
    id: "8.2.3",
    section: "8.2.3",
    titleEn: "file-max",
    titleZh: "系统级限制file-max",
    question: "What happens at the system-wide limit?",
    knobs: ["file_max=10000", "user=normal (normal, root)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "a normal user gets ENFILE at the limit, root goes on",
      "b exact K310":
        "the default is max(8192, memory in KB / 10), where memory is the total less 1.5 times what is in use at boot"
    }
  },
  {
    id: "8.2.4",
    section: "8.2.4",
    titleEn: "Consistent limits",
    titleZh: "描述符参数建议",
    question: "Which three values do I need for n connections?",
    knobs: ["connections=1000000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a order AUTH": "the printed values satisfy n + 3 <= soft <= hard < nr_open and n <= file-max",
      "b presence INF": "with them labs 8.2.2 and 8.2.3 hold n connections"
    }
  },
  {
    id: "8.3",
    section: "8.3",
    titleEn: "Server limits",
    titleZh: "服务端连接上限",
    question: "What limits a server?",
    knobs: ["memory=4GB"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "labs 8.3.1 to 8.3.3 run in turn"
    }
  },
  {
    id: "8.3.1",
    section: "8.3.1",
    titleEn: "Limit finder",
    titleZh: "服务端并发的瓶颈",
    question: "Which limit binds first on my server?",
    knobs: ["memory=4GB", "otherUse=580MB", "nofile=1100000", "activeShare=0"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence NOTE": "the binding limit of the four (4-tuples, descriptors, memory, CPU) is named",
      "b range AUTH 3.10":
        "3.10: with 4 GB (3,922,956 kB, of which 580 MB serve other purposes) and idle connections it is memory, at 1,000,000 to 1,100,000 connections"
    }
  },
  {
    id: "8.3.2",
    section: "8.3.2",
    titleEn: "One million",
    titleZh: "百万连接达成",
    question: "Can one server hold a million connections?",
    knobs: ["connections=1000000", "memory=4GB (6.x: 6GB)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact AUTH": "1,000,000 established",
      "b range AUTH 3.10": "3.10: slab per connection lies between 3.1 KB and 3.3 KB",
      "c range INF":
        "measured by the command line outside the simulation: the simulator needs at most 2.5 kB of its own memory per connection pair, and twice the connections take at most 2.2 times the CPU time",
      "d presence AUTH": "one more process can still start"
    }
  },
  {
    id: "8.3.3",
    section: "8.3.3",
    titleEn: "One port, 180,000",
    titleZh: "单端口突破65535",
    question: "Does a server stop at 65,535 connections per port?",
    knobs: ["clients=3", "perClient=60000", "port=80", "ip_local_port_range=5000-65000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact NOTE": "180,000 connections on a single listening port"
    }
  },
  {
    id: "8.4",
    section: "8.4",
    titleEn: "Client limits",
    titleZh: "客户端连接上限",
    question: "What limits a client?",
    knobs: ["ip_local_port_range=5000-65000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "labs 8.4.1 to 8.4.4 run in turn"
    }
  },
  {
    id: "8.4.1",
    section: "8.4.1",
    titleEn: "One IP, one server port",
    titleZh: "65535的束缚",
    question: "How many connections can one IP open to one server port?",
    knobs: ["ip_local_port_range=32768-61000 (6.x: 32768-60999)", "reserved=0"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310":
        "the maximum is the width of the range minus reserved ports, then EADDRNOTAVAIL (6.x: for an even width; one search covers an even number of ports)",
      "b exact M618 6.x": "6.x: a range of 15,000 ports gives 15,000 connections to one destination"
    }
  },
  {
    id: "8.4.2",
    section: "8.4.2",
    titleEn: "Many client IPs",
    titleZh: "多IP增加连接数",
    question: "What do more client IPs give?",
    knobs: ["ips=3", "ports=1000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "the maximum is k x N for k IPs"
    }
  },
  {
    id: "8.4.3",
    section: "8.4.3",
    titleEn: "Reusing ports",
    titleZh: "端口复用增加连接数",
    question: "What do more server ports give, and does data reach the right socket?",
    knobs: ["serverPorts=3", "ports=1000", "reuseport=5"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "k x N connections for k server ports",
      "b exact K310": "every data segment reaches its own socket",
      "c exact AUTH": "SO_REUSEPORT with 5 listeners and 100 connections: all 5 get some and the total is 100"
    }
  },
  {
    id: "8.4.4",
    section: "8.4.4",
    titleEn: "Product formula",
    titleZh: "客户端上限公式",
    question: "What is a client's maximum?",
    knobs: ["settings=3 random"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310":
        "the maximum equals local IPs x N x server (ip,port) pairs in 3 random settings (N even); several local IPs are chosen by bind(ip, port) with SO_REUSEADDR in 3.10 and by IP_BIND_ADDRESS_NO_PORT in 6.x"
    }
  },
  {
    id: "8.5",
    section: "8.5",
    titleEn: "Million-connection recipes",
    titleZh: "百万连接动手实验",
    question: "Which recipes reach a million connections?",
    knobs: ["plan=both"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "labs 8.5.1 to 8.5.3 run in turn"
    }
  },
  {
    id: "8.5.1",
    section: "8.5.1",
    titleEn: "Plan 1, many client IPs",
    titleZh: "方案一：多IP客户端",
    question: "How do 20 client IPs open a million connections?",
    knobs: [
      "ips=20",
      "perIp=50000",
      "ip_local_port_range=5000-65000",
      "backlog=1024",
      "somaxconn=1024",
      "pause=1s per 1000",
      "rtt=1ms",
      "acceptStall=10ms per 100ms",
      "memory=8GB"
    ],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact AUTH": "1,000,000 established and ListenOverflows 0",
      "b range AUTH": "at least 49 s of virtual time",
      "c range INF":
        "with somaxconn 128 and the same accept loop overflows are greater than 0 and the total time grows by at least 1 s"
    }
  },
  {
    id: "8.5.2",
    section: "8.5.2",
    titleEn: "Plan 2, one client IP",
    titleZh: "方案二：单IP客户端",
    question: "How does one client IP open a million connections?",
    knobs: ["serverPorts=8100-8119", "perPort=50000", "ip_local_port_range=5000-65000", "memory=8GB"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact AUTH": "1,000,000 established from one IP",
      "b range K310": "each local port carries at most 20 connections",
      "c range K310 3.10": "3.10: with bind(0) it stops at 60,001 or fewer"
    }
  },
  {
    id: "8.5.3",
    section: "8.5.3",
    titleEn: "Active connections",
    titleZh: "活跃连接的代价",
    question: "What is left of the million when connections are active?",
    knobs: ["activeShare=1%", "messageBytes=1000", "period=10s"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF":
        "the new limit is printed, and it falls monotonically in the active share and in the message size"
    }
  },
  {
    id: "8.6",
    section: "8.6",
    titleEn: "Push planner",
    titleZh: "长连接推送规划",
    question: "How many machines does a push service need?",
    knobs: ["users=100000000", "memory=128GB", "perMachine=5000000", "heartbeat=60s"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact NOTE": "with the default values the planner prints 20 machines",
      "b range NOTE": "3.10: 5,000,000 x 3.3 KB = 16.5 GB; 6.x: 5,000,000 x 3640 B = 18.2 GB; both at most 20 GB"
    }
  }
]
