import type { LabRow, Section } from "./LabSpec.ts"

/** Sections 6.4.1 to 6.7 of the book and their labs. */
export const sections: ReadonlyArray<Section> = [
  { number: "6.4.1", titleZh: "客户端connect", titleEn: "Client connect", labs: ["6.4.1"] },
  { number: "6.4.2", titleZh: "服务端响应SYN", titleEn: "Server answers the SYN", labs: ["6.4.2"] },
  { number: "6.4.3", titleZh: "客户端响应SYNACK", titleEn: "Client answers the SYN-ACK", labs: ["6.4.3"] },
  { number: "6.4.4", titleZh: "服务端响应ACK", titleEn: "Server handles the ACK", labs: ["6.4.4"] },
  { number: "6.4.5", titleZh: "服务端accept", titleEn: "accept", labs: ["6.4.5"] },
  { number: "6.4.6", titleZh: "连接建立过程总结", titleEn: "Summary of establishing", labs: ["6.4.6-a", "6.4.6-b"] },
  { number: "6.5", titleZh: "异常TCP连接建立情况", titleEn: "Abnormal establishment", labs: ["6.5"] },
  { number: "6.5.1", titleZh: "connect系统调用耗时失控", titleEn: "connect out of control", labs: ["6.5.1"] },
  {
    number: "6.5.2",
    titleZh: "第一次握手丢包",
    titleEn: "Loss of the first handshake packet",
    labs: ["6.5.2-a", "6.5.2-b", "6.5.2-c", "6.5.2-d"]
  },
  {
    number: "6.5.3",
    titleZh: "第三次握手丢包",
    titleEn: "Loss of the third handshake packet",
    labs: ["6.5.3-a", "6.5.3-b", "6.5.3-c"]
  },
  { number: "6.5.4", titleZh: "握手异常总结", titleEn: "Summary of abnormal cases", labs: ["6.5.4"] },
  { number: "6.6", titleZh: "如何查看是否有连接队列溢出发生", titleEn: "Detecting queue overflow", labs: ["6.6"] },
  { number: "6.6.1", titleZh: "全连接队列溢出判断", titleEn: "Accept queue", labs: ["6.6.1"] },
  { number: "6.6.2", titleZh: "半连接队列溢出判断", titleEn: "Half-open queue", labs: ["6.6.2"] },
  { number: "6.6.3", titleZh: "小结", titleEn: "Summary", labs: ["6.6.3"] },
  { number: "6.7", titleZh: "本章总结", titleEn: "Chapter summary", labs: ["6.7"] }
]

export const labs: ReadonlyArray<LabRow> = [
  {
    id: "6.4.1",
    section: "6.4.1",
    titleEn: "Client connects",
    titleZh: "客户端connect",
    question: "Is the state set before the port is chosen?",
    knobs: ["destination=server:80"],
    profile: ["3.10", "6.x"],
    checks: {
      "a order K310": "SYN_SENT is set before the port is chosen",
      "b exact K310": "ActiveOpens grows by 1"
    }
  },
  {
    id: "6.4.2",
    section: "6.4.2",
    titleEn: "Server answers the SYN",
    titleZh: "服务端响应SYN",
    question: "In which order does the server check a SYN?",
    knobs: ["backlog=128", "tcp_syncookies=1"],
    profile: ["3.10"],
    checks: {
      "a order K310": "SYN queue check, then accept queue check, then allocation of the request",
      "b exact K310": "qlen +1 and young +1"
    }
  },
  {
    id: "6.4.3",
    section: "6.4.3",
    titleEn: "Client answers the SYN-ACK",
    titleZh: "客户端响应SYNACK",
    question: "When does connect return?",
    knobs: ["rtt=10ms"],
    profile: ["3.10", "6.x"],
    checks: {
      "a order K310": "the retransmission timer is cancelled before the ACK is sent",
      "b exact K310": "connect() returns 1 RTT plus the CPU time of the trace after the call, the neighbour being known"
    }
  },
  {
    id: "6.4.4",
    section: "6.4.4",
    titleEn: "Server handles the ACK",
    titleZh: "服务端响应ACK",
    question: "When is the new socket made?",
    knobs: ["accept=never"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "after the third ACK and before accept: TCP slab +1, filp +0",
      "b exact K310": "ss shows ESTABLISHED and the listener's Recv-Q +1",
      "c exact M618 6.x":
        "6.x: before accept the connection takes 2688 B (TCP 2368, request sock 320), after accept 3640 B"
    }
  },
  {
    id: "6.4.5",
    section: "6.4.5",
    titleEn: "accept",
    titleZh: "服务端accept",
    question: "What does accept take and what if no descriptor is left?",
    knobs: ["nonblocking=no", "nofile=1024"],
    profile: ["3.10", "6.x"],
    checks: {
      "a order K310": "accept returns connections first in, first out",
      "b exact K310": "with nofile reached accept returns EMFILE and the queue length is unchanged"
    }
  },
  {
    id: "6.4.6-a",
    section: "6.4.6",
    titleEn: "Connect time and RTT",
    titleZh: "建连耗时与RTT",
    question: "How long does connecting take?",
    knobs: ["rtt=10ms", "requests=10"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact NOTE": "connect() time = RTT + CPU time",
      "b range INF": "CPU time is less than 1 % of it for RTT of 5 ms or more",
      "c range INF": "k sequential requests over new connections take at least 2k RTT"
    }
  },
  {
    id: "6.4.6-b",
    section: "6.4.6",
    titleEn: "Connect time and geography",
    titleZh: "建连耗时与地理距离",
    question: "What does distance cost?",
    knobs: ["pair=Beijing-NewYork"],
    profile: ["3.10", "6.x"],
    checks: {
      "a range AUTH":
        "connect() takes 0.3 ms in one room, 1 ms in one region, 30 to 40 ms Beijing-Guangdong, more than 200 ms Beijing-New York: the RTT of the placement plus less than 0.1 ms of CPU time",
      "b range AUTH":
        "over the author's path of 15,000 km light alone needs 100 ms per RTT, in glass fibre (200,000 km/s) 150 ms"
    }
  },
  {
    id: "6.5",
    section: "6.5",
    titleEn: "Four failure classes",
    titleZh: "建连异常总览",
    question: "What can go wrong while connecting?",
    knobs: ["class=all (ports, first, third, cures)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "labs 6.5.1 to 6.5.4 run in turn and each class shows its own counter"
    }
  },
  {
    id: "6.5.1",
    section: "6.5.1",
    titleEn: "connect out of control",
    titleZh: "connect耗时失控",
    question: "Why does connect suddenly take milliseconds of CPU?",
    knobs: [
      "occupancy=100%",
      "destinations=1 (1, 2, 10)",
      "arrivals=random",
      "cpus=1",
      "ports=28233 (6.x: 28232; also 1000, 15000)"
    ],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310 3.10": "3.10: with all ports used a call makes N iterations",
      "b presence INF 3.10":
        "3.10: with 2 or more destinations and random arrivals mean iterations rise monotonically with occupancy (50, 80, 90, 97 %)",
      "c range INF 3.10":
        "3.10: with 2 destinations and random arrivals over 28,233 ports mean iterations lie between 30 and 90 at 90 % occupancy and between 200 and 700 at 97 %; over 1000 ports they are at least 3 % and at least 10 % of N",
      "d exact K310 3.10":
        "3.10: with one destination and ports freed in the order they were taken the search takes 1 iteration until the range is exhausted",
      "e ratio M618 6.x":
        "6.x: 15,000 ports, one destination: connections 1 to 7400 make fewer than 20 iterations on average; from connection 7501 on every call makes at least 7501 and takes at least 10 times the CPU time (measured medians 14 to 46 us before, 336 to 510 us after)",
      "f exact M618 6.x": "6.x: with 15,000 ports connection 15,001 fails with EADDRNOTAVAIL"
    }
  },
  {
    id: "6.5.2-a",
    section: "6.5.2",
    titleEn: "SYN flood",
    titleZh: "SYN Flood与syncookies",
    question: "What does a SYN flood do to honest clients?",
    knobs: ["tcp_syncookies=1 (0, 1)", "floodRate=10000/s", "backlog=128"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310":
        "cookies off: every honest SYN that arrives while SYN_RECV is at its ceiling is dropped; once the queue has filled at most 2 % of the honest SYNs are answered",
      "b range K310":
        "cookies on: 100 % succeed, SYN_RECV is at its ceiling at least 90 % of the time and TCPReqQFullDoCookies is greater than 0; 3.10 adds each SYN answered by a cookie to ListenDrops, 6.x does not",
      "c exact M618 6.x": "6.x: of 1000 SYNs with backlog 128 and cookies on 129 are kept and 871 get a cookie"
    }
  },
  {
    id: "6.5.2-b",
    section: "6.5.2",
    titleEn: "First packet dropped, accept queue full",
    titleZh: "全连接队列满丢SYN",
    question: "What happens to a SYN when the accept queue is full?",
    knobs: ["backlog=4 (6.x run: 3)", "clients=20 (6.x run: 10)", "accept=never"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310 3.10":
        "3.10: backlog 4, idle clients one after another: within the first second 5 connections are in the accept queue and 2 in SYN_RECV, all later SYNs are dropped",
      "b exact K310 3.10":
        "3.10: 20 clients within the first second: ListenOverflows = 15 and ListenDrops = 15 (2 third ACKs and 13 SYNs)",
      "c exact M618 6.x":
        "6.x: backlog 3 and 10 clients one after another: 4 established, 6 in SYN_SENT retrying at 1, 2, 3, 4, 5, 7 s",
      "d exact M618 6.x":
        "6.x: ListenOverflows and ListenDrops each grow by 1 per dropped SYN, whatever tcp_abort_on_overflow says"
    }
  },
  {
    id: "6.5.2-c",
    section: "6.5.2",
    titleEn: "SYN retry timetable",
    titleZh: "SYN重试时间表",
    question: "When is a SYN repeated and when does connect give up?",
    knobs: ["tcp_syn_retries=6", "tcp_syn_linear_timeouts=4 (6.x only)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a sequence K310 3.10": "3.10: repeats at 1, 3, 7, 15, 31, 63 s, ETIMEDOUT at 127 s",
      "b sequence M618 6.x": "6.x: repeats at nominal 1, 2, 3, 4, 5, 7, 11, 19, 35, 67 s, each up to 4 % late",
      "c range M618 6.x": "6.x: ETIMEDOUT between 131 s and 136.3 s (nominal 131 s, measured 133.6 and 135.0 s)",
      "d range M618 6.x":
        "6.x: with tcp_syn_linear_timeouts=0 ETIMEDOUT between 127 s and 132.1 s (nominal 127 s, measured 129.4 and 130.5 s)"
    }
  },
  {
    id: "6.5.2-d",
    section: "6.5.2",
    titleEn: "Avalanche",
    titleZh: "重试雪崩",
    question: "How do a few lost SYNs stop a worker pool?",
    knobs: ["workers=100", "rate=1000/s", "dropProbability=0.1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a range INF":
        "throughput is at most workers / mean wait per connect() (3.10: p/(1-2p) s, so 800/s; 6.x: about p/(1-p) s, so 900/s; within 5 %); below that every request is served, above it the waiting requests grow without bound; with p = 1 throughput is 0"
    }
  },
  {
    id: "6.5.3-a",
    section: "6.5.3",
    titleEn: "Third ACK lost, room later",
    titleZh: "第三次握手丢包后恢复",
    question: "When does the connection complete after room appears?",
    knobs: ["backlog=3", "acceptAfter=2s"],
    profile: ["3.10", "6.x"],
    checks: {
      "a sequence K310":
        "the connection completes at the first repeated SYN-ACK after room appears (nominally 1, 3, 7 s and so on; 3.10 up to 1.2 s later), or earlier with retransmitted data",
      "b sequence M618 6.x":
        "6.x: third ACK lost: the server repeats SYN-ACK at nominal 1 and 3 s (measured 1.02 and 3.03 s) and the first data segment completes the handshake"
    }
  },
  {
    id: "6.5.3-b",
    section: "6.5.3",
    titleEn: "Third ACK lost, never room",
    titleZh: "第三次握手丢包且一直不accept",
    question: "What becomes of the connection when nobody accepts?",
    knobs: ["backlog=3", "tcp_synack_retries=5"],
    profile: ["3.10", "6.x"],
    checks: {
      "a range K310":
        "the request is dropped at nominal 63 s: 3.10 between 63.0 and 64.2 s (each 200 ms tick visits two fifths of the table), 6.x between 63.0 and 65.5 s",
      "b exact K310": "later client data gets RST",
      "c sequence M618 6.x": "6.x: SYN-ACK repeated at about 1, 3, 7, 15, 31 s while the client stays ESTABLISHED"
    }
  },
  {
    id: "6.5.3-c",
    section: "6.5.3",
    titleEn: "abort_on_overflow",
    titleZh: "tcp_abort_on_overflow",
    question: "What does tcp_abort_on_overflow=1 change?",
    knobs: ["tcp_abort_on_overflow=1", "backlog=3"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "the client sees ECONNRESET one RTT plus the CPU time of the trace after its ACK",
      "b exact K310 3.10": "3.10: EmbryonicRsts grows by 1",
      "c exact M618 6.x": "6.x: the server answers the third ACK with RST and the client's error is ECONNRESET (104)"
    }
  },
  {
    id: "6.5.4",
    section: "6.5.4",
    titleEn: "Cures compared",
    titleZh: "握手异常的对策",
    question: "Which cure helps against connections slower than one second?",
    knobs: ["cure=all (syncookies, queues, accept, abort, fewer, ports)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a order NOTE":
        "with one client group per cause (SYN queue full without cookies, accept queue full, port range used up) each cure alone strictly reduces the failures of its own cause: syncookies, queues, accept and fewer the connections slower than 1 s, ports the EADDRNOTAVAIL errors",
      "b presence K310": "tcp_abort_on_overflow turns slow connections into immediate errors instead"
    }
  },
  {
    id: "6.6",
    section: "6.6",
    titleEn: "Detecting overflow",
    titleZh: "判断连接队列溢出",
    question: "How do I see from outside which queue overflows?",
    knobs: ["scenario=accept"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "labs 6.6.1 to 6.6.3 run in turn"
    }
  },
  {
    id: "6.6.1",
    section: "6.6.1",
    titleEn: "Accept queue overflow",
    titleZh: "全连接队列溢出判断",
    question: "How do I see that the accept queue overflowed?",
    knobs: ["backlog=3", "clients=10"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "the growth of ListenOverflows equals the number of F4 and F5 events in the trace",
      "b exact K310": "the maximum Recv-Q equals Send-Q + 1",
      "c exact M618 6.x": "6.x: with backlog 3 Recv-Q reaches 4 and ListenOverflows = ListenDrops"
    }
  },
  {
    id: "6.6.2",
    section: "6.6.2",
    titleEn: "SYN queue overflow",
    titleZh: "半连接队列溢出判断",
    question: "How do I see that the SYN queue overflowed?",
    knobs: ["cause=synqueue (synqueue, acceptqueue, nomemory)", "tcp_syncookies=0"],
    profile: ["3.10", "6.x"],
    checks: {
      "a order K310": "ListenDrops is at least ListenOverflows, always",
      "b exact K310 3.10":
        "3.10: ListenDrops minus ListenOverflows grows only when the accept queue is not the cause, and by 1 for every SYN answered by a cookie although nothing is lost",
      "c exact INF":
        "the verdict tool names the right cause in all three cases from the counters and the number of sockets in SYN_RECV",
      "d exact M618 6.x":
        "6.x: of 1000 SYNs against backlog 128, cookies off gives TCPReqQFullDrop = ListenDrops = 871, cookies on TCPReqQFullDoCookies = 871 and ListenDrops 0"
    }
  },
  {
    id: "6.6.3",
    section: "6.6.3",
    titleEn: "Doctor",
    titleZh: "队列溢出诊断",
    question: "Which queue overflows, judged from counters and socket states alone?",
    knobs: ["seeds=20"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact INF": "the verdict from counters and socket states is right in 20 of 20 seeded scenarios"
    }
  },
  {
    id: "6.7",
    section: "6.7",
    titleEn: "Chapter run",
    titleZh: "第6章总复习",
    question: "Do all labs of the chapter pass?",
    knobs: ["chapter=6"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "all labs of chapter 6 pass and one line per question is printed"
    }
  }
]
