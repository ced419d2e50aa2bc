import { inspect } from 'node:util'
import { createSessions, type StoredOptions, type StoredSession, StoreError } from 'vial'
import { expect, test } from 'vitest'
import { Browser, Clock, countingStore, listener, setCookie } from './requests.ts'

function start(options: Omit<Partial<StoredOptions>, 'store'> = {}) {
  const clock = new Clock()
  const store = countingStore(clock)
  const { events, onEvent } = listener()
  const sessions = createSessions({ timeout: 50, ...options, store, now: clock.now, onEvent })
  return { store, sessions, events, browser: new Browser(sessions) }
}

const never = (): Promise<never> => new Promise(() => {})
const on = (verb: string, fail: () => unknown) => (called: string) =>
  called === verb ? fail() : undefined

test('a store that does not answer is a StoreError within the time limit, on every verb', async () => {
  const { store, sessions, events, browser } = start({ idle: '1s' })
  await browser.visit((session) => session.set('a', 1))
  store.fail = on('read', never)
  await expect(browser.visit()).rejects.toMatchObject({
    code: 'ERR_VIAL_STORE',
    operation: 'read',
    outcome: 'not-done',
    retriable: true,
  })
  for (const [verb, work] of [
    ['replace', (session) => session.set('b', 1)],
    ['replace', (session) => session.login('ann')],
    ['replace', (session) => session.regenerate()],
    ['delete', (session) => session.clear()],
    ['delete', (session) => session.destroy()],
  ] as const satisfies [string, (session: StoredSession) => void][]) {
    store.fail = on(verb, never)
    await expect(browser.visit(work)).rejects.toMatchObject({ operation: verb, outcome: 'unknown' })
  }
  store.fail = on('create', never)
  const first = new Browser(sessions).visit((session) => session.set('a', 1))
  await expect(first).rejects.toMatchObject({ operation: 'create', outcome: 'unknown' })
  expect(events.map((event) => event.type)).toEqual(Array(7).fill('store-failed'))
})

test('what a store throws is wrapped, and what is shown of it holds no id', async () => {
  const { store, browser } = start()
  await browser.visit((session) => session.set('a', 1))
  const [selector = '', verifier = ''] = browser.cookie?.split('=')[1]?.split('.') ?? []
  store.fail = () => Promise.reject(clientError(`${selector} ${verifier}`))
  const error = await browser.visit().then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(StoreError)
  const { cause } = error as StoreError
  expect(cause).toMatchObject({ name: 'ReplyError', code: 'ECONNRESET', port: 6379 })
  expect(cause).toMatchObject({ cause: { code: '23505' }, errors: [{ name: 'TypeError' }] })
  expect((cause as Error).stack).toMatch(
    /^ReplyError: its message is left out, as it may hold an id\n +at clientError/,
  )
  const shown = inspect(error, { depth: 9, showHidden: true })
  expect(shown).not.toContain(selector)
  expect(shown).not.toContain(verifier)
})

/** An error with the id in each place where a client may put it. */
function clientError(id: string): Error {
  const error = new Error(`GET ${id}\n    at ${id} (a line of the message)`, {
    cause: Object.assign(new Error(`(session_id)=(${id})`), { code: '23505', detail: id }),
  })
  return Object.assign(error, {
    name: 'ReplyError',
    code: 'ECONNRESET',
    port: 6379,
    command: { name: 'get', args: [id] },
    sql: `select '${id}'`,
    parameters: [id, Buffer.from(id)],
    $metadata: { httpStatusCode: 400, headers: { key: id } },
    errors: [new TypeError(id)],
  })
}

test.each<[string, unknown]>([
  ['a string', 'the-id'],
  ['an object', { message: 'the-id', code: 5 }],
  ['an error of itself', Object.assign(new Error('the-id'), { errors: [new Error('the-id')] })],
  ['an error whose message changed', Object.assign(new Error('the-id'), { message: 'other' })],
  ['an error without a message', new Error('', { cause: 'the-id' })],
  ['an error whose name is no string', Object.assign(new Error('the-id'), { name: ['the-id'] })],
])('the cause of a StoreError: %s', (_, cause) => {
  const error = new StoreError('failed', {
    operation: 'read',
    outcome: 'not-done',
    retriable: true,
    cause,
  })
  expect(error.cause).toBeInstanceOf(Error)
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('the-id')
})

test('an error that is behind itself ends', () => {
  const cause: Error & { cause?: unknown } = new Error('the-id')
  cause.cause = cause
  const options = { operation: 'read', outcome: 'not-done', retriable: true, cause } as const
  expect(inspect(new StoreError('failed', options), { depth: 9 })).not.toContain('the-id')
})

test('a lost reply is not a failed write: an increment is reported as unknown and not counted twice', async () => {
  const { store, browser } = start()
  await browser.visit((session) => session.set('n', 1))
  const { replace } = store
  Object.assign(store, {
    replace: async (...args: Parameters<typeof replace>) => {
      await replace(...args)
      throw new Error('connection lost')
    },
  })
  await expect(browser.visit((session) => session.increment('n'))).rejects.toMatchObject({
    outcome: 'unknown',
  })
  Object.assign(store, { replace })
  await browser.visit((session) => expect(session.get('n')).toBe(2))
})

test('anonymous: the request goes on with a session that is not stored, and no cookie', async () => {
  const { store, browser, events } = start({ onStoreFailure: 'anonymous' })
  await browser.visit((session) => session.login('ann'))
  const { cookie } = browser
  store.fail = () => Promise.reject(new Error('down'))
  const commit = await browser.visit((session) => {
    expect([session.user, session.isNew]).toEqual([undefined, true])
    session.set('a', 1)
    session.set('b', 1)
  })
  expect(setCookie(commit)).toBeUndefined()
  expect(events.map((event) => event.type)).toEqual(['store-failed', 'unsaved'])
  expect(browser.cookie).toBe(cookie)
  // The store is back: so is the session, untouched.
  delete store.fail
  await browser.visit((session) => expect([session.user, session.has('b')]).toEqual(['ann', false]))
})

test('a commit that fails before anything happened may be made again by the next request', async () => {
  const { store, browser } = start()
  await browser.visit((session) => session.set('n', 1))
  store.fail = on('replace', () =>
    Promise.reject(
      new StoreError('full', { operation: 'replace', outcome: 'not-done', retriable: false }),
    ),
  )
  await expect(browser.visit((session) => session.increment('n'))).rejects.toMatchObject({
    outcome: 'not-done',
  })
  delete store.fail
  await browser.visit((session) => session.increment('n'))
  await browser.visit((session) => expect(session.get('n')).toBe(2))
})

test('a regenerate that fails keeps the old session, and leaves no second one', async () => {
  const { store, browser } = start()
  await browser.visit((session) => session.set('a', 1))
  store.fail = on('replace', () =>
    Promise.reject(
      new StoreError('down', { operation: 'replace', outcome: 'not-done', retriable: true }),
    ),
  )
  store.calls.length = 0
  await expect(browser.visit((session) => session.regenerate())).rejects.toMatchObject({
    operation: 'replace',
    outcome: 'not-done',
  })
  expect(store.calls).toEqual(['read', 'replace'])
  await browser.visit((session) => expect(session.get('a')).toBe(1))
})

test('one that waits for others of its id waits no longer than its time limit', async () => {
  const { store, sessions, browser } = start()
  await browser.visit((session) => session.set('a', 1))
  const open = await Promise.all(Array.from({ length: 5 }, () => sessions.load(browser.cookie)))
  store.fail = on('replace', never)
  const commits = open.map((session, i) => {
    session.set(`key${i}`, i)
    return Promise.resolve(sessions.commit(session))
  })
  const settled = await Promise.allSettled(commits)
  expect(settled.map((result) => result.status)).toEqual(Array(5).fill('rejected'))
  delete store.fail
  // The queue is free again.
  await browser.visit((session) => session.set('b', 1))
  await browser.visit((session) => expect(session.get('b')).toBe(1))
})

test('an onEvent that throws fails no request', async () => {
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
  const clock = new Clock()
  const throwing = createSessions({
    store: countingStore(clock),
    onEvent: () => {
      throw new Error('logger is down')
    },
  })
  const session = await throwing.load(`__Host-session=${'A'.repeat(22)}.${'B'.repeat(43)}`)
  expect(session.isNew).toBe(true)
  expect((await warned).message).toContain('logger is down')
})

test('close ends what the store started', async () => {
  let closed = 0
  const store = {
    ...countingStore(new Clock()),
    close: async () => {
      closed += 1
    },
  }
  await createSessions({ store }).close()
  expect(closed).toBe(1)
  await createSessions({ store: countingStore(new Clock()) }).close()
})

test('a StoreError of another copy of the package is one', async () => {
  // What a second copy makes: the same brand and code, and no instance of this copy's class.
  const error = Object.assign(new Error('down'), {
    [Symbol.for('vial.error')]: true,
    code: 'ERR_VIAL_STORE',
    operation: 'read',
    outcome: 'not-done',
    retriable: true,
  })
  expect(error).not.toBeInstanceOf(StoreError)
  const { events, onEvent } = listener()
  const store = { ...countingStore(new Clock()), read: () => Promise.reject(error) }
  const cookie = `__Host-session=${'A'.repeat(22)}.${'B'.repeat(43)}`
  const anonymous = createSessions({ store, onStoreFailure: 'anonymous', onEvent })
  await new Browser(anonymous, cookie).visit((session) => expect(session.isNew).toBe(true))
  const strict = createSessions({ store, onEvent })
  await expect(strict.load(cookie)).rejects.toBe(error)
  expect(events).toEqual(Array(2).fill({ type: 'store-failed', error }))
})
