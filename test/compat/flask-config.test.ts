/** A Flask configuration, without any server. */

import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { ConfigError, type Store } from 'vial'
import {
  type FlaskConfig,
  type FlaskConfigOptions,
  flaskConfigFromEnv,
  fromFlaskConfig,
} from 'vial/compat/flask-config'
import { flaskCookie } from 'vial/compat/flask-cookie'
import { cachelibFileStore } from 'vial/stores/cachelib-file'
import { memoryStore } from 'vial/stores/memory'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Browser } from '../core/requests.ts'
import { newDirectory } from '../stores/file-directory.ts'
import { PATIENCE } from '../support/patience.ts'

const SECRET_KEY = 'q8ZsXn3kLm0PvR7tYb2WcE5uHjKd9aGf'
const OLDER = 'Zx81mPq0vNc5tRw2yUi7oLa4sKd9jHf6'
const NOW = 1_800_000_000_000

/** The `Set-Cookie` line of a first visit that writes. */
async function lineOf(config: FlaskConfig, options: FlaskConfigOptions = {}): Promise<string> {
  const sessions = await fromFlaskConfig({ SECRET_KEY, ...config }, { now: () => NOW, ...options })
  const session = await sessions.load(undefined)
  session.set('user', 'ann')
  session.permanent = true
  const { headers } = await sessions.commit(session)
  const line = headers.find(([name]) => name === 'set-cookie')?.[1] as string
  return line.replace(/^([^=]+)=[^;]*/, '$1=…')
}

describe('without SESSION_TYPE: the cookie of Flask itself', () => {
  test('with its defaults', async () => {
    expect(await lineOf({})).toBe(
      'session=…; Expires=Mon, 15 Feb 2027 08:00:00 GMT; HttpOnly; Path=/',
    )
  })

  test.each<[FlaskConfig, string]>([
    [
      { PERMANENT_SESSION_LIFETIME: 1800 },
      'Expires=Fri, 15 Jan 2027 08:30:00 GMT; HttpOnly; Path=/',
    ],
    [
      { PERMANENT_SESSION_LIFETIME: 1800.9 },
      'Expires=Fri, 15 Jan 2027 08:30:00 GMT; HttpOnly; Path=/',
    ],
    [
      { PERMANENT_SESSION_LIFETIME: '30m' },
      'Expires=Fri, 15 Jan 2027 08:30:00 GMT; HttpOnly; Path=/',
    ],
  ])('%o', async (config, expected) => {
    expect(await lineOf(config)).toBe(`session=…; ${expected}`)
  })

  test.each<[FlaskConfig, string]>([
    [{ SESSION_COOKIE_NAME: 'shop' }, 'shop=…; HttpOnly; Path=/'],
    [
      { SESSION_COOKIE_DOMAIN: '.example.com:8080' },
      'session=…; Domain=example.com; HttpOnly; Path=/',
    ],
    [
      { SESSION_COOKIE_DOMAIN: 'bücher.example' },
      'session=…; Domain=xn--bcher-kva.example; HttpOnly; Path=/',
    ],
    [{ SESSION_COOKIE_DOMAIN: false }, 'session=…; HttpOnly; Path=/'],
    [{ APPLICATION_ROOT: '/shop' }, 'session=…; HttpOnly; Path=/shop'],
    [
      { APPLICATION_ROOT: '/shop', SESSION_COOKIE_PATH: '/a b;é' },
      'session=…; HttpOnly; Path=/a%20b%3B%C3%A9',
    ],
    [{ SESSION_COOKIE_HTTPONLY: false, SESSION_COOKIE_SECURE: true }, 'session=…; Secure; Path=/'],
    [{ SESSION_COOKIE_SAMESITE: 'LAX' }, 'session=…; HttpOnly; Path=/; SameSite=Lax'],
    [
      { SESSION_COOKIE_SAMESITE: 'None', SESSION_COOKIE_SECURE: true },
      'session=…; Secure; HttpOnly; Path=/; SameSite=None',
    ],
    [
      { SESSION_COOKIE_PARTITIONED: true, SESSION_COOKIE_SAMESITE: 'None' },
      'session=…; Secure; HttpOnly; Path=/; SameSite=None; Partitioned',
    ],
    [
      { SESSION_COOKIE_NAME: null, SESSION_COOKIE_SAMESITE: null, SECRET_KEY_FALLBACKS: null },
      'session=…; HttpOnly; Path=/',
    ],
    [
      {
        MAX_COOKIE_SIZE: 4093,
        DEBUG: true,
        SERVER_NAME: 'example.com',
        SQLALCHEMY_DATABASE_URI: 'x',
      },
      'session=…; HttpOnly; Path=/',
    ],
  ])('%o', async (config, expected) => {
    expect((await lineOf(config)).replace(/ Expires=[^;]+;/, '')).toBe(expected)
  })

  test('opens what older keys have signed, and signs with the first', async () => {
    const old = new Browser(flaskCookie({ secret: OLDER }))
    await old.visit((session) => session.set('user', 'ann'))
    const sessions = await fromFlaskConfig({
      SECRET_KEY,
      SECRET_KEY_FALLBACKS: ['z'.repeat(40), OLDER],
    })
    const browser = new Browser(sessions, old.cookie)
    await browser.visit((session) => {
      expect(session.get('user')).toBe('ann')
      session.set('seen', true)
    })
    const current = new Browser(flaskCookie({ secret: SECRET_KEY }), browser.cookie)
    await current.visit((session) => expect(session.get('seen')).toBe(true))
  })

  test('SESSION_REFRESH_EACH_REQUEST false leaves a permanent session’s cookie alone', async () => {
    for (const [refresh, expected] of [
      [true, 1],
      [false, 0],
    ] as const) {
      const sessions = await fromFlaskConfig({ SECRET_KEY, SESSION_REFRESH_EACH_REQUEST: refresh })
      const browser = new Browser(sessions)
      await browser.visit((session) => {
        session.set('user', 'ann')
        session.permanent = true
      })
      const session = await sessions.load(browser.cookie)
      const { headers } = await sessions.commit(session)
      expect(headers.filter(([name]) => name === 'set-cookie')).toHaveLength(expected)
    }
  })
})

describe('with SESSION_TYPE', () => {
  const stored = async (config: FlaskConfig, options: FlaskConfigOptions = {}) => {
    const sessions = await fromFlaskConfig(
      { SESSION_TYPE: 'redis', ...config },
      { timeout: PATIENCE, ...options },
    )
    onTestFinished(() => sessions.close())
    const browser = new Browser(sessions)
    await browser.visit((session) => session.set('user', 'ann'))
    return { sessions, browser }
  }
  const ids = async (store: Store) => {
    const found: string[] = []
    for await (const id of store.list?.() ?? []) found.push(id)
    return found
  }

  test('a store of one’s own is taken, whatever the letter case of the type', async () => {
    const store = memoryStore()
    const { browser } = await stored({ SESSION_TYPE: 'Redis', SESSION_REDIS: store })
    const [id = ''] = await ids(store)
    expect(`session:${browser.cookie?.replace('session=', '')}`).toBe(id)
    expect(id).toHaveLength('session:'.length + 43)
    const bytes = Buffer.from((await store.read(id))?.bytes ?? [])
    expect(bytes.toString('hex')).toBe('82aa5f7065726d616e656e74c3a475736572a3616e6e')
  })

  test('prefix, length, format, permanent and signer are as the keys say', async () => {
    const store = memoryStore()
    const { browser } = await stored({
      SESSION_REDIS: store,
      SESSION_KEY_PREFIX: 'shop:',
      SESSION_ID_LENGTH: 16,
      SESSION_SERIALIZATION_FORMAT: 'json',
      SESSION_PERMANENT: false,
      SESSION_USE_SIGNER: true,
      SECRET_KEY,
    })
    const [id = ''] = await ids(store)
    expect(id).toMatch(/^shop:[\w-]{22}$/)
    expect(browser.cookie).toMatch(/^session=[\w-]{22}\.[\w-]{27}$/)
    expect(Buffer.from((await store.read(id))?.bytes ?? []).toString()).toBe('{"user":"ann"}')
  })

  test('fallbacks open signed ids, too', async () => {
    const store = memoryStore()
    const config = { SESSION_REDIS: store, SESSION_USE_SIGNER: true }
    const { browser } = await stored({ ...config, SECRET_KEY: OLDER })
    const { sessions } = await stored({ ...config, SECRET_KEY, SECRET_KEY_FALLBACKS: [OLDER] })
    await new Browser(sessions, browser.cookie).visit((session) => {
      expect(session.get('user')).toBe('ann')
    })
  })

  test('a format of the options is for older peers', async () => {
    const store = memoryStore()
    await stored({ SESSION_REDIS: store }, { format: 'pickle' })
    const [id = ''] = await ids(store)
    expect((await store.read(id))?.bytes.slice(0, 2)).toEqual(Uint8Array.of(0x80, 4))
  })

  test.skipIf(process.platform === 'win32')(
    'filesystem: files as cachelib keeps them',
    async () => {
      const directory = join(newDirectory(), 'sessions')
      const { browser } = await stored({
        SESSION_TYPE: 'filesystem',
        SESSION_FILE_DIR: directory,
        SESSION_FILE_MODE: 0o640,
        SESSION_FILE_THRESHOLD: 1,
      })
      const names = () => readdirSync(directory).filter((name) => /^[0-9a-f]{64}$/.test(name))
      expect(names()).toHaveLength(1)
      expect(statSync(join(directory, names()[0] as string)).mode & 0o777).toBe(0o640)
      await browser.visit((session) => expect(session.get('user')).toBe('ann'))
      for (let n = 0; n < 3; n++) {
        await stored({
          SESSION_TYPE: 'filesystem',
          SESSION_FILE_DIR: directory,
          SESSION_FILE_THRESHOLD: 1,
        })
      }
      expect(names()).toHaveLength(2)
    },
  )

  test('filesystem and cachelib: in flask_session below the working directory', async () => {
    const [before, root] = [process.cwd(), newDirectory()]
    try {
      process.chdir(root)
      for (const type of ['filesystem', 'cachelib']) {
        const { sessions } = await stored({ SESSION_TYPE: type })
        await sessions.close()
      }
      const names = readdirSync(join(root, 'flask_session'))
      expect(names.filter((name) => name.length === 64)).toHaveLength(2)
    } finally {
      process.chdir(before)
    }
  })

  test('cachelib: a store, or the URL of a directory', async () => {
    const directory = newDirectory()
    const store = cachelibFileStore(directory, { sweepInterval: false })
    const { browser } = await stored({ SESSION_TYPE: 'cachelib', SESSION_CACHELIB: store })
    for (const url of [`file:${directory}`, `file://${directory}`]) {
      const { sessions } = await stored({ SESSION_TYPE: 'cachelib', SESSION_CACHELIB: url })
      await new Browser(sessions, browser.cookie).visit((session) => {
        expect(session.get('user')).toBe('ann')
      })
    }
  })

  test('the store is closed when the sessions cannot be made', async () => {
    const directory = join(newDirectory(), 'sessions')
    const config = { SESSION_TYPE: 'filesystem', SESSION_FILE_DIR: directory }
    await expect(fromFlaskConfig(config, { timeout: -1 })).rejects.toThrow(ConfigError)
    expect(existsSync(directory)).toBe(true)
  })
})

describe('from the environment', () => {
  test('as Flask reads it', () => {
    const env = {
      FLASK_SECRET_KEY: SECRET_KEY,
      FLASK_SECRET_KEY_FALLBACKS: `["${OLDER}"]`,
      FLASK_SESSION_COOKIE_SECURE: 'true',
      FLASK_SESSION_COOKIE_HTTPONLY: 'False',
      FLASK_PERMANENT_SESSION_LIFETIME: '1800',
      FLASK_SESSION_COOKIE_SAMESITE: 'None',
      FLASK_SESSION_COOKIE_DOMAIN: 'null',
      FLASK_SQLALCHEMY_BINDS__auth: 'sqlite:////a.db',
      FLASK_SQLALCHEMY_BINDS__other__deep: '{"a": 1}',
      FLASK___proto____polluted: '1',
      FLASK_constructor__prototype__polluted: '1',
      FLASK_EMPTY: '',
      FLASKY_SECRET_KEY: 'not ours',
      SECRET_KEY: 'not ours',
      FLASK_ABSENT: undefined,
    }
    const config = flaskConfigFromEnv(env)
    expect(config).toEqual({
      SECRET_KEY,
      SECRET_KEY_FALLBACKS: [OLDER],
      SESSION_COOKIE_SECURE: true,
      SESSION_COOKIE_HTTPONLY: 'False',
      PERMANENT_SESSION_LIFETIME: 1800,
      SESSION_COOKIE_SAMESITE: 'None',
      SESSION_COOKIE_DOMAIN: null,
      SQLALCHEMY_BINDS: { auth: 'sqlite:////a.db', other: { deep: { a: 1 } } },
      EMPTY: '',
      '': { proto: { '': { polluted: 1 } } },
      constructor: { prototype: { polluted: 1 } },
    })
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test('a prefix of one’s own, and the process’s environment', () => {
    expect(flaskConfigFromEnv({ SHOP_SESSION_TYPE: 'redis' }, 'SHOP')).toEqual({
      SESSION_TYPE: 'redis',
    })
    process.env['FLASK_VIAL_TEST'] = '[1]'
    onTestFinished(() => {
      delete process.env['FLASK_VIAL_TEST']
    })
    expect(flaskConfigFromEnv()['VIAL_TEST']).toEqual([1])
  })

  test('a name that leads into a value that is not an object', () => {
    const env = { FLASK_A: '1', FLASK_A__B: '2' }
    expect(() => flaskConfigFromEnv(env)).toThrow(ConfigError)
    expect(() => flaskConfigFromEnv(env)).toThrow('FLASK_A__B leads into A')
  })

  test('makes sessions', async () => {
    const config = flaskConfigFromEnv({ FLASK_SECRET_KEY: SECRET_KEY, FLASK_DEBUG: '1' })
    expect(await lineOf(config)).toContain('HttpOnly')
  })
})
