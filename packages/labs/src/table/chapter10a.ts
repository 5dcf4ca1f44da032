import type { LabRow, Section } from "./LabSpec.ts"

/** Sections 10.1 to 10.4 of the book and their labs. */
export const sections: ReadonlyArray<Section> = [
  {
    number: "10.1",
    titleZh: "相关实际问题",
    titleEn: "Practical questions",
    labs: ["10.1", "Q10.1-1", "Q10.1-2", "Q10.1-3", "Q10.1-4", "Q10.1-5", "Q10.1-6"]
  },
  { number: "10.2", titleZh: "veth设备对", titleEn: "veth pairs", labs: ["10.2"] },
  { number: "10.2.1", titleZh: "veth如何使用", titleEn: "Usage", labs: ["10.2.1"] },
  { number: "10.2.2", titleZh: "veth底层创建过程", titleEn: "Creation", labs: ["10.2.2"] },
  { number: "10.2.3", titleZh: "veth网络通信过程", titleEn: "Data path", labs: ["10.2.3"] },
  { number: "10.2.4", titleZh: "小结", titleEn: "Summary", labs: ["10.2.4"] },
  { number: "10.3", titleZh: "网络命名空间", titleEn: "Network namespaces", labs: ["10.3"] },
  { number: "10.3.1", titleZh: "如何使用网络命名空间", titleEn: "Usage", labs: ["10.3.1"] },
  { number: "10.3.2", titleZh: "命名空间相关的定义", titleEn: "Definitions", labs: ["10.3.2"] },
  { number: "10.3.3", titleZh: "网络命名空间的创建", titleEn: "Creation", labs: ["10.3.3"] },
  { number: "10.3.4", titleZh: "网络收发如何使用网络命名空间", titleEn: "Use on the data path", labs: ["10.3.4"] },
  { number: "10.3.5", titleZh: "结论", titleEn: "Conclusion", labs: ["10.3.5"] },
  { number: "10.4", titleZh: "虚拟交换机Bridge", titleEn: "Virtual switch", labs: ["10.4"] }
]

export const labs: ReadonlyArray<LabRow> = [
  {
    id: "10.1",
    section: "10.1",
    titleEn: "Ask: containers",
    titleZh: "容器网络问题集",
    question: "Which questions about container networks can I ask?",
    knobs: ["question=Q10.1-1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "each of the six questions yields an answer from a run"
    }
  },
  {
    id: "Q10.1-1",
    section: "10.1",
    titleEn: "Is it the host's eth0",
    titleZh: "容器中的eth0和宿主机的是一个东西吗",
    question: "Is the container's eth0 the host's eth0?",
    knobs: ["runs=10.3.4"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 10.3.4, not from stored text",
      "b exact K310": "no: it is one end of a veth pair with its own ifindex and MAC"
    }
  },
  {
    id: "Q10.1-2",
    section: "10.1",
    titleEn: "What veth is",
    titleZh: "veth设备是什么",
    question: "What is veth and how does it work?",
    knobs: ["runs=10.2"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 10.2, not from stored text",
      "b presence K310": "a pair of devices whose transmit is the peer's receive"
    }
  },
  {
    id: "Q10.1-3",
    section: "10.1",
    titleEn: "Virtual environments",
    titleZh: "Linux如何虚拟出网络环境",
    question: "How does Linux build a virtual network environment?",
    knobs: ["runs=10.3"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 10.3, not from stored text",
      "b presence K310": "by one struct net per namespace with its own devices, routes, rules and sockets"
    }
  },
  {
    id: "Q10.1-4",
    section: "10.1",
    titleEn: "Independent routing tables",
    titleZh: "多套路由表如何隔离",
    question: "How do the routing tables of several environments stay independent?",
    knobs: ["runs=10.3.5"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 10.3.5, not from stored text",
      "b exact K310": "a route change in one namespace changes 0 routes in the others"
    }
  },
  {
    id: "Q10.1-5",
    section: "10.1",
    titleEn: "Containers on one host",
    titleZh: "同宿主机的容器如何通信",
    question: "How do containers on one host talk?",
    knobs: ["runs=10.4"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 10.4, not from stored text",
      "b presence K310": "through a bridge that joins their veth ends"
    }
  },
  {
    id: "Q10.1-6",
    section: "10.1",
    titleEn: "Containers and the outside",
    titleZh: "容器如何访问外部网络",
    question: "How do containers talk to the outside?",
    knobs: ["runs=10.5"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "the answer of one line is computed from the counters of lab 10.5, not from stored text",
      "b presence K310": "by forwarding plus MASQUERADE outwards and DNAT inwards"
    }
  },
  {
    id: "10.2",
    section: "10.2",
    titleEn: "veth overview",
    titleZh: "veth设备对总览",
    question: "What is a veth pair?",
    knobs: ["pairs=1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "labs 10.2.1 to 10.2.4 run in turn"
    }
  },
  {
    id: "10.2.1",
    section: "10.2.1",
    titleEn: "Using veth",
    titleZh: "veth如何使用",
    question: "Why does ping between two veth ends in one namespace fail at first?",
    knobs: ["rp_filter=1", "accept_local=0"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310":
        "with rp_filter 1 and accept_local 0 ping -I veth0 gets 0 replies and the ARP request is not answered",
      "b exact AUTH":
        "with rp_filter 0 and accept_local 1 100 % of the pings are answered (6.x: rp_filter 0 alone gives 0 replies)",
      "c presence K310": "one end down takes the carrier off on the other"
    }
  },
  {
    id: "10.2.2",
    section: "10.2.2",
    titleEn: "Creating veth",
    titleZh: "veth底层创建过程",
    question: "What does creating a veth pair make?",
    knobs: ["name=veth0"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "peer(peer(x)) = x",
      "b presence K310": "deleting one end removes both",
      "c exact K310 3.10": "3.10: queue length 1000 and pfifo_fast once up"
    }
  },
  {
    id: "10.2.3",
    section: "10.2.3",
    titleEn: "veth data path",
    titleZh: "veth网络通信过程",
    question: "How does a packet cross a veth pair?",
    knobs: ["packets=1000", "compare=lo"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "0 hard IRQs",
      "b exact K310":
        "rx packets of the peer equal tx packets of the sender; a frame more than 4 bytes above the peer's MTU (room for a VLAN tag) is dropped and counted",
      "c exact K310 3.10": "3.10: 1 qdisc event per packet on veth, 0 on lo",
      "d exact M618 6.x": "6.x: 0 qdisc events per packet on veth",
      "e range M618 6.x":
        "6.x: 1000 pings (2000 frames) raise NET_RX by 1000 to 1100 (measured 1000 and 1005) and NET_TX by 0"
    }
  },
  {
    id: "10.2.4",
    section: "10.2.4",
    titleEn: "lo, veth, NIC",
    titleZh: "lo、veth与网卡比较",
    question: "How do lo, veth and a NIC compare?",
    knobs: ["packets=1000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a order NOTE": "CPU: lo <= veth < NIC path"
    }
  },
  {
    id: "10.3",
    section: "10.3",
    titleEn: "Namespaces overview",
    titleZh: "网络命名空间总览",
    question: "What does a network namespace isolate?",
    knobs: ["namespaces=2"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "labs 10.3.1 to 10.3.5 run in turn"
    }
  },
  {
    id: "10.3.1",
    section: "10.3.1",
    titleEn: "Using namespaces",
    titleZh: "如何使用网络命名空间",
    question: "What is in a fresh network namespace?",
    knobs: ["name=net1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact AUTH": "a new namespace has only lo, which is down, 0 routes and empty iptables",
      "b presence AUTH": "after the move the device is gone from the host's list and ping works both ways",
      "c presence K310": "ping to 127.0.0.1 inside fails until lo is up"
    }
  },
  {
    id: "10.3.2",
    section: "10.3.2",
    titleEn: "Namespace objects",
    titleZh: "命名空间相关的定义",
    question: "Where is the namespace recorded?",
    knobs: ["process=1"],
    profile: ["3.10"],
    checks: {
      "a exact K310": "task, device and socket hold the pointer, and the three agree for one process",
      "b exact K310": "ip_local_port_range and the TIME_WAIT limits are the same in all namespaces (global in 3.10)"
    }
  },
  {
    id: "10.3.3",
    section: "10.3.3",
    titleEn: "Creating a namespace",
    titleZh: "网络命名空间的创建",
    question: "What happens when a namespace is created?",
    knobs: ["failAt=none"],
    profile: ["3.10", "6.x"],
    checks: {
      "a sequence K310":
        "the initialisers of pernet_list run once each in order; when one fails the earlier ones are undone in reverse",
      "b exact K310": "moving lo or br0 gives EINVAL",
      "c presence K310": "a socket keeps its namespace after setns"
    }
  },
  {
    id: "10.3.4",
    section: "10.3.4",
    titleEn: "Namespaces on the data path",
    titleZh: "网络收发如何使用命名空间",
    question: "How does the data path use the namespace?",
    knobs: ["namespaces=2", "port=80"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence K310": "the same destination takes different next hops in two namespaces",
      "b exact K310":
        "both binds to the same ip:port succeed and a segment reaches only the socket of its own namespace"
    }
  },
  {
    id: "10.3.5",
    section: "10.3.5",
    titleEn: "Isolation",
    titleZh: "命名空间的隔离结论",
    question: "Does a change in one namespace touch another?",
    knobs: ["change=route (sysctl, iptables, route)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact NOTE":
        "a change in one namespace leaves the others unchanged, except the globals of 3.10 named in 10.3.2"
    }
  },
  {
    id: "10.4",
    section: "10.4",
    titleEn: "Bridge overview",
    titleZh: "虚拟交换机总览",
    question: "What does a Linux bridge do?",
    knobs: ["ports=3"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "labs 10.4.1 to 10.4.5 run in turn"
    }
  }
]
