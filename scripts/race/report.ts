/** What came out of the race, as data and as tables. */

import { LATENCY } from './processes.ts'
import { type Options, PAUSE, type Result } from './race.ts'
import { LOGINS, MOST } from './users.ts'

export interface Row {
  readonly store: string
  /** False: the store cannot compare and set, so losing is no failure of it. */
  readonly atomic: boolean
  readonly vial: Result
  /** What stands next to it; absent: nothing. */
  readonly peer?: Result & { readonly name: string }
}

export interface Report
  extends Pick<
    Options,
    | 'processes'
    | 'commits'
    | 'schedules'
    | 'rotations'
    | 'contended'
    | 'revocations'
    | 'limits'
    | 'seed'
  > {
  /** Such as `2026-11-20`. */
  readonly date: string
  readonly node: string
  readonly cores: number
  readonly rows: readonly Row[]
  readonly notRun: readonly NotRun[]
}

/** A store that was not run, and why. */
export interface NotRun {
  readonly store: string
  readonly reason: string
}

/** The atomic stores that lost something. */
export function losers({ rows, processes, commits, contended: all }: Report): readonly string[] {
  const expected = processes * commits
  const isWhole = ({
    kept,
    counter,
    alive,
    rotatedAlive,
    revokedAlive,
    overLimit,
    contended,
    failures,
  }: Result): boolean =>
    kept === expected &&
    counter === expected &&
    alive === 0 &&
    rotatedAlive === 0 &&
    (revokedAlive ?? 0) === 0 &&
    (overLimit ?? 0) === 0 &&
    [contended?.busy, contended?.paused].every(
      (one) => one === undefined || (one.login === all && one.regenerate === all),
    ) &&
    failures.count === 0
  return rows.filter(({ atomic, vial }) => atomic && !isWhole(vial)).map(({ store }) => store)
}

/** The table for a README. */
export function toMarkdown(report: Report): string {
  const [head = [], ...rows] = cellsOf(report)
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
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

function summaryOf(report: Report): string {
  const { date, node, cores, processes, commits, schedules, rotations, contended, seed } = report
  const { revocations, limits } = report
  return `${date}, Node ${node}, ${cores} cores: ${processes} processes × ${commits} commits on one session, ${schedules} logouts against 4 requests in flight, ${rotations} logins and regenerates against a logout in flight, ${contended} logins and regenerates among 3 writers (${LATENCY} ms each way to the store; the writers pause 0 and ${PAUSE} ms), ${revocations} times all sessions of a user ended among 4 logins, 4 writes and a rotation, ${limits} times ${LOGINS} logins of a user who may have ${MOST}, seed ${seed}.`
}

function cellsOf({ rows, ...report }: Report): readonly string[][] {
  const { processes, commits, schedules, rotations, contended, revocations, limits } = report
  const expected = processes * commits
  const head = [
    ...['store', `kept of ${expected}`, 'counter', `alive of ${schedules}`],
    ...[`rotated, alive of ${rotations}`, `logins, regenerates of ${contended}`, 'with a pause'],
    ...[`revoked, alive of ${revocations}`, `over the limit of ${limits}`],
    ...['retries per commit', 'commits/s'],
    ...['next to it', 'kept', 'counter', 'alive', 'rotated, alive'],
  ]
  const losses = (result: Result | undefined): string[] =>
    [result?.kept, result?.counter, result?.alive, result?.rotatedAlive].map((number) =>
      String(number ?? '–'),
    )
  const lines = rows.map(({ store, atomic, vial, peer }) => [
    atomic ? store : `${store} (not atomic)`,
    ...losses(vial),
    ...[vial.contended?.busy, vial.contended?.paused].map((one) =>
      one === undefined ? '–' : `${one.login}, ${one.regenerate}`,
    ),
    ...[vial.revokedAlive, vial.overLimit].map((number) => String(number ?? '–')),
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
