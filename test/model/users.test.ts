/** The protocol of users' lists, run by the real core over schedules of store calls with crashes, lost and late replies. */

import type { Commit, Store, StoredSession, StoredSessions } from 'vial'
import { memoryStore } from 'vial/stores/memory'
import { expect, test } from 'vitest'
import type { Users } from '../../src/core/users/index.ts'
import { cookieIn, keyIn, lifeCycle, sessionOf } from '../core/life-cycle.ts'
import { runs } from '../support/runs.ts'
import { randomFrom, Scheduler } from './scheduled-store.ts'

const NO_TIMER = { add: () => {}, remove: () => {} }

/** A cookie that a login or `regenerate` gave to a visitor. */
interface Given {
  readonly cookie: string
  readonly user: string
  readonly at: number
}

/** What was acknowledged. */
interface Seen {
  readonly given: Given[]
  readonly loggedOut: string[]
  readonly revoked: { readonly user: string; readonly begun: number }[]
}

interface World {
  readonly sessions: StoredSessions
  readonly seen: Seen
  readonly now: () => number
  /** Of the scene's sessions: logged in as `u`, and anonymous. */
  readonly mine: string
  readonly anonymous: string
}

type Actor = (world: World) => Promise<unknown>

const login =
  (user: string, over: 'nothing' | 'mine' | 'anonymous' = 'nothing'): Actor =>
  async ({ sessions, seen, now, ...cookies }) => {
    const session = await sessionOf(sessions, over === 'nothing' ? undefined : cookies[over])
    session.login(user)
    note(seen, await sessions.commit(session), user, now())
  }

const rotate =
  (what: 'mine' | 'anonymous'): Actor =>
  async ({ sessions, seen, now, ...cookies }) => {
    const session = await sessionOf(sessions, cookies[what])
    const { user } = session
    session.regenerate()
    const commit = await sessions.commit(session)
    if (user !== undefined) note(seen, commit, user, now())
  }

const write: Actor = async ({ sessions, mine }) => {
  const session = await sessionOf(sessions, mine)
  session.set('x', 1)
  await sessions.commit(session)
}

const clear: Actor = async ({ sessions, mine }) => {
  const session = await sessionOf(sessions, mine)
  session.clear()
  session.set('x', 1)
  await sessions.commit(session)
}

/** One browser, in which `u` goes, `b` comes and goes, and `u` comes back, all on one record. */
const handOver: Actor = async ({ sessions, seen, now, mine }) => {
  let cookie = mine
  const visit = async (work: (session: StoredSession) => void): Promise<Commit> => {
    const session = await sessionOf(sessions, cookie)
    work(session)
    const commit = await sessions.commit(session)
    cookie = cookieIn(commit) ?? cookie
    return commit
  }
  const empty = (session: StoredSession): void => {
    session.clear()
    session.set('x', 1)
  }
  await visit(empty)
  await visit((session) => session.login('b'))
  await visit(empty)
  note(seen, await visit((session) => session.login('u')), 'u', now())
}

const logout: Actor = async ({ sessions, seen, mine }) => {
  const session = await sessionOf(sessions, mine)
  if (session.isNew) return
  session.destroy()
  await sessions.commit(session)
  seen.loggedOut.push(keyIn(mine))
}

const revokeAll =
  (user: string): Actor =>
  async ({ sessions, seen, now }) => {
    const begun = now()
    await sessions.forUser(user).revokeAll()
    seen.revoked.push({ user, begun })
  }

const revokeOthers: Actor = async ({ sessions, mine }) =>
  sessions.forUser('u').revokeOthers(await sessionOf(sessions, mine))

const list =
  (user: string): Actor =>
  ({ sessions }) =>
    sessions.forUser(user).list()

function note({ given }: Seen, commit: Commit, user: string, at: number): void {
  const cookie = cookieIn(commit)
  if (cookie !== undefined) given.push({ cookie, user, at })
}

interface Scene {
  readonly actors: readonly Actor[]
  readonly users?: Partial<Users>
  /** `mine` began before users' sessions were listed. */
  readonly isUnlisted?: boolean
  /** A request empties `mine`, so it may be anonymous for a while. */
  readonly isCleared?: boolean
  /** A user whose sessions nothing ends. */
  readonly unharmed?: string
}

const SCENES: Readonly<Record<string, Scene>> = {
  'rotate, logout, revokeAll, write': { actors: [rotate('mine'), logout, revokeAll('u'), write] },
  'login, revokeAll, list, rotate': {
    actors: [login('u'), revokeAll('u'), list('u'), rotate('mine')],
  },
  'login over an anonymous session, revokeAll, list, rotate it': {
    actors: [login('u', 'anonymous'), revokeAll('u'), list('u'), rotate('anonymous')],
  },
  'two logins over one session, revokeAll, list': {
    actors: [login('u', 'anonymous'), login('u', 'anonymous'), revokeAll('u'), list('u')],
  },
  'another user logs in, revokeAll of both, logout': {
    actors: [login('b', 'mine'), revokeAll('u'), revokeAll('b'), logout],
  },
  'login again, revokeOthers, login, list': {
    actors: [login('u', 'mine'), revokeOthers, login('u'), list('u')],
  },
  'clear, revokeAll, login over it, list': {
    actors: [clear, revokeAll('u'), login('u', 'mine'), list('u')],
    isCleared: true,
  },
  'a session changes hands, revokeAll and list of the first user': {
    actors: [clear, login('b', 'mine'), revokeAll('u'), list('u')],
    isCleared: true,
    unharmed: 'b',
  },
  'a session changes hands and comes back, revokeAll twice, list': {
    actors: [handOver, revokeAll('u'), revokeAll('u'), list('u')],
    isCleared: true,
  },
  'three logins, rotate, list: at most 2': {
    actors: [login('u'), login('u'), login('u'), rotate('mine'), list('u')],
    users: { most: 2 },
  },
  'logins over sessions, list: at most 1': {
    actors: [login('u', 'anonymous'), login('u'), list('u')],
    users: { most: 1 },
  },
  'three logins where the third is refused': {
    actors: [login('u'), login('u'), login('u', 'anonymous'), logout],
    users: { most: 2, over: 'refuse' },
  },
  'a session from before joins, login, revokeAll, list': {
    actors: [write, login('u'), revokeAll('u'), list('u')],
    isUnlisted: true,
  },
  'a session from before joins twice, logout: at most 1': {
    actors: [write, write, logout, login('u')],
    users: { most: 1 },
    isUnlisted: true,
  },
}

/** The violations of one schedule. */
async function violations(scene: Scene, seed: number): Promise<string[]> {
  const random = randomFrom(seed)
  const { actors, users = {}, isUnlisted = false } = scene
  const crash =
    random() < 0.4
      ? { actor: Math.floor(random() * actors.length), after: Math.floor(random() * 14) }
      : undefined
  const lost = random() < 0.3 ? 0.2 : 0
  const clock = (): number => 1_800_000_000_000 + Math.floor(scheduler.time / (1 + (seed % 8)))
  const memory: Store = memoryStore({ whenFull: 'refuse', now: clock })
  const scheduler = new Scheduler(memory, random, { lost, ...(crash && { crash }) })
  const now = (): number => scheduler.time
  const common = { timer: NO_TIMER, now: clock }

  const observer = lifeCycle({ store: memory, users, ...common })
  const before = isUnlisted ? lifeCycle({ store: memory, ...common }) : observer
  const seen: Seen = { given: [], loggedOut: [], revoked: [] }
  const mine = await sessionOf(before)
  mine.login('u')
  note(seen, await before.commit(mine), 'u', 0)
  const anonymous = await sessionOf(observer)
  anonymous.set('a', 1)
  const cookies = {
    mine: seen.given[0]?.cookie ?? '',
    anonymous: cookieIn(await observer.commit(anonymous)) ?? '',
  }
  scheduler.time = 1
  await scheduler.run(
    actors.map((actor, at) => {
      const sessions = lifeCycle({ store: scheduler.storeOf(at), users, ...common })
      return () => actor({ sessions, seen, now, ...cookies })
    }),
  )
  return laws(observer, seen, users.most ?? 100, scene)
}

async function laws(
  observer: StoredSessions,
  { given, loggedOut, revoked }: Seen,
  most: number,
  { isUnlisted = false, isCleared = false, unharmed }: Scene,
): Promise<string[]> {
  const found: string[] = []
  const alive = new Map<string, Given>()
  for (const one of given) {
    const session = await observer.load(`__Host-session=${one.cookie}`, { readOnly: true })
    if (session.user === one.user) alive.set(keyIn(one.cookie), one)
  }
  for (const [key, { user, at }] of alive) {
    const handles = (await observer.forUser(user).list()).map(({ handle }) => handle)
    const mayBeUnlisted = isUnlisted && at === 0
    if (!handles.includes(key) && !mayBeUnlisted) found.push('given, alive, not listed')
    if (loggedOut.includes(key)) found.push('alive after logout')
    for (const { user: ended, begun } of revoked) {
      // After `clear`, a later login of the same session is one that the revocation need not know of.
      const counts = (one: Given): boolean => keyIn(one.cookie) === key && one.at < begun
      const wasGiven = isCleared ? at < begun : given.some(counts)
      if (ended === user && wasGiven && !mayBeUnlisted) found.push('alive after revokeAll')
    }
  }
  for (const { user, cookie } of given) {
    if (user === unharmed && !alive.has(keyIn(cookie))) found.push('given, ended by nothing')
  }
  if (!isUnlisted && alive.size > most) found.push(`${alive.size} alive`)
  return found
}

test.each(Object.entries(SCENES))(
  '%s: what was given is listed or ended',
  async (_, scene) => {
    const found: Record<string, number> = {}
    for (let seed = 0; seed < runs(60, 3_000); seed++) {
      for (const law of await violations(scene, seed)) found[law] ??= seed
    }
    expect(found).toEqual({})
  },
  600_000,
)
