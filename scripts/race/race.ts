/** One contender's run: its processes, the commits, the logouts. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Backend } from './backend.ts'
import { type CommitResult, runCommits } from './commits.ts'
import type { Kind } from './contender.ts'
import { FailureCount, type Failures } from './failures.ts'
import { runLogouts } from './logouts.ts'
import type { Options } from './options.ts'
import { startProcesses } from './processes.ts'
import { progressOf } from './progress.ts'

export interface Result extends CommitResult {
  /** Schedules after which the session was alive. */
  readonly alive: number
  readonly failures: Failures
}

/** Runs one contender. Rejects when it could not be run. */
export async function race(
  name: string,
  backend: Backend,
  kind: Kind,
  label: string,
  url: string,
  { processes, commits, schedules, seed }: Options,
): Promise<Result> {
  const progress = progressOf(label)
  const folder = await mkdtemp(join(tmpdir(), 'vial-race-'))
  const place = { folder, url, name: basename(folder).toLowerCase().replaceAll('-', '_') }
  try {
    const running = await startProcesses(name, backend, kind, place, processes)
    try {
      const { ports } = running
      const failures = new FailureCount()
      const total = ports.length * commits
      const written = await runCommits(ports, commits, failures, (done) =>
        progress(`${done} of ${total} commits`),
      )
      const alive = await runLogouts(ports, schedules, seed, failures, (done) =>
        progress(`${done} of ${schedules} logouts`),
      )
      return { ...written, alive, failures: failures.total }
    } finally {
      await running.end(true)
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
