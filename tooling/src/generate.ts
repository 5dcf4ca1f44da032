/** Writes what is made from other files: `tooling/layers.json`, the graph in the root's README, the ledger in TCP's. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { withBlock } from "./Block.ts"
import { graph, render } from "./Graph.ts"
import { json } from "./Layers.ts"
import * as Ledger from "./Ledger.ts"
import { read, root } from "./Sources.ts"

const writeBlock = (path: string, name: string, block: string): void => {
  const readme = join(root, path)
  writeFileSync(readme, withBlock(readFileSync(readme, "utf8"), name, block))
}

writeFileSync(join(root, "tooling/layers.json"), json())
writeBlock("README.md", "graph", render(graph(read())))
const ledger = Ledger.read(readFileSync(join(root, "packages/tcp/ledger.yaml"), "utf8"))
writeBlock("packages/tcp/README.md", "ledger", Ledger.render(ledger))
