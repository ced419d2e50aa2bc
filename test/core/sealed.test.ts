import { type Commit, createSessions, type SealedOptions } from 'vial'
import { expect, test } from 'vitest'
import { Browser, Clock, listener, SECRET, setCookie } from './requests.ts'

const MINUTE = 60_000

function start(options: Partial<SealedOptions> = {}) {
  const clock = new Clock()
  const { events, onEvent } = listener()
  const sessions = createSessions({ secret: SECRET, ...options, now: clock.now, onEvent })
  return { clock, events, sessions, browser: new Browser(sessions) }
}

test('the record travels in the cookie, unreadable', async () => {
  const { browser } = start()
  const commit = await browser.visit((session) => session.set('name', 'Annabella'))
  expect(commit.outcome).toBe('saved')
  const value = browser.cookie?.split('=')[1] as string
  expect(Buffer.from(value, 'base64url').toString('latin1')).not.toContain('Annabella')
  const again = await browser.visit((session) => expect(session.get('name')).toBe('Annabella'))
  expect(setCookie(again)).toBeUndefined()
})

test('too large for a cookie: a typed error, and no header', async () => {
  const { sessions } = start()
  const session = await sessions.load(null)
  session.set('big', 'x'.repeat(5_000))
  expect(() => sessions.commit(session)).toThrow(
    expect.objectContaining({ code: 'ERR_VIAL_TOO_LARGE', limit: 4096 }),
  )
})

test('a session that fits to the byte is kept', async () => {
  const { browser } = start()
  let size = 2_900
  const fill = async (): Promise<boolean> => {
    const fresh = new Browser(start().sessions)
    return fresh
      .visit((session) => session.set('big', 'x'.repeat(size)))
      .then(
        () => true,
        () => false,
      )
  }
  while (await fill()) size += 1
  size -= 1
  await browser.visit((session) => session.set('big', 'x'.repeat(size)))
  expect(browser.cookie?.length).toBeGreaterThan(4_090)
  expect(browser.cookie?.length).toBeLessThanOrEqual(4_097)
})

test('an emptied session takes its cookie away', async () => {
  const { browser } = start()
  await browser.visit((session) => session.set('a', 1))
  const commit = await browser.visit((session) => session.clear())
  expect(commit.outcome).toBe('deleted')
  expect(browser.cookie).toBeUndefined()
  await browser.visit((session) => session.set('a', 1))
  expect((await browser.visit((session) => session.destroy())).outcome).toBe('deleted')
})

test('the lifetime and the idle time are inside the seal', async () => {
  const { clock, browser, events } = start({ lifetime: '1h', idle: '30m' })
  await browser.visit((session) => session.set('a', 1))
  clock.advance(60_000)
  expect(setCookie(await browser.visit())).toBeUndefined()
  clock.advance(40_000)
  const touched = await browser.visit()
  expect([touched.outcome, setCookie(touched) === undefined]).toEqual(['touched', false])
  clock.advance(30 * MINUTE - 1)
  await browser.visit((session) => expect(session.get('a')).toBe(1))
  clock.advance(30 * MINUTE)
  await browser.visit((session) => expect(session.isNew).toBe(true))

  const busy = start({ lifetime: '1h', idle: '30m' })
  await busy.browser.visit((session) => session.set('a', 1))
  for (const minutes of [20, 20, 20 - 1 / MINUTE]) {
    busy.clock.advance(minutes * MINUTE)
    await busy.browser.visit((session) => expect(session.get('a')).toBe(1))
  }
  busy.clock.advance(1)
  await busy.browser.visit((session) => expect(session.isNew).toBe(true))
  expect([...events, ...busy.events]).toEqual(
    Array(2).fill({ type: 'rejected', reason: 'expired' }),
  )
})

test('a new secret first: cookies of the old one open, and are sealed again when they change', async () => {
  const { browser } = start()
  await browser.visit((session) => session.set('a', 1))
  const rotated = start({ secret: ['Zx81mPq0vNc5tRw2yUi7oLa4sKd9jHf6', SECRET] })
  const same = new Browser(rotated.sessions, browser.cookie)
  await same.visit((session) => session.set('b', 2))
  const retired = new Browser(
    start({ secret: 'Zx81mPq0vNc5tRw2yUi7oLa4sKd9jHf6' }).sessions,
    same.cookie,
  )
  await retired.visit((session) => expect(session.toJSON()).toEqual({ a: 1, b: 2 }))
})

test('a value does not open under another cookie’s name', async () => {
  const { browser } = start()
  await browser.visit((session) => session.set('a', 1))
  const other = start({ cookie: { name: '__Host-other' } })
  const moved = new Browser(
    other.sessions,
    browser.cookie?.replace('__Host-session', '__Host-other'),
  )
  await moved.visit((session) => expect(session.isNew).toBe(true))
  expect(other.events).toEqual([{ type: 'rejected', reason: 'forged' }])
})

test('of several cookies of the name a valid one counts; two valid ones count for nothing', async () => {
  const { browser, sessions, events } = start()
  await browser.visit((session) => session.set('a', 1))
  const second = new Browser(sessions)
  await second.visit((session) => session.set('a', 2))
  const one = await sessions.load(`__Host-session=garbage; ${browser.cookie}; ${browser.cookie}`)
  expect(one.get('a')).toBe(1)
  const two = await sessions.load(`${browser.cookie}; ${second.cookie}`)
  expect(two.isNew).toBe(true)
  expect(events).toEqual([{ type: 'several-cookies', cookies: 2, used: 'none' }])
})

test('login, user and createdAt live in the sealed record', async () => {
  const { clock, browser } = start()
  await browser.visit((session) => session.login('ann'))
  const at = clock.at
  clock.advance(MINUTE)
  await browser.visit((session) => {
    expect([session.user, session.createdAt, session.fingerprint]).toEqual(['ann', at, 'sealed'])
    session.set('a', 1)
  })
  await browser.visit((session) => expect(session.createdAt).toBe(at))
})

test('a read follows a changed idle time: the browser keeps a permanent cookie as long', async () => {
  const lifeOf = (commit: Commit) => commit.cookies[0]?.maxAge
  const short = start({ idle: '30m' })
  const first = await short.browser.visit((session) => {
    session.permanent = true
    session.login('ann')
  })
  expect(lifeOf(first)).toBe(30 * 60)
  // The configuration is deployed with another idle time, at once and without a write.
  const long = createSessions({ secret: SECRET, idle: '12h', now: short.clock.now })
  const browser = new Browser(long, short.browser.cookie)
  short.clock.advance(MINUTE)
  const read = await browser.visit((session) => expect(session.user).toBe('ann'))
  expect([read.outcome, lifeOf(read)]).toEqual(['touched', 12 * 3600])
  expect((await browser.visit()).outcome).toBe('untouched')

  const back = createSessions({ secret: SECRET, idle: '30m', now: short.clock.now })
  const again = new Browser(back, browser.cookie)
  const shorter = await again.visit()
  expect([shorter.outcome, lifeOf(shorter)]).toEqual(['touched', 30 * 60])
  expect((await again.visit()).outcome).toBe('untouched')
})

test('a secret is changed in three steps, and servers of two steps at a time open each other’s cookies', async () => {
  const [old, fresh] = [SECRET, 'nK2vQ8xR4mW7pZ1tB6yH3jL9dF5sG0aC']
  const steps = [[old], [old, fresh], [fresh, old], [fresh]].map((secret) =>
    createSessions({ secret }),
  )
  const opens = async (from: (typeof steps)[number], to: (typeof steps)[number]) => {
    const browser = new Browser(from)
    await browser.visit((session) => session.set('a', 1))
    return (await to.load(browser.cookie)).get('a') === 1
  }
  const found: boolean[][] = []
  for (const from of steps) {
    found.push(await Promise.all(steps.map((to) => opens(from, to))))
  }
  // Each row seals, each column opens. Neighbouring steps run side by side while a deploy rolls.
  expect(found).toEqual([
    [true, true, true, false],
    [true, true, true, false],
    [false, true, true, true],
    [false, true, true, true],
  ])
})
