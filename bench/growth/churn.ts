/** Does a process grow while sessions come and go? An hour of churn in two minutes, over the memory store. */

import type { Options } from '../common/options.ts'
import { Progress } from '../common/progress.ts'
import { digits, type Report } from '../common/report.ts'
import { linePlot } from '../common/svg.ts'
import { askOnce } from './child.ts'
import type { ChurnFigures, ChurnTask, Sample } from './churn-task.ts'

const SPEED = 30
const MIB = 2 ** 20
/** In MiB; or the steps in which V8 makes it larger look as if the sessions grew. */
const YOUNG = 8

export async function run({ quick, check }: Options): Promise<Report> {
  const seconds = check ? 3 : quick ? 20 : 120
  const progress = new Progress(1)
  progress.step(`${seconds} s of churn`)
  const task: ChurnTask = { seconds, speed: SPEED }
  const figures = await askOnce<ChurnFigures>('./churn-child.ts', task, { young: YOUNG })
  progress.end()
  if (figures.left !== 0) throw new Error(`${figures.left} sessions outlived their deadline`)
  if (figures.found === 0) throw new Error('no visit met a live session')
  const { samples } = figures
  const minutes = (seconds * SPEED) / 60
  return {
    tables: [
      {
        title: `Memory through ${minutes} minutes of churn in ${seconds} s: logins, reads, writes, logouts and expiry at a steady rate; the second half`,
        head: ['', 'at its end, MiB', 'growth, MiB', 'growth per minute, MiB', '± its noise'],
        rows: [
          row('heap after garbage collection', samples, ({ heapUsed }) => heapUsed),
          row('process (RSS)', samples, ({ rss }) => rss),
        ],
      },
      {
        title: 'What went on meanwhile',
        head: [
          'logins',
          'visits to a live session',
          'live sessions at the end',
          'rate kept',
          'live after the last deadline',
        ],
        rows: [
          [
            figures.logins.toLocaleString('en'),
            figures.found.toLocaleString('en'),
            (samples.at(-1)?.sessions ?? 0).toLocaleString('en'),
            `${Math.round(figures.perSecond * 100)} %`,
            String(figures.left),
          ],
        ],
      },
    ],
    data: { seconds, speed: SPEED, ...figures },
    plots: {
      'churn.svg': linePlot({
        title: `Memory through ${minutes} minutes of sessions that come and go, at ${SPEED} times the speed`,
        xLabel: 'minutes of the sessions’ clock',
        yLabel: 'MiB',
        xScale: 'linear',
        yScale: 'linear',
        series: [
          { name: 'process (RSS)', points: pointsOf(samples, ({ rss }) => rss) },
          { name: 'heap in use', points: pointsOf(samples, ({ heapUsed }) => heapUsed) },
        ],
      }),
    },
  }
}

function pointsOf(
  samples: readonly Sample[],
  value: (sample: Sample) => number,
): (readonly [number, number])[] {
  // The last one is taken some ms after the end.
  return samples.map((sample) => [Math.round((sample.at * SPEED) / 6) / 10, value(sample) / MIB])
}

function row(
  name: string,
  samples: readonly Sample[],
  value: (sample: Sample) => number,
): string[] {
  const half = samples.slice(Math.floor(samples.length / 2))
  const points = half.map((sample) => [sample.at / 60, value(sample) / MIB] as const)
  const { slope, error } = fit(points)
  const minutes = (points.at(-1)?.[0] ?? 0) - (points[0]?.[0] ?? 0)
  return [
    name,
    digits(points.at(-1)?.[1] ?? 0),
    digits(slope * minutes),
    digits(slope),
    digits(error),
  ]
}

/** A straight line through points, and how far its slope may be off: twice its standard error. */
function fit(points: readonly (readonly [number, number])[]): { slope: number; error: number } {
  const count = points.length
  const mean = (of: 0 | 1): number => points.reduce((sum, point) => sum + point[of], 0) / count
  const [mx, my] = [mean(0), mean(1)]
  const sxx = points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0)
  const slope = points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / sxx
  const rest = points.reduce((sum, [x, y]) => sum + (y - my - slope * (x - mx)) ** 2, 0)
  return { slope, error: 2 * Math.sqrt(rest / (count - 2) / sxx) }
}
