/**
 * Arrays without room to spare, for lists that every host has and that seldom change. An array that grows by `push`,
 * `unshift`, `splice` or an index has at least seventeen places, 136 bytes, whatever stands in it.
 */

/** The list with one more at its end. */
export const added = <T>(list: ReadonlyArray<T>, value: T): Array<T> => list.concat([value])

/** The list with `value` at a place that it may not have yet; what lies between is undefined. */
export const placed = <T>(list: ReadonlyArray<T | undefined>, index: number, value: T): Array<T | undefined> => {
  const made = new Array<T | undefined>(Math.max(list.length, index + 1)).fill(undefined)
  for (let i = 0; i < list.length; i++) made[i] = list[i]
  made[index] = value
  return made
}
