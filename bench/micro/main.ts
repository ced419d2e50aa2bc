/** What each step of a request costs, in time, bytes, promises and calls, beside the libraries that do the same. */

import process from 'node:process'
import type { Options } from '../common/options.ts'
import { Progress } from '../common/progress.ts'
import type { Report } from '../common/report.ts'
import type { Job, Measured, Stage } from './child.ts'
import type { TimingOptions } from './measure.ts'
import { spawned } from './spawn.ts'
import { Figures, tablesOf } from './tables.ts'

/** How a run is made. */
interface Plan {
  readonly stages: readonly Stage[]
  /** How many processes time each stage, one after the other. */
  readonly rounds: number
  /** How often each process counts bytes. */
  readonly counts: number
  readonly timing: Omit<TimingOptions, 'flipped'>
}

const ALL: readonly Stage[] = ['seals', 'serializers', 'requests']

/** Twelve windows of each operation: six processes, two windows each. */
const FULL: Plan = {
  stages: ALL,
  rounds: 6,
  counts: 5,
  timing: { windows: 1, window: 50, warmUp: 100, collects: true },
}
const QUICK: Plan = {
  stages: ['seals', 'requests'],
  rounds: 2,
  counts: 2,
  timing: { windows: 3, window: 50, warmUp: 50, collects: true },
}
const CHECK: Plan = {
  stages: ALL,
  rounds: 1,
  counts: 1,
  timing: { windows: 1, window: 0.5, warmUp: 0.5, collects: false },
}

/** Measures every stage, each round and build in a process of its own. */
export async function run(options: Options): Promise<Report> {
  const plan = options.check ? CHECK : options.quick ? QUICK : FULL
  const figures = new Figures([...options.against.keys()])
  const jobs = jobsOf(plan, options)
  const progress = new Progress(jobs.length)
  for (const { job, build, folder } of jobs) {
    progress.step(`micro: ${job.stage}, ${job.measuring.what}${build === '' ? '' : ` of ${build}`}`)
    // Counting comes first; where it found nothing that is asked for, there is nothing to time.
    const isAsked = job.measuring.what === 'counts' || figures.has(job.stage)
    if (isAsked) figures.add(job.stage, build, await measuredOf(job, folder))
  }
  progress.end()
  return { tables: tablesOf(figures) }
}

interface Planned {
  readonly job: Job
  /** Empty: the current one. */
  readonly build: string
  readonly folder: string | undefined
}

/** Builds alternate within a round, and take turns to begin. */
function jobsOf(plan: Plan, { only, against, check, quick }: Options): Planned[] {
  const builds: [name: string, folder: string | undefined][] = [['', undefined], ...against]
  const { timing, counts, rounds } = plan
  const jobs: Planned[] = []
  for (const stage of plan.stages) {
    const add = (measuring: Job['measuring'], turned: boolean): void => {
      for (const [build, folder] of turned ? builds.toReversed() : builds) {
        const job = { stage, only, other: build !== '', quick, trial: check, measuring }
        jobs.push({ job, build, folder })
      }
    }
    add({ what: 'counts', options: { times: counts, warmUp: timing.warmUp / 2 } }, false)
    for (let round = 0; round < rounds; round++) {
      const flipped = round % 2 === 1
      add({ what: 'time', options: { ...timing, flipped } }, flipped)
    }
  }
  return jobs
}

/** Another build may lack what a stage needs; then it has no figures there. */
async function measuredOf(job: Job, folder: string | undefined): Promise<readonly Measured[]> {
  try {
    return await spawned(job, folder)
  } catch (error) {
    if (!job.other) throw error
    const [reason] = String(error instanceof Error ? error.message : error).split('\n')
    process.stderr.write(`  ${folder} cannot do it: ${reason}\n`)
    return []
  }
}
