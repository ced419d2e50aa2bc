/** What it costs to open an encrypted cookie for the first time, beside other builds. */

import type { Options } from '../common/options.ts'
import { digits, lowerQuartile } from '../common/report.ts'
import type { Job } from '../micro/child.ts'
import { spawned } from '../micro/spawn.ts'
import type { Judged } from './bounds.ts'

const CASE = 'encrypted: open 200 B, first time'
const PROCESSES = 6
const JOB: Omit<Job, 'other'> = {
  stage: 'seals',
  only: [CASE],
  quick: true,
  trial: false,
  measuring: {
    what: 'time',
    options: { windows: 1, window: 100, warmUp: 100, flipped: false, collects: true },
  },
}

/** A row for each other build, out of twelve windows of either, in processes that take turns. */
export async function coldOpens(
  against: ReadonlyMap<string, string>,
  { only }: Pick<Options, 'only'>,
): Promise<Judged[]> {
  if (only.some((word) => word.startsWith('vial'))) return []
  const rows: Judged[] = []
  for (const [commit, build] of against) {
    const now = { first: [] as number[], second: [] as number[] }
    const before = { first: [] as number[], second: [] as number[] }
    for (let process = 0; process < PROCESSES; process += 1) {
      for (const [into, folder] of [
        [now, undefined],
        [before, build],
      ] as const) {
        const [measured] = await spawned({ ...JOB, other: folder !== undefined }, folder)
        into.first.push(...(measured?.timing?.first ?? []))
        into.second.push(...(measured?.timing?.second ?? []))
      }
    }
    const [ours, theirs] = [now, before].map(({ first, second }) =>
      lowerQuartile([...first, ...second]),
    ) as [number, number]
    const ratio = ours / theirs
    rows.push({
      what: `${CASE}, beside ${commit}`,
      figures: `${digits(ours / 1000)} ÷ ${digits(theirs / 1000)}`,
      ratio,
      bound: 'at most',
      limit: 1,
      margin: Math.abs(ratio - 1),
      control: Math.abs(lowerQuartile(now.second) / lowerQuartile(now.first) - 1),
    })
  }
  return rows
}
