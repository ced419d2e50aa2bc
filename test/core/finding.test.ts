import {
  type AdapterOptions,
  createSessions,
  type LifeCycle,
  Scope,
  StateError,
  type Store,
  type StoredSession,
  StoreError,
} from 'vial'
import { memoryStore } from 'vial/stores/memory'
import { expect, test } from 'vitest'
import { Browser, Clock, countingStore, SECRET } from './requests.ts'

class HeaderScope extends Scope {
  readonly #header: string | undefined
  opened = 0
  ended = false
  varies = false

  constructor(sessions: LifeCycle, header?: string, options?: AdapterOptions) {
    super(sessions, options)
    this.#header = header
  }

  protected override cookieHeader(): string | undefined {
    return this.#header
  }

  protected override opening(): void {
    this.opened += 1
  }

  protected override get responseEnded(): boolean {
    return this.ended
  }

  protected override get responseVaries(): boolean {
    return this.varies
  }
}

test('of() loads once, whatever the number of calls, and finds the request inside what frameworks hand out', async () => {
  const store = countingStore(new Clock())
  const sessions = createSessions({ store })
  const browser = new Browser(sessions)
  await browser.visit((session) => session.set('a', 1))
  store.calls.length = 0
  const request = {}
  const scope = new HeaderScope(sessions, browser.cookie)
  await sessions.begin(request, scope, () => {})
  expect([store.calls, scope.opened]).toEqual([[], 0])
  const found = await Promise.all([
    sessions.of(request),
    sessions.of({ raw: request }),
    sessions.of({ req: request }),
    sessions.of({ req: { raw: request } }),
    sessions.of({ request }),
    sessions.of({ node: { req: request } }),
  ])
  expect(new Set(found).size).toBe(1)
  expect([store.calls, scope.opened]).toEqual([['read'], 1])
})

test('two kinds of session on one request do not meet', async () => {
  const one = createSessions({ store: memoryStore() })
  const two = createSessions({ secret: SECRET })
  const request = {}
  await one.begin(request, new HeaderScope(one), () =>
    two.begin(request, new HeaderScope(two), () => {}),
  )
  expect(await one.of(request)).not.toBe(await two.of(request))
})

test('a middleware that is registered twice makes one session of one request', async () => {
  const sessions = createSessions({ store: memoryStore() })
  const request = {}
  const [outer, inner] = [new HeaderScope(sessions), new HeaderScope(sessions)]
  await sessions.begin(request, outer, () => {})
  const first = await sessions.of(request)
  await sessions.begin(request, inner, () => {})
  expect(await sessions.of(request)).toBe(first)
  first.set('a', 1)
  expect(inner.commit()).toEqual({ outcome: 'untouched', headers: [], cookies: [] })
  expect((await outer.commit()).outcome).toBe('saved')
})

test('without the middleware the error names the fix', async () => {
  const sessions = createSessions({ store: memoryStore() })
  await expect(sessions.of({})).rejects.toThrow(/Register it before the routes/)
  await expect(sessions.current()).rejects.toThrow(/ambient: true/)
})

test('a session first asked for after the commit: an error that names the fix, as the response lacks Vary', async () => {
  const sessions = createSessions({ store: memoryStore(), ambient: true })
  const request = {}
  const scope = new HeaderScope(sessions)
  await sessions.begin(request, scope, () => {})
  expect(scope.commit()).toEqual({ outcome: 'untouched', headers: [], cookies: [] })
  await expect(sessions.of(request)).rejects.toThrow(StateError)
  await expect(sessions.of({ raw: request })).rejects.toThrow(/vary: 'always'/)
  await sessions.begin(request, scope, () =>
    expect(sessions.current()).rejects.toThrow(/before the response begins/),
  )
  expect(scope.opened).toBe(0)
  // A logger asks when the response has ended, also after an earlier refusal.
  scope.ended = true
  const session = await sessions.of(request)
  expect(() => session.set('a', 1)).toThrow(/after the response headers have left/)
  expect(await sessions.of(request)).toBe(session)
  expect(scope.opened).toBe(0)
})

test('a late session is read-only where the response varies already, and the loaded one where it was asked for before', async () => {
  const sessions = createSessions({ store: memoryStore() })
  const varying = new HeaderScope(sessions)
  varying.varies = true
  await varying.commit()
  const late = (await varying.load()) as StoredSession
  expect(() => late.set('a', 1)).toThrow(StateError)

  const early = new HeaderScope(sessions)
  const session = await early.load()
  await early.commit()
  expect(await early.load()).toBe(session)
})

test('a failed request stores nothing, neither a write nor a login, but a destroy', async () => {
  const clock = new Clock()
  const store = countingStore(clock)
  const sessions = createSessions({ store, now: clock.now })
  const browser = new Browser(sessions)
  const request = async (work: (session: StoredSession) => void) => {
    const scope = new HeaderScope(sessions, browser.cookie, { onError: 'discard' })
    work((await scope.load()) as StoredSession)
    return scope.commit({ failed: true })
  }
  expect((await request((session) => session.login('ann'))).headers).toEqual([['vary', 'Cookie']])
  await browser.visit((session) => session.set('n', 1))
  store.calls.length = 0
  for (const work of [
    (session: StoredSession) => session.increment('n'),
    (session: StoredSession) => session.login('ann'),
    (session: StoredSession) => session.clear(),
  ]) {
    expect(await request(work)).toMatchObject({ outcome: 'untouched', cookies: [] })
  }
  expect(store.calls).toEqual(['read', 'read', 'read'])
  await browser.visit((session) => expect(session.get('n')).toBe(1))
  const ended = await request((session) => {
    session.destroy()
    session.set('n', 2)
  })
  expect(ended).toMatchObject({ outcome: 'deleted', cookies: [{ value: '' }] })
  await browser.visit((session) => expect([session.isNew, session.size]).toEqual([true, 0]))

  const sealed = createSessions({ secret: SECRET })
  const scope = new HeaderScope(sealed, undefined, { onError: 'discard' })
  ;(await scope.load()).login('ann')
  expect(scope.commit({ failed: true })).toMatchObject({ outcome: 'untouched', cookies: [] })
})

test('a commit waits for a session that is still loading, and is made once', async () => {
  const store: Store = { ...memoryStore(), read: async () => undefined }
  const scope = new HeaderScope(
    createSessions({ store }),
    `__Host-session=${'a'.repeat(22)}.${'b'.repeat(43)}`,
  )
  const loading = scope.load()
  const commit = scope.commit()
  expect(commit).toBeInstanceOf(Promise)
  await loading
  expect((await commit).outcome).toBe('untouched')
  expect(scope.commit()).toEqual({ outcome: 'untouched', headers: [], cookies: [] })
})

test('a store that answers at once, or fails at once, is one like any other', async () => {
  const store = memoryStore()
  const sessions = createSessions({ store, onStoreFailure: 'anonymous' })
  const browser = new Browser(sessions)
  await browser.visit((session) => session.set('n', 1))
  const { cookie } = browser
  const scope = new HeaderScope(sessions, cookie)
  const session = (await scope.load()) as StoredSession
  session.increment('n')
  expect(await scope.commit()).toMatchObject({ outcome: 'saved' })
  await browser.visit((session) => expect(session.get('n')).toBe(2))

  store.replace = () => {
    throw new Error('disk full')
  }
  const failing = new HeaderScope(sessions, cookie)
  ;((await failing.load()) as StoredSession).increment('n')
  await expect(failing.commit()).rejects.toThrow(StoreError)
  store.read = () => {
    throw new Error('disk gone')
  }
  const unsaved = new HeaderScope(sessions, cookie)
  expect((await unsaved.load()).isNew).toBe(true)
})

test('ambient: current() finds the session of the request being served, through awaits', async () => {
  const sessions = createSessions({ store: memoryStore(), ambient: true })
  const visitors = Array.from({ length: 20 }, (_, i) => async () => {
    const scope = new HeaderScope(sessions)
    await sessions.begin({}, scope, async () => {
      ;(await sessions.current()).set('me', i)
      await new Promise((resolve) => setImmediate(resolve))
      expect((await sessions.current()).get('me')).toBe(i)
      // What mount() hands out has no mark: the scope around it counts.
      for (const wrapped of [
        new Request('http://localhost/'),
        { req: {} },
        { raw: {} },
        { request: {} },
        { node: {} },
      ]) {
        expect((await sessions.of(wrapped)).get('me')).toBe(i)
      }
    })
  })
  await Promise.all(visitors.map((visit) => visit()))
  await expect(sessions.current()).rejects.toThrow(/No request is being served/)
})

test.each([
  ['ambient', { ambient: true }],
  ['eager', { eager: true }],
] as const)('%s: of() refuses what is no request', async (_, options) => {
  const sessions = createSessions({ store: memoryStore(), ...options })
  await sessions.begin({}, new HeaderScope(sessions), async () => {
    const session = await sessions.current()
    for (const other of [
      {},
      session,
      [],
      () => {},
      { user: 'ann' },
      { headers: {} },
      new Response(),
      new URL('http://localhost/'),
      null,
      undefined,
      'text',
    ]) {
      await expect(sessions.of(other as object)).rejects.toThrow(StateError)
    }
  })
})

test('eager: the session is loaded before the handler, and `session` is it', async () => {
  const sessions = createSessions<{ views?: number }>({ store: memoryStore(), eager: true })
  const { session } = sessions
  const scope = new HeaderScope(sessions)
  const result = await sessions.begin({}, scope, () => {
    session.set('views', 1)
    session.increment('views')
    session.permanent = true
    expect([session.get('views'), session.permanent, session.size, [...session]]).toEqual([
      2,
      true,
      1,
      [['views', 2]],
    ])
    return 'answer'
  })
  expect(result).toBe('answer')
  expect(scope.session?.modified).toBe(true)
  expect(() => session.get('views')).toThrow(/works inside a handler/)
})

test('eager: a load that fails rejects, and the handler does not run', async () => {
  const store = countingStore(new Clock())
  const sessions = createSessions({ store, eager: true })
  const browser = new Browser(sessions)
  await browser.visit((session) => session.set('a', 1))
  store.fail = () => Promise.reject(new Error('down'))
  let ran = false
  const scope = new HeaderScope(sessions, browser.cookie)
  await expect(
    sessions.begin({}, scope, () => {
      ran = true
    }),
  ).rejects.toMatchObject({ code: 'ERR_VIAL_STORE' })
  expect(ran).toBe(false)
  // The error page depends on the cookie, too.
  expect(await scope.commit()).toEqual({
    outcome: 'untouched',
    headers: [['vary', 'Cookie']],
    cookies: [],
  })
})
