/** A process that measures one stage once and tells its parent; a fresh one each time, as no two compile alike. */

import process from 'node:process'
import { isAsked } from '../common/options.ts'
import { type AllocationOptions, allocated, proveMeter } from './allocations.ts'
import { type Case, checked } from './case.ts'
import { type Timing, type TimingOptions, timed } from './measure.ts'

export interface Job {
  readonly stage: Stage
  /** Names that are measured, and their peers. Empty: all. */
  readonly only: readonly string[]
  /** Another build: peers are left out, and so is what it cannot do. */
  readonly other: boolean
  /** Leaves out what is rare. */
  readonly quick: boolean
  /** All are checked, and only the first one is measured. */
  readonly trial: boolean
  readonly measuring:
    | { readonly what: 'time'; readonly options: TimingOptions }
    | { readonly what: 'bytes'; readonly options: AllocationOptions }
}

export interface Measured {
  readonly group: string
  readonly name: string
  readonly peers: readonly string[]
  readonly foreign: boolean
  readonly timing?: Timing
  /** Null: it could not be counted. JSON has no NaN. */
  readonly bytes?: number | null
}

export type Told =
  | { readonly kind: 'done'; readonly measured: readonly Measured[] }
  | { readonly kind: 'failed'; readonly reason: string }

const STAGES = {
  cookies: async () => (await import('./cookies.ts')).cookies(),
  seals: async () => (await import('./seals.ts')).seals(),
  serializers: async () => (await import('./serializers.ts')).serializers(),
  core: async () => (await import('./core.ts')).core(),
  requests: async () => (await import('./requests.ts')).requests(),
}

export type Stage = keyof typeof STAGES

process.once('message', async (job: Job) => {
  const told = await work(job).then(
    (measured): Told => ({ kind: 'done', measured }),
    (error: unknown): Told => {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
      return { kind: 'failed', reason }
    },
  )
  process.send?.(told, () => process.disconnect())
})

async function work(job: Job): Promise<Measured[]> {
  if (globalThis.gc === undefined) throw new Error('Run it with --expose-gc.')
  const { measuring } = job
  if (measuring.what === 'bytes') await proveMeter()
  const cases = await casesFor(job)
  const measured: Measured[] = []
  for (const one of job.trial ? cases.slice(0, 1) : cases) {
    const { group, name, peers = [], foreign = false } = one
    const row = { group, name, peers, foreign }
    if (measuring.what === 'time') {
      measured.push({ ...row, timing: await timed(one, measuring.options) })
    } else {
      const bytes = await allocated(one, measuring.options)
      measured.push({ ...row, bytes: Number.isNaN(bytes) ? null : bytes })
    }
  }
  return measured
}

/** What is asked for, each tried once. */
async function casesFor({ stage, only, other, quick }: Job): Promise<Case[]> {
  const all = (await STAGES[stage]()).filter(({ rare }) => !(quick && rare === true))
  const asked = all.filter(({ name }) => isAsked({ only }, `micro ${stage} ${name}`))
  const peers = new Set(asked.flatMap((one) => one.peers ?? []))
  const wanted = all.filter((one) => asked.includes(one) || peers.has(one.name))
  const cases: Case[] = []
  for (const one of wanted) {
    if (other && one.foreign === true) continue
    const works = await checked(one).then(
      () => true,
      (error: unknown) => {
        if (!other) throw error
        return false
      },
    )
    if (works) cases.push(one)
  }
  return cases
}
