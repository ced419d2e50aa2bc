/**
 * T12: the tail of the latency. Windows are longer than elsewhere: each one opens its connections anew, and in a short one
 * those first requests alone would be the slowest hundredth.
 */

import type { Options } from '../common/options.ts'
import { digits, type Report, type Table } from '../common/report.ts'
import type { Contenders } from './contender.ts'
import { type Entry, type Measured, measure } from './rounds.ts'
import { WORKLOADS } from './workloads.ts'

/** The two frameworks with peers on every kind of store. */
const FRAMEWORKS = ['express', 'fastify'] as const
const NAMES =
  /^(?:bare|vial (?:cookie|memory|redis)|.*connect-redis|.*session memory|cookie-session|@fastify\/secure-session)$/

export async function run({ quick, check }: Options): Promise<Report> {
  const entries: Entry[] = []
  for (const framework of FRAMEWORKS) {
    const { CONTENDERS } = (await import(`./servers/${framework}.ts`)) as { CONTENDERS: Contenders }
    for (const [name, contender] of Object.entries(CONTENDERS)) {
      if (NAMES.test(name)) entries.push({ framework, label: name, name, contender, env: {} })
    }
  }
  const measured = await measure({
    entries,
    workloads: WORKLOADS.filter(({ name }) => name === 'read' || name === 'write'),
    processes: check ? 1 : 2,
    rounds: check ? 0 : 2,
    seconds: quick ? 3 : 4,
    warmUp: 1,
    connections: 100,
  })
  return { tables: [tailTable(measured)], data: measured }
}

/** T12: the tail beside that of the peer with the best one, of all and of those with the same kind of store. */
function tailTable(measured: readonly Measured[]): Table {
  const frameworks = [...new Set(measured.map(({ framework }) => framework))]
  const rows = frameworks.flatMap((framework) =>
    ['read', 'write'].flatMap((workload) => {
      const all = measured.filter((one) => one.framework === framework && one.workload === workload)
      const peers = all.filter(({ label }) => !/^(?:bare|empty|vial|floor)/.test(label))
      peers.sort((a, b) => a.p99.median - b.p99.median)
      return all
        .filter(({ label }) => label.startsWith('vial '))
        .map((one) => {
          const same = peers.find(({ label }) => kindOf(label) === kindOf(one.label))
          return [
            `${framework}, ${workload}: ${one.label}`,
            cell(one),
            ...[same, peers[0]].flatMap((peer) => beside(one, peer)),
          ]
        })
    }),
  )
  return {
    title: 'T12: p99 with 100 connections, ms (range over the rounds)',
    head: ['', 'vial', 'the best peer of the same kind', '', 'the best peer of any kind', ''],
    rows,
  }
}

function kindOf(label: string): 'memory' | 'redis' | 'cookie' {
  if (label.endsWith('memory')) return 'memory'
  return label.endsWith('redis') ? 'redis' : 'cookie'
}

function beside(one: Measured, peer: Measured | undefined): string[] {
  if (peer === undefined) return ['', '']
  const isMet = one.p99.median <= peer.p99.median
  return [`${cell(peer)}, ${peer.label}`, isMet ? 'met' : 'not met']
}

function cell({ p99 }: Measured): string {
  return `${digits(p99.median)} (${digits(p99.least)}–${digits(p99.most)})`
}
