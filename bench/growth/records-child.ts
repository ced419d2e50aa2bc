/** Requests that read or write one entry of a record, over several stores in turns. */

import process from 'node:process'
import session from 'express-session'
import { reasonOf } from '../common/servers.ts'
import { type OpenStore, openStore } from '../common/stores.ts'
import { vial } from '../common/vial.ts'
import { answerQuestions } from './child.ts'
import { cookieAfter } from './cookie.ts'
import { expressVisits } from './express-visits.ts'
import {
  CONTENDERS,
  type Contender,
  type RecordsFigures,
  type RecordsTask,
  type Shape,
} from './records-task.ts'
import { recordOf } from './session-data.ts'
import type { What } from './stored-task.ts'

interface Site {
  readonly lanes: number
  /** One request, the n-th, to one session. */
  readonly visit: (what: What, n: number) => Promise<unknown>
}

/** More than one, so that requests to one session do not wait for each other. */
const SESSIONS = 64
const ENTRY = 'k0000'

const stores = new Map<'memory' | 'redis', OpenStore>()

async function opened(name: 'memory' | 'redis'): Promise<OpenStore> {
  const store = stores.get(name) ?? (await openStore(name))
  stores.set(name, store)
  return store
}

async function ourSite(name: 'memory' | 'redis', { entries, bytes }: Shape): Promise<Site> {
  const { createSessions } = await vial('.')
  const { store } = await opened(name)
  const sessions = createSessions({ store, cookie: { secure: false } })
  const cookies: string[] = []
  for (let n = 0; n < SESSIONS; n++) {
    const fresh = await sessions.load(undefined)
    for (const [key, value] of Object.entries(recordOf(entries, bytes))) fresh.set(key, value)
    cookies.push(cookieAfter((await sessions.commit(fresh)).headers))
  }
  return {
    lanes: name === 'memory' ? 1 : 8,
    async visit(what, n) {
      const found = await sessions.load(cookies[n % SESSIONS])
      const value = found.get(ENTRY)
      if (typeof value !== 'string') throw new Error('the session was not found')
      if (what === 'write') found.set(ENTRY, turned(value))
      await sessions.commit(found)
    },
  }
}

async function expressSite({ entries, bytes }: Shape): Promise<Site> {
  const request = expressVisits(new session.MemoryStore())
  const cookies: string[] = []
  for (let n = 0; n < SESSIONS; n++) {
    const set = await request('', (data) => Object.assign(data, recordOf(entries, bytes)))
    cookies.push(set ?? '')
  }
  return {
    lanes: 1,
    visit: (what, n) =>
      request(cookies[n % SESSIONS] ?? '', (data) => {
        const value = data[ENTRY]
        if (typeof value !== 'string') throw new Error('the session was not found')
        if (what === 'write') data[ENTRY] = turned(value)
      }),
  }
}

/** Another text of the same length. */
function turned(text: string): string {
  return text.slice(1) + text.slice(0, 1)
}

const SITES: Record<Contender, (shape: Shape) => Promise<Site>> = {
  'vial, memory': (shape) => ourSite('memory', shape),
  'the same again': (shape) => ourSite('memory', shape),
  'vial, redis': (shape) => ourSite('redis', shape),
  'express-session, MemoryStore': expressSite,
}

answerQuestions(
  async ({ shape, rounds, ms }: RecordsTask): Promise<RecordsFigures> => {
    const sites: [Contender, Site][] = []
    const missing: Partial<Record<Contender, string>> = {}
    for (const name of CONTENDERS) {
      try {
        sites.push([name, await SITES[name](shape)])
      } catch (error) {
        missing[name] = reasonOf(error)
      }
    }
    const rounded = () => Object.fromEntries(sites.map(([name]) => [name, [] as number[]]))
    const cpu = { read: rounded(), write: rounded() }
    for (const what of ['read', 'write'] as const) {
      // One more, for what is compiled on the way.
      for (let round = -1; round < rounds; round++) {
        for (const [name, site] of round % 2 === 0 ? sites : sites.toReversed()) {
          const figure = await window(site, what, ms)
          if (round >= 0) cpu[what][name]?.push(figure)
        }
      }
    }
    return { cpu, missing }
  },
  async () => {
    for (const { close } of stores.values()) await close()
  },
)

async function window({ lanes, visit }: Site, what: What, ms: number): Promise<number> {
  globalThis.gc?.()
  const before = process.cpuUsage()
  const end = performance.now() + ms
  let visits = 0
  async function lane(): Promise<void> {
    do await visit(what, visits++)
    while (performance.now() < end)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / visits
}
