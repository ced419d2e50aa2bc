/** What a whole request costs in the core: `load`, what a handler does, `commit`; no framework, no socket. */

import { deepEqual, equal, match } from 'node:assert/strict'
import type { Sessions, Store, StoredRecord } from 'vial'
import { vial } from '../common/vial.ts'
import type { Case } from './case.ts'
import { type Content, contentOf, flat, inTurn, roundOf, SECRET } from './content.ts'

type Session = Awaited<ReturnType<Sessions['load']>>
type Commit = Awaited<ReturnType<Sessions['commit']>>

const cookie = { secure: false, name: 'session' } as const
const SMALL = ['200 B', 200] as const
/** Browsers keep no cookie of 4 KB. */
const IN_COOKIE = [SMALL, ['2 KB', 2048]] as const
const IN_STORE = [SMALL, ['4 KB', 4096]] as const

export async function requests(): Promise<readonly Case[]> {
  const { createSessions } = await vial('vial')
  const { memoryStore } = await vial('vial/stores/memory')
  const sealed = (): Sessions => createSessions({ secret: SECRET, cookie })
  const stored = (store: Store): Sessions => createSessions({ store, cookie }) as Sessions
  const memory = stored(memoryStore())
  const { store, calls: storeCalls } = promptStore()
  const prompt = stored(store)
  const onPrompt = [
    ...(await untouchedCases(prompt)),
    anonymous('prompt store', prompt),
    beginning('prompt store', prompt),
    ...(await storedCases('prompt store', prompt)),
  ]
  return [
    anonymous('encrypted cookie', sealed()),
    beginning('encrypted cookie', sealed()),
    ...(await sealedCases('encrypted cookie', sealed)),
    anonymous('memory store', memory),
    ...(await storedCases('memory store', memory)),
    ...onPrompt.map((one) => ({ ...one, storeCalls })),
  ]
}

/** A request whose handler does not ask for its session, beside the handler alone. */
async function untouchedCases(sessions: Sessions): Promise<Case[]> {
  const { withSession } = await vial('vial/adapters/fetch')
  const group = 'A request that does not ask for its session, fetch adapter'
  const response = new Response()
  const alone = async (_request: Request): Promise<Response> => response
  const handle = withSession(sessions, alone)
  const request = new Request('https://shop.test/', { headers: { cookie: 'session=unread' } })
  const check = (result: unknown): void => equal(result, response)
  return [
    { group, name: 'with vial', run: () => handle(request), check, peers: ['the handler alone'] },
    { group, name: 'the handler alone', foreign: true, run: () => alone(request), check },
  ]
}

/** A visitor without a cookie: nothing is stored. */
function anonymous(kind: string, sessions: Sessions): Case {
  return {
    group: groupOf(kind),
    name: `${kind}: no cookie, untouched`,
    run: () => handled(sessions, undefined, (session) => session.get('user_id')),
    check: (result) => deepEqual((result as Handled).commit.outcome, 'untouched'),
  }
}

/** A visitor without a cookie gets one. */
function beginning(kind: string, sessions: Sessions): Case {
  return {
    group: groupOf(kind),
    name: `${kind}: no cookie, first write`,
    run: () => handled(sessions, undefined, (session) => session.set('visits', 1)),
    check: async (result) => {
      const session = await sessions.load(pairOf((result as Handled).commit))
      equal(session.get('visits'), 1)
    },
  }
}

/** A seal may keep what it opened, so a cookie that it has seen and a new one are two questions. */
async function sealedCases(kind: string, make: () => Sessions): Promise<Case[]> {
  const cases: Case[] = []
  for (const [size, bytes] of IN_COOKIE) {
    const content = contentOf(bytes)
    const known = await visitOf(make(), content)
    let sessions = make()
    const headers: string[] = []
    while (headers.length < roundOf(known.header.length)) {
      headers.push((await visitOf(sessions, content)).header)
    }
    const next = inTurn(headers, () => {
      sessions = make()
    })
    const fresh = (): Visit => ({ ...known, sessions, header: next() })
    cases.push(
      reading(`${kind}: read ${size}, first time`, kind, fresh, 'user_id'),
      reading(`${kind}: read ${size}, seen before`, kind, () => known, 'user_id'),
      { ...reading(`${kind}: read an object, ${size}`, kind, fresh, 'user'), rare: true },
      writing(`${kind}: write ${size}, first time`, kind, fresh),
    )
  }
  return cases
}

async function storedCases(kind: string, sessions: Sessions): Promise<Case[]> {
  const cases: Case[] = []
  for (const [size, bytes] of IN_STORE) {
    const visit = await visitOf(sessions, contentOf(bytes))
    cases.push(
      reading(`${kind}: read ${size}`, kind, () => visit, 'user_id'),
      { ...reading(`${kind}: read an object, ${size}`, kind, () => visit, 'user'), rare: true },
      writing(`${kind}: write ${size}`, kind, () => visit),
    )
  }
  return cases
}

/** What a request needs. */
interface Visit {
  readonly sessions: Sessions
  readonly header: string
  readonly content: Content
}

function reading(name: string, kind: string, next: () => Visit, key: string): Case {
  const { content } = next()
  return {
    group: groupOf(kind),
    name,
    run: () => {
      const { sessions, header } = next()
      return handled(sessions, header, (session) => session.get(key))
    },
    check: (result) => {
      const { value, commit } = result as Handled
      deepEqual([value, commit.outcome], [content[key], 'untouched'])
    },
  }
}

function writing(name: string, kind: string, next: () => Visit): Case {
  let visits = 1000
  let last = next()
  return {
    group: groupOf(kind),
    name,
    run: () => {
      visits = visits === 9999 ? 1000 : visits + 1
      last = next()
      return handled(last.sessions, last.header, (session) => session.set('visits', visits))
    },
    check: async (result) => {
      const { commit } = result as Handled
      equal(commit.outcome, 'saved')
      const after = await last.sessions.load(pairOf(commit) ?? last.header)
      deepEqual(Object.fromEntries(after), { ...last.content, visits })
    },
  }
}

function groupOf(kind: string): string {
  const note =
    kind === 'prompt store' ? ', which answers with resolved promises and copies nothing' : ''
  return `load and commit, ${kind}${note}`
}

interface Handled {
  readonly value: unknown
  readonly commit: Commit
}

async function handled(
  sessions: Sessions,
  header: string | undefined,
  handler: (session: Session) => unknown,
): Promise<Handled> {
  const session = await sessions.load(header)
  const value = handler(session)
  const commit = sessions.commit(session)
  return { value, commit: commit instanceof Promise ? await commit : commit }
}

/** A visitor with that content in the session. */
async function visitOf(sessions: Sessions, content: Content): Promise<Visit> {
  const session = await sessions.load(undefined)
  for (const [key, value] of Object.entries(content)) session.set(key, value)
  const pair = pairOf(await sessions.commit(session)) ?? ''
  match(pair, /^session=/)
  return { sessions, header: flat(pair), content }
}

function pairOf({ headers }: Commit): string | undefined {
  return headers.find(([name]) => name === 'set-cookie')?.[1].split(';')[0]
}

/**
 * A store of up to 1000 records that answers with resolved promises, so that the core's own cost is left; and how many
 * calls it has served.
 */
function promptStore(): { readonly store: Store; readonly calls: () => number } {
  const records = new Map<string, StoredRecord>()
  const most = 1000
  let served = 0
  const write = (id: string, bytes: Uint8Array, expiresAt: number): void => {
    served += 1
    records.set(id, { bytes, version: bytes, expiresAt })
  }
  const store: Store = {
    name: 'prompt',
    atomic: true,
    read(id) {
      served += 1
      return Promise.resolve(records.get(id))
    },
    create(id, bytes, expiresAt) {
      if (records.size === most) records.delete(records.keys().next().value ?? '')
      write(id, bytes, expiresAt)
      return Promise.resolve({ kind: 'created', version: bytes })
    },
    replace(id, bytes, expiresAt) {
      write(id, bytes, expiresAt)
      return Promise.resolve({ kind: 'replaced', version: bytes })
    },
    touch() {
      served += 1
      return Promise.resolve('touched')
    },
    delete(id) {
      served += 1
      return Promise.resolve(records.delete(id) ? 'deleted' : 'gone')
    },
  }
  return { store, calls: () => served }
}
