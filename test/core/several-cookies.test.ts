import {
  type CookieOptions,
  createSessions,
  type OnEvent,
  type SessionEvent,
  type StoredSessions,
} from 'vial'
import { flaskCookie } from 'vial/compat/flask-cookie'
import { flaskSession } from 'vial/compat/flask-session'
import { memoryStore } from 'vial/stores/memory'
import { describe, expect, test } from 'vitest'
import { Clock, listener, SECRET } from './requests.ts'

const HOST = 'app.example.com'
const URL_OF_PAGE = `https://${HOST}/shop/cart?x=1`

/** One cookie in a browser's jar. */
interface Kept {
  readonly value: string
  readonly domain: string
  readonly path: string
}

/** A browser that keeps cookies by domain and path, and sends all that match, the longest path first. */
class Jar {
  readonly kept: Kept[] = []
  readonly #sessions: StoredSessions
  readonly name: string

  constructor(sessions: unknown, name = 'sid') {
    this.#sessions = sessions as StoredSessions
    this.name = name
  }

  /** What a `Set-Cookie` line does; `Domain` parents have a dot in front. */
  receive(line: string): void {
    const [pair = '', ...attributes] = line.split('; ')
    const of = (name: string) =>
      attributes.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1)
    const domain = of('Domain')
    const place = { domain: domain === undefined ? HOST : `.${domain}`, path: of('Path') ?? '/' }
    const at = this.kept.findIndex((one) => one.domain === place.domain && one.path === place.path)
    if (at !== -1) this.kept.splice(at, 1)
    if (of('Max-Age') !== '0')
      this.kept.push({ value: pair.slice(pair.indexOf('=') + 1), ...place })
  }

  put(value: string | undefined, place: Partial<Kept> = {}): void {
    if (value === undefined) throw new Error('no cookie')
    this.kept.push({ value, domain: HOST, path: '/', ...place })
  }

  async visit(work: (session: Awaited<ReturnType<StoredSessions['load']>>) => unknown = () => {}) {
    const sent = this.kept.toSorted((a, b) => b.path.length - a.path.length)
    const header = sent.map(({ value }) => `${this.name}=${value}`).join('; ')
    const session = await this.#sessions.load(header, { url: URL_OF_PAGE })
    await work(session)
    const commit = await this.#sessions.commit(session)
    const lines = commit.headers.filter(([name]) => name === 'set-cookie').map(([, line]) => line)
    for (const line of lines) this.receive(line)
    expect(commit.cookies.map(({ value }) => value)).toEqual(
      lines.map((line) => line.slice(line.indexOf('=') + 1, line.indexOf(';'))),
    )
    return { ...commit, lines }
  }
}

interface Options {
  readonly cookie?: Pick<CookieOptions, 'domain' | 'formerly' | 'path'>
  readonly onEvent?: OnEvent
}
interface Kind {
  readonly name: string
  readonly isStored: boolean
  make(options?: Options): unknown
}

const store = memoryStore()
const clock = new Clock()
const cookie = { name: 'sid', secure: false } as const
const kinds: readonly Kind[] = [
  {
    name: 'stored',
    isStored: true,
    make: ({ cookie: more, ...options } = {}) =>
      createSessions({ store, now: clock.now, cookie: { ...cookie, ...more }, ...options }),
  },
  {
    name: 'stored and signed',
    isStored: true,
    make: ({ cookie: more, ...options } = {}) =>
      createSessions({
        store,
        secret: SECRET,
        now: clock.now,
        cookie: { ...cookie, ...more },
        ...options,
      }),
  },
  {
    name: 'sealed',
    isStored: false,
    make: ({ cookie: more, onEvent } = {}) =>
      createSessions({
        secret: SECRET,
        now: clock.now,
        cookie: { ...cookie, ...more },
        ...(onEvent && { onEvent }),
      }),
  },
  {
    name: 'flaskCookie',
    isStored: false,
    make: ({ cookie: more, onEvent } = {}) =>
      flaskCookie({
        secret: SECRET,
        now: clock.now,
        cookie: { ...cookie, ...more },
        ...(onEvent && { onEvent }),
      }),
  },
  {
    name: 'flaskSession',
    isStored: true,
    make: ({ cookie: more, onEvent } = {}) =>
      flaskSession({
        store,
        now: clock.now,
        cookie: { ...cookie, ...more },
        ...(onEvent && { onEvent }),
      }),
  },
]

/** The cookie of a session in which this user is logged in, and some key set. Undefined: nobody. */
async function cookieOf(kind: Kind, user: string | undefined, key: string): Promise<string> {
  clock.advance(2_000)
  const jar = new Jar(kind.make())
  await jar.visit((session) => {
    session.set(key, 1)
    if (user !== undefined) session.login(user)
  })
  const [only] = jar.kept
  if (only === undefined) throw new Error('no cookie')
  return only.value
}

async function jarOf(kind: Kind, users: readonly (string | undefined)[], options: Options = {}) {
  const { events, onEvent } = listener()
  const jar = new Jar(kind.make({ ...options, onEvent }))
  const places = [{ domain: '.example.com' }, {}, { path: '/shop' }, { domain: `.${HOST}` }]
  const cookies: string[] = []
  for (const [at, user] of users.entries()) {
    const value = await cookieOf(kind, user, `key${at}`)
    cookies.push(value)
    jar.put(value, places[at])
  }
  clock.advance(2_000)
  return { jar, events, cookies }
}

/** What a cookie opens by itself. */
async function openedBy(kind: Kind, value: string | undefined) {
  const session = await (kind.make() as StoredSessions).load(`sid=${value}`)
  return session.isNew ? 'nothing' : (session.user ?? 'anonymous')
}

describe.each(kinds)('$name: two live cookies of one name', (kind) => {
  test('of one user: the newest counts, and one is left', async () => {
    const { jar, events } = await jarOf(kind, ['ann', 'ann'])
    await jar.visit((session) => expect([session.user, session.has('key1')]).toEqual(['ann', true]))
    expect(events).toEqual([{ type: 'several-cookies', cookies: 2, used: 'newest' }])
    expect(jar.kept).toMatchObject([{ domain: HOST, path: '/' }])
    await jar.visit((session) => expect([session.user, session.has('key1')]).toEqual(['ann', true]))
    expect(events.length).toBe(1)
  })

  test('of one user, the newest somewhere else: it is kept and moves to its place', async () => {
    const { jar } = await jarOf(kind, ['ann', 'ann'], { cookie: { domain: 'example.com' } })
    await jar.visit((session) => session.set('more', 1))
    expect(jar.kept).toMatchObject([{ domain: '.example.com', path: '/' }])
    await jar.visit((session) =>
      expect([session.user, session.has('key1'), session.has('more')]).toEqual(['ann', true, true]),
    )
  })

  test('of two users: anonymous for one request, which stores nothing', async () => {
    const { jar, events, cookies } = await jarOf(kind, ['eve', 'ann'])
    const { outcome } = await jar.visit((session) => {
      expect([session.user, session.isNew, session.size]).toEqual([undefined, true, 0])
      session.set('a', 1)
    })
    expect(outcome).toBe('untouched')
    expect(events).toEqual([
      { type: 'several-cookies', cookies: 2, used: 'none' },
      { type: 'unsaved', keys: ['a'], asked: [] },
    ] satisfies SessionEvent[])
    expect(jar.kept.map(({ value }) => value)).toEqual([cookies[1]])
    await jar.visit((session) => expect([session.user, session.has('a')]).toEqual(['ann', false]))
  })

  test('of nobody: nobody is not the same as nobody', async () => {
    const { jar, cookies } = await jarOf(kind, [undefined, undefined])
    await jar.visit((session) => expect([session.isNew, session.size]).toEqual([true, 0]))
    expect(jar.kept.map(({ value }) => value)).toEqual([cookies[1]])
  })

  test.each([
    ['of one user', ['ann', 'ann']],
    ['of two users', ['eve', 'ann']],
    ['of three', ['eve', 'ann', 'bob']],
  ] as const)('a logout with cookies %s ends them all', async (_name, users) => {
    const { jar, cookies } = await jarOf(kind, users)
    const { outcome } = await jar.visit((session) => session.destroy())
    expect([outcome, jar.kept]).toEqual(['deleted', []])
    if (!kind.isStored) return
    expect(await Promise.all(cookies.map((value) => openedBy(kind, value)))).toEqual(
      cookies.map(() => 'nothing'),
    )
  })

  test.each([
    ['ann', ['ann', 'ann']],
    ['bob', ['ann', 'ann']],
    ['ann', ['eve', 'ann']],
    ['bob', ['eve', 'ann']],
    ['ann', [undefined, undefined]],
  ] as const)('a login of %s beside %j leaves one session', async (user, users) => {
    const { jar, cookies } = await jarOf(kind, users)
    await jar.visit((session) => {
      session.login(user)
      session.set('after', 1)
    })
    expect(jar.kept.length).toBe(1)
    await jar.visit((session) => expect([session.user, session.has('after')]).toEqual([user, true]))
    if (!kind.isStored) return
    expect(await Promise.all(cookies.map((value) => openedBy(kind, value)))).toEqual(
      cookies.map(() => 'nothing'),
    )
  })

  test('`regenerate` beside two users begins a session with what this request wrote', async () => {
    const { jar, cookies } = await jarOf(kind, ['eve', 'ann'])
    await jar.visit((session) => {
      session.regenerate()
      session.set('b', 2)
    })
    expect(jar.kept.length).toBe(1)
    await jar.visit((session) =>
      expect([session.user, session.toJSON()]).toEqual([undefined, { b: 2 }]),
    )
    if (kind.isStored) expect(await openedBy(kind, cookies[1])).toBe('nothing')
  })

  test('a dead or forged cookie beside a good one does no harm and costs nothing', async () => {
    const { jar, events } = await jarOf(kind, ['ann'])
    jar.put('x'.repeat(110))
    const { lines } = await jar.visit((session) => expect(session.user).toBe('ann'))
    expect(events).toEqual([])
    expect(lines.filter((line) => line.includes('Max-Age=0'))).toEqual([])
  })

  test('a logout beside a copy of the same cookie leaves no copy', async () => {
    const { jar, cookies } = await jarOf(kind, ['ann'])
    jar.put(cookies[0])
    await jar.visit((session) => session.destroy())
    expect(jar.kept).toEqual([])
  })

  test('where it stood before is cleared by a logout with one cookie', async () => {
    const { jar } = await jarOf(kind, ['ann'], {
      cookie: { formerly: [{ domain: 'example.com' }, { path: '/deep/down' }] },
    })
    const { lines } = await jar.visit((session) => session.destroy())
    expect(jar.kept).toEqual([])
    expect(lines.length).toBe(3)
  })

  test('more cookies than are looked up: anonymous, and one is left', async () => {
    const { jar, events } = await jarOf(kind, ['ann', 'ann', 'ann', 'ann'])
    jar.put(await cookieOf(kind, 'ann', 'a'), { path: '/shop', domain: '.example.com' })
    await jar.visit((session) => expect(session.user).toBeUndefined())
    expect(events).toEqual([{ type: 'several-cookies', cookies: 5, used: 'none' }])
    expect(jar.kept).toMatchObject([{ domain: HOST, path: '/' }])
    await jar.visit((session) => expect(session.user).toBe('ann'))
  })
})

test('Flask-Login’s `_user_id` names the user in Flask’s cookie', async () => {
  const kind = kinds.find(({ name }) => name === 'flaskCookie') as Kind
  const jar = new Jar(kind.make())
  for (const [id, place] of [
    ['1', { domain: '.example.com' }],
    ['1', {}],
  ] as const) {
    clock.advance(2_000)
    const other = new Jar(kind.make())
    await other.visit((session) => session.set('_user_id', id))
    jar.put(other.kept[0]?.value, place)
  }
  await jar.visit((session) => expect(session.get('_user_id')).toBe('1'))
  expect(jar.kept.length).toBe(1)
})

test('removals: at most 8, none at the cookie’s own place, none for __Host-', async () => {
  const kind = kinds[0] as Kind
  const { jar } = await jarOf(kind, ['eve', 'ann'], { cookie: { path: '/shop' } })
  const { lines } = await jar.visit()
  const places = lines.map((line) =>
    line.replace(/^sid=/, '').replace(/; Expires=[^;]+; Max-Age=0; HttpOnly/, ''),
  )
  expect(places).toEqual([
    '; Path=/; SameSite=Lax',
    '; Domain=app.example.com; Path=/; SameSite=Lax',
    '; Domain=example.com; Path=/; SameSite=Lax',
    '; Domain=app.example.com; Path=/shop; SameSite=Lax',
    '; Domain=example.com; Path=/shop; SameSite=Lax',
  ])
  const bound = createSessions({ secret: SECRET, now: clock.now })
  const values = await Promise.all(
    ['eve', 'ann'].map(async (user) => {
      const session = await bound.load(undefined)
      session.login(user)
      return (await bound.commit(session)).cookies[0]?.value
    }),
  )
  const header = values.map((value) => `__Host-session=${value}`).join('; ')
  const session = await bound.load(header, { url: 'https://a.b.c.d.e.example.com/x' })
  expect(await bound.commit(session)).toMatchObject({ outcome: 'untouched', cookies: [] })
})

test.each([
  ['https://a.b.c.d.e.f.example.com/x/y', 8],
  ['https://192.0.2.1/x/y', 1],
  ['https://[2001:db8::1]/x/y', 1],
  ['https://localhost/', 0],
  ['not a url', 0],
  [undefined, 0],
])('removals for %s: %i', async (url, count) => {
  const sessions = kinds[0]?.make() as StoredSessions
  const { jar } = await jarOf(kinds[0] as Kind, ['eve', 'ann'])
  const header = jar.kept.map(({ value }) => `sid=${value}`).join('; ')
  const commit = await sessions.commit(await sessions.load(header, { url }))
  expect(commit.cookies.length).toBe(count)
})
