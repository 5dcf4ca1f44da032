import * as Runner from "/work/main/packages/labs/src/Runner.ts"
import { Effect, Result } from "effect"
const [id, kernel, ...rest] = process.argv.slice(2)
const settings = rest.filter(x => x.includes("="))
const dispatch = rest.includes("fiber") ? "fiber" : "poll"
const seed = Number(rest.find(x => /^\d+$/.test(x)) ?? 1)
const t = Date.now()
const r = Effect.runSync(Runner.run(id!, { kernel: kernel as "6.x", seed, dispatch, settings }) as any) as any
if (Result.isFailure(r)) console.log("FAIL", r.failure)
else { console.log(r.success.answer); for (const c of r.success.checks) console.log(c.pass ? "  ok " : "  NO ", c.id, "| exp:", c.expected, "| got:", c.measured) }
console.log(Date.now() - t, "ms")
