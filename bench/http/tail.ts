/**
 * How slow the slowest hundredth of the requests is. Windows are longer than in `http`: each one opens its connections
 * again, and in a short one those first requests alone would be the slowest hundredth.
 */

import type { Options } from '../common/options.ts'
import { digits, type Report } from '../common/report.ts'
import { contendersOf } from './frameworks.ts'
import { type Entry, type Measured, measure } from './rounds.ts'

/** The frameworks with peers on every kind of store, and the kind of each server. */
const FRAMEWORKS = ['express', 'fastify'] as const
const KINDS: Readonly<Record<string, string>> = {
  'vial cookie': 'cookie',
  'vial redis': 'redis',
  'cookie-session': 'cookie',
  '@fastify/secure-session': 'cookie',
  'express-session + connect-redis': 'redis',
  '@fastify/session + connect-redis': 'redis',
}
const WORKLOADS = ['read', 'write'] as const

export async function run({ quick, check }: Options): Promise<Report> {
  const groups = await Promise.all(FRAMEWORKS.map(groupOf))
  const measured = await measure({
    groups,
    processes: check ? 1 : 2,
    rounds: check ? 0 : 2,
    seconds: quick ? 3 : 4,
    connections: 100,
  })
  const rows = measured
    .filter(({ label }) => label.startsWith('vial '))
    .map((one) => {
      const peer = peerOf(one, measured)
      return [
        `${one.framework}, ${one.workload}: ${one.label}`,
        digits(one.p99),
        peer === undefined ? '' : `${digits(peer.p99)}, ${peer.label}`,
      ]
    })
  return {
    tables: [
      {
        title: 'p99 with 100 connections, ms: the median of the windows',
        head: ['', 'vial', 'the best peer of the same kind'],
        rows,
      },
    ],
  }
}

async function groupOf(framework: (typeof FRAMEWORKS)[number]): Promise<Entry[]> {
  const contenders = Object.entries(await contendersOf(framework))
  return contenders
    .filter(([name]) => name in KINDS)
    .map(([name, contender]) => ({
      framework,
      label: name,
      name,
      contender,
      workloads: WORKLOADS,
    }))
}

function peerOf(one: Measured, measured: readonly Measured[]): Measured | undefined {
  return measured
    .filter(
      ({ framework, workload, label }) =>
        framework === one.framework &&
        workload === one.workload &&
        label !== one.label &&
        KINDS[label] === KINDS[one.label],
    )
    .sort((a, b) => a.p99 - b.p99)[0]
}
