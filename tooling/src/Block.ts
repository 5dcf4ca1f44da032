/** Blocks of a README that a program writes: what stands between `<!-- name -->` and `<!-- /name -->`. */

interface Place {
  readonly from: number
  readonly to: number
}

const placeOf = (readme: string, name: string): Place | undefined => {
  const open = `<!-- ${name} -->`
  const from = readme.indexOf(open)
  const to = readme.indexOf(`<!-- /${name} -->`)
  return from < 0 || to < from ? undefined : { from: from + open.length, to }
}

/** What stands between the markers, without the line breaks around it; undefined without both markers. */
export const blockOf = (readme: string, name: string): string | undefined => {
  const place = placeOf(readme, name)
  return place === undefined ? undefined : readme.slice(place.from, place.to).trim()
}

/** The README with `block` between its markers; unchanged without both markers. */
export const withBlock = (readme: string, name: string, block: string): string => {
  const place = placeOf(readme, name)
  if (place === undefined) return readme
  return `${readme.slice(0, place.from)}\n\n${block}\n\n${readme.slice(place.to)}`
}
