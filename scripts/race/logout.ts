/** A logout while four requests are in flight, in a random order of all their steps. */

import { setImmediate as turn } from 'node:timers/promises'
import type { Store } from 'vial'
import { raceSessions } from './commits.ts'

const WRITERS = 4

/** Plays `schedules` random orders; tells in how many the session was alive after the logout. */
export async function logouts(
  store: Store,
  schedules: number,
  progress: (done: number) => void,
): Promise<number> {
  let alive = 0
  for (let i = 0; i < schedules; i += 1) {
    if (await survives(store)) alive += 1
    progress(i + 1)
  }
  return alive
}

async function survives(store: Store): Promise<boolean> {
  // A life cycle for each request, as if each had a process of its own: nothing but the store is between them.
  const first = raceSessions(store)
  const session = await first.load(undefined)
  session.set('user', 'ann')
  const commit = await first.commit(session)
  const cookie = commit.headers[0]?.[1].split(';')[0] as string
  const requests = Array.from({ length: WRITERS + 1 }, (_, index) => async () => {
    await wait()
    const sessions = raceSessions(store)
    const mine = await sessions.load(cookie)
    await wait()
    if (index === 0) mine.destroy()
    else if (!mine.isNew) mine.set(`key ${index}`, index)
    await sessions.commit(mine)
  })
  await Promise.all(requests.map((request) => request()))
  return !(await first.load(cookie)).isNew
}

/** Lets a random number of other steps go first. */
async function wait(): Promise<void> {
  for (let left = Math.floor(Math.random() * 12); left > 0; left -= 1) await turn()
}
