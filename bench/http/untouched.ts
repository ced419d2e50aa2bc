/** T1: what a request costs that does not ask for its session. The control is the bare framework, measured twice. */

import type { Options } from '../common/options.ts'
import { digits, type Report } from '../common/report.ts'
import type { Contenders } from './contender.ts'
import { FRAMEWORKS } from './frameworks.ts'
import { type Entry, type Measured, measure, overRounds } from './rounds.ts'
import { WORKLOADS } from './workloads.ts'

const NAMES = ['bare', 'bare again', 'empty middleware', 'vial redis'] as const

export async function run({ quick, check, only }: Options): Promise<Report> {
  const entries: Entry[] = []
  for (const framework of FRAMEWORKS) {
    if (only.length > 0 && !only.includes(framework)) continue
    const { CONTENDERS } = (await import(`./servers/${framework}.ts`)) as { CONTENDERS: Contenders }
    for (const name of NAMES) {
      const contender = CONTENDERS[name]
      if (contender !== undefined)
        entries.push({ framework, label: name, name, contender, env: {} })
    }
  }
  const measured = await measure({
    entries,
    workloads: WORKLOADS.filter(({ path }) => path === '/plain'),
    processes: check ? 1 : 4,
    rounds: check ? 1 : quick ? 2 : 3,
    seconds: 1,
    warmUp: 1,
    connections: 100,
  })
  const rows = [...new Set(measured.map(({ framework }) => framework))].flatMap((framework) =>
    ['none', 'plain'].map((workload) => row(measured, framework, workload)),
  )
  return {
    tables: [
      {
        title:
          'CPU of the server as a multiple of the bare framework: median of the rounds (least to most)',
        head: ['', 'bare, µs', 'bare again', 'an empty middleware', 'vial'],
        rows,
      },
    ],
    data: measured,
  }
}

function row(measured: readonly Measured[], framework: string, workload: string): string[] {
  const of = (label: string): Measured => {
    const found = measured.find(
      (one) => one.framework === framework && one.label === label && one.workload === workload,
    )
    if (found === undefined) throw new Error(`${framework}, ${label}, ${workload} is missing`)
    return found
  }
  const bare = of('bare')
  const ratio = (label: string): string => {
    const { median, least, most } = overRounds(of(label), bare, (a, b) => a / b)
    return `${median.toFixed(3)} (${least.toFixed(2)}–${most.toFixed(2)})`
  }
  return [
    `${framework}, ${workload}`,
    digits(bare.cpu.median),
    ratio('bare again'),
    ratio('empty middleware'),
    ratio('vial redis'),
  ]
}
