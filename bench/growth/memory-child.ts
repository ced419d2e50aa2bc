/** Fills one store of this process with sessions and tells how much memory they take. */

import { randomBytes } from 'node:crypto'
import process from 'node:process'
import session from 'express-session'
import { LRUCache } from 'lru-cache'
import memorystore from 'memorystore'
import { vial } from '../common/vial.ts'
import { answerQuestions, collect } from './child.ts'
import { cookieAfter } from './cookie.ts'
import type { Contender, MemoryFigures, MemoryTask } from './memory-task.ts'
import { sessionData } from './session-data.ts'

interface Filling {
  readonly add: () => unknown
  /** Whether what was added last is there. */
  readonly check: () => Promise<boolean>
}

const DAY = 86_400_000
const SOME = 200

const FILLINGS: Record<Contender, (sessions: number) => Promise<Filling>> = {
  async 'vial, memoryStore'() {
    const { createSessions } = await vial('.')
    const { memoryStore } = await vial('stores/memory')
    const store = memoryStore({ maxSessions: Number.POSITIVE_INFINITY })
    const sessions = createSessions({ store, lifetime: '1d', cookie: { secure: false } })
    let cookie = ''
    return {
      async add() {
        const visit = await sessions.load(undefined)
        for (const [key, value] of Object.entries(sessionData())) visit.set(key, value)
        cookie = cookieAfter((await sessions.commit(visit)).headers)
      },
      check: async () => (await sessions.load(cookie)).get('visits') === 1,
    }
  },

  async 'express-session, MemoryStore'() {
    return expressFilling(new session.MemoryStore())
  },

  async memorystore() {
    const MemoryStore = memorystore(session)
    return expressFilling(new MemoryStore({ checkPeriod: DAY }))
  },

  async 'lru-cache, the same bytes'(max) {
    const { msgpack } = await vial('serializers/msgpack')
    const cache = new LRUCache<string, Uint8Array>({ max, ttl: DAY })
    let id = ''
    return {
      add() {
        id = randomBytes(32).toString('base64url')
        const entries = Object.entries(sessionData()).map(
          ([key, value]) => [key, msgpack.encode(value)] as const,
        )
        // With room for the time that vial notes in each record.
        const noted = ['_vial', msgpack.encode({ created: Date.now() })] as const
        cache.set(id, new Uint8Array(msgpack.join(new Map([...entries, noted]))))
      },
      check: async () => cache.has(id),
    }
  },
}

/** As the middleware does it: ids of 24 random bytes, `set` with the session object. */
function expressFilling(store: session.Store): Filling {
  let id = ''
  return {
    add() {
      id = randomBytes(24).toString('base64url')
      const cookie = new session.Cookie()
      cookie.maxAge = DAY
      store.set(id, { cookie, ...sessionData() })
    },
    check: () =>
      new Promise((resolve, reject) => {
        store.get(id, (error, found) => {
          if (error) reject(error)
          else resolve((found as { visits?: number } | null | undefined)?.visits === 1)
        })
      }),
  }
}

answerQuestions(async ({ contender, sessions }: MemoryTask): Promise<MemoryFigures> => {
  // What is compiled and cached on the first calls is not the sessions'.
  const warm = await FILLINGS[contender](SOME)
  for (let n = 0; n < SOME; n++) await warm.add()
  const { add, check } = await FILLINGS[contender](sessions)
  await collect()
  const before = process.memoryUsage()
  for (let n = 0; n < sessions; n++) await add()
  await collect()
  const after = process.memoryUsage()
  if (!(await check())) throw new Error(`${contender} does not have what was put into it`)
  const each = (name: 'heapUsed' | 'external' | 'rss') => (after[name] - before[name]) / sessions
  return { heap: each('heapUsed'), external: each('external'), rss: each('rss') }
})
