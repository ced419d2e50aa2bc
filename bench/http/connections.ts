/** Growth in connections: CPU per request and latency from 1 to 256 of them. */

import type { Options } from '../common/options.ts'
import { digits, type Report } from '../common/report.ts'
import { type Entry, type Measured, measure } from './rounds.ts'
import { CONTENDERS } from './servers/fastify.ts'
import { WORKLOADS } from './workloads.ts'

const NAMES = ['bare', 'vial cookie', 'vial redis', '@fastify/session + connect-redis'] as const

export async function run({ check }: Options): Promise<Report> {
  const steps = check ? [1, 256] : [1, 16, 256]
  const entries = NAMES.flatMap((name): Entry[] => {
    const contender = CONTENDERS[name]
    return contender === undefined
      ? []
      : [{ framework: 'fastify', label: name, name, contender, env: {} }]
  })
  const workloads = WORKLOADS.filter(({ name }) => name === 'read' || name === 'write')
  const all: { connections: number; measured: Measured[] }[] = []
  for (const connections of steps) {
    const measured = await measure({
      entries,
      workloads,
      rounds: check ? 1 : 5,
      seconds: 1,
      warmUp: 1,
      connections,
    })
    all.push({ connections, measured })
  }
  const table = (title: string, cell: (one: Measured) => string) => ({
    title,
    head: ['', ...steps.map((connections) => `${connections}`)],
    rows: workloads.flatMap((workload) =>
      NAMES.map((name) => [
        `${name}, ${workload.name}`,
        ...all.map(({ measured }) => {
          const one = measured.find(
            ({ label, workload: of }) => label === name && of === workload.name,
          )
          return one === undefined ? '' : cell(one)
        }),
      ]),
    ),
  })
  return {
    tables: [
      table('Fastify, by the number of connections: CPU of the server, µs per request', ({ cpu }) =>
        digits(cpu.median),
      ),
      table(
        'the same: latency, p50 / p99, ms',
        ({ p50, p99 }) => `${digits(p50.median)} / ${digits(p99.median)}`,
      ),
    ],
    data: all,
  }
}
