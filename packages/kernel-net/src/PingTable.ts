/**
 * Ping sockets by identifier (Linux: struct ping_table, net/ipv4/ping.c).
 */
import { SmallMap } from "@darkfiber/sim/SmallMap"
import type { PingSock } from "./Ping.ts"

export class PingTable {
  private readonly byIdent: SmallMap<number, PingSock>
  private rover: number

  constructor() {
    this.byIdent = new SmallMap()
    this.rover = 0
  }

  get(ident: number): PingSock | undefined {
    return this.byIdent.get(ident)
  }

  /** Takes an identifier, the next free one for 0. @returns it, or 0 when taken or none is free */
  take(sk: PingSock, ident: number): number {
    if (ident !== 0) {
      if (this.byIdent.has(ident)) return 0
      this.byIdent.set(ident, sk)
      return ident
    }
    for (let i = 0; i < 65535; i++) {
      this.rover = this.rover === 65535 ? 1 : this.rover + 1
      if (this.byIdent.has(this.rover)) continue
      this.byIdent.set(this.rover, sk)
      return this.rover
    }
    return 0
  }

  release(ident: number): void {
    this.byIdent.delete(ident)
  }

  clear(): void {
    for (const sk of this.byIdent.values()) sk.purge(null)
    this.byIdent.clear()
  }
}
