import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError, type SessionEvent, StateError, type Store } from 'vial'
import { fileStore } from 'vial/stores/file'
import { memoryStore } from 'vial/stores/memory'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Config, quickstart } from './flask-session-quickstart.ts'
import { visitor } from './visitor.ts'

const secret = randomBytes(32).toString('base64url')
const MINUTE = 60_000

async function start(config: Partial<Config> = {}): Promise<string> {
  const { app } = quickstart({ store: memoryStore(), secret, ...config })
  onTestFinished(() => app.close())
  return app.listen({ port: 0, host: '127.0.0.1' })
}

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'vial-flask-tutorials-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return path
}

const LOGGED_OUT = 'You are not logged in. <a href="/login">Login</a>'
const LOGGED_IN = 'Hello, testuser! <a href="/logout">Logout</a>'

const backends: [string, () => Promise<Store>][] = [
  ['file', async () => fileStore(await directory())],
  ['memory', async () => memoryStore()],
]

describe.each(backends)('on the %s store', (_name, store) => {
  test('says what the document says', async () => {
    const user = visitor(await start({ store: await store() }))
    const before = await user.get('/')
    expect([before.body, before.type]).toEqual([LOGGED_OUT, 'text/html; charset=utf-8'])
    const login = await user.get('/login')
    expect([login.status, login.location]).toEqual([302, '/'])
    expect((await user.get('/')).body).toBe(LOGGED_IN)
    const logout = await user.get('/logout')
    expect([logout.status, logout.location]).toEqual([302, '/'])
    expect((await user.get('/')).body).toBe(LOGGED_OUT)
  })

  test('logout ends the session for everybody who has its cookie, and for nobody else', async () => {
    const url = await start({ store: await store() })
    const [one, other] = [visitor(url), visitor(url)]
    await Promise.all([one.get('/login'), other.get('/login')])
    const copy = visitor(url, one)
    expect((await copy.get('/')).body).toBe(LOGGED_IN)
    const { setCookie } = await one.get('/logout')
    expect(setCookie[0]).toContain('; Max-Age=0;')
    expect((await copy.get('/')).body).toBe(LOGGED_OUT)
    expect((await other.get('/')).body).toBe(LOGGED_IN)
  })
})

test('a restart of the server changes nothing for who is logged in', async () => {
  const path = await directory()
  const first = quickstart({ store: fileStore(path), secret })
  const user = visitor(await first.app.listen({ port: 0, host: '127.0.0.1' }))
  await user.get('/login')
  await first.app.close()
  const again = visitor(await start({ store: fileStore(path) }), user)
  expect((await again.get('/')).body).toBe(LOGGED_IN)
})

describe('gotcha: the secret signs the id in the cookie', () => {
  test('an id without its signature is turned away and never looked up', async () => {
    const events: SessionEvent[] = []
    const lookedUp: string[] = []
    const inner = memoryStore()
    const store: Store = {
      ...inner,
      read(id, options) {
        lookedUp.push(id)
        return inner.read(id, options)
      },
    }
    const user = visitor(await start({ store, onEvent: (event) => events.push(event) }))
    await user.get('/login')
    await user.get('/')
    expect(lookedUp).toHaveLength(1)
    const [id = '', signature = ''] = (user.cookies.get('session') ?? '').split('.')
    const madeUp = randomBytes(32).toString('base64url')
    for (const value of [id, `${id}.`, `${madeUp}.${signature}`, `${id}.${madeUp}`]) {
      user.cookies.set('session', value)
      const page = await user.get('/')
      expect([page.status, page.body, page.setCookie]).toEqual([200, LOGGED_OUT, []])
    }
    expect(lookedUp).toHaveLength(1)
    expect(events).toEqual([
      { type: 'rejected', reason: 'malformed' },
      { type: 'rejected', reason: 'malformed' },
      { type: 'rejected', reason: 'forged' },
      { type: 'rejected', reason: 'forged' },
    ])
  })

  test('a server with another secret takes none of these cookies', async () => {
    const store = memoryStore()
    const user = visitor(await start({ store }))
    await user.get('/login')
    const elsewhere = await start({ store, secret: randomBytes(32) })
    expect((await visitor(elsewhere, user).get('/')).body).toBe(LOGGED_OUT)
  })

  test("the document's default secret is refused when the program starts", () => {
    const secret = 'super-secret-key-that-should-be-random-and-long'
    const begin = () => quickstart({ store: memoryStore(), secret })
    expect(begin).toThrow(ConfigError)
    expect(begin).toThrow(expect.objectContaining({ code: 'ERR_VIAL_CONFIG' }))
    expect(begin).toThrow(/published sample.*randomBytes\(32\)/)
  })

  test('a missing one is an error that names the fix', () => {
    const begin = () => quickstart({ store: memoryStore(), secret: undefined })
    expect(begin).toThrow(ConfigError)
    expect(begin).toThrow(/`secret` is undefined.*randomBytes\(32\)/)
  })
})

describe('gotcha: the extension object is not the session', () => {
  test('it has no data to get, for the compiler and at run time', () => {
    const { sessions } = quickstart({ store: memoryStore(), secret })
    // @ts-expect-error: Property 'get' does not exist on type 'StoredSessions'
    expect(sessions.get).toBeUndefined()
    // @ts-expect-error: nor does 'set'
    expect(sessions.set).toBeUndefined()
  })

  test('`session` outside a request is an error that says so', () => {
    const { sessions } = quickstart({ store: memoryStore(), secret })
    const { session } = sessions as unknown as { session: { get(key: string): unknown } }
    expect(() => session.get('username')).toThrow(StateError)
    expect(() => session.get('username')).toThrow(/inside a handler/)
  })
})

describe('gotcha: the lifetime is that of the data on the server', () => {
  test.each([
    ['SESSION_PERMANENT = False', false, /^session=[\w.-]+; HttpOnly;/],
    ['SESSION_PERMANENT = True', true, /^session=[\w.-]+; Max-Age=1800; HttpOnly;/],
  ])('%s: the record ends after 30 minutes', async (_name, permanent, cookie) => {
    let time = Date.now()
    const now = () => time
    const store = memoryStore({ now })
    const user = visitor(await start({ store, now, permanent }))
    const { setCookie } = await user.get('/login')
    expect(setCookie).toHaveLength(1)
    expect(setCookie[0]).toMatch(cookie)
    time += 30 * MINUTE - 1
    expect((await user.get('/')).body).toBe(LOGGED_IN)
    time += 1
    expect(user.cookies.size).toBe(1)
    expect((await user.get('/')).body).toBe(LOGGED_OUT)
  })
})

test('warning: the record is a MessagePack map, as Flask-Session 0.7 and later write it', async () => {
  const records: Uint8Array[] = []
  const inner = memoryStore()
  const store: Store = {
    ...inner,
    create(id, bytes, ...rest) {
      records.push(bytes)
      return inner.create(id, bytes, ...rest)
    },
  }
  const user = visitor(await start({ store }))
  await user.get('/login')
  expect(records).toHaveLength(1)
  // A text of 8 bytes is 0xa8 and the text.
  const text = Buffer.from(records[0] as Uint8Array).toString('latin1')
  expect(text).toMatch(/^[\x80-\x8f]/)
  expect(text).toContain('\xa8username\xa8testuser')
})

test('login gives a new id: one that was planted in the browser is worth nothing', async () => {
  const url = await start()
  const mallory = visitor(url)
  await mallory.get('/login')
  const victim = visitor(url, mallory)
  const { setCookie } = await victim.get('/login')
  expect(setCookie).toHaveLength(1)
  expect(victim.cookies.get('session')).not.toBe(mallory.cookies.get('session'))
  expect((await victim.get('/')).body).toBe(LOGGED_IN)
  expect((await mallory.get('/')).body).toBe(LOGGED_OUT)
})
