/** What does a request cost that touches one entry, by how many entries and bytes the record has? */

import type { Options } from '../common/options.ts'
import { Progress } from '../common/progress.ts'
import { digits, type Report, type Table } from '../common/report.ts'
import { summary } from '../common/statistics.ts'
import { linePlot } from '../common/svg.ts'
import { startChild } from './child.ts'
import {
  CONTENDERS,
  type Contender,
  type RecordsFigures,
  type RecordsTask,
  type Shape,
} from './records-task.ts'
import type { What } from './stored-task.ts'

const KIB = 1_024
const SHAPES: readonly Shape[] = [
  { entries: 1, bytes: 200 },
  { entries: 10, bytes: 200 },
  { entries: 1, bytes: 4 * KIB },
  { entries: 10, bytes: 4 * KIB },
  { entries: 100, bytes: 4 * KIB },
  { entries: 1, bytes: 64 * KIB },
  { entries: 10, bytes: 64 * KIB },
  { entries: 100, bytes: 64 * KIB },
  { entries: 1_000, bytes: 64 * KIB },
]
const QUICK: readonly Shape[] = [
  { entries: 10, bytes: 200 },
  { entries: 100, bytes: 4 * KIB },
  { entries: 1_000, bytes: 64 * KIB },
]

interface Measured extends RecordsFigures {
  readonly shape: Shape
}

export async function run({ quick, check }: Options): Promise<Report> {
  const shapes = quick || check ? QUICK : SHAPES
  const timing = check
    ? { rounds: 1, ms: 1 }
    : quick
      ? { rounds: 3, ms: 30 }
      : { rounds: 5, ms: 120 }
  const progress = new Progress(shapes.length)
  const child = startChild('./records-child.ts')
  const measured: Measured[] = []
  try {
    for (const shape of shapes) {
      progress.step(`a record of ${nameOf(shape)}`)
      const task: RecordsTask = { shape, ...timing }
      measured.push({ shape, ...(await child.ask<RecordsFigures>(task)) })
    }
  } finally {
    await child.end()
    progress.end()
  }
  return {
    tables: [tableOf(measured, 'read'), tableOf(measured, 'write')],
    data: measured,
    plots: { 'records.svg': plotOf(measured) },
  }
}

function nameOf({ entries, bytes }: Shape): string {
  const size = bytes < KIB ? `${bytes} B` : `${bytes / KIB} KB`
  return `${entries.toLocaleString('en')} ${entries === 1 ? 'entry' : 'entries'}, ${size}`
}

function tableOf(measured: readonly Measured[], what: What): Table {
  return {
    title: `${what} one entry: CPU of the process, µs per request (least to most)`,
    head: ['record of', ...CONTENDERS, 'vial, memory ÷ express-session'],
    rows: measured.map(({ shape, cpu, missing }) => {
      const of = (name: Contender): readonly number[] => cpu[what][name] ?? []
      const [own, peer] = [of('vial, memory'), of('express-session, MemoryStore')]
      return [
        nameOf(shape),
        ...CONTENDERS.map((name) => cellOf(of(name)) ?? missing[name] ?? ''),
        own.length > 0 && peer.length > 0 ? digits(summary(own).median / summary(peer).median) : '',
      ]
    }),
  }
}

function cellOf(values: readonly number[]): string | undefined {
  if (values.length === 0) return undefined
  const { median, least, most } = summary(values)
  return `${digits(median)} (${digits(least)}–${digits(most)})`
}

/** The most entries of each size: where decoding all of them costs most. */
function plotOf(measured: readonly Measured[]): string {
  const largest = measured.filter(
    ({ shape }) =>
      !measured.some(
        (other) => other.shape.bytes === shape.bytes && other.shape.entries > shape.entries,
      ),
  )
  return linePlot({
    title: 'What reading one entry costs, by the size of the record',
    xLabel: 'bytes of the record, in entries of about 20 to 65 bytes',
    yLabel: 'µs of CPU per request',
    xScale: 'log',
    yScale: 'log',
    series: CONTENDERS.filter((name) => name !== 'the same again').flatMap((name) => {
      const points = largest.flatMap(({ shape, cpu }) => {
        const values = cpu.read[name] ?? []
        return values.length === 0 ? [] : [[shape.bytes, summary(values).median] as const]
      })
      return points.length === 0 ? [] : [{ name, points }]
    }),
  })
}
