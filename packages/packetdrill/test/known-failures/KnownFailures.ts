/**
 * Why each script of this folder fails in the simulator though a real kernel passes it. The list is exact: a script that begins to
 * pass fails the test until it is moved to `scripts` and its entry is gone.
 */
export const reasons: Readonly<Record<string, string>> = {}
