/** What is said of several rounds of one measurement. */
export interface Summary {
  readonly median: number
  readonly least: number
  readonly most: number
}

/** @throws {RangeError} When there is nothing to summarize. */
export function summary(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b)
  const [least] = sorted
  const most = sorted.at(-1)
  if (least === undefined || most === undefined) throw new RangeError('no measurement was made')
  return { median: quantile(sorted, 0.5), least, most }
}

/** The value below which that share of the others lies, between the two nearest. Takes a sorted list. */
export function quantile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share
  const below = sorted[Math.floor(place)] ?? Number.NaN
  const above = sorted[Math.ceil(place)] ?? Number.NaN
  return below + (above - below) * (place - Math.floor(place))
}
