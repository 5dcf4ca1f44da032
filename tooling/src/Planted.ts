/** Small repositories with planted violations, to prove that a check bites. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

/** Contents by path. */
export type Files = Readonly<Record<string, string>>

/** Runs `use` on a new folder that holds `files`, and removes the folder. */
export const withFiles = <A>(files: Files, use: (folder: string) => A): A => {
  const folder = mkdtempSync(join(tmpdir(), "darkfiber-planted-"))
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    return use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Makes `@darkfiber/<name>` resolve to `packages/<name>` inside `folder`, as an installed workspace would. */
export const linkPackages = (folder: string, names: ReadonlyArray<string>): void => {
  const scope = join(folder, "node_modules/@darkfiber")
  mkdirSync(scope, { recursive: true })
  for (const name of names) symlinkSync(join(folder, "packages", name), join(scope, name), "dir")
}
