import type { LabRow, Section } from "./LabSpec.ts"

/** Sections 6.1 to 6.4 of the book and their labs. */
export const sections: ReadonlyArray<Section> = [
  {
    number: "6.1",
    titleZh: "相关实际问题",
    titleEn: "Practical questions",
    labs: ["6.1", "Q6.1-1", "Q6.1-2", "Q6.1-3", "Q6.1-4", "Q6.1-5", "Q6.1-6", "Q6.1-7", "Q6.1-8", "Q6.1-9"]
  },
  { number: "6.2", titleZh: "深入理解listen", titleEn: "Understanding listen", labs: ["6.2"] },
  { number: "6.2.1", titleZh: "listen系统调用", titleEn: "The system call", labs: ["6.2.1"] },
  { number: "6.2.2", titleZh: "协议栈listen", titleEn: "Protocol listen", labs: ["6.2.2"] },
  { number: "6.2.3", titleZh: "接收队列定义", titleEn: "Queue definition", labs: ["6.2.3"] },
  { number: "6.2.4", titleZh: "接收队列申请和初始化", titleEn: "Allocation and initialisation", labs: ["6.2.4"] },
  { number: "6.2.5", titleZh: "半连接队列长度计算", titleEn: "Length of the half-open queue", labs: ["6.2.5"] },
  { number: "6.2.6", titleZh: "listen过程小结", titleEn: "Summary", labs: ["6.2.6"] },
  { number: "6.3", titleZh: "深入理解connect", titleEn: "Understanding connect", labs: ["6.3"] },
  { number: "6.3.1", titleZh: "connect调用链展开", titleEn: "Call chain", labs: ["6.3.1"] },
  { number: "6.3.2", titleZh: "选择可用端口", titleEn: "Choosing a port", labs: ["6.3.2"] },
  { number: "6.3.3", titleZh: "端口被使用过怎么办", titleEn: "If the port was used", labs: ["6.3.3"] },
  { number: "6.3.4", titleZh: "发起syn请求", titleEn: "Sending the SYN", labs: ["6.3.4"] },
  { number: "6.3.5", titleZh: "connect小结", titleEn: "Summary", labs: ["6.3.5"] },
  { number: "6.4", titleZh: "完整TCP连接建立过程", titleEn: "The full handshake", labs: ["6.4"] }
]

export const labs: ReadonlyArray<LabRow> = [
  {
    id: "6.1",
    section: "6.1",
    titleEn: "Ask: connecting",
    titleZh: "建连问题集",
    question: "Which questions about connecting can I ask?",
    knobs: ["question=Q6.1-1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "each of the nine questions yields an answer computed from the run of the named lab"
    }
  },
  {
    id: "Q6.1-1",
    section: "6.1",
    titleEn: "Why listen",
    titleZh: "为什么服务端要先listen",
    question: "Why must a server call listen?",
    knobs: ["runs=6.2.1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 6.2.1, not from stored text",
      "b exact K310": "without listen a SYN is answered by RST; listen creates the two queues"
    }
  },
  {
    id: "Q6.1-2",
    section: "6.1",
    titleEn: "Queue lengths",
    titleZh: "半连接队列和全连接队列多长",
    question: "How are the lengths of the two queues determined?",
    knobs: ["runs=6.2.5"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 6.2.5, not from stored text",
      "b exact K310": "accept queue min(backlog, somaxconn) + 1; SYN queue by formulas F2 and F3"
    }
  },
  {
    id: "Q6.1-3",
    section: "6.1",
    titleEn: "Cannot assign requested address",
    titleZh: "Cannot assign requested address是怎么回事",
    question: 'What does "Cannot assign requested address" mean?',
    knobs: ["runs=6.3.2"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 6.3.2, not from stored text",
      "b exact K310": "EADDRNOTAVAIL: no free port of the range for this destination"
    }
  },
  {
    id: "Q6.1-4",
    section: "6.1",
    titleEn: "One port, two connections",
    titleZh: "一个客户端端口能用于两条连接吗",
    question: "Can one client port serve two connections?",
    knobs: ["runs=6.3.3"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 6.3.3, not from stored text",
      "b exact K310": "yes, if the remote address or port differs"
    }
  },
  {
    id: "Q6.1-5",
    section: "6.1",
    titleEn: "Full queues",
    titleZh: "队列满了会怎样",
    question: "What happens when a queue is full?",
    knobs: ["runs=6.5.2-b,6.5.3-a"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF":
        "the answer of one line is computed from the counters of lab 6.5.2-b and 6.5.3-a, not from stored text",
      "b sequence K310":
        "a SYN that meets a full queue is dropped and repeated by the client (3.10: at 1, 3, 7 s; 6.x: at 1, 2, 3, 4, 5, 7 s); an ignored third ACK makes the server repeat its SYN-ACK (nominally at 1, 3, 7 s)"
    }
  },
  {
    id: "Q6.1-6",
    section: "6.1",
    titleEn: "Birth of the new socket",
    titleZh: "新连接的内核对象何时创建",
    question: "When is the new connection's socket object made?",
    knobs: ["runs=6.4.4"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 6.4.4, not from stored text",
      "b order K310": "the tcp_sock at the third ACK, before accept"
    }
  },
  {
    id: "Q6.1-7",
    section: "6.1",
    titleEn: "Time to connect",
    titleZh: "建立一条连接要多久",
    question: "How long does connecting take?",
    knobs: ["runs=6.4.6-a"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 6.4.6-a, not from stored text",
      "b exact NOTE":
        "connect() returns 1 RTT after the call and the server can accept 1.5 RTT after it, each plus the CPU time of the trace"
    }
  },
  {
    id: "Q6.1-8",
    section: "6.1",
    titleEn: "Beijing to New York",
    titleZh: "服务器在北京，用户在纽约",
    question: "What if the server is in Beijing and the users are in New York?",
    knobs: ["runs=6.4.6-b"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 6.4.6-b, not from stored text",
      "b range AUTH":
        "over the author's path of 15,000 km light alone needs 100 ms per RTT; connect() over the Beijing-New York link takes more than 200 ms"
    }
  },
  {
    id: "Q6.1-9",
    section: "6.1",
    titleEn: "CPU exhausted, load normal",
    titleZh: "负载正常CPU却被打满",
    question: "Why is the CPU exhausted while the load is normal?",
    knobs: ["runs=6.5.1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 6.5.1, not from stored text",
      "b exact K310 3.10": "3.10: with no free port every connect() walks the whole range, N iterations"
    }
  },
  {
    id: "6.2",
    section: "6.2",
    titleEn: "With and without listen",
    titleZh: "有无listen的区别",
    question: "What does a SYN meet with and without listen?",
    knobs: ["listen=yes (yes, no)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310":
        "without listen: RST, the client gets ECONNREFUSED 1 RTT plus the CPU time of the trace after the call",
      "b exact K310": "with listen: SYN-ACK"
    }
  },
  {
    id: "6.2.1",
    section: "6.2.1",
    titleEn: "The listen call",
    titleZh: "listen系统调用",
    question: "What backlog do I really get?",
    knobs: ["backlog=128", "somaxconn=128 (6.x: 4096)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "Send-Q of the listener equals min(backlog, somaxconn) for all pairs",
      "b exact K310": "a negative backlog gives somaxconn",
      "c sequence M618 6.x":
        "6.x: backlog 0, 1, 5, 128, 511, 4096, 5000, 100000, -1 gives Send-Q 0, 1, 5, 128, 511, 4096, 4096, 4096, 4096"
    }
  },
  {
    id: "6.2.2",
    section: "6.2.2",
    titleEn: "listen twice",
    titleZh: "再次listen",
    question: "What does a second listen change?",
    knobs: ["first=128", "second=7"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence K310 3.10": "3.10: the accept limit changes, the size of the SYN queue does not",
      "b exact M618 6.x": "6.x: after listen(fd, 7) Send-Q shows 7 at once"
    }
  },
  {
    id: "6.2.3",
    section: "6.2.3",
    titleEn: "Queue viewer",
    titleZh: "接收队列定义",
    question: "What do the two queues look like?",
    knobs: ["connections=5"],
    profile: ["3.10"],
    checks: {
      "a order K310": "accept returns connections in the order of completed handshakes",
      "b exact K310": "a request is found by its 4-tuple in exactly one bucket"
    }
  },
  {
    id: "6.2.4",
    section: "6.2.4",
    titleEn: "Queue allocation",
    titleZh: "接收队列的申请",
    question: "How much memory does listen take?",
    knobs: ["backlog=128", "tcp_max_syn_backlog=1024"],
    profile: ["3.10"],
    checks: {
      "a exact K310": "a SYN queue of size 256 takes 256 x 8 B = 2048 B of pointers plus a header",
      "b exact K310": "listen allocates 0 request_sock_TCP objects"
    }
  },
  {
    id: "6.2.5",
    section: "6.2.5",
    titleEn: "Length of the SYN queue",
    titleZh: "半连接队列长度计算",
    question: "How many half-open connections fit?",
    knobs: ["backlog=128", "somaxconn=128", "tcp_max_syn_backlog=1024", "tcp_syncookies=1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310 3.10":
        "3.10: (backlog, somaxconn, tcp_max_syn_backlog) = (5,128,8192) gives 16, (128,128,1024) 256, (512,4096,1024) 1024, (1024,1024,2048) 2048",
      "b exact K310 3.10":
        "3.10: with cookies off SYN_RECV stops at 97 for (128,128,128), at 769 for (512,4096,1024) and at 1537 for (1024,1024,2048)",
      "c exact M618 6.x": "6.x: cookies off, backlog 128 gives 129 SYN_RECV of 1000 SYNs and TCPReqQFullDrop 871",
      "d exact M618 6.x":
        "6.x: cookies off: tcp_max_syn_backlog 128 (backlog 128, 1000 SYNs) gives 97, tcp_max_syn_backlog 2048 (backlog 4096, 5000 SYNs) gives 1537",
      "e exact M618 6.x": "6.x: cookies on, backlog 128, 1000 SYNs: 129 kept and SyncookiesSent 871"
    }
  },
  {
    id: "6.2.6",
    section: "6.2.6",
    titleEn: "Which value to raise",
    titleZh: "listen参数建议",
    question: "Which of the three values must I raise for my burst?",
    knobs: ["burst=2000", "backlog=128", "somaxconn=128", "tcp_max_syn_backlog=1024"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact NOTE":
        "raising any one of the three values alone to 4096 leaves both effective lengths unchanged while another is the minimum; with all three at 4096 the burst of 2000 passes without a drop or a cookie"
    }
  },
  {
    id: "6.3",
    section: "6.3",
    titleEn: "One connect, step by step",
    titleZh: "一次connect",
    question: "Which states does connect pass?",
    knobs: ["step=run"],
    profile: ["3.10", "6.x"],
    checks: {
      "a sequence K310":
        "state of the sock CLOSE, SYN_SENT, ESTABLISHED; state of the socket UNCONNECTED, CONNECTING, CONNECTED"
    }
  },
  {
    id: "6.3.1",
    section: "6.3.1",
    titleEn: "Blocking and non-blocking connect",
    titleZh: "connect调用链",
    question: "What does connect return in non-blocking mode?",
    knobs: ["mode=blocking (blocking, nonblocking)", "rtt=10ms"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "non-blocking connect returns EINPROGRESS at once",
      "b exact K310": "the socket becomes writable 1 RTT plus the CPU time of the trace after the call"
    }
  },
  {
    id: "6.3.2",
    section: "6.3.2",
    titleEn: "Choosing a port",
    titleZh: "选择可用端口",
    question: "Which port does connect choose, and when is none left?",
    knobs: ["range=100 ports", "reserved=none", "destinations=1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "connection 101 of a range of 100 ports to one destination fails with EADDRNOTAVAIL",
      "b exact K310": "a reserved port is never chosen",
      "c sequence K310 3.10":
        "3.10: successive ports for one destination are consecutive, modulo the range, while no other destination is connected to in between",
      "d sequence M618 6.x":
        "6.x: ports of the parity of the lower bound come first, each 2 to 16 above the one before (modulo the range) while the next ports are free; the other parity comes only when the first is used up"
    }
  },
  {
    id: "6.3.3",
    section: "6.3.3",
    titleEn: "One port, many connections",
    titleZh: "端口复用条件",
    question: "Can one local port carry several connections?",
    knobs: ["range=1 port", "servers=5", "bindFirst=no"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "without bind: k connections to k servers share the one port",
      "b exact K310": "a second connection to the same server fails",
      "c exact K310 3.10": "3.10: a port whose bucket was made by bind() is skipped"
    }
  },
  {
    id: "6.3.4",
    section: "6.3.4",
    titleEn: "Sending the SYN",
    titleZh: "发起SYN",
    question: "What is sent and which timer is set?",
    knobs: ["mss=1460", "timestamps=on"],
    profile: ["3.10", "6.x"],
    checks: {
      "a sequence K310": "SYN event, then the retransmission timer armed at +1.000 s",
      "b exact M618 6.x": "6.x: the SYN offers window 64240 and MSS 1460"
    }
  },
  {
    id: "6.3.5",
    section: "6.3.5",
    titleEn: "bind before connect",
    titleZh: "connect小结：先bind的代价",
    question: "What does bind before connect cost?",
    knobs: ["servers=5", "bind=no (no, bind0)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310 3.10": "3.10: connect alone reaches servers x N connections",
      "b exact K310 3.10":
        "3.10: with bind(localIp, 0) per connection and no SO_REUSEADDR the total is N per local IP, then EADDRINUSE",
      "c exact M618 6.x":
        "6.x: with the range full, plain bind(0) gives EADDRINUSE while IP_BIND_ADDRESS_NO_PORT with another destination succeeds"
    }
  },
  {
    id: "6.4",
    section: "6.4",
    titleEn: "The handshake",
    titleZh: "三次握手",
    question: "What happens to both queues during one handshake?",
    knobs: ["rtt=10ms"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "exactly three segments",
      "b sequence K310": "SYN queue occupancy 0, 1, 0; accept queue occupancy 0, 1, 0"
    }
  }
]
