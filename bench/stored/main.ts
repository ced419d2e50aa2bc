/**
 * Whether a request costs more when more sessions are stored: a load and a commit, per store, with a thousand sessions and
 * with many, in processes and servers of their own, in alternation.
 */

import process from 'node:process'
import { isAsked, type Options } from '../common/options.ts'
import { Progress } from '../common/progress.ts'
import { digits, lowerQuartile, type Report, rangeOf, type Table } from '../common/report.ts'
import { reasonOf, type StoreName } from '../common/stores.ts'
import { type Child, type StoredQuestion, startChild, type What, type Window } from './child.ts'

const FEW = 1_000
const MILLION = 1_000_000

interface Case {
  readonly store: StoreName
  readonly most: number
  /** Why there are not a million. */
  readonly why?: string
}

const CASES: readonly Case[] = [
  { store: 'memory', most: MILLION },
  { store: 'redis', most: MILLION },
  { store: 'memcached', most: MILLION },
  { store: 'PostgreSQL', most: MILLION },
  { store: 'SQLite', most: MILLION },
  { store: 'SQLite, mapped', most: MILLION },
  { store: 'MariaDB', most: MILLION },
  process.env['BENCH_MILLION_FILES'] === '1'
    ? { store: 'file', most: MILLION }
    : {
        store: 'file',
        most: 100_000,
        why: 'a million files take 4 GB and minutes to make: BENCH_MILLION_FILES=1',
      },
  { store: 'mongodb (stand-in)', most: 10_000, why: 'a stand-in for MongoDB' },
  { store: 'dynamodb (stand-in)', most: 10_000, why: 'a stand-in for DynamoDB' },
]

const QUICK: ReadonlySet<StoreName> = new Set(['memory', 'redis'])

interface Plan {
  readonly few: number
  readonly most: number
  readonly rounds: number
  readonly warmUp: number
  /** The length of a window, in ms. */
  readonly ms: number
}

interface Cell {
  readonly what: What
  readonly sessions: number
  /** With many sessions, and with few in the same rounds. */
  readonly many: readonly Window[]
  readonly few: readonly Window[]
}

interface Row extends Case {
  readonly cells: readonly Cell[]
  /** Why there are no figures, or no more. */
  readonly missing?: string
}

export async function run(options: Options): Promise<Report> {
  const { quick, check } = options
  const plan = (most: number): Plan =>
    check
      ? { few: 20, most: 40, rounds: 1, warmUp: 4, ms: 1 }
      : quick
        ? { few: FEW, most: Math.min(most, 100_000), rounds: 4, warmUp: 400, ms: 80 }
        : { few: FEW, most, rounds: 12, warmUp: 400, ms: 120 }
  const cases = CASES.filter(({ store }) => (!quick || QUICK.has(store)) && isAsked(options, store))
  const steps = cases.map(({ most }) => 1 + sizes(plan(most), quick).length)
  const progress = new Progress(steps.reduce((sum, count) => sum + count, 0))
  const rows: Row[] = []
  for (const one of cases) rows.push(await grow(one, plan(one.most), quick, progress))
  progress.end()
  return {
    tables: (['read', 'write'] as const).map((what) => tableOf(rows, what)),
  }
}

async function grow(one: Case, plan: Plan, quick: boolean, progress: Progress): Promise<Row> {
  const few = startChild(1_024)
  const many = startChild(8_192)
  const cells: Cell[] = []
  const ask = <Answer>(child: Child, question: StoredQuestion): Promise<Answer> =>
    child.ask(question)
  try {
    progress.step(`${one.store}: starting`)
    const opening = [few, many].map((child) => ask(child, { do: 'open', store: one.store }))
    for (const opened of await Promise.allSettled(opening)) {
      if (opened.status === 'rejected') throw opened.reason
    }
    const { warmUp } = plan
    await ask(few, { do: 'fill', upTo: plan.few, warmUp })
    for (const sessions of sizes(plan, quick)) {
      progress.step(`${one.store}: ${sessions} sessions`)
      await ask(many, { do: 'fill', upTo: sessions, warmUp })
      for (const what of ['read', 'write'] as const) {
        cells.push(await compare(few, many, what, sessions, plan))
      }
    }
    return { ...one, cells }
  } catch (error) {
    return { ...one, cells, missing: reasonOf(error) }
  } finally {
    await Promise.all([few.end(), many.end()])
  }
}

/** The first size is the control: as many in both. */
function sizes({ few, most }: Plan, quick: boolean): number[] {
  const all = [few, few * 10, few * 100, few * 1_000].filter((size) => size < most)
  return quick ? [few, most] : [...all, most]
}

async function compare(
  few: Child,
  many: Child,
  what: What,
  sessions: number,
  { rounds, ms }: Plan,
): Promise<Cell> {
  const cell = { what, sessions, many: [] as Window[], few: [] as Window[] }
  // One more round, to learn how many operations fill a window.
  for (let round = -1; round < rounds; round++) {
    const order = [
      [few, cell.few],
      [many, cell.many],
    ] as const
    for (const [child, windows] of round % 2 === 0 ? order : order.toReversed()) {
      const window = await child.ask<Window>({ do: 'measure', what, ms } satisfies StoredQuestion)
      if (round >= 0) windows.push(window)
    }
  }
  return cell
}

function tableOf(rows: readonly Row[], what: What): Table {
  const sizes = [...new Set(rows.flatMap(({ cells }) => cells.map(({ sessions }) => sessions)))]
  sizes.sort((a, b) => a - b)
  const [first = FEW, ...others] = sizes
  return {
    title: `${what}: CPU of the process and time, µs per request with ${first.toLocaleString('en')} sessions stored (lower quartile); with more sessions, × that (the ratios of the rounds)`,
    head: [
      '',
      'CPU',
      'time',
      `${first.toLocaleString('en')} again (control)`,
      ...others.flatMap((size) => [
        `${size.toLocaleString('en')}: CPU ×`,
        `${size.toLocaleString('en')}: time ×`,
      ]),
      '',
    ],
    rows: rows.map((row) => {
      const of = (size: number): Cell | undefined =>
        row.cells.find((cell) => cell.what === what && cell.sessions === size)
      const base = of(first)
      return [
        row.store,
        ...(['cpu', 'time'] as const).map((name) =>
          base === undefined ? '' : digits(figureOf(base.few, name)),
        ),
        times(base, 'cpu'),
        ...others.flatMap((size) => [times(of(size), 'cpu'), times(of(size), 'time')]),
        row.missing ?? row.why ?? '',
      ]
    }),
  }
}

function figureOf(windows: readonly Window[], name: 'cpu' | 'time'): number {
  return lowerQuartile(windows.map((window) => window[name]))
}

function times(cell: Cell | undefined, name: 'cpu' | 'time'): string {
  if (cell === undefined) return ''
  const ratios = cell.many.map((window, n) => window[name] / (cell.few[n]?.[name] ?? Number.NaN))
  return `${digits(figureOf(cell.many, name) / figureOf(cell.few, name))} (${rangeOf(ratios)})`
}
