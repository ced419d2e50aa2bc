/** Runs one job in a process of its own. */

import { fork } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { FLAGS } from './allocations.ts'
import type { Job, Measured, Told } from './child.ts'

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url))

/**
 * What the child measured. Time is taken with Node's own heap sizes, as a server has them; bytes with a young generation
 * that nothing leaves.
 *
 * @param dist The build to measure. Absent: the current one.
 */
export function spawned(job: Job, dist: string | undefined): Promise<readonly Measured[]> {
  return new Promise((resolve, reject) => {
    const child = fork(CHILD, {
      execArgv: job.measuring.what === 'bytes' ? [...FLAGS] : ['--expose-gc'],
      env: { ...process.env, ...(dist !== undefined && { VIAL_DIST: dist }) },
      // Its output, such as warnings, must not get between the tables.
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    let told: Told | undefined
    child.on('message', (message: Told) => {
      told = message
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (told?.kind === 'done') resolve(told.measured)
      else
        reject(
          new Error(`${job.stage}: ${told?.reason ?? `the child ended with ${signal ?? code}`}`),
        )
    })
    child.send(job)
  })
}
