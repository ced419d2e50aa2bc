import { createSessions, type StoredOptions, type StoredSession, StoreError } from 'vial'
import { flaskSession } from 'vial/compat/flask-session'
import { expect, test } from 'vitest'
import { Browser, Clock, countingStore, listener, setCookie } from './requests.ts'

function start(options: Omit<Partial<StoredOptions>, 'store'> = {}) {
  const clock = new Clock()
  const store = countingStore(clock)
  const { events, onEvent } = listener()
  const sessions = createSessions({
    onStoreFailure: 'anonymous',
    ...options,
    store,
    now: clock.now,
    onEvent,
  })
  return { store, sessions, events, browser: new Browser(sessions) }
}

const DOWN = () => Promise.reject(new Error('down'))

test.each([
  ['destroy', ['destroy'], (session) => session.destroy()],
  ['login', ['login'], (session) => session.login('bob')],
  ['regenerate', ['regenerate'], (session) => session.regenerate()],
  ['clear, which removes the user', ['clear'], (session) => session.clear()],
  [
    'destroy, then login',
    ['destroy', 'login'],
    (session) => {
      session.destroy()
      session.login('bob')
    },
  ],
  ['login twice', ['login'], (session) => ['bob', 'eve'].map((user) => session.login(user))],
  [
    'destroy, then a write',
    ['destroy'],
    (session) => {
      session.destroy()
      session.set('b', 1)
    },
  ],
] as const satisfies [string, string[], (session: StoredSession) => unknown][])(
  'during an outage, a commit after %s rejects with the error of the load',
  async (_name, asked, work) => {
    const { store, sessions, browser, events } = start()
    await browser.visit((session) => session.login('ann'))
    store.fail = DOWN
    const session = await sessions.load(browser.cookie)
    work(session)
    const error = await Promise.resolve(sessions.commit(session)).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(StoreError)
    expect(error).toMatchObject({ operation: 'read', outcome: 'not-done' })
    const [failed, unsaved] = events
    expect(failed).toEqual({ type: 'store-failed', error })
    expect(unsaved).toMatchObject({ type: 'unsaved', asked })
    expect(events.length).toBe(2)
    delete store.fail
    await browser.visit((session) => expect(session.user).toBe('ann'))
  },
)

test('during an outage, other writes are dropped and reported, and the response goes out', async () => {
  const { store, browser, events } = start()
  await browser.visit((session) => session.login('ann'))
  store.fail = DOWN
  const commit = await browser.visit((session) => {
    session.set('a', 1)
    session.flash('hello')
  })
  expect([commit.outcome, setCookie(commit)]).toEqual(['untouched', undefined])
  expect(events.slice(1)).toEqual([{ type: 'unsaved', keys: ['a', '_flashes'], asked: [] }])
})

test('during an outage, a claim rejects: nothing else could say that the token was not taken', async () => {
  const { store, sessions, browser } = start()
  await browser.visit((session) => session.set('token', 't'))
  store.fail = DOWN
  const session = await sessions.load(browser.cookie)
  delete store.fail
  await expect(sessions.claim(session, 'token')).rejects.toMatchObject({ operation: 'read' })
  await browser.visit((session) => expect(session.get('token')).toBe('t'))
})

test('a store that fails at once is no different', async () => {
  const { store, sessions, browser, events } = start({ secret: 'q8ZsXn3kLm0PvR7tYb2WcE5uHjKd9aGf' })
  await browser.visit((session) => session.login('ann'))
  store.read = () => {
    throw new Error('disk gone')
  }
  const session = await sessions.load(browser.cookie)
  session.destroy()
  await expect(sessions.commit(session)).rejects.toMatchObject({ operation: 'read' })
  expect(events.at(-1)).toEqual({ type: 'unsaved', keys: [], asked: ['destroy'] })
})

test('Flask-Session: a logout by `clear()` during an outage rejects', async () => {
  const clock = new Clock()
  const store = countingStore(clock)
  const { events, onEvent } = listener()
  const sessions = flaskSession({ store, onStoreFailure: 'anonymous', now: clock.now, onEvent })
  const browser = new Browser(sessions)
  await browser.visit((session) => session.set('_user_id', '1'))
  store.fail = DOWN
  const session = await sessions.load(browser.cookie)
  session.clear()
  await expect(sessions.commit(session)).rejects.toMatchObject({ operation: 'read' })
  expect(events.at(-1)).toEqual({ type: 'unsaved', keys: ['_permanent'], asked: ['clear'] })
})
