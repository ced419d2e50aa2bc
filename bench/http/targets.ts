/** The targets about requests, each beside what was measured. */

import { digits, type Table } from '../common/report.ts'
import { summary } from '../common/statistics.ts'
import type { Measured } from './rounds.ts'

interface Target {
  readonly name: string
  readonly framework: string
  readonly ours: string
  /** The peer, or the floor. */
  readonly beside: string
  readonly workloads: readonly string[]
  /** Largest share of the other one's overhead. */
  readonly most: number
}

const RW = ['read', 'write'] as const
const FLOORED = ['express', 'fastify', 'hono', 'koa', 'node', 'h3'] as const

const TARGETS: readonly Target[] = [
  target('T2', 'fastify', 'vial cookie', '@fastify/secure-session', RW, 0.9),
  target('T2', 'express', 'vial cookie', 'iron-session', RW, 0.06),
  target('T2', 'node', 'vial cookie', 'iron-session', RW, 0.06),
  target('T2', 'hono', 'vial cookie', '@hono/session cookie', RW, 0.25),
  target('T3', 'express', 'vial flask', 'cookie-session', ['read'], 0.15),
  target('T4', 'express', 'vial redis', 'express-session + connect-redis', ['read'], 0.25),
  target('T4', 'express', 'vial redis', 'express-session + connect-redis', ['write'], 0.35),
  target('T4', 'fastify', 'vial redis', '@fastify/session + connect-redis', ['read'], 0.35),
  target('T4', 'fastify', 'vial redis', '@fastify/session + connect-redis', ['write'], 0.45),
  target('T5', 'express', 'vial redis', 'express-session + connect-redis', ['read-l'], 0.2),
  target('T5', 'fastify', 'vial redis', '@fastify/session + connect-redis', ['read-l'], 0.2),
  target('T6', 'express', 'vial memory', 'express-session memory', ['read'], 0.2),
  ...FLOORED.flatMap((framework) =>
    ['cookie', 'memory', 'redis'].map((kind) =>
      target('T7', framework, `vial ${kind}`, `floor ${kind}`, RW, 1.5),
    ),
  ),
  ...FLOORED.map((framework) =>
    target('T8', framework, 'vial redis-near', 'vial memory', ['read'], 1.3),
  ),
]

function target(
  name: string,
  framework: string,
  ours: string,
  beside: string,
  workloads: readonly string[],
  most: number,
): Target {
  return { name, framework, ours, beside, workloads, most }
}

/** Of those whose cases were measured. */
export function targetTable(measured: readonly Measured[]): Table {
  const find = (framework: string, label: string, workload: string) =>
    measured.find(
      (one) => one.framework === framework && one.label === label && one.workload === workload,
    )
  const rows: string[][] = []
  for (const { name, framework, ours, beside, workloads, most } of TARGETS) {
    for (const workload of workloads) {
      const bare = find(framework, 'bare', workload)
      const our = find(framework, ours, workload)
      const their = find(framework, beside, workload)
      if (bare === undefined || our === undefined || their === undefined) continue
      const { ratio, range, own, other } = compared(our, their, bare)
      const ofUser = (our.user.median - bare.user.median) / (their.user.median - bare.user.median)
      rows.push([
        name,
        `${framework}, ${workload}: ${ours} beside ${beside}`,
        `${digits(own)} ÷ ${digits(other)} µs`,
        `${digits(ratio)} (${range})`,
        `${most}`,
        ratio <= most ? 'met' : 'not met',
        digits(ofUser),
      ])
    }
  }
  return {
    title:
      'Overhead above the bare framework beside that of a peer, or of the floor (range over the rounds)',
    head: ['', 'what', 'overheads', 'ratio', 'at most', '', 'ratio of user time alone'],
    rows,
  }
}

/** CPU above bare, µs. */
export function overhead(one: Measured, bare: Measured): number {
  return one.cpu.median - bare.cpu.median
}

function compared(our: Measured, their: Measured, bare: Measured) {
  const own = overhead(our, bare)
  const other = overhead(their, bare)
  const base = bare.cpu.median
  const each = summary(
    our.rounds.map((cpu, round) => (cpu - base) / ((their.rounds[round] ?? Number.NaN) - base)),
  )
  return { own, other, ratio: own / other, range: `${digits(each.least)}–${digits(each.most)}` }
}
