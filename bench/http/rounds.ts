/** Alternating windows over servers: CPU of the server per request, requests per second, latency. */

import { Progress } from '../common/progress.ts'
import { lowerQuartile, median, quantile } from '../common/report.ts'
import type { Contender } from './contender.ts'
import { findLoader, type Loaded, type Loader, load } from './load.ts'
import { WORKLOADS, type WorkloadName } from './page.ts'
import { type Serving, startServer } from './server-process.ts'
import { type Visitors, visitors } from './visitors.ts'

/** A server to measure. */
export interface Entry {
  readonly framework: string
  /** Its contender's name; that of another build with the commit after it. */
  readonly label: string
  readonly name: string
  readonly contender: Contender
  /** The folder of the build of vial. Absent: the current one. */
  readonly build?: string
  readonly workloads: readonly WorkloadName[]
}

export interface Plan {
  /** The servers, in groups; those of one group run and are measured in the same rounds. */
  readonly groups: readonly (readonly Entry[])[]
  /**
   * How many processes of each server, one after the other: two of one program differ by up to a quarter for as long as
   * they live, by how their code and data happen to lie in memory.
   */
  readonly processes: number
  /** Windows of each process. 0: every server is started and checked, and nothing is measured. */
  readonly rounds: number
  /** The length of a window, in whole seconds. */
  readonly seconds: number
  readonly connections: number
}

export interface Measured {
  readonly framework: string
  readonly label: string
  readonly workload: WorkloadName
  /** CPU of the server per request, in µs: the lower quartile of the windows. */
  readonly cpu: number
  /** The same of every window. */
  readonly windows: readonly number[]
  /** The upper quartile of the windows. */
  readonly perSecond: number
  /** The latency that 99 of 100 requests stay below, in ms: the median of the windows. */
  readonly p99: number
}

interface Window extends Loaded {
  /** µs per request */
  readonly cpu: number
}

interface Case {
  readonly entry: Entry
  readonly workload: WorkloadName
  readonly windows: Window[]
}

interface Ready {
  readonly serving: Serving
  readonly cookies: Visitors
}

export async function measure({ groups, processes, rounds, ...plan }: Plan): Promise<Measured[]> {
  const loader = await findLoader()
  const all = groups.map((entries) => entries.flatMap(casesOf))
  const progress = new Progress(all.flat().length * processes * (rounds + 1))
  for (const [index, entries] of groups.entries()) {
    for (let process = 0; process < processes; process += 1) {
      const ready = new Map<Entry, Ready>()
      try {
        await startAll(entries, ready)
        if (rounds === 0) continue
        const cases = all[index] ?? []
        // The first window of each case is for warming up.
        for (let round = 0; round <= rounds; round += 1) {
          // There and back, so that no case always follows the same neighbour.
          for (const one of round % 2 === 0 ? cases : [...cases].reverse()) {
            progress.step(`${one.entry.framework}, ${one.entry.label}: ${one.workload}`)
            const window = await windowOf(loader, one, ready.get(one.entry), plan)
            if (round > 0) one.windows.push(window)
          }
        }
      } finally {
        await Promise.all([...ready.values()].map(({ serving }) => serving.stop()))
      }
    }
  }
  progress.end()
  return rounds === 0 ? [] : all.flat().map(resultOf)
}

function casesOf(entry: Entry): Case[] {
  return entry.workloads.map((workload) => ({ entry, workload, windows: [] }))
}

/** Starts and checks every server; those that run are in `ready` even when another one fails. */
async function startAll(entries: readonly Entry[], ready: Map<Entry, Ready>): Promise<void> {
  const starting = entries.map(async (entry) => {
    const { framework, label, name, contender, build, workloads } = entry
    try {
      const serving = await (contender.start?.() ?? startServer(framework, name, build))
      ready.set(entry, { serving, cookies: new Map() })
      const isBare = name === 'bare' || name === 'control'
      ready.set(entry, { serving, cookies: await visitors(serving.url, isBare, workloads) })
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new Error(`${framework}, ${label}: ${reason}`, { cause: error })
    }
  })
  for (const started of await Promise.allSettled(starting)) {
    if (started.status === 'rejected') throw started.reason
  }
}

async function windowOf(
  loader: Loader,
  { entry, workload }: Case,
  ready: Ready | undefined,
  { connections, seconds }: Pick<Plan, 'connections' | 'seconds'>,
): Promise<Window> {
  if (ready === undefined) throw new Error(`${entry.label} does not run`)
  const { path, bytes } = WORKLOADS[workload]
  const { serving, cookies } = ready
  const before = await serving.cpu()
  const loaded = await load(loader, {
    url: serving.url + path,
    cookies: cookies.get(bytes) ?? [],
    connections,
    seconds,
  }).catch((error: Error) => {
    const what = `${entry.framework}, ${entry.label}, ${workload}`
    throw new Error(`${what}: ${error.message}`, { cause: error })
  })
  return { ...loaded, cpu: ((await serving.cpu()) - before) / loaded.requests }
}

function resultOf({ entry, workload, windows }: Case): Measured {
  const cpu = windows.map((window) => window.cpu)
  return {
    framework: entry.framework,
    label: entry.label,
    workload,
    cpu: lowerQuartile(cpu),
    windows: cpu,
    perSecond: quantile(
      windows.map(({ requests, seconds }) => requests / seconds),
      0.75,
    ),
    p99: median(windows.map(({ p99 }) => p99)),
  }
}
