import type { LabRow, Section } from "./LabSpec.ts"

/** Sections 10.4.1 to 10.6 of the book and their labs. */
export const sections: ReadonlyArray<Section> = [
  { number: "10.4.1", titleZh: "如何使用Bridge", titleEn: "Usage", labs: ["10.4.1"] },
  { number: "10.4.2", titleZh: "Bridge是如何创建出来的", titleEn: "Creation", labs: ["10.4.2"] },
  { number: "10.4.3", titleZh: "添加设备", titleEn: "Adding devices", labs: ["10.4.3"] },
  {
    number: "10.4.4",
    titleZh: "数据包处理过程",
    titleEn: "Packet processing",
    labs: ["10.4.4-a", "10.4.4-b", "10.4.4-c", "10.4.4-d", "10.4.4-e", "10.4.4-f"]
  },
  { number: "10.4.5", titleZh: "小结", titleEn: "Summary", labs: ["10.4.5"] },
  { number: "10.5", titleZh: "外部网络通信", titleEn: "Talking to the outside", labs: ["10.5"] },
  {
    number: "10.5.1",
    titleZh: "路由和NAT",
    titleEn: "Routing and NAT",
    labs: ["10.5.1-a", "10.5.1-b", "10.5.1-c", "10.5.1-d", "10.5.1-e"]
  },
  { number: "10.5.2", titleZh: "实现外部网络通信", titleEn: "Implementation", labs: ["10.5.2-a", "10.5.2-b"] },
  { number: "10.5.3", titleZh: "小结", titleEn: "Summary", labs: ["10.5.3"] },
  { number: "10.6", titleZh: "本章总结", titleEn: "Chapter summary", labs: ["10.6"] }
]

export const labs: ReadonlyArray<LabRow> = [
  {
    id: "10.4.1",
    section: "10.4.1",
    titleEn: "Using a bridge",
    titleZh: "如何使用Bridge",
    question: "How do I join two containers with a bridge?",
    knobs: ["bridgeIp=none (none, 192.168.0.100)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a order AUTH": "the first ping is slower than the following ones (ARP and learning)",
      "b exact AUTH": "ttl = 64",
      "c presence AUTH": "ping works with no IP on br0"
    }
  },
  {
    id: "10.4.2",
    section: "10.4.2",
    titleEn: "Creating a bridge",
    titleZh: "Bridge的创建",
    question: "What does creating a bridge make?",
    knobs: ["name=br0"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310":
        "empty port list, no learned address (3.10: forwarding database empty; 6.x: only permanent entries of the bridge itself), noqueue once up",
      "b exact K310": "brctl delbr is refused with EBUSY while the bridge is up, ip link del is not"
    }
  },
  {
    id: "10.4.3",
    section: "10.4.3",
    titleEn: "Adding devices",
    titleZh: "添加设备",
    question: "Which devices may become ports, and what changes?",
    knobs: ["device=veth0 (veth0, lo, br1, bridged, tun)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310":
        "lo and non-Ethernet devices (EINVAL), bridges (ELOOP) and, through brctl addif, devices of another bridge (EBUSY) are refused; ip link set master moves a device from one bridge to the other",
      "b presence K310":
        "the bridge takes the lowest MAC of its ports and the smallest MTU, unless they were set by hand",
      "c presence K310": "after adding, the port's own IP receives nothing any more"
    }
  },
  {
    id: "10.4.4-a",
    section: "10.4.4",
    titleEn: "Learning",
    titleZh: "网桥MAC学习",
    question: "When does a bridge flood?",
    knobs: ["ports=3", "pings=20"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "the first unknown unicast is seen on all n-1 other ports, the reply and later frames on 1",
      "b exact M618 6.x": "6.x: the first ping adds 1 frame (ARP) on the third port, 20 further pings add 0"
    }
  },
  {
    id: "10.4.4-b",
    section: "10.4.4",
    titleEn: "Ageing",
    titleZh: "网桥老化",
    question: "When does a bridge forget an address?",
    knobs: ["ageing=300s"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "after 300 s without traffic the next unicast is flooded again",
      "b range M618 6.x":
        "6.x: with ageing 3.00 s the entry goes 3 s to 4 s after the last frame and the next unicast is flooded once"
    }
  },
  {
    id: "10.4.4-c",
    section: "10.4.4",
    titleEn: "MAC move",
    titleZh: "MAC地址迁移",
    question: "What happens when an address appears on another port?",
    knobs: ["ports=3"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "a frame with a known MAC from another port moves the entry"
    }
  },
  {
    id: "10.4.4-d",
    section: "10.4.4",
    titleEn: "STP and forward delay",
    titleZh: "STP与转发延迟",
    question: "How long does a new port wait?",
    knobs: ["stp=on (on, off)", "forward_delay=15s"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "STP on: no traffic before 30 s; STP off: at once"
    }
  },
  {
    id: "10.4.4-e",
    section: "10.4.4",
    titleEn: "Hairpin",
    titleZh: "hairpin模式",
    question: "Can a frame leave by the port it came from?",
    knobs: ["hairpin=off"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "hairpin off: 0 frames go back"
    }
  },
  {
    id: "10.4.4-f",
    section: "10.4.4",
    titleEn: "iptables on the bridge",
    titleZh: "网桥上的iptables",
    question: "Do iptables rules see bridged frames?",
    knobs: ["bridge_nf_call_iptables=1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence K310":
        "FORWARD DROP blocks bridged ping if and only if bridge-nf-call-iptables is 1 (6.x: and br_netfilter is loaded)"
    }
  },
  {
    id: "10.4.5",
    section: "10.4.5",
    titleEn: "Container to container",
    titleZh: "网桥小结：容器到容器",
    question: "What is the full path between two containers on one host?",
    knobs: ["packets=1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310":
        "per one-way packet exactly two veth_xmit, one br_forward and two packets taken from the backlog, in one soft-IRQ pass: two process_backlog calls in 3.10, one in 6.x (1000 datagrams: NET_RX +1000, processed +2000)",
      "b exact K310": "0 hard IRQs"
    }
  },
  {
    id: "10.5",
    section: "10.5",
    titleEn: "Outside overview",
    titleZh: "外部网络通信总览",
    question: "What lets a container talk to the outside?",
    knobs: ["containers=1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence INF": "labs 10.5.1 to 10.5.3 run in turn"
    }
  },
  {
    id: "10.5.1-a",
    section: "10.5.1",
    titleEn: "Hook walk",
    titleZh: "五链四表的路径",
    question: "Which chains does a packet pass?",
    knobs: ["direction=all (in, forward, out)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a sequence K310": "in: PREROUTING, INPUT; forward: PREROUTING, FORWARD, POSTROUTING; out: OUTPUT, POSTROUTING"
    }
  },
  {
    id: "10.5.1-b",
    section: "10.5.1",
    titleEn: "nat counters",
    titleZh: "nat规则计数",
    question: "What do the counters of the nat table count?",
    knobs: ["packets=1000", "flows=1"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "1000 packets of one flow raise the rule counter by 1"
    }
  },
  {
    id: "10.5.1-c",
    section: "10.5.1",
    titleEn: "NAT port collision",
    titleZh: "NAT端口冲突",
    question: "What if two containers use the same source port?",
    knobs: ["containers=2", "sourcePort=45000"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310 3.10":
        "3.10: the first keeps its port, the second gets another of 1024 or higher (1024 with a fresh rover)",
      "b presence M618 6.x": "6.x: the first keeps its port, the second gets a random port of 1024 or higher"
    }
  },
  {
    id: "10.5.1-d",
    section: "10.5.1",
    titleEn: "conntrack full",
    titleZh: "conntrack表满",
    question: "What happens when the conntrack table is full?",
    knobs: ["nf_conntrack_max=65536"],
    profile: ["3.10"],
    checks: {
      "a exact K310": "flow 65,537 is dropped when all entries are assured"
    }
  },
  {
    id: "10.5.1-e",
    section: "10.5.1",
    titleEn: "Forwarding off",
    titleZh: "未开启转发",
    question: "What happens when forwarding is off?",
    knobs: ["ip_forward=0"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "the packet is dropped with 0 hits in FORWARD"
    }
  },
  {
    id: "10.5.2-a",
    section: "10.5.2",
    titleEn: "One step missing",
    titleZh: "外网通信逐步实验",
    question: "Which step of the recipe is needed for what?",
    knobs: ["leaveOut=none (default route, forwarding, masquerade)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact K310": "no default route: ENETUNREACH",
      "b exact K310": "no forwarding: 0 packets leave eth0",
      "c presence AUTH": "no MASQUERADE: the packet leaves with source 192.168.0.2 and no reply comes back",
      "d presence AUTH": "all set: the reply comes and the source on the wire is the host's IP"
    }
  },
  {
    id: "10.5.2-b",
    section: "10.5.2",
    titleEn: "Port mapping",
    titleZh: "端口映射",
    question: "How does the outside reach a service in a container?",
    knobs: ["hostPort=8088", "containerPort=80"],
    profile: ["3.10", "6.x"],
    checks: {
      "a presence AUTH": "the client sees only host:8088",
      "b exact K310": "the conntrack entry has original destination host:8088 and reply source 192.168.0.2:80",
      "c exact K310": "the TTL inside is one less"
    }
  },
  {
    id: "10.5.3",
    section: "10.5.3",
    titleEn: "Mini Docker",
    titleZh: "迷你Docker",
    question: "Can one command build a container network?",
    knobs: ["containers=3", "published=3"],
    profile: ["3.10", "6.x"],
    checks: {
      "a exact INF": "n x n container pings, n outward connections and n published ports all succeed"
    }
  },
  {
    id: "10.6",
    section: "10.6",
    titleEn: "Cost of container networking",
    titleZh: "容器网络的代价",
    question: "What does a container network cost per packet?",
    knobs: ["mode=all (host, bridge, bridge+nat)"],
    profile: ["3.10", "6.x"],
    checks: {
      "a order INF": "CPU per packet: host < bridge < bridge + NAT",
      "b exact INF": "the added cost equals the added events times their cost"
    }
  }
]
