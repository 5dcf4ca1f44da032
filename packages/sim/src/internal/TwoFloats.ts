/**
 * Numbers as an unevaluated sum of two doubles, about 106 bits. Each function returns the leading part and leaves the
 * rest in `low`. IEEE 754 defines + - * / to the last bit, so every engine gives the same two numbers.
 *
 * Error-free sum and product: Knuth, Dekker and Veltkamp.
 */

/** The trailing part of the last result. */
export let low = 0

const SPLITTER = 134217729 // 2^27 + 1

/** a + b, exactly. */
export const twoSum = (a: number, b: number): number => {
  const sum = a + b
  const part = sum - a
  low = a - (sum - part) + (b - part)
  return sum
}

/** a * b, exactly, while no part overflows or underflows. */
export const twoProduct = (a: number, b: number): number => {
  const product = a * b
  const aBig = a * SPLITTER
  const aHigh = aBig - (aBig - a)
  const aLow = a - aHigh
  const bBig = b * SPLITTER
  const bHigh = bBig - (bBig - b)
  const bLow = b - bHigh
  low = aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow)
  return product
}

export const add = (aHigh: number, aLow: number, bHigh: number, bLow: number): number => {
  const sum = twoSum(aHigh, bHigh)
  return twoSum(sum, low + aLow + bLow)
}

export const multiply = (aHigh: number, aLow: number, bHigh: number, bLow: number): number => {
  const product = twoProduct(aHigh, bHigh)
  return twoSum(product, low + (aHigh * bLow + aLow * bHigh))
}

export const divide = (aHigh: number, aLow: number, bHigh: number, bLow: number): number => {
  const quotient = aHigh / bHigh
  const product = twoProduct(quotient, bHigh)
  const rest = aHigh - product - low + aLow - quotient * bLow
  return twoSum(quotient, rest / bHigh)
}
