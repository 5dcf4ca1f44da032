import assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import { commands } from "@darkfiber/tools/Registry"
import * as Shell from "@darkfiber/tools/Shell"
import { box, fails, lone, newNet, ok, pair, port, settle, start } from "./Net.ts"

describe("ping and tcpdump", () => {
  it("ping reports round trips; a lost link gives 100 % loss and status 1", () => {
    const net = newNet()
    const [a, , link] = pair(net)
    const first = start(a, "ping -c 2 -i 0.1 -s 1000 10.0.0.2")
    settle(net, 1e9)
    const { stdout, code } = first.outcome!
    assert.equal(code, 0)
    assert.match(
      stdout,
      /^PING 10\.0\.0\.2 \(10\.0\.0\.2\) 1000\(1028\) bytes of data\.\n1008 bytes from 10\.0\.0\.2: icmp_seq=1 ttl=64 time=0\.0\d\d ms\n/
    )
    assert.match(
      stdout,
      /\n\n--- 10\.0\.0\.2 ping statistics ---\n2 packets transmitted, 2 received, 0% packet loss, time 100ms\nrtt min\/avg\/max\/mdev = 0\.0\d\d\//
    )
    link.a.setLoss(1)
    const second = start(a, "ping -c 2 -i 0.1 -W 0.5 10.0.0.2")
    settle(net, 3e9)
    assert.equal(second.outcome!.code, 1)
    assert.match(second.outcome!.stdout, /2 packets transmitted, 0 received, 100% packet loss/)
  })

  it("ping tells what a router said, and what the kernel refused", () => {
    const net = newNet()
    const [a, b] = pair(net)
    ok(a, "ip route add default via 10.0.0.2")
    ok(b, "sysctl -w net.ipv4.ip_forward=1; ip route add unreachable 10.5.0.0/16; ip route add 10.6.0.0/16 dev eth0")
    const ttl = start(a, "ping -c 1 -t 1 10.6.0.1")
    const host = start(a, "ping -c 1 10.5.0.1")
    const none = start(b, "ping -c 1 10.7.0.1")
    settle(net, 20e9)
    assert.match(host.outcome!.stdout, /\nFrom 10\.0\.0\.2 icmp_seq=1 Destination Host Unreachable\n/)
    assert.match(host.outcome!.stdout, /1 packets transmitted, 0 received, \+1 errors, 100% packet loss/)
    assert.match(ttl.outcome!.stdout, /\nFrom 10\.0\.0\.2 icmp_seq=1 Time to live exceeded\n/)
    assert.match(none.outcome!.stdout, /ping: sendmsg: Network is unreachable/)
    assert.equal(host.outcome!.code, 1)
  })

  it("tcpdump prints with a filter until it has enough, or until timeout ends it; the kernel counts the same", () => {
    const counters = (watch: boolean): string => {
      const net = newNet()
      const [a, b] = pair(net)
      const ping = start(a, "ping -c 3 -i 0.1 10.0.0.2")
      const dumps = watch
        ? [start(b, "tcpdump -ni eth0 -c 2 'icmp[icmptype] = icmp-echo'"), start(b, "timeout 1 tcpdump -t arp")]
        : []
      settle(net, 5e9)
      assert.equal(ping.outcome!.code, 0)
      if (watch) {
        assert.equal(dumps[0]!.outcome!.code, 0)
        assert.match(
          dumps[0]!.outcome!.stdout,
          /^00:00:00\.0000\d\d IP 10\.0\.0\.1 > 10\.0\.0\.2: ICMP echo request, id 1, seq 1, length 64\n.* seq 2, length 64\n$/
        )
        assert.match(dumps[0]!.outcome!.stderr, /listening on eth0, link-type EN10MB.*\n2 packets captured\n/)
        assert.equal(dumps[1]!.outcome!.code, 124)
        assert.match(
          dumps[1]!.outcome!.stdout,
          /^ARP, Request who-has 10\.0\.0\.2 tell 10\.0\.0\.1, length \d+\nARP, Reply/
        )
      }
      return ok(a, "cat /proc/net/snmp")
    }
    assert.equal(counters(true), counters(false))
    const h = lone()
    assert.deepEqual(fails(h, "tcpdump -i lo port"), [
      1,
      "tcpdump: can't parse filter expression: syntax error (column 5)\n"
    ])
    assert.deepEqual(fails(h, "tcpdump -i nope"), [1, "tcpdump: nope: No such device exists\n"])
  })
})

describe("shell", () => {
  it("conditions, pipes, redirections and exit codes", () => {
    const h = lone()
    assert.equal(ok(h, "true && echo a; false || echo b; ! false && echo c"), "a\nb\nc\n")
    assert.equal(ok(h, "echo 'x y' | tr a-z A-Z | cat"), "X Y\n")
    assert.equal(ok(h, "nope 2>/dev/null || echo no"), "no\n")
    assert.equal(ok(h, "nope 2>&1 | cat"), "sh: nope: command not found\n")
    assert.equal(ok(h, "nope > /dev/null 2>&1 || nope &> /dev/null || echo no"), "no\n")
    assert.deepEqual(fails(h, "nope 2>&1 > /dev/null | grep -c not; nope 2>&1 > /dev/null"), [127, ""])
    assert.equal(ok(h, "cat < /proc/sys/net/ipv4/ip_forward"), "0\n")
    assert.deepEqual(fails(h, "nope"), [127, "sh: nope: command not found\n"])
    assert.deepEqual(fails(h, "echo x > /etc/passwd"), [1, "sh: /etc/passwd: Read-only file system\n"])
    const cubic = "/sys/module/tcp_cubic/parameters"
    assert.equal(ok(h, `echo 2 > ${cubic}/hystart_detect`), "")
    assert.deepEqual(fails(h, `echo x > ${cubic}/beta`), [1, `sh: ${cubic}/beta: Invalid argument\n`])
    const name = "net.ipv4.tcp_congestion_control"
    assert.equal(
      ok(h, `sysctl -w ${name}=bbr; sysctl -n net.ipv4.tcp_available_congestion_control`),
      `${name} = bbr\nreno cubic bbr\n`
    )
    assert.deepEqual(fails(h, "echo 'x"), [2, "sh: column 6: unterminated quoted string\n"])
    assert.deepEqual(fails(h, "sleep 1"), [126, "sleep: takes virtual time: it runs as a process of the host\n"])
    assert.equal(ok(h, "hostname; uname -r"), `h\n${h.host.profile.release}\n`)
  })

  it("takes virtual time where a command does, and goes on behind it; output comes piece by piece", () => {
    const net = newNet()
    const h = box(net, "h")
    const pieces: Array<readonly [number, string]> = []
    let code = -1
    Shell.spawn(h, "echo one; sleep 2 && uptime | cut -c 1-9; false", (result) => (code = result.code), {
      output: (stream, text) => pieces.push([stream, text])
    })
    settle(net, 1e9)
    assert.deepEqual(pieces, [[1, "one\n"]])
    settle(net, 3e9)
    assert.deepEqual(pieces, [
      [1, "one\n"],
      [1, " 00:00:02\n"]
    ])
    assert.equal(code, 1)
    assert.equal(ok(h, "ps -e | wc -l"), "1\n", "the shell's process has ended")
  })

  it("no line makes it throw, whatever the command and its words", () => {
    const h = box(newNet(), "h", "3.10")
    port(h, 1)
    const word = fc.oneof(
      fc.string({ maxLength: 6 }),
      fc.constantFrom(
        "add",
        "del",
        "set",
        "show",
        "dev",
        "eth0",
        "lo",
        "up",
        "down",
        "type",
        "veth",
        "bridge",
        "peer",
        "name",
        "netns",
        "n1",
        "exec",
        "10.0.0.1/24",
        "via",
        "10.0.0.2",
        "default",
        "table",
        "local",
        "-s",
        "-n",
        "-A",
        "INPUT",
        "-j",
        "DROP",
        "-t",
        "nat",
        "-L",
        "master",
        "br0",
        "mtu",
        "1500",
        "addr",
        "link",
        "route",
        "neigh",
        "lladdr",
        "02:00:00:00:00:05",
        "flush",
        "get",
        "-a",
        "-w",
        "net.ipv4.ip_forward=1",
        "-C",
        "rx-usecs",
        "10",
        "qdisc",
        "-c",
        "address",
        "all"
      )
    )
    const names = [...commands.keys()]
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.array(word, { maxLength: 9 }), (name, words) => {
        const result = Shell.execute(h, [name, ...words.map((one) => `'${one.replaceAll("'", "")}'`)].join(" "))
        assert.ok(Number.isInteger(result.code) && result.code >= 0 && result.code <= 255)
        assert.ok(result.code !== 0 || result.stderr === "" || name === "conntrack")
      }),
      { numRuns: cases(800) }
    )
  })
})
