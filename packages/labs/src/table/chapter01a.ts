import type { LabRow, Section } from "./LabSpec.ts"

/** Sections 1.1 to 1.1.4 of the book and their labs. */
export const sections: ReadonlyArray<Section> = [
  { number: "1.1", titleZh: "我在工作中的困惑", titleEn: "Puzzles met at work", labs: ["1.1"] },
  {
    number: "1.1.1",
    titleZh: "过多的TIME_WAIT",
    titleEn: "Too many TIME_WAIT",
    labs: ["Q1.1.1-a", "Q1.1.1-b", "Q1.1.1-c", "Q1.1.1-d", "Q1.1.1-e"]
  },
  {
    number: "1.1.2",
    titleZh: "长连接开销",
    titleEn: "Cost of long-lived connections",
    labs: ["Q1.1.2-a", "Q1.1.2-b", "Q1.1.2-c", "Q1.1.2-d"]
  },
  { number: "1.1.3", titleZh: "CPU被消耗光了", titleEn: "The CPU is used up", labs: ["Q1.1.3"] },
  {
    number: "1.1.4",
    titleZh: "为什么不同的语言网络性能差别巨大",
    titleEn: "Why languages differ so much in network performance",
    labs: ["Q1.1.4"]
  }
]

export const labs: ReadonlyArray<LabRow> = [
  {
    id: "1.1",
    section: "1.1",
    titleEn: "Puzzle board",
    titleZh: "困惑一览板",
    question: "Which of the eight production puzzles does the simulator answer, and which have I run?",
    knobs: ["chapter=all"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF":
        "every Q1.1.x lab is listed with its state (not run or answered) and is reachable from the board",
      "b presence INF": "every Q1.1.x lab runs unattended and prints an answer of one line"
    }
  },
  {
    id: "Q1.1.1-a",
    section: "1.1.1",
    titleEn: "TIME_WAIT: memory",
    titleZh: "TIME_WAIT的内存开销",
    question: "How much memory do 30,000 TIME_WAIT sockets take?",
    knobs: [
      "timeWaitCount=30000",
      "destinations=1",
      "ip_local_port_range=5000-65000",
      "rate=1000/s",
      "closer=client",
      "tcp_max_tw_buckets=60000"
    ],
    profile: ["3.10", "6.x"],
    checks: {
      "a range AUTH 3.10":
        "3.10: the slab of the client grows by 8 MB to 16 MB for 30,000 TIME_WAIT sockets, each on a port of its own",
      "b exact M618 6.x":
        "6.x: on the client each TIME_WAIT socket with a port of its own takes 256 B (tw_sock_TCP) plus 2 x 128 B of bind buckets, 512 B in all"
    }
  },
  {
    id: "Q1.1.1-b",
    section: "1.1.1",
    titleEn: "TIME_WAIT: ports towards one server",
    titleZh: "TIME_WAIT占用端口（同一服务端）",
    question: "Do TIME_WAIT sockets use up my ports when all connections go to one server?",
    knobs: [
      "ip_local_port_range=32768-61000 (6.x: 32768-60999)",
      "rate=600/s",
      "destinations=1",
      "closer=client",
      "tcp_tw_reuse=0 (6.x: 2)",
      "tcp_max_tw_buckets=131072"
    ],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact INF 3.10":
        "3.10: at 600 or more short connections per second, closed by the client, connection 28,234 is the first to fail with EADDRNOTAVAIL",
      "b exact K310 3.10": "3.10: every failing connect() iterates exactly 28,233 times",
      "c exact INF 6.x":
        "6.x: between two hosts, with tcp_tw_reuse=2, connection 28,233 is the first to fail with EADDRNOTAVAIL (28,232 ports)"
    }
  },
  {
    id: "Q1.1.1-c",
    section: "1.1.1",
    titleEn: "TIME_WAIT: ports towards many servers",
    titleZh: "TIME_WAIT占用端口（多个服务端）",
    question: "Do 30,000 TIME_WAIT sockets hurt when they are spread over ten servers?",
    knobs: ["timeWaitCount=30000", "destinations=10", "rate=1000/s", "closer=client", "tcp_max_tw_buckets=131072"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310":
        "0 of 30,000 connections to 10 servers (3,000 each) fail, and at the end all 30,000 are in TIME_WAIT"
    }
  },
  {
    id: "Q1.1.1-d",
    section: "1.1.1",
    titleEn: "TIME_WAIT: cures",
    titleZh: "TIME_WAIT的解决办法",
    question: "Which cure for port shortage works: more ports, tw_reuse, fewer buckets or long connections?",
    knobs: [
      "cure=range (range, tw_reuse, max_tw_buckets, long)",
      "rate=1000/s",
      "seconds=120",
      "destinations=1",
      "closer=client",
      "tcp_max_tw_buckets=131072"
    ],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact AUTH":
        "with tcp_tw_reuse=1 and timestamps there are 0 failures at 1000 connections per second over 120 s (without it the range is used up after 28.2 s)",
      "b presence K310": "with tcp_tw_reuse=1 the counter TWRecycled is greater than 0 at the end of the 120 s",
      "c exact NOTE": "with long connections the number of TIME_WAIT sockets in steady state is 0",
      "d sequence M618 6.x":
        "6.x: 10 ports in TIME_WAIT with tcp_tw_reuse=1: none is reused within 1 s, all 10 are reused after more than 1 s"
    }
  },
  {
    id: "Q1.1.1-e",
    section: "1.1.1",
    titleEn: "TIME_WAIT: length of life",
    titleZh: "TIME_WAIT实际存活时间",
    question: "How long does a TIME_WAIT socket really live under light and under sustained load?",
    knobs: ["rateLight=10/s", "rateHeavy=50/s"],
    profile: ["3.10", "6.x"],
    checks: {
      "a range K310 3.10": "3.10: at 10 connections per second every TIME_WAIT lives 52.5 s to 60 s",
      "b range K310 3.10":
        "3.10: at 50 connections per second every TIME_WAIT that begins more than 45 s after the first one lives 97.5 s to 112.5 s (the earlier ones at least 52.5 s)",
      "c range M618 6.x":
        "6.x: at either rate a TIME_WAIT lives 60 s to 62.1 s (488 measured at HZ=250: 60.02 s to 62.06 s, median 61.03 s; the timer wheel rounds up to 512 ticks of 4 ms)"
    }
  },
  {
    id: "Q1.1.2-a",
    section: "1.1.2",
    titleEn: "Idle connection cost",
    titleZh: "空闲长连接的开销",
    question: "What does an idle connection cost in CPU and memory?",
    knobs: ["connections=6000", "minutes=10", "keepalive=off", "nofile=10000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a range AUTH 3.10":
        "3.10: the slab of the server grows by 3.0 KB to 3.4 KB per accepted connection (KB = 1024 B)",
      "b exact M618 6.x": "6.x: an accepted connection takes 3640 B of slab objects, the client end 3896 B",
      "c range NOTE": "with keepalive off ten idle minutes cost less than 1 ms of CPU per 1000 connections"
    }
  },
  {
    id: "Q1.1.2-b",
    section: "1.1.2",
    titleEn: "Server connection limit",
    titleZh: "服务端最大连接数",
    question: "How many TCP connections can one server hold?",
    knobs: ["memory=4GB", "nofile=1100000", "fs.nr_open=1100000", "fs.file-max=1100000"],
    profile: ["3.10"],
    checks: {
      "a exact AUTH": "1,000,000 connections are established on a 4 GB host (run of lab 8.3.2)"
    }
  },
  {
    id: "Q1.1.2-c",
    section: "1.1.2",
    titleEn: "Client connection limit",
    titleZh: "客户端最大连接数",
    question: "How many connections can one client open?",
    knobs: ["localIps=1", "serverPorts=1", "ip_local_port_range=32768-61000", "nofile=200000"],
    profile: ["3.10"],
    checks: {
      "a exact K310":
        "the maximum is 28,233 with one local IP and one server (ip,port) pair, 56,466 with two server pairs, and 28,233 x k with k local IPs, each bound before connect(), and one pair (runs of labs 8.4.1 to 8.4.4)"
    }
  },
  {
    id: "Q1.1.2-d",
    section: "1.1.2",
    titleEn: "Bytes per connection",
    titleZh: "每条连接的字节数",
    question: "How many bytes does one established connection take?",
    knobs: ["connections=50000", "clientHosts=2", "nofile=60000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a range AUTH 3.10":
        "3.10: on the server (Slab after - before) / connections lies between 3.0 KB and 3.4 KB (KB = 1024 B)",
      "b exact M618 6.x":
        "6.x: 3640 B of slab objects per connection on the server side, 3896 B on a client side where no two connections share a port"
    }
  },
  {
    id: "Q1.1.3",
    section: "1.1.3",
    titleEn: "CPU used up by connect",
    titleZh: "CPU被connect耗光",
    question: "Why is the CPU used up by connect() while the load average stays normal?",
    knobs: [
      "ip_local_port_range=32768-61000 (6.x: 32768-60999)",
      "rate=500/s",
      "seconds=300",
      "destinations=1",
      "closer=client",
      "tcp_tw_reuse=0 (6.x: 2)",
      "tcp_max_tw_buckets=131072",
      "workers=8",
      "cure=none (none, range 5000-65000, long)"
    ],
    profile: ["3.10", "6.x"],
    checks: {
      "a ratio AUTH 3.10":
        "3.10: mean CPU time of a failing connect() is at least 100 times that of the connect() calls before the first failure",
      "b ratio INF":
        "the sy share of the CPU in the bad phase (3.10: from the first EADDRNOTAVAIL on; 6.x: from the moment the even half of the range is used up) is at least 3 times that before it",
      "c range INF": "the load average never exceeds the number of workers",
      "d exact K310 3.10":
        "3.10: with either cure (range 5000-65000 or long connections) no connect() fails and the mean number of port iterations per connect() is 1 (single destination)",
      "e ratio M618 6.x":
        "6.x: once TIME_WAIT holds the even half of the range every connect() walks at least 14,116 ports and costs at least 40 times the mean before (measured 17 us against 4.5 ms)"
    }
  },
  {
    id: "Q1.1.4",
    section: "1.1.4",
    titleEn: "I/O models compared",
    titleZh: "不同IO模型的性能差别",
    question: "Why does network performance differ so much between languages?",
    knobs: [
      "model=all (process, threads, epoll, multi-epoll, goroutine)",
      "connections=1000",
      "backendCalls=4",
      "backendRtt=1ms",
      "cores=4",
      "switchCost=4us"
    ],
    profile: ["3.10", "6.x"],
    checks: {
      "a range AUTH": "blocking model: at least 8 context switches per request with 4 backend calls",
      "b range INF": "epoll model: at most 1 context switch per request at saturation",
      "c ratio INF":
        "at equal CPU epoll serves more requests per second than blocking, in the inverse ratio of their CPU per request, of which at least 8 switch costs are switching in the blocking model and at most 1 in the epoll model"
    }
  }
]
