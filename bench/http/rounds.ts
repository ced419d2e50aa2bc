/** Alternating rounds over all servers: CPU of the server per request, requests per second, latency. */

import { Progress } from '../common/progress.ts'
import { type Summary, summary } from '../common/statistics.ts'
import type { Contender } from './contender.ts'
import { type Loaded, load, loader } from './load.ts'
import { type Running, start } from './running.ts'
import { type Visitors, visitors } from './sessions.ts'
import { suits, type Workload } from './workloads.ts'

/** A server to measure. */
export interface Entry {
  readonly framework: string
  /** As the table has it. */
  readonly label: string
  readonly name: string
  readonly contender: Contender
  readonly env: Readonly<Record<string, string>>
  /** Absent: a process of `server.ts`. */
  readonly start?: () => Promise<Running>
}

export interface Plan {
  readonly entries: readonly Entry[]
  readonly workloads: readonly Workload[]
  /** Leaves out cases. Absent: every workload that suits the sessions. */
  readonly isFor?: (workload: Workload, entry: Entry) => boolean
  /**
   * How many processes of each server: two of the same program differ by up to a quarter for as long as they live, by how
   * their code and data happen to lie in memory. Default 1.
   */
  readonly processes?: number
  /** Of each process. 0: every server is started and checked, and nothing is measured. */
  readonly rounds: number
  /** s, of one window. */
  readonly seconds: number
  /** s, of the first window of each server and workload, which is not counted. */
  readonly warmUp: number
  readonly connections: number
}

export interface Measured {
  readonly framework: string
  readonly label: string
  readonly workload: string
  /** CPU of the server, µs per request. */
  readonly cpu: Summary
  /** The part of it that is no system time: what our own code costs, and the peers' theirs. */
  readonly user: Summary
  readonly perSecond: Summary
  /** Latency, ms. */
  readonly p50: Summary
  readonly p99: Summary
  /** CPU of the rounds, in their order, so that those of one round can be compared. */
  readonly rounds: readonly number[]
}

interface Ready extends Entry {
  readonly running: Running
  readonly visitors: Visitors
}

interface Window extends Loaded {
  /** µs per request */
  readonly user: number
  readonly system: number
}

interface Case {
  readonly ready: Ready
  readonly workload: Workload
  readonly windows: Window[]
}

export async function measure(plan: Plan): Promise<Measured[]> {
  const program = await loader()
  const ready: Ready[] = []
  try {
    const { processes = 1 } = plan
    for (const entry of Array.from({ length: processes }, () => plan.entries).flat()) {
      const running = await (entry.start?.() ?? start(entry.framework, entry.name, entry.env))
      // Known to the `finally` even when the check fails.
      const place = ready.push({ ...entry, running, visitors: new Map() }) - 1
      const filled = await visitors(running.url, entry.contender).catch((error: Error) => {
        throw new Error(`${entry.framework}, ${entry.label}: ${error.message}`, { cause: error })
      })
      ready[place] = { ...entry, running, visitors: filled }
    }
    if (plan.rounds === 0) return []
    const cases = plan.workloads.flatMap((workload) =>
      ready
        .filter((one) => isFor(workload, one.contender) && (plan.isFor?.(workload, one) ?? true))
        .map((one): Case => ({ ready: one, workload, windows: [] })),
    )
    const progress = new Progress(cases.length * (plan.rounds + 1))
    for (let round = 0; round <= plan.rounds; round += 1) {
      // There and back, so that nobody is always after the same neighbour.
      for (const one of round % 2 === 0 ? cases : [...cases].reverse()) {
        const seconds = round === 0 ? plan.warmUp : plan.seconds
        progress.step(`${one.ready.framework}, ${one.ready.label}: ${one.workload.name}`)
        const window = await measured(program, one, plan.connections, seconds)
        if (round > 0) one.windows.push(window)
      }
    }
    progress.end()
    return pooled(cases).map(result)
  } finally {
    await Promise.all(ready.map(({ running }) => running.stop()))
  }
}

function isFor(workload: Workload, { kind, without = [] }: Contender): boolean {
  return suits(workload, kind) && !without.includes(workload.name)
}

async function measured(
  program: 'wrk' | 'autocannon',
  { ready: { running, visitors: cookies, label }, workload }: Case,
  connections: number,
  seconds: number,
): Promise<Window> {
  const before = await running.cpu()
  const { bytes } = workload
  const loaded = await load(program, {
    url: running.url + workload.path,
    cookies: bytes === undefined ? [] : (cookies.get(bytes) ?? []),
    connections,
    seconds,
  }).catch((error: Error) => {
    throw new Error(`${label}, ${workload.name}: ${error.message}`, { cause: error })
  })
  const after = await running.cpu()
  return {
    ...loaded,
    user: (after.user - before.user) / loaded.requests,
    system: (after.system - before.system) / loaded.requests,
  }
}

/** The windows of all processes of a server together, round by round. */
function pooled(cases: readonly Case[]): Case[] {
  const all = new Map<string, Case>()
  for (const { ready, workload, windows } of cases) {
    const name = `${ready.framework} ${ready.label} ${workload.name}`
    const before = all.get(name)?.windows ?? []
    all.set(name, { ready, workload, windows: [...before, ...windows] })
  }
  return [...all.values()]
}

function result({ ready, workload, windows }: Case): Measured {
  const of = (pick: (window: Window) => number): Summary => summary(windows.map(pick))
  const cpu = ({ user, system }: Window): number => user + system
  return {
    framework: ready.framework,
    label: ready.label,
    workload: workload.name,
    cpu: of(cpu),
    user: of(({ user }) => user),
    perSecond: of(({ requests, seconds }) => requests / seconds),
    p50: of(({ p50 }) => p50),
    p99: of(({ p99 }) => p99),
    rounds: windows.map(cpu),
  }
}

/** The median over the rounds of how one case compares with another one of the same round. */
export function overRounds(
  a: Measured,
  b: Measured,
  compare: (a: number, b: number) => number,
): Summary {
  return summary(a.rounds.map((value, round) => compare(value, b.rounds[round] ?? Number.NaN)))
}
