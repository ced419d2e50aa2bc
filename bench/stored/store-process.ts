/** One store with many sessions, and the requests that pick one of them; answers the questions of `child.ts`. */

import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Store, StoredSessions } from 'vial'
import { sessionData } from '../common/session-data.ts'
import { type OpenStore, openStore, type StoreName } from '../common/stores.ts'
import { vial } from '../common/vial.ts'
import type { Answer, StoredQuestion, What, Window } from './child.ts'

const LIFETIME = 86_400_000
const BATCH = 10_000
/** How many records are created at once in a store that is filled one by one. */
const AT_ONCE = 256
/** Requests at the same time. A store that answers at once would only queue more than one. */
const LANES: Partial<Record<StoreName, number>> = { memory: 1, SQLite: 1, 'SQLite, mapped': 1 }
const MOST_LANES = 8
const MOST_OPERATIONS = 100_000
/** How many cookies are kept, spread over all sessions: their records must not fit the processor's caches. */
const MOST_COOKIES = 100_000

interface Place {
  readonly name: StoreName
  readonly opened: OpenStore
  readonly sessions: StoredSessions
  /** `Cookie` headers of sessions in the store. */
  readonly known: string[]
  count: number
  /** Operations per ms, as measured last. */
  readonly rates: Map<What, number>
}

let place: Place | undefined

process.on('message', async (question: StoredQuestion) => {
  const answer = await answerTo(question).then(
    (value): Answer => ({ value }),
    (error: unknown): Answer => ({
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    }),
  )
  if (process.connected) process.send?.(answer)
})
process.on('disconnect', async () => {
  await place?.opened.close()
  process.exit()
})

async function answerTo(question: StoredQuestion): Promise<unknown> {
  if (question.do === 'open') {
    place = await open(question.store)
    return 'opened'
  }
  if (place === undefined) throw new Error('the store is not open')
  if (question.do === 'fill') return fill(place, question.upTo, question.warmUp)
  return measure(place, question.what, question.ms)
}

async function open(name: StoreName): Promise<Place> {
  const opened = await openStore(name)
  const sessions = await sessionsOn(opened.store)
  return { name, opened, sessions, known: [], count: 0, rates: new Map() }
}

async function sessionsOn(store: Store): Promise<StoredSessions> {
  const { createSessions } = await vial('vial')
  const cookie = { secure: false }
  return createSessions({ store, lifetime: LIFETIME, timeout: '10s', cookie })
}

interface NewSession {
  readonly cookie: string
  readonly key: string
  readonly bytes: Uint8Array
}

/** Makes sessions as the life cycle writes them, without writing them to the store. */
async function newSessions(count: number): Promise<NewSession[]> {
  let last: Omit<NewSession, 'cookie'> | undefined
  const catching = {
    name: 'catching',
    atomic: true,
    create(key: string, bytes: Uint8Array) {
      // A copy: the bytes may be a slice of a buffer that serves many writes.
      last = { key, bytes: bytes.slice() }
      return { kind: 'created', version: bytes }
    },
  } as unknown as Store
  const sessions = await sessionsOn(catching)
  const all: NewSession[] = []
  while (all.length < count) {
    const session = await sessions.load(undefined)
    for (const [key, value] of Object.entries(sessionData())) session.set(key, value)
    const { headers } = await sessions.commit(session)
    const set = headers.find(([name]) => name.toLowerCase() === 'set-cookie')?.[1] ?? ''
    if (last === undefined) throw new Error('a new session was not created in the store')
    all.push({ cookie: set.split(';')[0] ?? '', ...last })
  }
  return all
}

async function fill(at: Place, upTo: number, warmUp: number): Promise<number> {
  const { opened, known } = at
  const expiresAt = Date.now() + LIFETIME
  const step = Math.max(1, Math.floor((upTo - at.count) / MOST_COOKIES))
  while (at.count < upTo) {
    const some = await newSessions(Math.min(BATCH, upTo - at.count))
    if (opened.fill !== undefined) await opened.fill(some, expiresAt)
    else {
      for (let from = 0; from < some.length; from += AT_ONCE) {
        const creating = some
          .slice(from, from + AT_ONCE)
          .map(({ key, bytes }) => opened.store.create(key, bytes, expiresAt))
        await Promise.all(creating)
      }
    }
    known.push(...some.filter((_, n) => n % step === 0).map(({ cookie }) => cookie))
    at.count += some.length
  }
  await opened.settle?.()
  for (const what of ['read', 'write'] as const) await operate(at, what, cookies(at, warmUp))
  return at.count
}

async function measure(at: Place, what: What, ms: number): Promise<Window> {
  const rate = at.rates.get(what) ?? 1
  const chosen = cookies(at, Math.min(MOST_OPERATIONS, Math.max(10, Math.round(rate * ms))))
  await collect()
  await rest()
  const window = await operate(at, what, chosen)
  at.rates.set(what, window.rate)
  return window
}

function cookies({ known }: Place, many: number): string[] {
  return Array.from({ length: many }, () => known[Math.floor(Math.random() * known.length)] ?? '')
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

/** Collects several times, as finalizers free more. */
async function collect(): Promise<void> {
  for (let time = 0; time < 4; time++) {
    globalThis.gc?.()
    await sleep(20)
  }
}

/** V8 sweeps on other threads, whose time is the time of the process: waits until there is next to none, 2 s at most. */
async function rest(): Promise<void> {
  for (let time = 0; time < 100; time++) {
    const before = process.cpuUsage()
    await sleep(20)
    const { user, system } = process.cpuUsage(before)
    if (user + system < 1_000) return
  }
}
