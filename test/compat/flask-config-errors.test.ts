/** Errors in a Flask configuration. */

import fc from 'fast-check'
import { ConfigError } from 'vial'
import {
  type FlaskConfig,
  type FlaskConfigOptions,
  flaskConfigFromEnv,
  fromFlaskConfig,
} from 'vial/compat/flask-config'
import { memoryStore } from 'vial/stores/memory'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { watchWarnings } from '../support/warnings.ts'

afterEach(() => vi.restoreAllMocks())

const SECRET_KEY = 'q8ZsXn3kLm0PvR7tYb2WcE5uHjKd9aGf'
const OLDER = 'Zx81mPq0vNc5tRw2yUi7oLa4sKd9jHf6'

async function refusal(config: FlaskConfig, options: FlaskConfigOptions = {}): Promise<string> {
  const error = await fromFlaskConfig(config, options).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(ConfigError)
  return (error as ConfigError).message
}

describe('a wrong configuration is an error at start that names the keys', () => {
  const type = { SESSION_TYPE: 'redis', SESSION_REDIS: memoryStore() }
  test.each<[FlaskConfig, ...string[]]>([
    [{}, 'SECRET_KEY is missing', 'SESSION_TYPE'],
    [{ SECRET_KEY: '' }, 'SECRET_KEY is missing'],
    [{ SECRET_KEY: 12345 as unknown as string }, 'SECRET_KEY is of type number', '\'"123"\''],
    [{ SECRET_KEY_FALLBACKS: [OLDER] }, 'SECRET_KEY_FALLBACKS', 'SECRET_KEY is missing'],
    [
      { SECRET_KEY, SECRET_KEY_FALLBACKS: OLDER as unknown as [] },
      'SECRET_KEY_FALLBACKS is one string',
      'each single letter',
    ],
    [{ SECRET_KEY, SECRET_KEY_FALLBACKS: [1 as unknown as string] }, 'SECRET_KEY_FALLBACKS[0]'],
    [
      { SECRET_KEY, SECRET_KEY_FALLBACKS: {} as [] },
      'SECRET_KEY_FALLBACKS is a value of type object',
    ],
    [{ SECRET_KEY, SESSION_COOKIE_SAMESITE: 'Never' }, 'SESSION_COOKIE_SAMESITE', "'Lax'"],
    [{ SECRET_KEY, SESSION_COOKIE_NAME: 'a b' }, 'SESSION_COOKIE_NAME'],
    [{ SECRET_KEY, SESSION_COOKIE_DOMAIN: 'https://example.com' }, 'SESSION_COOKIE_DOMAIN'],
    [{ SECRET_KEY, SESSION_COOKIE_DOMAIN: 'a b.example' }, 'SESSION_COOKIE_DOMAIN'],
    [{ SECRET_KEY, APPLICATION_ROOT: 'shop' }, 'APPLICATION_ROOT'],
    [
      { SECRET_KEY, SESSION_COOKIE_SECURE: 'False' as unknown as boolean },
      'SESSION_COOKIE_SECURE',
      'Flask takes for true',
    ],
    [
      { SECRET_KEY, SESSION_COOKIE_HTTPONLY: 1 as unknown as boolean },
      'SESSION_COOKIE_HTTPONLY is 1',
    ],
    [{ SECRET_KEY, PERMANENT_SESSION_LIFETIME: 0 }, 'PERMANENT_SESSION_LIFETIME is 0'],
    [{ SECRET_KEY, PERMANENT_SESSION_LIFETIME: 'a while' as '1s' }, 'PERMANENT_SESSION_LIFETIME'],
    [{ SECRET_KEY, SESSION_REDIS: memoryStore() }, 'SESSION_REDIS', 'SESSION_TYPE is missing'],
    [{ SECRET_KEY, SESSION_USE_SIGNER: true }, 'SESSION_USE_SIGNER', 'SESSION_TYPE is missing'],
    [{ SESSION_TYPE: 'null' }, 'SESSION_TYPE', 'since 0.7'],
    [{ SESSION_TYPE: 'reddis' }, 'SESSION_TYPE "reddis" is not known', "Valid values: 'redis', "],
    [{ SESSION_TYPE: 5 as unknown as string }, 'SESSION_TYPE is 5'],
    [
      { SESSION_TYPE: 'mongodb', SESSION_REDIS: memoryStore() },
      'mongodb',
      'SESSION_MONGODB is missing',
      'SESSION_REDIS',
    ],
    [{ ...type, SESSION_USE_SIGNER: true }, 'SESSION_USE_SIGNER', 'SECRET_KEY is missing'],
    [{ ...type, SESSION_ID_LENGTH: 8 }, 'SESSION_ID_LENGTH is 8', 'at least 16'],
    [{ ...type, SESSION_ID_LENGTH: 145 }, 'SESSION_ID_LENGTH, is 145', '16 to 144 bytes'],
    [
      { ...type, SESSION_ID_LENGTH: 144, SESSION_KEY_PREFIX: 'longer-prefix:' },
      'SESSION_ID_LENGTH, is 144',
      '16 to 139 bytes',
    ],
    [
      { ...type, SESSION_SERIALIZATION_FORMAT: 'pickle' },
      'SESSION_SERIALIZATION_FORMAT',
      "'msgpack', 'json'",
    ],
    [{ ...type, SESSION_KEY_PREFIX: 5 as unknown as string }, 'SESSION_KEY_PREFIX'],
    [{ SESSION_TYPE: 'redis', SESSION_REDIS: {} as unknown as string }, "'redis'", 'SESSION_REDIS'],
    [
      { SESSION_TYPE: 'redis', SESSION_REDIS: 'mongodb://localhost' },
      'SESSION_REDIS',
      'redis:, rediss:',
    ],
    [{ SESSION_TYPE: 'memcached', SESSION_MEMCACHED: 5 as unknown as string }, 'SESSION_MEMCACHED'],
    [{ SESSION_TYPE: 'mongodb', SESSION_MONGODB: {} as unknown as string }, 'SESSION_MONGODB'],
    [
      { SESSION_TYPE: 'sqlalchemy', SESSION_SQLALCHEMY: {} as unknown as string },
      'SESSION_SQLALCHEMY',
    ],
    [{ SESSION_TYPE: 'sqlalchemy' }, 'SESSION_SQLALCHEMY', 'SQLALCHEMY_DATABASE_URI'],
    [
      { SESSION_TYPE: 'sqlalchemy', SQLALCHEMY_DATABASE_URI: 'sqlite:///site.db' },
      'sqlite:////path',
    ],
    [
      { SESSION_TYPE: 'sqlalchemy', SESSION_SQLALCHEMY_BIND_KEY: 'auth' },
      'SESSION_SQLALCHEMY_BIND_KEY',
      'SQLALCHEMY_BINDS',
    ],
    [{ SESSION_TYPE: 'dynamodb', SESSION_DYNAMODB: {} as unknown as string }, 'SESSION_DYNAMODB'],
    [
      { SESSION_TYPE: 'dynamodb', SESSION_DYNAMODB_TABLE: 'a', SESSION_DYNAMODB_TABLE_NAME: 'b' },
      'SESSION_DYNAMODB_TABLE and SESSION_DYNAMODB_TABLE_NAME',
    ],
    [
      { SESSION_TYPE: 'dynamodb', SESSION_DYNAMODB_TABLE: 'a', SESSION_DYNAMODB: 'dynamodb://r/b' },
      'SESSION_DYNAMODB names one table',
    ],
    [{ SESSION_TYPE: 'filesystem', SESSION_FILE_MODE: 0o7777 }, 'SESSION_FILE_MODE'],
    [{ SESSION_TYPE: 'filesystem', SESSION_FILE_THRESHOLD: -1 }, 'SESSION_FILE_THRESHOLD'],
    [
      { SESSION_TYPE: 'cachelib', SESSION_CACHELIB: { ...memoryStore(), name: 'memcached' } },
      'SESSION_CACHELIB',
      "SESSION_TYPE 'memcached'",
    ],
  ])('%o', async (config, ...said) => {
    const message = await refusal(config)
    for (const one of said) expect(message).toContain(one)
    expect(message).not.toContain(OLDER)
    expect(message).not.toContain('12345')
  })

  test('a store with a prefix of its own', async () => {
    const store = { ...memoryStore(), prefix: 'vial:' }
    expect(await refusal({ ...type, SESSION_REDIS: store })).toContain("'session:'")
  })

  test('options of the other kind of sessions, and unknown options', async () => {
    expect(await refusal({ SECRET_KEY }, { format: 'json' })).toContain('SESSION_TYPE is missing')
    expect(await refusal({ ...type }, { clockSkew: '2s' })).toContain('clockSkew')
    expect(await refusal({ SECRET_KEY }, { idle: 1 } as object)).toContain("no option 'idle'")
    expect(await refusal('x' as unknown as FlaskConfig)).toContain('takes an object')
  })
})

test.each<[FlaskConfig, string]>([
  [{ SESSION_COOKIE_SAMESITE: 'none' }, "sameSite 'none' needs `secure: true`"],
  [{ SESSION_COOKIE_NAME: '__Host-session' }, '__Host-, which needs `secure: true`'],
  [{ SESSION_COOKIE_PARTITIONED: true }, "partitioned needs `sameSite: 'none'`"],
])('%o, which Flask allows and browsers refuse, is a warning', async (config, saying) => {
  const warnings = watchWarnings()
  await fromFlaskConfig({ SECRET_KEY, ...config })
  expect(warnings).toEqual([expect.stringContaining(saying)])
})

describe('an unknown key of sessions', () => {
  test.each([
    ['SESSION_COOKIE_SAME_SITE', 'SESSION_COOKIE_SAMESITE'],
    ['SESSION_COOKIE_HTTP_ONLY', 'SESSION_COOKIE_HTTPONLY'],
    ['SESSION_COOKIE_SECUR', 'SESSION_COOKIE_SECURE'],
    ['PERMANENT_SESSION_LIFE_TIME', 'PERMANENT_SESSION_LIFETIME'],
    ['PERMANENT_SESSION_LIFETIMF', 'PERMANENT_SESSION_LIFETIME'],
    ['SECRET_KEYS', 'SECRET_KEY'],
    ['SECRET_KEY_FALLBACK', 'SECRET_KEY_FALLBACKS'],
    ['session_type', 'SESSION_TYPE'],
  ])('%s is an error that names %s', async (key, right) => {
    expect(await refusal({ SECRET_KEY, [key]: 'x' })).toBe(
      `${JSON.stringify(key)} is not a key of Flask or Flask-Session. Write ${right}, or remove it.`,
    )
  })

  test('is an error when it is one edit away from a known one, whichever edit it is', async () => {
    const known = 'SESSION_COOKIE_NAME'
    const letter = fc.constantFrom(...'ABCXYZ_0')
    const at = fc.nat(known.length - 1)
    await fc.assert(
      fc.asyncProperty(at, letter, fc.constantFrom(0, 1), async (start, added, removed) => {
        const key = known.slice(0, start) + added + known.slice(start + removed)
        fc.pre(key !== known && key.startsWith('SESSION_'))
        expect(await refusal({ SECRET_KEY, [key]: 'x' })).toContain(known)
      }),
    )
  })

  test.each<[string, FlaskConfig]>([
    ['Flask-Login', { SESSION_PROTECTION: 'strong' }],
    ['Superset', { SESSION_SERVER_SIDE: false }],
    ['a secret in a file', { SECRET_KEY_PATH: '/run/secrets/key' }],
    ['an application', { SESSION_LIFETIME: 60, PERMANENT_LOGIN: true }],
    ['the environment', flaskConfigFromEnv({ FLASK_SESSION_PROTECTION: 'strong' })],
    ['the environment, as an object', flaskConfigFromEnv({ FLASK_SESSION_UI__COLOR: 'red' })],
  ])('of %s is one warning that lists the valid keys', async (_, config) => {
    const warnings = watchWarnings()
    for (const type of [{}, { SESSION_TYPE: 'redis', SESSION_REDIS: memoryStore() }]) {
      await fromFlaskConfig({ SECRET_KEY, ...type, ...config })
    }
    expect(warnings).toEqual([expect.stringMatching(/^VIAL_FLASK_KEYS: /)])
    const [message = ''] = warnings
    for (const key of Object.keys(config)) expect(message).toContain(key)
    for (const value of Object.values(config)) expect(message).not.toContain(String(value))
    expect(message).toContain('PERMANENT_SESSION_LIFETIME')
  })

  test('without a value is no more than an absent one, and a key of another kind is ignored', async () => {
    const warnings = watchWarnings()
    await fromFlaskConfig({ SECRET_KEY, SESSION_PROTECTION: null, SESSION_TYP: null })
    await fromFlaskConfig({ SECRET_KEY, TESTING: true, SESSIONS: 1, MY_SESSION_KEY: 1 })
    expect(warnings).toEqual([])
  })
})

describe('SESSION_FILE_DIR', () => {
  test('takes a store, as its type says', async () => {
    const store = memoryStore()
    const sessions = await fromFlaskConfig({ SESSION_TYPE: 'filesystem', SESSION_FILE_DIR: store })
    const session = await sessions.load(undefined)
    session.set('user', 'ann')
    const { headers } = await sessions.commit(session)
    const cookie = headers.find(([name]) => name === 'set-cookie')?.[1].split(';')[0] ?? ''
    expect((await sessions.load(cookie)).get('user')).toBe('ann')
    const record = await store.read(`session:${cookie.split('=')[1]}`)
    expect(record?.bytes[0], 'a pickle').toBe(0x80)
  })

  test.each([5, '', {}, ['a']])('%o is an error that names the key', async (given) => {
    const config = { SESSION_TYPE: 'filesystem', SESSION_FILE_DIR: given as string }
    expect(await refusal(config)).toContain('SESSION_FILE_DIR')
  })
})
