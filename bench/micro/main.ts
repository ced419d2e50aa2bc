/** What does each step of a request cost, in time and in bytes, beside the libraries that do the same? */

import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { Options } from '../common/options.ts'
import { Progress } from '../common/progress.ts'
import { markdown, type Report } from '../common/report.ts'
import type { Job, Measured, Stage } from './child.ts'
import { Ledger } from './ledger.ts'
import type { TimingOptions } from './measure.ts'
import { spawned } from './spawn.ts'
import { tablesOf } from './tables.ts'

/** How a run is made. */
interface Plan {
  readonly stages: readonly Stage[]
  /** How many processes time each stage, one after the other. */
  readonly rounds: number
  /** How often each counts bytes. */
  readonly counts: number
  readonly timing: Omit<TimingOptions, 'flipped'>
}

const ALL: readonly Stage[] = ['cookies', 'seals', 'serializers', 'core', 'requests']

/** Windows of 50 ms: shorter ones gave impossible results. */
const FULL: Plan = {
  stages: ALL,
  rounds: 5,
  counts: 5,
  timing: { windows: 1, window: 50, warmUp: 100, collects: true },
}
const QUICK: Plan = {
  stages: ['seals', 'requests'],
  rounds: 1,
  counts: 2,
  timing: { windows: 2, window: 50, warmUp: 50, collects: true },
}
const CHECK: Plan = {
  stages: ALL,
  rounds: 1,
  counts: 1,
  timing: { windows: 1, window: 0.5, warmUp: 0.5, collects: false },
}

/** Measures every stage, each round and build in a process of its own, and gives a table for each question. */
export async function run(options: Options): Promise<Report> {
  const plan = options.check ? CHECK : options.quick ? QUICK : FULL
  const ledger = new Ledger([...options.against.keys()])
  const jobs = jobsOf(plan, options)
  const progress = new Progress(jobs.length)
  for (const { job, build, dist } of jobs) {
    // Counting comes first; where it found nothing that is asked for, there is nothing to time.
    const asked = job.measuring.what === 'bytes' || ledger.has(job.stage)
    progress.step(`micro: ${job.stage}, ${job.measuring.what}${build === '' ? '' : ` of ${build}`}`)
    if (asked) ledger.add(job.stage, build, await measuredOf(job, dist))
  }
  progress.end()
  return { tables: tablesOf(ledger), data: ledger.data() }
}

interface Planned {
  readonly job: Job
  /** Empty: the current one. */
  readonly build: string
  readonly dist: string | undefined
}

/** Builds alternate within a round, and take turns to begin. */
function jobsOf(plan: Plan, { only, against, check, quick }: Options): Planned[] {
  const builds: [name: string, dist: string | undefined][] = [['', undefined], ...against]
  const { timing, counts, rounds } = plan
  const jobs: Planned[] = []
  for (const stage of plan.stages) {
    const add = (measuring: Job['measuring'], turned: boolean): void => {
      for (const [build, dist] of turned ? builds.toReversed() : builds) {
        jobs.push({
          job: { stage, only, other: build !== '', quick, trial: check, measuring },
          build,
          dist,
        })
      }
    }
    add({ what: 'bytes', options: { times: counts, warmUp: timing.warmUp / 2 } }, false)
    for (let round = 0; round < rounds; round++) {
      const flipped = round % 2 === 1
      add({ what: 'time', options: { ...timing, flipped } }, flipped)
    }
  }
  return jobs
}

/** Another build may lack what a stage needs; then it has no figures there. */
async function measuredOf(job: Job, dist: string | undefined): Promise<readonly Measured[]> {
  try {
    return await spawned(job, dist)
  } catch (error) {
    if (!job.other) throw error
    const [reason] = String(error instanceof Error ? error.message : error).split('\n')
    process.stderr.write(`  ${dist} cannot do it: ${reason}\n`)
    return []
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { parseArgs } = await import('node:util')
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      against: { type: 'string', multiple: true, default: [] },
    },
  })
  const against = values.against.map((pair): [string, string] => {
    const [name = '', dist = ''] = pair.split('=')
    return [name, dist]
  })
  const report = await run({ ...values, against: new Map(against) })
  process.stdout.write(`${report.tables.map(markdown).join('\n\n')}\n`)
}
