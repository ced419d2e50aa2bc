/** All figures of a run, and their tables. */

import { digits, lowerQuartile, rangeOf, type Table } from '../common/report.ts'
import type { Measured, Stage } from './child.ts'
import type { Counted } from './counting.ts'

/** A control that differs by more than this share marks its row. */
const NOISY = 0.1

/** What was measured of one case of one build. */
interface Figure {
  /** ns for each window: the case, and its control. */
  readonly first: number[]
  readonly second: number[]
  counts?: Counted
}

interface Row {
  readonly stage: Stage
  readonly group: string
  readonly name: string
  readonly peers: readonly string[]
  /** By the name of the build; the current one's is empty. */
  readonly builds: Map<string, Figure>
}

export class Figures {
  /** Names of the other builds. */
  readonly others: readonly string[]
  readonly #rows = new Map<string, Row>()

  constructor(others: readonly string[]) {
    this.others = others
  }

  /** In the order in which they were first measured. */
  get rows(): readonly Row[] {
    return [...this.#rows.values()]
  }

  has(stage: Stage): boolean {
    return this.rows.some((row) => row.stage === stage)
  }

  find(stage: Stage, name: string): Row | undefined {
    return this.#rows.get(`${stage}: ${name}`)
  }

  add(stage: Stage, build: string, measured: readonly Measured[]): void {
    for (const { timing, counts, ...rest } of measured) {
      const key = `${stage}: ${rest.name}`
      const row = this.#rows.get(key) ?? { ...rest, stage, builds: new Map() }
      this.#rows.set(key, row)
      const figure: Figure = row.builds.get(build) ?? { first: [], second: [] }
      row.builds.set(build, figure)
      if (counts !== undefined) figure.counts = counts
      figure.first.push(...(timing?.first ?? []))
      figure.second.push(...(timing?.second ?? []))
    }
  }
}

/** A table for each group. */
export function tablesOf(figures: Figures): Table[] {
  const groups = new Map<string, Row[]>()
  for (const row of figures.rows) groups.set(row.group, [...(groups.get(row.group) ?? []), row])
  return [...groups].map(([group, rows]) => ({
    title: `${group}: ns (lower quartile), and what one operation takes besides`,
    head: [
      ...['operation', 'ns', 'range', 'control', 'bytes', 'promises', 'store calls', '× peer'],
      ...figures.others.flatMap((build) => [
        `before (${build}): ns`,
        'now ÷ before',
        'before: bytes, promises, store calls',
      ]),
    ],
    rows: rows.map((row) => cellsOf(figures, row)),
  }))
}

function cellsOf(figures: Figures, row: Row): string[] {
  const now = row.builds.get('')
  const time = timeOf(now)
  const windows = now === undefined ? [] : [...now.first, ...now.second]
  return [
    row.name,
    ns(time),
    time === undefined ? '' : rangeOf(windows),
    controlText(now),
    ...countsOf(now),
    row.peers
      .map((name) => peerText(figures, row, name))
      .filter((text) => text !== '')
      .join('; '),
    ...figures.others.flatMap((build) => {
      const before = row.builds.get(build)
      const was = timeOf(before)
      const counts = countsOf(before).filter((text) => text !== '')
      return [ns(was), times(time, was), counts.join(', ')]
    }),
  ]
}

/** ns for one operation, over both measurements. Undefined: not timed. */
function timeOf(figure: Figure | undefined): number | undefined {
  const all = figure === undefined ? [] : [...figure.first, ...figure.second]
  return all.length === 0 ? undefined : lowerQuartile(all)
}

/** How much the second measurement differs from the first. */
function controlText(figure: Figure | undefined): string {
  if (figure === undefined || figure.first.length === 0) return ''
  const control = lowerQuartile(figure.second) / lowerQuartile(figure.first) - 1
  const percent = `${control < 0 ? '−' : '+'}${digits(Math.abs(control) * 100)} %`
  return Math.abs(control) > NOISY ? `${percent} (noise)` : percent
}

function countsOf(figure: Figure | undefined): [bytes: string, promises: string, calls: string] {
  const { counts } = figure ?? {}
  if (counts === undefined) return ['', '', '']
  const { bytes, promises, storeCalls } = counts
  return [
    bytes === null ? '–' : grouped(String(Math.round(bytes))),
    digits(promises).replace(/\.0+$/, ''),
    storeCalls === null ? '' : digits(storeCalls).replace(/\.0+$/, ''),
  ]
}

/** `0.12 × msgpackr`: the first word of a case names the peer. */
function peerText(figures: Figures, row: Row, name: string): string {
  const mine = timeOf(row.builds.get(''))
  const theirs = timeOf(figures.find(row.stage, name)?.builds.get(''))
  const [peer] = name.split(/[:,]/)
  return theirs === undefined ? '' : `${times(mine, theirs)} ${peer}`
}

function times(a: number | undefined, b: number | undefined): string {
  return a === undefined || b === undefined ? '' : `${digits(a / b)} ×`
}

function ns(value: number | undefined): string {
  return value === undefined ? '' : grouped(digits(value))
}

/** 12345 as 12,345. */
function grouped(text: string): string {
  return text.replace(/^\d+/, (whole) => whole.replace(/\B(?=(?:\d{3})+$)/g, ','))
}
