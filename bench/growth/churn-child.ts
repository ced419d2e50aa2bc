/** Logins, reads, writes, logouts and expiry at a steady rate, on a clock that runs faster than ours. */

import process from 'node:process'
import { vial } from '../common/vial.ts'
import { answerQuestions, collect } from './child.ts'
import type { ChurnFigures, ChurnTask, Sample } from './churn-task.ts'
import { cookieAfter } from './cookie.ts'
import { sessionData } from './session-data.ts'

/** For each of our seconds. */
const LOGINS = 1_000
const READS = 2_500
const WRITES = 1_000
const LOGOUTS = 400
/** Work comes in small portions, as it does to a server. */
const PORTIONS = 50
/** Cookies of the latest logins; the bench must not grow either. */
const KNOWN = 4_096

answerQuestions(async ({ seconds, speed }: ChurnTask): Promise<ChurnFigures> => {
  const { createSessions } = await vial('.')
  const { memoryStore } = await vial('stores/memory')
  const began = performance.now()
  const epoch = Date.now()
  let skipped = 0
  const now = (): number => epoch + (performance.now() - began) * speed + skipped
  const store = memoryStore({ now })
  const sessions = createSessions({
    store,
    now,
    lifetime: '4m',
    idle: '2m',
    cookie: { secure: false },
  })

  const cookies: string[] = new Array<string>(KNOWN).fill('')
  let logins = 0
  let found = 0
  const known = (): string => cookies[Math.floor(Math.random() * Math.min(logins, KNOWN))] ?? ''

  async function logIn(): Promise<void> {
    const session = await sessions.load(undefined)
    for (const [key, value] of Object.entries(sessionData())) session.set(key, value)
    session.login('ada')
    cookies[logins % KNOWN] = cookieAfter((await sessions.commit(session)).headers)
    logins++
  }
  async function visit(act: 'read' | 'write' | 'log out'): Promise<void> {
    const session = await sessions.load(known())
    if (session.has('visits')) found++
    if (act === 'log out') session.destroy()
    else if (act === 'write' && session.has('visits')) session.increment('visits')
    await sessions.commit(session)
  }
  async function portion(): Promise<void> {
    for (let n = 0; n < LOGINS / PORTIONS; n++) await logIn()
    for (let n = 0; n < READS / PORTIONS; n++) await visit('read')
    for (let n = 0; n < WRITES / PORTIONS; n++) await visit('write')
    for (let n = 0; n < LOGOUTS / PORTIONS; n++) await visit('log out')
  }
  async function live(): Promise<number> {
    let count = 0
    for await (const _ of store.list?.() ?? []) count++
    return count
  }

  const samples: Sample[] = []
  let portions = 0
  while (performance.now() - began < seconds * 1_000) {
    await portion()
    portions++
    if (portions % PORTIONS === 0) {
      // As a steady server does by itself now and then; or the figures are those of the garbage.
      globalThis.gc?.()
      const { rss, heapUsed } = process.memoryUsage()
      const at = (performance.now() - began) / 1_000
      samples.push({ at, rss, heapUsed, sessions: await live() })
    }
    const due = began + (portions * 1_000) / PORTIONS
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())))
  }
  const perSecond = portions / PORTIONS / ((performance.now() - began) / 1_000)

  // Everybody goes: what is left then is what leaks.
  skipped = 3_600_000
  await store.sweep?.()
  await collect()
  const left = await live()
  return { samples, logins, found, perSecond, left, heapLeft: process.memoryUsage().heapUsed }
})
