/**
 * Arrays without room to spare, for lists that every host has and that seldom change. An array that grows by `push`,
 * `unshift`, `splice` or an index has at least seventeen places, 136 bytes, whatever stands in it.
 */

/** From here on room to spare is a small part of the list, and a copy for each entry would cost too much. */
const LONG = 16

/**
 * The list with one more at its end. A short one is copied, and the old list stays as it is; a long one, which must be the
 * caller's alone, grows in place.
 */
export const added = <T>(list: ReadonlyArray<T>, value: T): Array<T> => {
  if (list.length < LONG) return list.concat([value])
  const grown = list as Array<T>
  grown.push(value)
  return grown
}

/** The list with `value` at a place that it may not have yet; what lies between is undefined. */
export const placed = <T>(list: ReadonlyArray<T | undefined>, index: number, value: T): Array<T | undefined> => {
  const made = new Array<T | undefined>(Math.max(list.length, index + 1)).fill(undefined)
  for (let i = 0; i < list.length; i++) made[i] = list[i]
  made[index] = value
  return made
}
