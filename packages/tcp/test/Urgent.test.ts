import * as TcpHeader from "@darkfiber/wire/Tcp"
import { assert, describe, it } from "vitest"
import { EAGAIN, EINVAL } from "../src/Errno.ts"
import * as Stream from "../src/Stream.ts"
import * as Urgent from "../src/Urgent.ts"
import { ACK, PSH, Puppet } from "./Puppet.ts"

const { URG } = TcpHeader
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

const established = (stdurg = 0): Puppet => {
  const puppet = new Puppet()
  puppet.host.net.sysctl.stdurg = stdurg
  puppet.establish()
  puppet.stream!.readSize = 0
  puppet.forget()
  return puppet
}

/** What a read of up to 100 bytes gives. */
const read = (puppet: Puppet): string | number => {
  const into = new Uint8Array(100)
  const count = Stream.recvStep(puppet.sock!, into, 0, 100, 0)
  return count < 0 ? count : new TextDecoder().decode(into.subarray(0, count))
}

const readUrgent = (puppet: Puppet, peek = false): string | number => {
  const into = new Uint8Array(1)
  const count = Urgent.read(puppet.sock!, into, 0, 1, peek)
  return count < 0 ? count : new TextDecoder().decode(into.subarray(0, count))
}

const POLLPRI = 2
const POLLIN = 1

describe("receiver", () => {
  it("the byte before the pointer is out of band; a read stops before it and then steps over it", () => {
    const puppet = established()
    puppet.say({ flags: ACK | URG, seq: 1, ack: 1, data: text("abXcd"), urgent: 3 })
    assert.strictEqual(Stream.poll(puppet.sock!) & POLLPRI, POLLPRI)
    assert.strictEqual(Stream.inputBytes(puppet.sock!), 2)
    assert.strictEqual(read(puppet), "ab")
    assert.isTrue(Urgent.isAtMark(puppet.sock!))
    assert.strictEqual(readUrgent(puppet, true), "X")
    assert.strictEqual(readUrgent(puppet), "X")
    assert.strictEqual(readUrgent(puppet), -EINVAL)
    assert.strictEqual(read(puppet), "cd")
    assert.isFalse(Urgent.isAtMark(puppet.sock!))
    assert.strictEqual(puppet.sock!.urgData, 0)
  })

  it("with tcp_stdurg the byte at the pointer is", () => {
    const puppet = established(1)
    puppet.say({ flags: ACK | URG, seq: 1, ack: 1, data: text("abXcd"), urgent: 2 })
    assert.strictEqual(read(puppet), "ab")
    assert.strictEqual(readUrgent(puppet), "X")
  })

  it("SO_OOBINLINE leaves it in the stream; reads still stop before it", () => {
    const puppet = established()
    puppet.sock!.ownOptions().oobInline = 1
    puppet.say({ flags: ACK | URG, seq: 1, ack: 1, data: text("abXcd"), urgent: 3 })
    assert.strictEqual(read(puppet), "ab")
    assert.strictEqual(readUrgent(puppet), -EINVAL)
    assert.strictEqual(read(puppet), "Xcd")
  })

  it("the pointer may come before its byte", () => {
    const puppet = established()
    puppet.say({ flags: ACK | URG, seq: 1, ack: 1, data: text("ab"), urgent: 4 })
    assert.strictEqual(readUrgent(puppet), -EAGAIN)
    assert.strictEqual(Stream.poll(puppet.sock!) & POLLPRI, 0)
    puppet.say({ flags: ACK | URG, seq: 3, ack: 1, data: text("cXd"), urgent: 2 })
    assert.strictEqual(readUrgent(puppet), "X")
    assert.strictEqual(read(puppet), "abc")
    assert.strictEqual(read(puppet), "d")
  })

  it("a lone urgent byte is not readable as data", () => {
    const puppet = established()
    puppet.say({ flags: ACK | URG, seq: 1, ack: 1, data: text("X"), urgent: 1 })
    assert.strictEqual(Stream.poll(puppet.sock!) & (POLLIN | POLLPRI), POLLPRI)
    assert.strictEqual(read(puppet), -EAGAIN)
    assert.strictEqual(Stream.inputBytes(puppet.sock!), 0)
  })

  it("a new urgent byte makes an unread old one vanish from the stream", () => {
    const puppet = established()
    puppet.say({ flags: ACK | URG, seq: 1, ack: 1, data: text("aX"), urgent: 2 })
    assert.strictEqual(read(puppet), "a")
    puppet.say({ flags: ACK | URG, seq: 3, ack: 1, data: text("bY"), urgent: 2 })
    assert.strictEqual(readUrgent(puppet), "Y")
    assert.strictEqual(read(puppet), "b")
  })

  it("a pointer to what was received before says nothing", () => {
    const puppet = established()
    puppet.say({ seq: 1, ack: 1, data: text("abc") })
    puppet.say({ flags: ACK | URG, seq: 4, ack: 1, data: text("d"), urgent: 0 })
    assert.strictEqual(read(puppet), "abc")
    const old = established()
    old.say({ seq: 1, ack: 1, data: text("abc") })
    old.say({ flags: ACK | URG, seq: 1, ack: 1, data: text("abc"), urgent: 1 })
    assert.strictEqual(old.sock!.urgData, 0)
    assert.strictEqual(read(old), "abc")
  })
})

describe("sender", () => {
  const send = (puppet: Puppet, value: string, flags: number): void => {
    const bytes = text(value)
    assert.strictEqual(Stream.sendStep(puppet.sock!, bytes, 0, bytes.length, flags), bytes.length)
    Stream.sendDone(puppet.sock!, flags)
    puppet.run(0)
  }

  it("MSG_OOB: the pointer is one past the last byte, Nagle does not hold it back", () => {
    const puppet = established()
    send(puppet, "ab", 0)
    send(puppet, "cdX", Stream.MSG_OOB)
    assert.deepInclude(puppet.last, { flags: ACK | PSH | URG, seq: 3, length: 3, urgent: 3 })
    puppet.say({ seq: 1, ack: 6 })
    send(puppet, "e", 0)
    assert.deepInclude(puppet.last, { flags: ACK | PSH, urgent: 0 })
  })

  it("segments before the byte show where it is, ACKs too, until it is acknowledged", () => {
    const puppet = established()
    const big = new Uint8Array(3000)
    Stream.sendStep(puppet.sock!, big, 0, big.length, Stream.MSG_OOB)
    Stream.sendDone(puppet.sock!, Stream.MSG_OOB)
    puppet.run(0)
    assert.deepStrictEqual(
      puppet.heard.map(({ seq, urgent, flags }) => [seq, urgent, (flags & URG) !== 0]),
      [
        [1, 3000, true],
        [1461, 1540, true],
        [2921, 80, true]
      ]
    )
    puppet.say({ seq: 1, ack: 3001, length: 10 })
    puppet.run(1e9)
    assert.strictEqual(puppet.last.flags & URG, 0)
  })
})
