import assert from "node:assert/strict"
import { describe, it } from "vitest"
import { commands } from "@darkfiber/tools/Registry"
import * as Shell from "@darkfiber/tools/Shell"
import { box, fails, lone, newNet, ok, pair, port, settle, start } from "./Net.ts"

describe("ip", () => {
  it("addr and link print what iproute2 prints", () => {
    const [a] = pair(newNet())
    assert.equal(
      ok(a, "ip addr show dev eth0"),
      "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP group default qlen 1000\n" +
        "    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n" +
        "    inet 10.0.0.1/24 brd 10.0.0.255 scope global eth0\n" +
        "       valid_lft forever preferred_lft forever\n"
    )
    assert.equal(
      ok(a, "ip -s link show lo"),
      "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default\n" +
        "    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n" +
        "    RX:  bytes packets errors dropped  missed   mcast           \n" +
        "             0       0      0       0       0       0 \n" +
        "    TX:  bytes packets errors dropped carrier collsns           \n" +
        "             0       0      0       0       0       0 \n"
    )
    assert.equal(ok(a, "ip -br a s eth0"), "eth0             UP             10.0.0.1/24 \n")
    assert.equal(ok(a, "ip a s up | grep -c inet"), "2\n")
  })

  it("routes carry metrics for TCP, printed as iproute2 prints them", () => {
    const h = lone()
    port(h, 1)
    ok(h, "ip addr add 10.1.0.1/16 dev eth0; ip link set eth0 up")
    ok(h, "ip route add 10.9.0.0/16 via 10.1.0.9 mtu lock 640 advmss 600 initcwnd 11 initrwnd 5 rto_min 5ms quickack 1")
    assert.equal(
      ok(h, "ip route show 10.9.0.0/16"),
      "10.9.0.0/16 via 10.1.0.9 dev eth0 linkdown mtu lock 640 advmss 600 initcwnd 11 rto_min lock 5ms initrwnd 5 quickack 1 \n"
    )
    ok(h, "ip route change 10.9.0.0/16 via 10.1.0.9 features ecn window 4000")
    assert.equal(
      ok(h, "ip route show 10.9.0.0/16"),
      "10.9.0.0/16 via 10.1.0.9 dev eth0 linkdown window 4000 features ecn \n"
    )
    assert.equal(fails(h, "ip route add 10.8.0.0/16 via 10.1.0.9 features none")[0], 255)
  })

  it("tcp_metrics shows what is kept of a peer, and forgets it", () => {
    const h = lone()
    assert.equal(ok(h, "ip tcp_metrics show"), "")
    const tcp = h.tcp!.netOf(h.host.init)
    const entry = tcp.metrics.take(0x0a000001, 0x0a000002, 0)
    entry.fastOpenMss = 1460
    entry.cookieLength = 4
    entry.cookie.set([0xab, 0xcd, 0x12, 0x34])
    tcp.metrics.take(0x0a000001, 0x0a000003, 0)
    assert.match(
      ok(h, "ip tcp_metrics show 10.0.0.2"),
      /^10\.0\.0\.2 age \d+\.\d{3}sec fo_mss 1460 fo_cookie abcd1234 source 10\.0\.0\.1\n$/
    )
    ok(h, "ip tcp_metrics delete 10.0.0.2")
    assert.deepEqual(fails(h, "ip tcp_metrics delete 10.0.0.2"), [2, "RTNETLINK answers: No such process\n"])
    ok(h, "ip tcp_metrics flush all")
    assert.equal(ok(h, "ip tcp_metrics"), "")
  })

  it("addresses come and go, and the kernel's answers are worded as ip words them", () => {
    const h = lone()
    port(h, 1)
    ok(h, "ip addr add 10.1.0.1/16 dev eth0; ip addr add 10.1.0.2/16 dev eth0")
    assert.match(ok(h, "ip addr show eth0"), /inet 10\.1\.0\.2\/16 brd 10\.1\.255\.255 scope global secondary eth0\n/)
    assert.deepEqual(fails(h, "ip addr add 10.1.0.1/16 dev eth0"), [2, "RTNETLINK answers: File exists\n"])
    ok(h, "ip addr del 10.1.0.1/16 dev eth0")
    assert.equal(ok(h, "ip addr show eth0 | grep -c inet || true"), "0\n")
    assert.deepEqual(fails(h, "ip addr del 10.1.0.1/16 dev eth0"), [
      2,
      "RTNETLINK answers: Cannot assign requested address\n"
    ])
    assert.deepEqual(fails(h, "ip addr add 10.1.0.1/16 dev eth9"), [1, 'Cannot find device "eth9"\n'])
    assert.deepEqual(fails(h, "ip addr show eth9"), [1, 'Device "eth9" does not exist.\n'])
    assert.deepEqual(fails(h, "ip addr add 10.1.0/16 dev eth0"), [
      1,
      'Error: any valid prefix is expected rather than "10.1.0/16".\n'
    ])
    assert.deepEqual(fails(h, "ip frobnicate"), [1, 'Object "frobnicate" is unknown, try "ip help".\n'])
    assert.deepEqual(fails(h, "ip link frobnicate"), [255, 'Command "frobnicate" is unknown, try "ip link help".\n'])
  })

  it("routes: add, get, metrics, replace, delete", () => {
    const [a] = pair(newNet())
    ok(a, "ip route add default via 10.0.0.2")
    ok(a, "ip route add 10.9.0.0/16 via 10.0.0.2 dev eth0 metric 100 proto static")
    ok(a, "ip route add unreachable 10.8.0.0/16")
    assert.equal(
      ok(a, "ip route"),
      "default via 10.0.0.2 dev eth0 \n" +
        "10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.1 \n" +
        "unreachable 10.8.0.0/16 \n" +
        "10.9.0.0/16 via 10.0.0.2 dev eth0 proto static metric 100 \n"
    )
    assert.equal(ok(a, "ip route get 10.9.1.1"), "10.9.1.1 via 10.0.0.2 dev eth0 src 10.0.0.1 uid 0 \n    cache \n")
    assert.equal(ok(a, "ip route get 127.0.0.1"), "local 127.0.0.1 dev lo src 127.0.0.1 uid 0 \n    cache <local> \n")
    assert.deepEqual(fails(a, "ip route get 10.8.0.1"), [2, "RTNETLINK answers: No route to host\n"])
    assert.deepEqual(fails(a, "ip route add default via 10.0.0.2"), [2, "RTNETLINK answers: File exists\n"])
    assert.deepEqual(fails(a, "ip route add 10.7.0.0/16 via 1.2.3.4"), [2, "Error: Nexthop has invalid gateway.\n"])
    assert.deepEqual(fails(a, "ip route add 10.7.0.1/16 dev eth0"), [2, "RTNETLINK answers: Invalid argument\n"])
    ok(a, "ip route replace 10.9.0.0/16 dev eth0 metric 100")
    assert.match(ok(a, "ip route list 10.9.0.0/16"), /^10\.9\.0\.0\/16 dev eth0 scope link metric 100 \n$/)
    ok(a, "ip route del default")
    assert.deepEqual(fails(a, "ip route del default"), [2, "RTNETLINK answers: No such process\n"])
    ok(a, "ip route flush table main")
    assert.equal(ok(a, "ip route"), "")
    assert.match(
      ok(a, "ip route list table local"),
      /^broadcast 10\.0\.0\.0 dev eth0 proto kernel scope link src 10\.0\.0\.1 \n/
    )
    assert.match(ok(a, "ip rule"), /^0:\tfrom all lookup local\n/)
  })

  it("namespaces, veth pairs, moves and their undoing", () => {
    const h = lone()
    ok(h, "ip netns add blue && ip netns add red")
    assert.equal(ok(h, "ip netns"), "red\nblue\n")
    ok(h, "ip link add v0 type veth peer name v1 netns blue")
    ok(h, "ip netns exec blue ip link set v1 address 02:00:00:00:00:99 mtu 1400 up")
    ok(h, "ip link set v0 up")
    assert.match(
      ok(h, "ip link show v0"),
      /^\d+: v0@if\d+: <BROADCAST,MULTICAST,UP,LOWER_UP> .* state UP .*\n.* link-netns blue\n$/
    )
    assert.match(ok(h, "ip -n blue link show v1"), /mtu 1400 .*\n {4}link\/ether 02:00:00:00:00:99 /)
    ok(h, "ip netns exec blue ip link set v1 down")
    assert.match(ok(h, "ip link show v0"), /<NO-CARRIER,BROADCAST,MULTICAST,UP,M-DOWN> .* state LOWERLAYERDOWN/)
    ok(h, "ip netns exec blue ip link set v1 netns red && ip netns exec red ip link set v1 name w1")
    assert.match(ok(h, "ip -n red link show w1"), /: w1@if/)
    assert.deepEqual(fails(h, "ip link set lo netns red"), [2, "RTNETLINK answers: Invalid argument\n"])
    assert.deepEqual(fails(h, "ip netns add red"), [
      1,
      'Cannot create namespace file "/var/run/netns/red": File exists\n'
    ])
    ok(h, "ip netns del red")
    assert.deepEqual(fails(h, "ip link show v0"), [1, 'Device "v0" does not exist.\n'])
    assert.deepEqual(fails(h, "ip netns exec red ip a"), [
      255,
      'Cannot open network namespace "red": No such file or directory\n'
    ])
    assert.deepEqual(fails(h, "ip link add x type warp"), [2, "Error: Unknown device type.\n"])
  })

  it("neigh and arp show, set and remove entries", () => {
    const net = newNet()
    const [a] = pair(net)
    ok(a, "ip neigh add 10.0.0.7 lladdr 02:00:00:00:00:77 dev eth0 nud permanent")
    start(a, "ping -c 1 10.0.0.2")
    settle(net, 1e9)
    assert.equal(
      ok(a, "ip neigh"),
      "10.0.0.7 dev eth0 lladdr 02:00:00:00:00:77 PERMANENT\n10.0.0.2 dev eth0 lladdr 02:00:00:00:00:02 REACHABLE\n"
    )
    assert.match(ok(a, "arp -n"), /\n10\.0\.0\.7 {17}ether {3}02:00:00:00:00:77 {3}CM {20}eth0\n/)
    ok(a, "ip neigh del 10.0.0.7 dev eth0")
    assert.deepEqual(fails(a, "ip neigh del 10.0.0.7 dev eth0"), [2, "RTNETLINK answers: No such file or directory\n"])
    ok(a, "ip neigh flush dev eth0")
    assert.equal(ok(a, "ip neigh"), "")
  })
})

describe("brctl and bridge", () => {
  it("make the book's bridge of two namespaces, which then ping each other", () => {
    const net = newNet()
    const h = box(net, "h", "3.10")
    ok(h, "brctl addbr br0 && ip link set br0 up")
    for (const [name, address] of [
      ["net1", "192.168.0.101"],
      ["net2", "192.168.0.102"]
    ] as const) {
      ok(
        h,
        `ip netns add ${name}; ip link add ${name}_p type veth peer name ${name}_h; ip link set ${name}_p netns ${name}`
      )
      ok(
        h,
        `ip netns exec ${name} ip addr add ${address}/24 dev ${name}_p; ip netns exec ${name} ip link set ${name}_p up`
      )
      ok(h, `ip link set ${name}_h up; brctl addif br0 ${name}_h`)
    }
    const ping = start(h, "ip netns exec net1 ping -c 2 -i 0.5 192.168.0.102 | grep -c ttl=64")
    const inside = Shell.spawn({ ...h, net: h.host.netns[1]! }, "ping -c 1 192.168.0.102", () => {})
    assert.notEqual(typeof inside, "number")
    settle(net, 3e9)
    assert.match(
      ok(h, "brctl show"),
      /^bridge name\tbridge id\t\tSTP enabled\tinterfaces\nbr0\t\t8000\.[0-9a-f]{12}\tno\t\tnet1_h\n\t\t\t\t\t\t\tnet2_h\n$/
    )
    assert.equal(ok(h, "brctl showmacs br0 | grep -c no"), "3\n")
    assert.equal(ok(h, "bridge fdb show br br0 | grep -c permanent"), "2\n")
    assert.deepEqual(fails(h, "brctl addif br0 net1_h"), [
      1,
      "device net1_h is already a member of a bridge; can't enslave it to bridge br0.\n"
    ])
    assert.deepEqual(fails(h, "brctl delbr br0"), [1, "bridge br0 is still up; can't delete it\n"])
    ok(h, "ip link set br0 down && brctl delbr br0")
    assert.equal(ping.outcome?.code, 1, "a process stays in the namespace it was started in")
  })
})

describe("iptables and conntrack", () => {
  it("NAT out of a namespace: counters, listings, entries, save and restore", () => {
    const net = newNet()
    const [a, b] = pair(net)
    ok(
      a,
      "ip netns add c; ip link add v0 type veth peer name v1 netns c; ip addr add 172.17.0.1/16 dev v0; ip link set v0 up"
    )
    ok(a, "ip netns exec c ip addr add 172.17.0.2/16 dev v1; ip netns exec c ip link set v1 up")
    ok(a, "ip netns exec c ip route add default via 172.17.0.1; sysctl -w net.ipv4.ip_forward=1")
    ok(a, "iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o v0 -j MASQUERADE")
    ok(
      a,
      "iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT; iptables -A FORWARD -i v0 -j ACCEPT; iptables -P FORWARD DROP"
    )
    const inside = { ...a, net: a.host.netns.find((one) => one.name === "c")! }
    const ping = start(inside, "ping -c 3 -i 0.2 10.0.0.2")
    const dump = start(b, "tcpdump -t -c 1 -i eth0 icmp")
    settle(net, 2e9)
    assert.match(ping.outcome!.stdout, /3 packets transmitted, 3 received, 0% packet loss/)
    assert.match(dump.outcome!.stdout, /^IP 10\.0\.0\.1 > 10\.0\.0\.2: ICMP echo request/)
    assert.match(
      ok(a, "iptables -t nat -L POSTROUTING -v -n"),
      /^Chain POSTROUTING \(policy ACCEPT 0 packets, 0 bytes\)\n pkts bytes target .*\n {4}1 {4}84 MASQUERADE all {2}-- {2}\* {6}!v0 {5}172\.17\.0\.0\/16 {8}0\.0\.0\.0\/0 *\n$/
    )
    assert.match(
      ok(a, "iptables -L FORWARD -n -v"),
      /\n {4}5 {3}420 ACCEPT .*ctstate RELATED,ESTABLISHED\n {4}1 {4}84 ACCEPT/
    )
    assert.match(
      ok(a, "conntrack -L -p icmp"),
      /^icmp {5}1 \d+ src=172\.17\.0\.2 dst=10\.0\.0\.2 type=8 code=0 id=1 src=10\.0\.0\.2 dst=10\.0\.0\.1 type=0 code=0 id=\d+ mark=0 use=\d+\n$/
    )
    const saved = ok(a, "iptables-save")
    ok(a, "iptables -F; iptables -t nat -F; iptables -P FORWARD ACCEPT")
    assert.equal(ok(a, "iptables-save | grep -c -- -A || true"), "0\n")
    const command = commands.get("iptables-restore")!
    const restored = command.run([], { place: a, stdin: saved, emit: () => {}, again: () => assert.fail() })
    assert.deepEqual(restored, { stdout: "", stderr: "", code: 0 })
    const rules = (text: string): ReadonlyArray<string> => text.split("\n").filter((line) => !line.startsWith(":"))
    assert.deepEqual(rules(ok(a, "iptables-save")), rules(saved))
  })

  it("chains, rule numbers and the tool's complaints", () => {
    const h = lone()
    assert.equal(ok(h, "iptables -S"), "-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n")
    assert.equal(ok(h, "iptables-save"), "", "a listing loads no table")
    ok(
      h,
      "iptables -N WEB; iptables -A WEB -p tcp --dport 80 -j RETURN; iptables -I INPUT -j WEB; iptables -A WEB -j DROP"
    )
    assert.match(
      ok(h, "iptables -L WEB --line-numbers -n"),
      /^Chain WEB \(1 references\)\nnum  target .*\n1 {4}RETURN {5}tcp {2}-- {2}0\.0\.0\.0\/0 {12}0\.0\.0\.0\/0 {12}tcp dpt:80\n2 {4}DROP/
    )
    assert.deepEqual(fails(h, "iptables -X WEB"), [1, "iptables: Directory not empty.\n"])
    ok(h, "iptables -F WEB")
    assert.deepEqual(fails(h, "iptables -X WEB"), [1, "iptables: Too many links.\n"])
    ok(h, "iptables -D INPUT 1 && iptables -X WEB")
    assert.deepEqual(fails(h, "iptables -A NOPE -j ACCEPT"), [1, "iptables: No chain/target/match by that name.\n"])
    assert.deepEqual(fails(h, "iptables -D INPUT -s 1.1.1.1 -j DROP"), [
      1,
      "iptables: Bad rule (does a matching rule exist in that chain?).\n"
    ])
    assert.deepEqual(fails(h, "iptables -D INPUT 4"), [1, "iptables: Index of deletion too big.\n"])
    ok(h, "iptables -N A")
    assert.deepEqual(fails(h, "iptables -N A"), [1, "iptables: Chain already exists.\n"])
    assert.match(fails(h, "iptables -A INPUT --bogus 1")[1], /unknown option "--bogus"/)
  })
})

describe("sysctl, ethtool, tc", () => {
  it("sysctl reads, writes and complains", () => {
    const h = lone("3.10")
    assert.equal(
      ok(h, "sysctl net.core.somaxconn net.ipv4.tcp_rmem | tr '\\t' ' '"),
      "net.core.somaxconn = 128\nnet.ipv4.tcp_rmem = 4096 87380 6291456\n"
    )
    assert.equal(ok(h, "sysctl -w net.core.somaxconn=1024"), "net.core.somaxconn = 1024\n")
    assert.equal(ok(h, "cat /proc/sys/net/core/somaxconn"), "1024\n")
    ok(h, "echo '20000 30000' > /proc/sys/net/ipv4/ip_local_port_range")
    assert.equal(ok(h, "sysctl -n net/ipv4/ip_local_port_range"), "20000\t30000\n")
    assert.deepEqual(fails(h, "sysctl net.nope"), [
      1,
      "sysctl: cannot stat /proc/sys/net/nope: No such file or directory\n"
    ])
    assert.deepEqual(fails(h, "sysctl -w net.ipv4.ip_forward=7"), [
      1,
      'sysctl: setting key "net.ipv4.ip_forward": Invalid argument\n'
    ])
    assert.ok(ok(h, "sysctl -a").split("\n").length > 100)
    assert.match(ok(h, "sysctl fs.file-max fs.nr_open"), /^fs\.file-max = \d+\nfs\.nr_open = 1048576\n$/)
  })

  it("ethtool shows and changes what the NIC lets it", () => {
    const [a] = pair(newNet())
    assert.match(ok(a, "ethtool -g eth0"), /^Ring parameters for eth0:\nPre-set maximums:\nRX:\t\t4096\n/)
    ok(a, "ethtool -G eth0 rx 1000 tx 50")
    assert.match(ok(a, "ethtool -g eth0"), /Current hardware settings:\nRX:\t\t1000\n.*TX:\t\t80\n$/s)
    assert.equal(ok(a, "ethtool -G eth0 rx 1000"), "no ring parameters changed, aborting\n")
    assert.deepEqual(fails(a, "ethtool -G eth0 rx 5000"), [81, "Cannot set device ring parameters: Invalid argument\n"])
    ok(a, "ethtool -L eth0 combined 1")
    assert.match(ok(a, "ethtool -l eth0"), /Current hardware settings:.*Combined:\t1\n$/s)
    assert.match(ok(a, "ip link show eth0"), / qdisc pfifo_fast .*state UP/)
    assert.deepEqual(fails(a, "ethtool -L eth0 combined 99"), [
      1,
      "Cannot set device channel parameters: Invalid argument\n"
    ])
    ok(a, "ethtool -C eth0 rx-usecs 100")
    assert.match(ok(a, "ethtool -c eth0"), /\nrx-usecs:\t100\n/)
    assert.deepEqual(fails(a, "ethtool -C eth0 rx-usecs 99999"), [
      80,
      "Cannot set device coalesce parameters: Invalid argument\n"
    ])
    ok(a, "ethtool -K eth0 gro off tso off")
    assert.match(ok(a, "ethtool -k eth0"), /\ntcp-segmentation-offload: off\n.*\ngeneric-receive-offload: off\n/)
    assert.match(fails(a, "ethtool -K eth0 warp on")[1], /unknown feature 'warp'/)
    assert.equal(ok(a, "ethtool -i eth0 | head -n 1"), "driver: igb\n")
    assert.deepEqual(fails(a, "ethtool -S lo"), [94, "no stats available\n"])
    assert.deepEqual(fails(a, "ethtool eth7"), [71, "Cannot get device settings: No such device\n"])
  })

  it("tc shows a queue a ring, and its limit can be changed", () => {
    const [a] = pair(newNet())
    assert.equal(
      ok(a, "tc qdisc show dev eth0 | cut -d' ' -f2,6,7"),
      "mq root \npfifo_fast parent :1\npfifo_fast parent :2\n"
    )
    ok(a, "tc qdisc change dev eth0 root pfifo_fast limit 10")
    assert.match(ok(a, "ip link show eth0"), /qlen 10\n/)
    ok(a, "tc qdisc add dev eth0 root fq maxrate 2gbit flow_limit 50 nopacing")
    assert.equal(
      ok(a, "tc qdisc show dev eth0"),
      "qdisc fq 8001: dev eth0 root refcnt 3 limit 10000p flow_limit 50p buckets 1024 orphan_mask 1023 nopacing " +
        "bands 3 priomap 1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1 weights 589824 196608 65536 quantum 3028b " +
        "initial_quantum 15140b maxrate 2Gbit low_rate_threshold 550Kbit refill_delay 40ms timer_slack 10us " +
        "horizon 10s horizon_drop \n"
    )
    ok(a, "tc qdisc replace dev eth0 root fq pacing")
    assert.match(
      ok(a, "tc -s qdisc show dev eth0"),
      /8001: .*flow_limit 50p.* Sent 0 bytes.*\n  flows 0 \(inactive 0 throttled 0\) band0_pkts 0 .*\n  gc 0 highprio 0 throttled 0\n$/s
    )
    assert.match(ok(a, "ip link show eth0"), / qdisc fq /)
    assert.deepEqual(fails(a, "tc qdisc add dev eth0 root fq"), [2, "Error: Exclusivity flag on, cannot modify.\n"])
    assert.deepEqual(fails(a, "tc qdisc change dev eth0 root fq speed 3"), [1, 'What is "speed"?\n'])
    ok(a, "tc qdisc replace dev eth0 root fq_codel target 10ms noecn")
    assert.equal(
      ok(a, "tc -s qdisc show dev eth0"),
      "qdisc fq_codel 8002: dev eth0 root refcnt 3 limit 10240p flows 1024 quantum 1514 target 10ms interval 100ms " +
        "memory_limit 32Mb drop_batch 64 \n Sent 0 bytes 0 pkt (dropped 0, overlimits 0 requeues 0) \n" +
        " backlog 0b 0p requeues 0\n  maxpacket 0 drop_overlimit 0 new_flow_count 0 ecn_mark 0\n" +
        "  new_flows_len 0 old_flows_len 0\n"
    )
    assert.deepEqual(fails(a, "tc qdisc change dev eth0 root fq_codel flows 10"), [
      2,
      "RTNETLINK answers: Invalid argument\n"
    ])
    ok(a, "tc qdisc del dev eth0 root")
    ok(a, "sysctl -w net.core.default_qdisc=fq")
    ok(a, "ip link add v0 type veth peer name v1")
    ok(a, "ip link set v0 up")
    assert.match(ok(a, "ip link show v0"), / qdisc noqueue /)
    assert.deepEqual(fails(a, "tc qdisc add dev eth0 root htb"), [2, "Error: Specified qdisc kind is unknown.\n"])
  })
})
