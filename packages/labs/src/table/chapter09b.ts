import type { LabRow, Section } from "./LabSpec.ts"

/** Sections 9.4 to 9.5 of the book and their labs. */
export const sections: ReadonlyArray<Section> = [
  {
    number: "9.4",
    titleZh: "内核与进程协作优化",
    titleEn: "Kernel/process cooperation (3 tips)",
    labs: ["9.4-1", "9.4-2", "9.4-3"]
  },
  {
    number: "9.5",
    titleZh: "握手挥手过程优化",
    titleEn: "Handshake and teardown (8 tips)",
    labs: ["9.5-1", "9.5-2", "9.5-3", "9.5-4", "9.5-5", "9.5-6", "9.5-7", "9.5-8"]
  }
]

export const labs: ReadonlyArray<LabRow> = [
  {
    id: "9.4-1",
    section: "9.4",
    titleEn: "Avoid blocking receive",
    titleZh: "尽量少用进程阻塞的方式",
    question: "What does one process per connection cost against epoll?",
    knobs: ["connections=1000 (1..5000)", "model=both"],
    profile: ["3.10", "6.x"],
    checks: {
      "a ratio AUTH":
        "switches per message fall from at least 1 (2 when the CPU goes idle between messages) to less than 0.1 under load",
      "b exact INF": "n processes against 1"
    }
  },
  {
    id: "9.4-2",
    section: "9.4",
    titleEn: "Mature libraries",
    titleZh: "使用成熟的网络库",
    question: "What do reactor models give?",
    knobs: ["model=all (naive, single, multi)", "cores=4"],
    profile: ["3.10", "6.x"],
    checks: {
      "a ratio INF": "multi reactor on 4 cores gives at least 3 times single reactor",
      "b ratio INF":
        "under load single reactor makes at most 2.1 system calls per request and naive epoll 3 (wait for one event, read, write), and their throughputs are in the inverse ratio of CPU time per request, within 5 %"
    }
  },
  {
    id: "9.4-3",
    section: "9.4",
    titleEn: "Kernel bypass",
    titleZh: "使用Kernel-ByPass新技术",
    question: "When is kernel bypass worth it?",
    knobs: ["mode=both (kernel, bypass)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact INF": "bypass: 0 hard IRQs, 0 soft IRQs and a polling core at 100 %",
      "b ratio INF":
        "packets per second per core are in the inverse ratio of the traced cost per packet, with the default cost model at least 5 times those of the kernel path"
    }
  },
  {
    id: "9.5-1",
    section: "9.5",
    titleEn: "Enough ports",
    titleZh: "配置充足的端口范围",
    question: "Which rate of short connections does a port range stand?",
    knobs: [
      "ip_local_port_range=32768-61000 (default, 5000-65000)",
      "rate=200,400,900/s",
      "minutes=10",
      "tcp_tw_reuse=0",
      "tcp_max_tw_buckets=131072",
      "firstCloser=client"
    ],
    profile: ["3.10", "6.x"],
    checks: {
      "a range K310 3.10": "3.10: default range: 0 failures at 200/s, more than 0 at 400/s and 900/s",
      "b range K310 3.10": "3.10: wide range: 0 failures at 200/s and 400/s, more than 0 at 900/s",
      "c range INF 6.x":
        "6.x: default range: 0 failures at 200/s and 400/s, more than 0 at 900/s; wide range: 0 at all three",
      "d exact K310 3.10": "3.10: without failures the mean number of iterations is 1"
    }
  },
  {
    id: "9.5-2",
    section: "9.5",
    titleEn: "No bind on clients",
    titleZh: "客户端最好不要使用bind",
    question: "What does bind on the client cost?",
    knobs: ["bind=yes (yes, no)", "servers=5", "ports=1000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310 3.10": "3.10: N connections per IP with bind(0), k x N without",
      "b sequence M618 6.x":
        "6.x: bind(0) takes the ports of the parity opposite to the lower bound first, at random, the others only when those are used up (100 ports: 50, then 50), then EADDRINUSE; IP_BIND_ADDRESS_NO_PORT behaves as connect() without bind"
    }
  },
  {
    id: "9.5-3",
    section: "9.5",
    titleEn: "Watch the queues",
    titleZh: "小心连接队列溢出",
    question: "What do longer queues change in a burst?",
    knobs: [
      "burst=2000 over 100ms",
      "acceptPause=200ms",
      "rtt=10ms",
      "backlog=128 (128, 4096)",
      "somaxconn=128 (128, 4096)"
    ],
    profile: ["3.10", "6.x"],
    checks: {
      "a range AUTH": "before: ListenOverflows greater than 0 and the 99th percentile of connect() at least 1 s",
      "b range AUTH": "after: ListenOverflows 0 and the 99th percentile less than 2 RTT"
    }
  },
  {
    id: "9.5-4",
    section: "9.5",
    titleEn: "Fewer retries",
    titleZh: "减少握手重试",
    question: "What does a lower retry count give?",
    knobs: ["tcp_syn_retries=6 (6, 1, 2)", "workers=100", "deadShare=0.5"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310 3.10": "3.10: give-up at 127 s, 3 s and 7 s for 6, 1 and 2 retries",
      "b range INF":
        "with half of the requests sent to the dead server and more offered than can be served the throughput of the pool is workers / (0.5 x give-up time), within 5 %: it rises from 6 to 2 to 1 retries",
      "c range M618 6.x":
        "6.x: give-up is the first timeout at or after 2^(retries+1) - 1 s: with 6 retries between 131 s and 136.3 s with 4 linear timeouts and between 127 s and 132.1 s with 0; with 2 retries 7 s to 7.3 s (repeats at 1, 2, 3, 4, 5 s), with 1 retry 3 s to 3.2 s (repeats at 1, 2 s)"
    }
  },
  {
    id: "9.5-5",
    section: "9.5",
    titleEn: "TCP Fast Open",
    titleZh: "打开TFO",
    question: "What does TCP Fast Open save?",
    knobs: ["tcp_fastopen=3 (0, 3)", "requests=10"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "the first request takes 2 RTT plus CPU time in both cases",
      "b exact K310": "later requests take 2 RTT without and 1 RTT with TFO, plus CPU time",
      "c exact K310": "TCPFastOpenActive of the client and TCPFastOpenPassive of the server count 9 of the 10 requests"
    }
  },
  {
    id: "9.5-6",
    section: "9.5",
    titleEn: "Enough descriptors",
    titleZh: "保持充足的文件描述符上限",
    question: "What happens when descriptors run out in accept?",
    knobs: ["nofile=1024 (1024, 100000)", "connections=2000", "backlog=1024", "somaxconn=1024"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310":
        "with 1024, descriptors 0 to 2 and the listener being open, accept returns EMFILE after 1020 accepted sockets; with 100,000 never",
      "b presence K310": "the other 980 established connections stay unaccepted in the queue"
    }
  },
  {
    id: "9.5-7",
    section: "9.5",
    titleEn: "Long connections",
    titleZh: "请求频繁请用长连接",
    question: "What do long connections save?",
    knobs: ["requests=200/s", "pool=50", "mode=both", "tcp_max_tw_buckets=131072"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact AUTH": "latency per request falls by 1 RTT plus the CPU time of the handshake",
      "b exact INF": "SYNs per second fall from r to 0 in steady state",
      "c range AUTH":
        "with long connections TIME_WAIT is 0 in steady state, with short ones it is rate x life: 19,500 to 22,500 in 3.10 (F21), 12,000 to 12,500 in 6.x"
    }
  },
  {
    id: "9.5-8",
    section: "9.5",
    titleEn: "TIME_WAIT tuning",
    titleZh: "TIME_WAIT的优化",
    question: "Which TIME_WAIT setting helps and which harms?",
    knobs: ["variant=a (a tw_reuse, b max_tw_buckets=5000, c long connections, d tw_recycle behind NAT)", "rate=400/s"],
    profile: ["3.10", "6.x"],
    checks: {
      "a range K310 3.10": "3.10: tw_reuse=1: 0 failures, TWRecycled greater than 0, no reuse within 1 s",
      "b range K310": "tcp_max_tw_buckets=5000: at most 5000 TIME_WAIT and TCPTimeWaitOverflow greater than 0",
      "c exact AUTH": "long connections: 0 TIME_WAIT",
      "d presence K310 3.10":
        "3.10: tw_recycle=1, the server closing first, two clients behind one NAT: SYNs of the client with the lower timestamp are dropped and PAWSPassive is greater than 0",
      "e sequence M618 6.x":
        "6.x: tw_reuse=1 reuses after more than 1 s (10 of 10 ports); the default 2 reuses over loopback only; tw_recycle does not exist"
    }
  }
]
