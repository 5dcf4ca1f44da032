/** Writes what is made from other files: `tooling/layers.json`, and the graph in the root's README. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { withBlock } from "./Block.ts"
import { graph, render } from "./Graph.ts"
import { json } from "./Layers.ts"
import { read, root } from "./Sources.ts"

const readme = join(root, "README.md")
writeFileSync(join(root, "tooling/layers.json"), json())
writeFileSync(readme, withBlock(readFileSync(readme, "utf8"), "graph", render(graph(read()))))
