/** What came out of the race, as data and as tables. */

import type { Options } from './options.ts'
import type { Result } from './race.ts'

export interface Row {
  readonly store: string
  /** False: the store cannot compare and set, so losing is no failure of it. */
  readonly atomic: boolean
  readonly vial: Result
  /** What stands next to it; absent: nothing. */
  readonly peer?: Result & { readonly name: string }
}

export interface Report extends Pick<Options, 'processes' | 'commits' | 'schedules' | 'seed'> {
  /** Such as `2026-11-20`. */
  readonly date: string
  readonly node: string
  readonly cores: number
  readonly rows: readonly Row[]
  readonly notRun: readonly NotRun[]
}

/** What was not run, and why. */
export interface NotRun {
  readonly store: string
  readonly reason: string
}

/** The atomic stores that did not keep everything. */
export function losers({ rows, processes, commits }: Report): readonly string[] {
  const expected = processes * commits
  const whole = ({ kept, counter, alive, failures }: Result) =>
    kept === expected && counter === expected && alive === 0 && failures.count === 0
  return rows.filter(({ atomic, vial }) => atomic && !whole(vial)).map(({ store }) => store)
}

/** The table for the README. */
export function toMarkdown(report: Report): string {
  const [head = [], ...rows] = cellsOf(report)
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const table = [line(head), line(head.map(() => '---')), ...rows.map(line)]
  return [summaryOf(report), '', ...table, ...notesOf(report)].join('\n')
}

/** The table for a terminal. */
export function toText(report: Report): string {
  const table = cellsOf(report)
  const widths = table[0]?.map((_, i) => Math.max(...table.map((cells) => cells[i]?.length ?? 0)))
  const lines = table.map((cells) =>
    cells
      .map((cell, i) => cell.padEnd(widths?.[i] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return [summaryOf(report), '', ...lines, ...notesOf(report)].join('\n')
}

function summaryOf({ date, node, cores, processes, commits, schedules, seed }: Report): string {
  return `${date}, Node ${node}, ${cores} cores: ${processes} processes × ${commits} commits on one session, then ${schedules} logouts against 4 requests in flight, seed ${seed}.`
}

function cellsOf({ rows, processes, commits, schedules }: Report): readonly string[][] {
  const expected = processes * commits
  const head = [
    ...['store', `kept of ${expected}`, 'counter', `alive of ${schedules}`],
    ...['retries per commit', 'commits/s', 'next to it', 'kept', 'counter', 'alive'],
  ]
  const losses = (result: Result | undefined) =>
    [result?.kept, result?.counter, result?.alive].map((number) => String(number ?? '–'))
  const lines = rows.map(({ store, atomic, vial, peer }) => [
    atomic ? store : `${store} (not atomic)`,
    ...losses(vial),
    (vial.retries / expected).toFixed(2),
    String(vial.perSecond),
    peer?.name ?? '–',
    ...losses(peer),
  ])
  return [head, ...lines]
}

function notesOf({ rows, notRun }: Report): readonly string[] {
  const failed = rows.flatMap(({ store, vial, peer }) => [
    { label: store, failures: vial.failures },
    { label: peer?.name ?? '', failures: peer?.failures },
  ])
  const notes = [
    ...notRun.map(({ store, reason }) => `Not run: ${store}, ${reason}.`),
    ...failed.flatMap(({ label, failures }) =>
      failures?.reason === undefined
        ? []
        : [`${label}: ${failures.count} failed, the first with ${failures.reason}`],
    ),
  ]
  return notes.length === 0 ? [] : ['', ...notes]
}
