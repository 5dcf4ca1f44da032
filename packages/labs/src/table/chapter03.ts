import type { LabRow, Section } from "./LabSpec.ts"

/** Sections 3.1 to 3.5 of the book and their labs. */
export const sections: ReadonlyArray<Section> = [
  {
    number: "3.1",
    titleZh: "相关实际问题",
    titleEn: "Practical questions",
    labs: ["3.1", "Q3.1-1", "Q3.1-2", "Q3.1-3", "Q3.1-4", "Q3.1-5"]
  },
  { number: "3.2", titleZh: "socket的直接创建", titleEn: "Direct creation of a socket", labs: ["3.2"] },
  { number: "3.3", titleZh: "内核和用户进程协作之阻塞方式", titleEn: "Cooperation by blocking", labs: ["3.3"] },
  { number: "3.3.1", titleZh: "等待接收消息", titleEn: "Waiting to receive", labs: ["3.3.1"] },
  { number: "3.3.2", titleZh: "软中断模块", titleEn: "The soft-IRQ side", labs: ["3.3.2"] },
  { number: "3.3.3", titleZh: "同步阻塞总结", titleEn: "Summary of blocking", labs: ["3.3.3"] },
  { number: "3.4", titleZh: "内核和用户进程协作之epoll", titleEn: "Cooperation by epoll", labs: ["3.4"] },
  { number: "3.4.1", titleZh: "epoll内核对象的创建", titleEn: "Creating the epoll object", labs: ["3.4.1"] },
  { number: "3.4.2", titleZh: "为epoll添加socket", titleEn: "Adding a socket", labs: ["3.4.2"] },
  { number: "3.4.3", titleZh: "epoll_wait之等待接收", titleEn: "epoll_wait", labs: ["3.4.3"] },
  { number: "3.4.4", titleZh: "数据来了", titleEn: "Data arrives", labs: ["3.4.4"] },
  { number: "3.4.5", titleZh: "小结", titleEn: "Summary of epoll", labs: ["3.4.5"] },
  { number: "3.5", titleZh: "本章总结", titleEn: "Chapter summary", labs: ["3.5-a", "3.5-b"] }
]

export const labs: ReadonlyArray<LabRow> = [
  {
    id: "3.1",
    section: "3.1",
    titleEn: "Ask: cooperation",
    titleZh: "内核协作问题集",
    question: "Which questions about blocking and epoll can I ask?",
    knobs: ["question=Q3.1-1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "each of the five questions yields an answer of one line computed from measured counts"
    }
  },
  {
    id: "Q3.1-1",
    section: "3.1",
    titleEn: "What blocking is",
    titleZh: "阻塞到底是怎么回事",
    question: "What is blocking, really?",
    knobs: ["runs=3.3.1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 3.3.1, not from stored text",
      "b exact K310": "the reader is in TASK_INTERRUPTIBLE with one entry on the socket's wait queue"
    }
  },
  {
    id: "Q3.1-2",
    section: "3.1",
    titleEn: "Cost of blocking",
    titleZh: "同步阻塞的开销",
    question: "What does synchronous blocking cost?",
    knobs: ["runs=3.3.3"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 3.3.3, not from stored text",
      "b exact AUTH": "2 context switches per isolated message, one away from the reader and one back"
    }
  },
  {
    id: "Q3.1-3",
    section: "3.1",
    titleEn: "Why epoll is faster",
    titleZh: "多路复用epoll为何提高性能",
    question: "Why does epoll raise performance?",
    knobs: ["runs=3.4.5"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 3.4.5, not from stored text",
      "b presence INF": "CPU per ready event does not grow with the number of watched sockets"
    }
  },
  {
    id: "Q3.1-4",
    section: "3.1",
    titleEn: "Is epoll blocking",
    titleZh: "epoll也是阻塞的吗",
    question: "Is epoll blocking too?",
    knobs: ["runs=3.4.3"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 3.4.3, not from stored text",
      "b presence NOTE": "epoll_wait puts the process to sleep when nothing is ready"
    }
  },
  {
    id: "Q3.1-5",
    section: "3.1",
    titleEn: "Why Redis is fast",
    titleZh: "为什么Redis的网络性能突出",
    question: "Why is Redis so fast?",
    knobs: ["runs=3.5-a"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 3.5-a, not from stored text",
      "b range INF": "at saturation fewer than 0.05 context switches per request"
    }
  },
  {
    id: "3.2",
    section: "3.2",
    titleEn: "Socket object graph",
    titleZh: "socket的内核对象",
    question: "What objects stand behind a socket descriptor?",
    knobs: ["type=both (SOCK_STREAM, SOCK_DGRAM)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "one socket() adds exactly 1 object to each of sock_inode_cache, TCP (or UDP), dentry and filp",
      "b exact K310": "a stream socket has inet_stream_ops and tcp_prot, a datagram socket inet_dgram_ops and udp_prot",
      "c exact K310": "sk_data_ready is sock_def_readable"
    }
  },
  {
    id: "3.3",
    section: "3.3",
    titleEn: "One blocking receive",
    titleZh: "一次阻塞接收",
    question: "What happens from the blocked recv to the return of the data?",
    knobs: ["payload=100"],
    profile: ["3.10"],
    checks: {
      "a sequence K310":
        "recv queues a wait entry, sleeps, a segment arrives in soft IRQ, wakes the reader, the reader copies and returns"
    }
  },
  {
    id: "3.3.1",
    section: "3.3.1",
    titleEn: "Waiting reader",
    titleZh: "等待接收消息",
    question: "What does a process do in recv when the queue is empty?",
    knobs: ["mode=blocking (blocking, nonblocking)", "timeout=0"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310":
        "blocking: state INTERRUPTIBLE, one wait-queue entry whose private field is the reader, voluntary switches +1",
      "b exact K310": "non-blocking: EAGAIN and switches +0"
    }
  },
  {
    id: "3.3.2",
    section: "3.3.2",
    titleEn: "Soft-IRQ side",
    titleZh: "软中断模块",
    question: "What does the soft IRQ do for a blocked, a busy and a full socket?",
    knobs: ["socketState=blocked (blocked, owned, full)", "readers=5", "tcp_low_latency=1 (0, 1)"],
    profile: ["3.10"],
    checks: {
      "a sequence K310":
        "tcp_low_latency=1: sock_def_readable, __wake_up_common, autoremove_wake_function, default_wake_function, try_to_wake_up, in this order; with the default 0 tcp_prequeue makes the wake-up in place of sock_def_readable and the segment is processed in the reader",
      "b exact K310": "5 processes blocked in recv on one TCP socket: all 5 wake on one segment and 4 sleep again",
      "c exact K310": "5 processes blocked in accept(), or in recvfrom() on one UDP socket: exactly 1 wakes"
    }
  },
  {
    id: "3.3.3",
    section: "3.3.3",
    titleEn: "Cost of blocking",
    titleZh: "同步阻塞总结",
    question: "What does blocking cost per message?",
    knobs: ["messages=1000", "switchCost=4us"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact AUTH":
        "for N isolated messages the reader makes 2N context switches: N away, its voluntary counter, and N back",
      "b exact INF": "CPU time for switching is 2N times the cost of one switch"
    }
  },
  {
    id: "3.4",
    section: "3.4",
    titleEn: "epoll echo server",
    titleZh: "epoll服务器全流程",
    question: "How do accept, epoll_ctl and epoll_wait work together?",
    knobs: ["clients=100"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence K310": "the steps of labs 3.4.1 to 3.4.4 appear in this order for every client"
    }
  },
  {
    id: "3.4.1",
    section: "3.4.1",
    titleEn: "Creating the epoll object",
    titleZh: "创建epoll对象",
    question: "What does epoll_create make?",
    knobs: ["flags=0"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "a new object has empty wq, empty rdllist and empty rbr",
      "b exact K310": "the number of open descriptors grows by 1"
    }
  },
  {
    id: "3.4.2",
    section: "3.4.2",
    titleEn: "Adding sockets",
    titleZh: "为epoll添加socket",
    question: "What does epoll_ctl(ADD) leave behind?",
    knobs: ["sockets=1000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "after n adds there are n epitems and each socket has 1 wait entry with func ep_poll_callback",
      "b exact K310": "adding the same descriptor twice gives EEXIST",
      "c range INF": "the depth of the tree is at most 2 log2(n+1)",
      "d exact M618 6.x": "6.x: one registration takes 208 B (epitem 128, eppoll_entry 64, ep_head 16)"
    }
  },
  {
    id: "3.4.3",
    section: "3.4.3",
    titleEn: "epoll_wait",
    titleZh: "epoll_wait等待",
    question: "When does epoll_wait sleep and whom does an event wake?",
    knobs: ["timeout=-1 (-1, 0, T)", "trigger=LT (LT, ET, ONESHOT)", "waiters=2"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence K310": "level trigger with 2 KB pending and 1 KB read: the next epoll_wait returns at once",
      "b presence K310": "edge trigger in the same case: epoll_wait blocks until new data arrives",
      "c exact K310":
        "two threads in epoll_wait on one epoll object and one event: with EPOLLET or EPOLLONESHOT exactly 1 wakes, the most recent waiter; with level trigger it goes first, puts the item back and wakes the other, which returns the event only if it is still unread"
    }
  },
  {
    id: "3.4.4",
    section: "3.4.4",
    titleEn: "Data arrives",
    titleZh: "数据来了",
    question: "What does arriving data do when the process is busy, and when it is idle?",
    knobs: ["sockets=1000", "ready=100", "process=busy (busy, idle)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310":
        "busy process: k callbacks, 0 wakes, rdllist length k, the next epoll_wait returns min(k, maxevents) with 0 switches",
      "b exact K310": "idle process: k callbacks in one soft-IRQ run and 1 effective wake"
    }
  },
  {
    id: "3.4.5",
    section: "3.4.5",
    titleEn: "select, poll, epoll, processes",
    titleZh: "四种方式比较",
    question: "How do select, poll, epoll and one process per connection scale?",
    knobs: ["idle=10..100000 (select: to 1000)", "active=100", "model=all (select, poll, epoll, processes)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a range INF": "CPU per ready event of epoll is constant within 10 % in the number of watched sockets",
      "b presence INF":
        "CPU per ready event of poll, and of select up to its FD_SETSIZE of 1024 descriptors, grows linearly with the number of watched sockets",
      "c exact INF": "the blocking model needs one process per connection"
    }
  },
  {
    id: "3.5-a",
    section: "3.5",
    titleEn: "Redis model",
    titleZh: "Redis模型",
    question: "How can one process serve tens of thousands of requests per second?",
    knobs: ["pipeline=1", "clients=1000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a range INF": "at saturation fewer than 0.05 context switches per request",
      "b range BOOK": "at least 50,000 requests per second with default costs"
    }
  },
  {
    id: "3.5-b",
    section: "3.5",
    titleEn: "Thundering herd",
    titleZh: "惊群",
    question: "How many workers wake for one connection?",
    knobs: ["workers=8 (each with its own epoll object, idle)", "mode=plain (plain, EPOLLEXCLUSIVE, SO_REUSEPORT)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "plain: all w idle workers are woken per connection, one accepts, the others sleep again",
      "b exact K310":
        "with SO_REUSEPORT exactly 1 wakes; with EPOLLEXCLUSIVE exactly 1 in profile 6.x and all w in profile 3.10, which does not know the flag and ignores it"
    }
  }
]
