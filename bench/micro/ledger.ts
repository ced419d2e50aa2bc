/** All figures of a run, by case and build. */

import { type Summary, summary } from '../common/statistics.ts'
import type { Measured, Stage } from './child.ts'

/** What was measured of one case of one build. */
export interface Figures {
  /** ns for each window: the case, and its control. */
  readonly first: number[]
  readonly second: number[]
  /** The median of each process, in ns. */
  readonly rounds: number[]
  /** Undefined: not counted. */
  bytes: number | undefined
}

export interface Row {
  readonly stage: Stage
  readonly group: string
  readonly name: string
  readonly peers: readonly string[]
  readonly foreign: boolean
  /** By the name of the build; the current one's is empty. */
  readonly builds: Map<string, Figures>
}

export class Ledger {
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
    for (const { timing, bytes, ...rest } of measured) {
      const key = `${stage}: ${rest.name}`
      const row = this.#rows.get(key) ?? { ...rest, stage, builds: new Map() }
      this.#rows.set(key, row)
      const figures = row.builds.get(build) ?? emptyFigures()
      row.builds.set(build, figures)
      if (bytes !== undefined) figures.bytes = bytes ?? undefined
      if (timing === undefined) continue
      figures.first.push(...timing.first)
      figures.second.push(...timing.second)
      figures.rounds.push(summary([...timing.first, ...timing.second]).median)
    }
  }

  /** For plots, and for comparing runs. */
  data(): unknown {
    return this.rows.map(({ stage, group, name, peers, builds }) => ({
      stage,
      group,
      name,
      peers,
      builds: Object.fromEntries(
        [...builds].map(([build, figures]) => [
          build === '' ? 'current' : build,
          { ...figures, ...timeOf(figures), control: controlOf(figures) },
        ]),
      ),
    }))
  }
}

function emptyFigures(): Figures {
  return { first: [], second: [], rounds: [], bytes: undefined }
}

/** ns for one operation, over both measurements. Undefined: not timed. */
export function timeOf(figures: Figures | undefined): Summary | undefined {
  const all = figures === undefined ? [] : [...figures.first, ...figures.second]
  return all.length === 0 ? undefined : summary(all)
}

/** How much the control differs, as a share: 0.02 is 2 % more. Undefined: not timed. */
export function controlOf({ first, second }: Figures): number | undefined {
  if (first.length === 0 || second.length === 0) return undefined
  return summary(second).median / summary(first).median - 1
}
