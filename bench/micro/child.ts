/** A process that measures one stage once; a new one each time, as no two processes compile alike. */

import process from 'node:process'
import { isAsked } from '../common/options.ts'
import { type Case, checked } from './case.ts'
import { type Counted, type CountingOptions, counted } from './counting.ts'
import { type Timing, type TimingOptions, timed } from './measure.ts'

export interface Job {
  readonly stage: Stage
  /** Names that are measured, and their peers. Empty: all. */
  readonly only: readonly string[]
  /** Another build: peers are left out, and so is what it cannot do. */
  readonly other: boolean
  /** Leaves out rare cases. */
  readonly quick: boolean
  /** All are checked, and only the first one is measured. */
  readonly trial: boolean
  readonly measuring:
    | { readonly what: 'time'; readonly options: TimingOptions }
    | { readonly what: 'counts'; readonly options: CountingOptions }
}

export interface Measured {
  readonly group: string
  readonly name: string
  readonly peers: readonly string[]
  readonly timing?: Timing
  readonly counts?: Counted
}

export type Answer =
  | { readonly kind: 'done'; readonly measured: readonly Measured[] }
  | { readonly kind: 'failed'; readonly reason: string }

const STAGES = {
  seals: async () => (await import('./seals.ts')).seals(),
  serializers: async () => (await import('./serializers.ts')).serializers(),
  requests: async () => (await import('./requests.ts')).requests(),
}

export type Stage = keyof typeof STAGES

process.once('message', async (job: Job) => {
  const answer = await work(job).then(
    (measured): Answer => ({ kind: 'done', measured }),
    (error: unknown): Answer => {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
      return { kind: 'failed', reason }
    },
  )
  process.send?.(answer, () => process.disconnect())
})

async function work(job: Job): Promise<Measured[]> {
  if (globalThis.gc === undefined) throw new Error('Run it with --expose-gc.')
  const { measuring, trial } = job
  const all = await casesFor(job)
  const cases = trial ? all.slice(0, 1) : all
  const measured: Measured[] = []
  const counts = measuring.what === 'counts' ? await counted(cases, measuring.options) : []
  for (const [index, one] of cases.entries()) {
    const { group, name, peers = [] } = one
    const count = counts[index]
    const figure =
      measuring.what === 'time'
        ? { timing: await timed(one, measuring.options) }
        : count && { counts: count }
    measured.push({ group, name, peers, ...figure })
  }
  return measured
}

/** The cases that are asked for, each tried once. */
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
