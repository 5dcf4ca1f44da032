/** What descriptors 0, 1 and 2 stand for: /dev/null. Reads end at once, writes vanish. */
import type { FileOps } from "./Files.ts"
import { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "./Poll.ts"

export const nullFile: FileOps = {
  kind: "null",
  poll: () => POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM,
  release: () => undefined
}
