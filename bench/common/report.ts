/** What a bench gives: tables for people, written as Markdown, and the numbers behind them as JSON. */

export interface Table {
  /** One sentence: the question and the unit. */
  readonly title: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

export interface Report {
  readonly tables: readonly Table[]
  /** Every measured number, for plots and for comparing runs. */
  readonly data: unknown
  /** Plots: file name in `results/`, and its SVG. */
  readonly plots?: Readonly<Record<string, string>>
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
