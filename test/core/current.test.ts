/** `Commit.current`: the session's own cookie, also where nothing changed. */

import { createSessions, type Session, type Sessions, type StoredSession } from 'vial'
import { flaskSession } from 'vial/compat/flask-session'
import { memoryStore } from 'vial/stores/memory'
import { describe, expect, test } from 'vitest'
import { Clock, countingStore, SECRET } from './requests.ts'

const clock = new Clock()
const now = clock.now
const KINDS: Record<string, () => Sessions> = {
  stored: () => createSessions({ store: memoryStore({ now }), now }) as Sessions,
  'stored and signed': () =>
    createSessions({ store: memoryStore({ now }), secret: SECRET, now }) as Sessions,
  sealed: () => createSessions({ secret: SECRET, now }),
  "Flask-Session's": () => flaskSession({ store: memoryStore({ now }), now }) as Sessions,
}

const pairOf = (line: string | undefined): string | undefined => line?.split(';')[0]

describe.each(Object.entries(KINDS))('%s', (_kind, make) => {
  test('every commit of a session gives its cookie, and each opens it', async () => {
    const sessions = make()
    const visit = async (
      cookie: string | undefined,
      work: (session: Session) => void = () => {},
    ) => {
      const session = await sessions.load(cookie)
      work(session)
      return sessions.commit(session, { current: true })
    }
    const first = await visit(undefined, (session) => session.set('n', 1))
    expect(first.current).toBe(first.headers.find(([name]) => name === 'set-cookie')?.[1])
    // Read, written, read: the text stays one that opens the session.
    let cookie = pairOf(first.current)
    for (const step of [1, 2, 3]) {
      const { current } = await visit(cookie, (session) => {
        expect(session.get('n')).toBe(step > 2 ? 2 : 1)
        if (step === 2) session.set('n', 2)
      })
      cookie = pairOf(current)
      expect(cookie).toBeDefined()
    }
    const login = await visit(cookie, (session) => session.regenerate())
    expect(pairOf(login.current)).not.toBe(cookie)
    const out = await visit(pairOf(login.current), (session) => session.destroy())
    expect(out.current).toMatch(/=;.*(?:Max-Age=0|1970)/)
  })

  test('without a session there is none, and without the option no commit has it', async () => {
    const sessions = make()
    const nobody = await sessions.commit(await sessions.load(undefined), { current: true })
    expect([nobody.outcome, nobody.current, nobody.headers]).toEqual([
      'untouched',
      undefined,
      [['vary', 'Cookie']],
    ])
    const session = await sessions.load(undefined)
    session.set('n', 1)
    expect(await sessions.commit(session)).not.toHaveProperty('current')
  })
})

test('it asks the store for nothing, and the headers stay as they are', async () => {
  const store = countingStore(clock)
  const sessions = createSessions({ store, now })
  const session = await sessions.load(undefined)
  session.set('n', 1)
  const cookie = pairOf((await sessions.commit(session, { current: true })).current)
  store.calls.length = 0
  const again = await sessions.commit(await sessions.load(cookie), { current: true })
  expect([again.headers, again.cookies, pairOf(again.current)]).toEqual([
    [['vary', 'Cookie']],
    [],
    cookie,
  ])
  const readOnly = await sessions.load(cookie, { readOnly: true })
  expect(pairOf((await sessions.commit(readOnly, { current: true })).current)).toBe(cookie)
  expect(store.calls).toEqual(['read', 'read'])
})

test('where another response decides about the cookie there is none', async () => {
  const store = countingStore(clock)
  const sessions = createSessions({ store, now, onStoreFailure: 'anonymous' })
  const login = async (user: string, cookie?: string): Promise<string> => {
    const session: StoredSession = await sessions.load(cookie)
    session.login(user)
    return pairOf((await sessions.commit(session, { current: true })).current) ?? ''
  }
  const [ann, bob] = [await login('ann'), await login('bob')]
  const currentOf = async (cookie: string, work: (session: StoredSession) => void = () => {}) => {
    const session = await sessions.load(cookie)
    work(session)
    return (await sessions.commit(session, { current: true })).current
  }
  // Two users: which cookie the browser sends next is not known.
  expect(await currentOf(`${ann}; ${bob}`)).toBeUndefined()
  // One that a login took the place of.
  await login('ann', ann)
  expect(await currentOf(ann)).toBeUndefined()
  // One that another request ended.
  const late = await sessions.load(bob)
  await currentOf(bob, (session) => session.destroy())
  late.set('n', 1)
  expect(await sessions.commit(late, { current: true })).toMatchObject({
    outcome: 'gone',
    current: undefined,
  })
  // A store that failed.
  const eve = await login('eve')
  store.fail = () => Promise.reject(new Error('down'))
  expect(await currentOf(eve)).toBeUndefined()
})
