/** What a bench gives: tables, and the statistics in their cells. */

export interface Table {
  /** One sentence: the question and the unit. */
  readonly title: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** The tables of a topic; `docs` is the one of `docs/performance.md`. */
export interface Report {
  readonly tables: readonly Table[]
  readonly docs?: Table
}

export function markdown({ title, head, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const rule = head.map((_, index) => (index === 0 ? '---' : '--:'))
  return [`**${title}**`, '', line(head), line(rule), ...rows.map(line)].join('\n')
}

/** A number with as many digits as mean something: 0.034, 1.2, 17.4, 340. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  return value.toFixed(size < 0.1 ? 3 : size < 10 ? 2 : size < 100 ? 1 : 0)
}

/** The figure of several windows of one measurement: noise only adds, so the lower ones are nearer to the truth. */
export function lowerQuartile(values: readonly number[]): number {
  return quantile(values, 0.25)
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** `least–most`. */
export function rangeOf(values: readonly number[]): string {
  return `${digits(Math.min(...values))}–${digits(Math.max(...values))}`
}

/**
 * The value below which that share of the others lies, between the two nearest.
 *
 * @throws {RangeError} When there are no values.
 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const place = (sorted.length - 1) * share
  const below = sorted[Math.floor(place)]
  const above = sorted[Math.ceil(place)]
  if (below === undefined || above === undefined) throw new RangeError('no measurement was made')
  return below + (above - below) * (place - Math.floor(place))
}
