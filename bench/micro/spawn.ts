/** Runs one job in a process of its own. */

import { fork } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { Answer, Job, Measured } from './child.ts'
import { FLAGS } from './counting.ts'

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url))

/**
 * Time is taken with Node's own heap sizes, as a server has them; counts with a young generation that nothing leaves.
 *
 * @param build The folder of the build to measure. Absent: the current one.
 */
export function spawned(job: Job, build: string | undefined): Promise<readonly Measured[]> {
  return new Promise((resolve, reject) => {
    const child = fork(CHILD, {
      execArgv: ['--no-warnings', ...(job.measuring.what === 'counts' ? FLAGS : ['--expose-gc'])],
      env: { ...process.env, ...(build !== undefined && { VIAL_BUILD: build }) },
      // Its output must not get between the tables.
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    let answer: Answer | undefined
    child.on('message', (message: Answer) => {
      answer = message
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (answer?.kind === 'done') resolve(answer.measured)
      else
        reject(
          new Error(`${job.stage}: ${answer?.reason ?? `the child ended with ${signal ?? code}`}`),
        )
    })
    child.send(job)
  })
}
