/** The bounds on what a request costs, each beside what was measured: met, not met, or noise. */

import { digits, type Table } from '../common/report.ts'
import type { WorkloadName } from './page.ts'
import type { Measured } from './rounds.ts'

/** A bound on the whole request, as a multiple of what it cost in another build. */
interface BeforeBound {
  readonly label: string
  readonly workload: WorkloadName
  readonly most: number
}

const BEFORE: readonly BeforeBound[] = [
  ...['vial redis', 'vial cookie', 'vial flask', 'vial memory'].map(
    (label): BeforeBound => ({ label, workload: 'read', most: 1.04 }),
  ),
  ...['vial redis', 'vial flask'].map(
    (label): BeforeBound => ({ label, workload: 'write', most: 1.08 }),
  ),
  ...['vial cookie', 'vial memory'].map(
    (label): BeforeBound => ({ label, workload: 'write', most: 1.12 }),
  ),
]

/** A bound on the overhead, which is the CPU above that of the bare framework, as a share of a peer's overhead. */
interface PeerBound {
  readonly framework: string
  readonly label: string
  readonly peer: string
  readonly workload: WorkloadName
  readonly most: number
}

const PEERS: readonly PeerBound[] = [
  peer('express', 'vial redis', 'express-session + connect-redis', 'read', 0.18),
  peer('express', 'vial redis', 'express-session + connect-redis', 'write', 0.48),
  peer('fastify', 'vial redis', '@fastify/session + connect-redis', 'read', 0.24),
  peer('fastify', 'vial redis', '@fastify/session + connect-redis', 'write', 0.38),
  peer('fastify', 'vial cookie', '@fastify/secure-session', 'read', 0.7),
  peer('fastify', 'vial cookie', '@fastify/secure-session', 'write', 1),
  peer('express', 'vial flask', 'cookie-session', 'read', 0.15),
  peer('express', 'vial redis', 'express-session + connect-redis', 'read 4 KB', 0.2),
  peer('fastify', 'vial redis', '@fastify/session + connect-redis', 'read 4 KB', 0.2),
]

function peer(
  framework: string,
  label: string,
  other: string,
  workload: WorkloadName,
  most: number,
): PeerBound {
  return { framework, label, peer: other, workload, most }
}

/** How many times as much CPU a request to Flask must take. */
const FLASK_TIMES = 8
export const FLASK = 'Flask, Flask-Session, gunicorn'

/** A measured ratio, its bound, and how far two servers of one program differ on the same scale. */
export interface Judged {
  readonly what: string
  readonly figures: string
  readonly ratio: number
  /** `at least` for a bound from below. */
  readonly bound: 'at most' | 'at least'
  readonly limit: number
  readonly margin: number
  readonly control: number
}

/** Noise where the control differs by more than half of the bound's margin. */
export function verdictOf({ ratio, bound, limit, margin, control }: Judged): string {
  if (control > margin / 2) return 'noise'
  return (bound === 'at most' ? ratio <= limit : ratio >= limit) ? 'met' : 'not met'
}

export function boundsTable(judged: readonly Judged[]): Table {
  return {
    title: 'The bounds: CPU of the server per request, lower quartiles of the windows',
    head: ['', 'µs', 'ratio', 'bound', 'control differs by', ''],
    rows: judged.map((one) => [
      one.what,
      one.figures,
      one.ratio.toFixed(3),
      `${one.bound} ${one.limit}`,
      `${one.control.toFixed(3)} (at most ${digits(one.margin / 2)})`,
      verdictOf(one),
    ]),
  }
}

/** Every bound whose cases were measured. */
export function judge(measured: readonly Measured[], commits: readonly string[]): Judged[] {
  const find: Find = (framework, label, workload) =>
    measured.find(
      (one) => one.framework === framework && one.label === label && one.workload === workload,
    )?.cpu
  const frameworks = [...new Set(measured.map(({ framework }) => framework))]
  return frameworks.flatMap((framework) => {
    const bare = find(framework, 'bare', 'read')
    const again = find(framework, 'control', 'read')
    if (bare === undefined || again === undefined) return []
    const base = { bare, difference: Math.abs(again - bare) }
    return [
      ...commits.flatMap((commit) => beside(framework, commit, base, find)),
      ...PEERS.filter((bound) => bound.framework === framework).flatMap((bound) =>
        besidePeer(bound, base, find),
      ),
      ...wholeRatios(framework, base, find),
    ]
  })
}

type Find = (framework: string, label: string, workload: WorkloadName) => number | undefined

/** The bare framework, and by how much its second server differs, in µs. */
interface Base {
  readonly bare: number
  readonly difference: number
}

function beside(framework: string, commit: string, base: Base, find: Find): Judged[] {
  return BEFORE.flatMap(({ label, workload, most }): Judged[] => {
    const now = find(framework, label, workload)
    const before = find(framework, `${label} @ ${commit}`, workload)
    if (now === undefined || before === undefined) return []
    return [
      {
        what: `${framework}, ${workload}: ${label} beside ${commit}`,
        figures: `${digits(now)} ÷ ${digits(before)}`,
        ratio: now / before,
        bound: 'at most',
        limit: most,
        margin: most - 1,
        control: base.difference / base.bare,
      },
    ]
  })
}

function besidePeer(bound: PeerBound, { bare, difference }: Base, find: Find): Judged[] {
  const { framework, label, peer: other, workload, most } = bound
  const ours = find(framework, label, workload)
  const theirs = find(framework, other, workload)
  if (ours === undefined || theirs === undefined) return []
  const overhead = theirs - bare
  return [
    {
      what: `${framework}, ${workload}: overhead of ${label} beside ${other}`,
      figures: `${digits(ours - bare)} ÷ ${digits(overhead)}`,
      ratio: (ours - bare) / overhead,
      bound: 'at most',
      limit: most,
      // The overhead that the bound allows, on the scale of the ratio, as the control is.
      margin: most,
      control: difference / overhead,
    },
  ]
}

/** Ratios whose bound leaves no margin of its own: the margin is how far the ratio is from the bound. */
function wholeRatios(framework: string, base: Base, find: Find): Judged[] {
  const all: Judged[] = []
  const add = (
    what: string,
    a: number | undefined,
    b: number | undefined,
    bound: Judged['bound'],
    limit: number,
  ): void => {
    if (a === undefined || b === undefined) return
    const ratio = a / b
    const margin = Math.abs(ratio - limit)
    const control = (base.difference / base.bare) * ratio
    const figures = `${digits(a)} ÷ ${digits(b)}`
    all.push({ what: `${framework}, ${what}`, figures, ratio, bound, limit, margin, control })
  }
  const redis = find(framework, 'vial redis', 'read')
  const near = find(framework, 'vial near', 'read')
  add('read: Redis with the near cache beside Redis', near, redis, 'at most', 1)
  for (const workload of ['read', 'write'] as const) {
    const flask = find(framework, FLASK, workload)
    const ours = find(framework, 'vial redis', workload)
    add(`${workload}: ${FLASK} beside vial redis`, flask, ours, 'at least', FLASK_TIMES)
  }
  return all
}
