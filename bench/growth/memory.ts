/** How many bytes does a session take in the memory of the process, beside other stores that keep sessions there? */

import { isAsked, type Options } from '../common/options.ts'
import { Progress } from '../common/progress.ts'
import { digits, type Report, type Table } from '../common/report.ts'
import { barPlot } from '../common/svg.ts'
import { askOnce } from './child.ts'
import { CONTENDERS, type Contender, type MemoryFigures, type MemoryTask } from './memory-task.ts'

interface Measured extends MemoryFigures {
  readonly name: string
}

/** In MiB: more than a million sessions need in any of them. */
const HEAP = 6_144

export async function run(options: Options): Promise<Report> {
  const sessions = options.check ? 1_000 : options.quick ? 50_000 : 1_000_000
  const runs = CONTENDERS.filter((name) => isAsked(options, name)).flatMap((contender) => [
    { contender, name: contender as string, dist: undefined as string | undefined },
    ...(contender.startsWith('vial') ? [...options.against] : []).map(([commit, dist]) => ({
      contender,
      name: `${contender} @ ${commit}`,
      dist,
    })),
  ])
  const progress = new Progress(runs.length)
  const measured: Measured[] = []
  for (const { contender, name, dist } of runs) {
    progress.step(`${sessions} sessions in ${name}`)
    const task: MemoryTask = { contender: contender as Contender, sessions }
    const figures = await askOnce<MemoryFigures>('./memory-child.ts', task, { dist, heap: HEAP })
    measured.push({ name, ...figures })
  }
  progress.end()
  const count = sessions.toLocaleString('en')
  return {
    tables: [tableOf(measured, count)],
    data: { sessions, measured },
    plots: {
      'memory.svg': barPlot({
        title: `Memory of a session of 200 B, with ${count} of them`,
        unit: 'bytes on the heap and in buffers, per session',
        groups: [
          {
            name: '',
            bars: measured.map(({ name, heap, external }) => ({
              name,
              value: Math.round(heap + external),
            })),
          },
        ],
      }),
    },
  }
}

function tableOf(measured: readonly Measured[], count: string): Table {
  const own = measured[0]
  const total = ({ heap, external }: MemoryFigures): number => heap + external
  return {
    title: `Bytes per session of 200 B with ${count} sessions (each in a process of its own, after garbage collection)`,
    head: ['', 'heap', 'buffers', 'together', 'vial ÷ it', 'growth of the process (RSS)'],
    rows: measured.map((one) => [
      one.name,
      digits(one.heap),
      digits(one.external),
      digits(total(one)),
      own === undefined || one === own ? '' : digits(total(own) / total(one)),
      digits(one.rss),
    ]),
  }
}
