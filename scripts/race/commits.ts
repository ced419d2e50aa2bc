/** Many commits on one session: each writes a key of its own and counts in one counter. */

import { logIn, look, retriesOf, send } from './browser.ts'
import type { FailureCount } from './failures.ts'

export interface CommitResult {
  /** Keys that are there in the end. */
  readonly kept: number
  readonly counter: number
  readonly retries: number
  readonly perSecond: number
}

/** Sends `count` writes to each port, one after the other, and to all ports at once. */
export async function runCommits(
  ports: readonly number[],
  count: number,
  failures: FailureCount,
  progress: (done: number) => void,
): Promise<CommitResult> {
  const [first = 0] = ports
  const cookie = await logIn(first)
  let done = 0
  const begin = performance.now()
  await Promise.all(
    ports.map(async (port, writer) => {
      for (let i = 0; i < count; i += 1) {
        const target = `/write?key=writer-${writer}-key-${i}`
        await failures.watch(() => send(port, 'POST', target, cookie))
        done += 1
        progress(done)
      }
    }),
  )
  const seconds = (performance.now() - begin) / 1000
  const { kept, counter } = await look(first, cookie)
  const retries = (await Promise.all(ports.map(retriesOf))).reduce((sum, some) => sum + some, 0)
  return { kept, counter, retries, perSecond: Math.round((ports.length * count) / seconds) }
}
