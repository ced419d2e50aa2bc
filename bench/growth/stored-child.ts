/** One store with so many sessions in it, and the requests that pick one of them. */

import { createHash, randomBytes } from 'node:crypto'
import process from 'node:process'
import type { StoredSessions } from '../../src/core/sessions.ts'
import { type OpenStore, openStore, type StoreName } from '../common/stores.ts'
import { vial } from '../common/vial.ts'
import { answerQuestions, collect, rest } from './child.ts'
import { cookieAfter } from './cookie.ts'
import { sessionData } from './session-data.ts'
import type { StoredQuestion, What, Window } from './stored-task.ts'

const LIFETIME = 86_400_000
const BATCH = 10_000
/** One by one means so many at a time. */
const AT_ONCE = 256
/** Requests that are on their way at the same time. Where nothing is waited for, more than one only queue. */
const LANES: Partial<Record<StoreName, number>> = {
  memory: 1,
  'plain Map (control)': 1,
  SQLite: 1,
  'SQLite, mapped': 1,
}
const MOST_LANES = 8
const MOST_OPERATIONS = 100_000

/** A session's id, from its number: random to everybody who does not know the seed, and nothing to keep. */
const seed = randomBytes(16)
const digest = (text: string): string => createHash('sha256').update(text).digest('base64url')
const idOf = (n: number): string => digest(`${seed.toString('hex')} ${n}`)

interface Place {
  readonly name: StoreName
  readonly opened: OpenStore
  readonly sessions: StoredSessions
  readonly cookieName: string
  readonly bytes: Uint8Array
  count: number
  /** Operations per ms, as measured last. */
  readonly rates: Map<What, number>
}

let place: Place | undefined

answerQuestions(
  async (question: StoredQuestion) => {
    if (question.do === 'open') {
      place = await open(question.store)
      return 'opened'
    }
    if (place === undefined) throw new Error('the store is not open')
    if (question.do === 'fill') return fill(place, question.upTo, question.warmUp)
    return measure(place, question.what, question.ms)
  },
  () => place?.opened.close(),
)

async function open(name: StoreName): Promise<Place> {
  const { createSessions } = await vial('.')
  const opened = await openStore(name)
  const sessions = createSessions({
    store: opened.store,
    lifetime: LIFETIME,
    timeout: '10s',
    cookie: { secure: false },
  })
  // A record as the life cycle writes it is the pattern of all others.
  const session = await sessions.load(undefined)
  for (const [key, value] of Object.entries(sessionData())) session.set(key, value)
  const { headers } = await sessions.commit(session)
  const [cookieName = '', id = ''] = cookieAfter(headers).split('=')
  const record = await opened.store.read(digest(id))
  if (record === undefined) throw new Error('the store does not know the first session')
  await opened.store.delete(digest(id))
  const bytes = new Uint8Array(record.bytes)
  return { name, opened, sessions, cookieName, bytes, count: 0, rates: new Map() }
}

async function fill(at: Place, upTo: number, warmUp: number): Promise<number> {
  const { opened, bytes } = at
  const expiresAt = Date.now() + LIFETIME
  while (at.count < upTo) {
    const size = Math.min(BATCH, upTo - at.count)
    const keys = Array.from({ length: size }, (_, n) => digest(idOf(at.count + n)))
    if (opened.fill !== undefined) await opened.fill(keys, bytes, expiresAt)
    else {
      for (let from = 0; from < keys.length; from += AT_ONCE) {
        const some = keys.slice(from, from + AT_ONCE)
        await Promise.all(some.map((key) => opened.store.create(key, bytes, expiresAt)))
      }
    }
    at.count += size
  }
  await opened.settle?.()
  for (const what of ['read', 'write'] as const) await operate(at, what, cookies(at, warmUp))
  return at.count
}

async function measure(at: Place, what: What, ms: number): Promise<Window> {
  const rate = at.rates.get(what) ?? 1
  // Made before, each for one operation: a cookie that was used a moment ago is in the processor's cache.
  const chosen = cookies(at, Math.min(MOST_OPERATIONS, Math.max(10, Math.round(rate * ms))))
  await collect()
  await rest()
  const window = await operate(at, what, chosen)
  at.rates.set(what, window.rate)
  return window
}

function cookies({ count, cookieName }: Place, many: number): string[] {
  return Array.from(
    { length: many },
    () => `${cookieName}=${idOf(Math.floor(Math.random() * count))}`,
  )
}

async function operate(
  { name, sessions }: Place,
  what: What,
  chosen: readonly string[],
): Promise<Window & { readonly rate: number }> {
  const lanes = LANES[name] ?? MOST_LANES
  let next = 0
  let wrong = 0
  async function lane(): Promise<void> {
    while (next < chosen.length) {
      const n = next++
      const session = await sessions.load(chosen[n])
      if (session.get('visits') === undefined) wrong++
      if (what === 'write') session.set('visits', n)
      const committed = sessions.commit(session)
      if (committed instanceof Promise) await committed
    }
  }
  const cpuBefore = process.cpuUsage()
  const began = performance.now()
  await Promise.all(Array.from({ length: lanes }, lane))
  const passed = performance.now() - began
  const { user, system } = process.cpuUsage(cpuBefore)
  if (wrong > 0) throw new Error(`${wrong} of ${chosen.length} sessions were not found`)
  const operations = chosen.length
  return {
    operations,
    cpu: (user + system) / operations,
    time: (passed * 1_000 * Math.min(lanes, operations)) / operations,
    rate: operations / passed,
  }
}
