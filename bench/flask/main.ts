/** T13: requests per second and core, beside Flask with Flask-Session under gunicorn, on the same Redis. */

import process from 'node:process'
import type { Options } from '../common/options.ts'
import { digits, type Report } from '../common/report.ts'
import { type Entry, type Measured, measure, overRounds } from '../http/rounds.ts'
import { CONTENDERS } from '../http/servers/express.ts'
import { WORKLOADS } from '../http/workloads.ts'
import { startGunicorn } from './gunicorn.ts'

export async function run({ quick, check }: Options): Promise<Report> {
  const python = process.env['BENCH_PYTHON']
  if (python === undefined) {
    const title = 'Not measured: there is no Python with Flask, Flask-Session and gunicorn here'
    return { tables: [{ title, head: [''], rows: [] }], data: undefined }
  }
  const ours = CONTENDERS['vial redis']
  if (ours === undefined) throw new Error('Express has no such contender')
  const entries: Entry[] = [
    {
      framework: 'flask',
      label: 'Flask 3 + Flask-Session 0.8, gunicorn with one worker',
      name: 'flask',
      contender: ours,
      env: {},
      start: () => startGunicorn(python),
    },
    {
      framework: 'express',
      label: 'Express 5 + vial',
      name: 'vial redis',
      contender: ours,
      env: {},
    },
  ]
  const measured = await measure({
    entries,
    workloads: WORKLOADS.filter(({ name }) => ['plain', 'read', 'write'].includes(name)),
    rounds: check ? 1 : quick ? 3 : 5,
    seconds: check ? 1 : quick ? 1 : 3,
    warmUp: 2,
    connections: 32,
  })
  const of = (framework: string, workload: string): Measured => {
    const found = measured.find((one) => one.framework === framework && one.workload === workload)
    if (found === undefined) throw new Error(`${framework}, ${workload} is missing`)
    return found
  }
  return {
    tables: [
      {
        title:
          'One process each, the same Redis: requests per second, and CPU of the server in µs per request',
        head: ['', 'Flask', 'Express + vial', 'requests per second, ×', 'CPU: Flask ÷ vial'],
        rows: ['plain', 'read', 'write'].map((workload) => {
          const flask = of('flask', workload)
          const vial = of('express', workload)
          const told = ({ perSecond, cpu }: Measured): string =>
            `${Math.round(perSecond.median)} (${digits(cpu.median)} µs)`
          return [
            workload,
            told(flask),
            told(vial),
            digits(vial.perSecond.median / flask.perSecond.median),
            digits(overRounds(flask, vial, (a, b) => a / b).median),
          ]
        }),
      },
    ],
    data: measured,
  }
}
