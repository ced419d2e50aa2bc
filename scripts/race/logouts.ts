/** A logout while four other requests are in flight, in a random order of their steps. */

import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { logIn, look, send } from './browser.ts'
import type { FailureCount } from './failures.ts'

const OTHERS = 4
/** Schedules that are played at once, each with a session of its own. */
const AT_ONCE = 16
/** Longest delays in ms: short ones for stores that answer at once, long ones for those that take their time. */
const PACES = [2, 6, 20, 60]

/** How one logout meets the other requests. */
interface Schedule {
  /** The first request is the logout. `delay` is before it is sent, `takes` is its handler's own time, both in ms. */
  readonly requests: readonly { readonly delay: number; readonly takes: number }[]
  /** Which server gets the first request; the others follow in turn. */
  readonly server: number
}

/** Plays `count` schedules; tells after how many the session was alive although the logout had been answered. */
export async function runLogouts(
  ports: readonly number[],
  count: number,
  seed: string,
  failures: FailureCount,
  progress: (done: number) => void,
): Promise<number> {
  let [next, done, alive] = [0, 0, 0]
  const player = async () => {
    while (next < count) {
      const schedule = scheduleOf(seed, next++)
      if (await survives(ports, schedule, failures)) alive += 1
      done += 1
      progress(done)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, player))
  return alive
}

async function survives(
  ports: readonly number[],
  { requests, server }: Schedule,
  failures: FailureCount,
): Promise<boolean> {
  const port = (index: number) => ports[(server + index) % ports.length] as number
  const cookie = await logIn(port(0))
  const [loggedOut] = await Promise.all(
    requests.map(async ({ delay, takes }, index) => {
      if (delay > 0) await sleep(delay)
      const path = index === 0 ? '/logout?' : `/write?key=request-${index}&`
      return failures.watch(() => send(port(index), 'POST', `${path}takes=${takes}`, cookie))
    }),
  )
  return loggedOut === 204 && (await look(port(0), cookie)).loggedIn
}

/** The same seed gives the same delays; how the processes then take turns is theirs. */
function scheduleOf(seed: string, index: number): Schedule {
  const digest = createHash('sha512').update(`${seed} ${index}`).digest()
  const random = (i: number, below: number) => digest.readUInt32LE(4 * i) % below
  const pace = PACES[random(0, PACES.length)] as number
  return {
    server: random(1, 1_000),
    requests: Array.from({ length: OTHERS + 1 }, (_, request) => ({
      delay: random(2 + 2 * request, pace),
      takes: random(3 + 2 * request, pace),
    })),
  }
}
