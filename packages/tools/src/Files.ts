/** The files that commands read: /proc, /sys/module and /dev/null. */
import type { Place } from "@darkfiber/observe/Machine"
import * as Procfs from "@darkfiber/observe/Procfs"
import * as ModuleParameters from "./ModuleParameters.ts"

/** The text of a file; null for a path that is not there. */
export const read = (place: Place, path: string): string | null =>
  path === "/dev/null" ? "" : (Procfs.read(place, path) ?? ModuleParameters.read(place, path))
