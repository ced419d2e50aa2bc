/** What reaches the store, counted; and when sessions end. */

import { createSessions, type StoredOptions } from 'vial'
import { expect, test } from 'vitest'
import { Browser, Clock, countingStore, listener, setCookie } from './requests.ts'

const MINUTE = 60_000
const DAY = 86_400_000

function start(options: Omit<Partial<StoredOptions>, 'store'> = {}) {
  const clock = new Clock()
  const store = countingStore(clock)
  const { events, onEvent } = listener()
  const sessions = createSessions({ ...options, store, now: clock.now, onEvent })
  return { clock, store, sessions, events, browser: new Browser(sessions) }
}

test('an anonymous request: no operation, no cookie, even after a look at the session', async () => {
  const { store, browser } = start({ idle: '30m' })
  const commit = await browser.visit((session) => session.get('a'))
  expect(commit).toEqual({ outcome: 'untouched', headers: [['vary', 'Cookie']], cookies: [] })
  expect(store.calls).toEqual([])
})

test('a write that leaves nothing stores nothing', async () => {
  const { store, browser } = start()
  const commit = await browser.visit((session) => {
    session.set('a', 1)
    session.delete('a')
    session.permanent = true
    session.flash('x')
    session.flashes()
  })
  expect([commit.outcome, store.calls, setCookie(commit)]).toEqual(['untouched', [], undefined])
})

test('a first write: one create; a read: one read; a write: a read and a replace; an end: a read and a delete', async () => {
  const { store, browser } = start()
  await browser.visit((session) => session.set('a', 1))
  expect(store.calls.splice(0)).toEqual(['create'])
  await browser.visit((session) => session.get('a'))
  expect(store.calls.splice(0)).toEqual(['read'])
  await browser.visit((session) => session.set('a', 2))
  expect(store.calls.splice(0)).toEqual(['read', 'replace'])
  await browser.visit((session) => session.login('ann'))
  expect(store.calls.splice(0)).toEqual(['read', 'replace'])
  await browser.visit((session) => session.destroy())
  expect(store.calls.splice(0)).toEqual(['read', 'delete'])
  expect(browser.cookie).toBeUndefined()
})

test('an unknown id: one read, nothing is stored under it, a write gets another id', async () => {
  const { store, sessions, events } = start()
  const id = `${'A'.repeat(22)}.${'B'.repeat(43)}`
  const browser = new Browser(sessions, `__Host-session=${id}`)
  await browser.visit((session) => session.set('a', 1))
  expect(store.calls).toEqual(['read', 'create'])
  expect(browser.cookie).not.toContain(id)
  expect(events).toEqual([{ type: 'rejected', reason: 'unknown' }])
  await new Browser(sessions, `__Host-session=${id}`).visit((session) =>
    expect(session.isNew).toBe(true),
  )
})

test('within the coalescing window a read writes nothing; past it, it moves the deadline once', async () => {
  const { clock, store, browser } = start({ idle: '30m' })
  await browser.visit((session) => session.set('a', 1))
  store.calls.length = 0
  // 5 % of 30 min is 90 s.
  clock.advance(90_000 - 1)
  await browser.visit((session) => session.get('a'))
  expect(store.calls.splice(0)).toEqual(['read'])
  clock.advance(1)
  const commit = await browser.visit((session) => session.get('a'))
  expect(store.calls.splice(0)).toEqual(['read', 'touch'])
  expect(commit).toEqual({ outcome: 'touched', headers: [['vary', 'Cookie']], cookies: [] })
  await browser.visit((session) => session.get('a'))
  expect(store.calls.splice(0)).toEqual(['read'])
})

test('a short idle time still has its deadline moved', async () => {
  const { clock, browser } = start({ idle: '40s' })
  await browser.visit((session) => session.set('a', 1))
  for (let seconds = 0; seconds < 300; seconds += 15) {
    clock.advance(15_000)
    await browser.visit((session) => expect(session.get('a')).toBe(1))
  }
})

test('idle: the session ends at the deadline, not a millisecond later', async () => {
  const { clock, browser, events } = start({ idle: '30m' })
  await browser.visit((session) => session.set('a', 1))
  clock.advance(30 * MINUTE - 1)
  await browser.visit((session) => expect(session.get('a')).toBe(1))
  clock.advance(30 * MINUTE)
  await browser.visit((session) => expect(session.isNew).toBe(true))
  expect(events).toEqual([{ type: 'rejected', reason: 'unknown' }])
})

test('lifetime: neither activity nor a new id prolongs it; a login restarts it', async () => {
  const { clock, browser } = start({ lifetime: '1d', idle: '12h' })
  await browser.visit((session) => session.set('a', 1))
  for (let hours = 0; hours < 20; hours += 4) {
    clock.advance(4 * 60 * MINUTE)
    await browser.visit((session) => session.regenerate())
  }
  clock.advance(4 * 60 * MINUTE - 1)
  await browser.visit((session) => session.set('a', 2))
  clock.advance(1)
  await browser.visit((session) => expect(session.isNew).toBe(true))

  const other = start({ lifetime: '1d' })
  await other.browser.visit((session) => session.set('a', 1))
  other.clock.advance(DAY - 1)
  await other.browser.visit((session) => session.login('ann'))
  other.clock.advance(DAY - 1)
  await other.browser.visit((session) => {
    expect([session.user, session.get('a'), session.createdAt]).toEqual([
      'ann',
      1,
      other.clock.at - 2 * DAY + 2,
    ])
  })
})

test('a shorter idle time takes effect on records from before', async () => {
  const { clock, store, browser } = start()
  await browser.visit((session) => session.set('a', 1))
  const strict = createSessions({ store, now: clock.now, idle: '10m' })
  const same = new Browser(strict, browser.cookie)
  await same.visit()
  clock.advance(10 * MINUTE)
  await same.visit((session) => expect(session.isNew).toBe(true))
})

test('permanent: the cookie outlives the browser, as long as the session lives', async () => {
  const { clock, browser } = start({ lifetime: '30m' })
  const first = await browser.visit((session) => session.set('a', 1))
  expect(setCookie(first)).not.toMatch(/Max-Age|Expires/)
  clock.advance(10 * MINUTE)
  const on = await browser.visit((session) => {
    session.permanent = true
  })
  expect(setCookie(on)).toContain('; Max-Age=1200;')
  const same = await browser.visit((session) => {
    session.permanent = true
    session.set('a', 2)
  })
  expect(setCookie(same)).toBeUndefined()
  const off = await browser.visit((session) => {
    session.permanent = false
  })
  expect(setCookie(off)).toMatch(/^__Host-session=[\w-]{22}\.[\w-]{43}; Secure/)
})

test('permanent with idle: the browser’s copy moves with the deadline', async () => {
  const { clock, browser } = start({ idle: '30m' })
  await browser.visit((session) => {
    session.set('a', 1)
    session.permanent = true
  })
  clock.advance(5 * MINUTE)
  const commit = await browser.visit((session) => session.get('a'))
  expect(setCookie(commit)).toContain('; Max-Age=1800;')
  expect(commit.headers).toContainEqual(['cache-control', 'private'])
})

test('the verifier has 256 bits, and the store never sees it', async () => {
  const { store, sessions } = start()
  const written: string[] = []
  const { create } = store
  Object.assign(store, {
    create: (...args: Parameters<typeof create>) => {
      written.push(args[0], Buffer.from(args[1]).toString('latin1'))
      return create(...args)
    },
  })
  const seen = new Set<string>()
  for (let i = 0; i < 100; i += 1) {
    const browser = new Browser(sessions)
    await browser.visit((session) => session.set('a', 1))
    const [selector = '', verifier = ''] = browser.cookie?.split('=')[1]?.split('.') ?? []
    expect(Buffer.from(selector, 'base64url')).toHaveLength(16)
    expect(Buffer.from(verifier, 'base64url')).toHaveLength(32)
    expect(written.at(-2)).toBe(selector)
    expect(written.join()).not.toContain(verifier)
    seen.add(selector).add(verifier)
  }
  expect(seen.size).toBe(200)
})

test('a selector that exists already is not taken; a source that repeats itself is an error', async () => {
  const clock = new Clock()
  const store = countingStore(clock)
  const fills = [1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2]
  const sessions = createSessions({
    store,
    now: clock.now,
    randomBytes: (size) => new Uint8Array(size).fill(fills.shift() ?? 2),
  })
  const visit = () => new Browser(sessions).visit((session) => session.set('a', 1))
  await visit()
  await visit()
  expect(store.calls).toEqual(['create', 'create', 'create'])
  await expect(visit()).rejects.toMatchObject({ code: 'ERR_VIAL_STATE' })
})

test('a source of random bytes that gives too few is an error that names the fix', async () => {
  const sessions = createSessions({
    store: countingStore(new Clock()),
    randomBytes: () => new Uint8Array(4),
  })
  const visit = new Browser(sessions).visit((session) => session.set('a', 1))
  await expect(visit).rejects.toMatchObject({
    code: 'ERR_VIAL_CONFIG',
    message:
      '`randomBytes` gave 4 bytes when asked for 16 bytes. Return a Uint8Array of exactly that length.',
  })
})

test('login and regenerate: a new id, the old one dead at once, the data kept', async () => {
  const { sessions, browser } = start()
  await browser.visit((session) => session.set('a', 1))
  for (const work of ['login', 'regenerate'] as const) {
    const old = browser.cookie
    await browser.visit((session) => session[work]('ann'))
    expect(browser.cookie).not.toBe(old)
    await new Browser(sessions, old).visit((session) => expect(session.isNew).toBe(true))
    await browser.visit((session) => expect([session.user, session.get('a')]).toEqual(['ann', 1]))
  }
  const old = browser.cookie
  await browser.visit((session) => session.clear())
  await new Browser(sessions, old).visit((session) => expect(session.user).toBeUndefined())
})

test('destroy: the record is gone, and a write after it starts a new session in the same response', async () => {
  const { sessions, browser } = start()
  await browser.visit((session) => session.login('ann'))
  const old = browser.cookie
  const commit = await browser.visit((session) => {
    session.set('a', 1)
    session.destroy()
    expect([session.user, session.has('a'), session.isNew]).toEqual([undefined, false, true])
    session.set('b', 2)
  })
  expect(commit.headers.filter(([name]) => name === 'set-cookie')).toHaveLength(1)
  await browser.visit((session) =>
    expect([session.user, session.toJSON()]).toEqual([undefined, { b: 2 }]),
  )
  await new Browser(sessions, old).visit((session) => expect(session.isNew).toBe(true))
})

test('after the commit a session can be read, and writes are refused', async () => {
  const { sessions } = start()
  const session = await sessions.load(undefined)
  session.set('a', 1)
  await sessions.commit(session)
  expect(session.get('a')).toBe(1)
  const writes = [
    () => session.set('a', 2),
    () => session.delete('a'),
    () => session.clear(),
    () => session.flash('x'),
    () => session.regenerate(),
    () => session.login('x'),
    () => session.destroy(),
    () => session.increment('n'),
    () => {
      session.permanent = true
    },
  ]
  for (const write of writes) expect(write).toThrow(/response headers have left/)
  expect(() => sessions.commit(session)).toThrow(/committed already/)
  const readOnly = await sessions.load(undefined, { readOnly: true })
  expect(() => readOnly.set('a', 2)).toThrow(/response headers have left/)
})
