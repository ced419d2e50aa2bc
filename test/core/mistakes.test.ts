/** Typical mistakes of a newcomer in the configuration, each with the message that it gets. */

import expressSession from 'express-session'
import { createClient } from 'redis'
import { createSessions } from 'vial'
import { memoryStore } from 'vial/stores/memory'
import { openStore } from 'vial/stores/open'
import { redisStore } from 'vial/stores/redis'
import { expect, test, vi } from 'vitest'
import { z } from 'zod'
import { messageOf } from '../support/message-of.ts'
import { watchWarnings } from '../support/warnings.ts'
import { SECRET } from './requests.ts'

const store = memoryStore()
/** As JavaScript calls it. */
const create = createSessions as (options?: unknown) => ReturnType<typeof createSessions>

const MISTAKES: Readonly<Record<string, () => unknown>> = {
  'no options': () => create(),
  'no secret': () => create({}),
  'a secret that the environment lacks': () => create({ secret: process.env['VIAL_NO_SUCH'] }),
  'the sample of a tutorial': () => create({ secret: 'keyboard cat' }),
  'a phrase as secret': () => create({ secret: 'this_is_my_very_long_session_secret' }),
  'an empty list of secrets': () => create({ secret: [] }),
  'zeros as secret': () => create({ secret: '0'.repeat(40) }),
  'a store that the environment lacks': () => create({ store: undefined }),
  'an asynchronous schema': () => create({ store, data: z.object({}).refine(async () => true) }),
  'an unknown scheme': () => openStore('reddis://127.0.0.1'),
  'no URL': () => openStore(undefined as never),
  'a URL that is none': () => openStore('127.0.0.1:6379'),
  'a package that is not installed': () =>
    openStore('redis://127.0.0.1', {
      load: (name) =>
        Promise.reject(
          Object.assign(new Error(`Cannot find package '${name}'`), {
            code: 'ERR_MODULE_NOT_FOUND',
          }),
        ),
    }),
  'a server that is not there': () => openStore('redis://127.0.0.1:1'),
  'a URL in place of a client': () => redisStore('redis://127.0.0.1' as never),
  'a client that is not connected': async () => redisStore(createClient()).read('id'),
  'an option typo': () => create({ store, lifetme: '3d' }),
  'an option of express-session': () => create({ store, resave: false }),
  'a cookie option typo': () => create({ store, cookie: { secured: false } }),
  'cookie.maxAge': () => create({ store, cookie: { maxAge: 3_600 } }),
  'cookie.httpOnly': () => create({ store, cookie: { httpOnly: false } }),
  'a lifetime in words': () => create({ store, lifetime: '30 days' }),
  'a lifetime in days': () => create({ store, lifetime: 30 }),
  'an idle time longer than the lifetime': () => create({ store, lifetime: '1h', idle: '1d' }),
  'a store that was not called': () => create({ store: memoryStore }),
  'a store of express-session': () => create({ store: new expressSession.MemoryStore() }),
  'a URL as store': () => create({ store: 'redis://127.0.0.1' }),
  'a store that was not awaited': () => create({ store: Promise.resolve(store) }),
  'a schema with a required key': () => create({ store, data: z.object({ a: z.string() }) }),
}

test.each(Object.entries(MISTAKES))('%s', async (name, run) => {
  expect(await messageOf(run)).toBe(MESSAGES[name])
})

test('what works and is probably not meant is a warning', async () => {
  const warnings = watchWarnings()
  vi.stubEnv('NODE_ENV', 'production')
  createSessions({ secret: SECRET, cookie: { secure: false } })
  createSessions({ store: memoryStore() })
  vi.stubEnv('NODE_ENV', 'development')
  createSessions({ secret: SECRET, cookie: { secure: 'development' } })
  vi.unstubAllEnvs()
  expect(warnings).toEqual([
    "VIAL_COOKIE_INSECURE: `cookie.secure` is false where NODE_ENV is production: the cookie also goes over plain http, where it can be read on its way. Give `secure: 'development'`, which is false on a developer's machine only, or leave it out.",
    expect.stringMatching(/^VIAL_MEMORY_PRODUCTION: /),
  ])
  vi.restoreAllMocks()
})

const MESSAGES: Readonly<Record<string, string>> = {
  'no options':
    'ConfigError: createSessions needs options. Give a `store`, or a `secret` for sessions in the cookie.',
  'no secret':
    "ConfigError: Sessions without a `store` travel in the cookie and need a `secret`. Make one with `node -e \"console.log(require('crypto').randomBytes(32).toString('base64url'))\"` and keep it in the environment, not in the code.",
  'a secret that the environment lacks':
    "ConfigError: `secret` is undefined. Set it, or leave the option out. Make one with `node -e \"console.log(require('crypto').randomBytes(32).toString('base64url'))\"` and keep it in the environment, not in the code.",
  'the sample of a tutorial':
    "ConfigError: secret is a published sample that attackers try first. Make one with `node -e \"console.log(require('crypto').randomBytes(32).toString('base64url'))\"` and keep it in the environment, not in the code.",
  'a phrase as secret':
    "ConfigError: secret is made of words that attackers try first. Make one with `node -e \"console.log(require('crypto').randomBytes(32).toString('base64url'))\"` and keep it in the environment, not in the code.",
  'an empty list of secrets':
    "ConfigError: secret is missing. Make one with `node -e \"console.log(require('crypto').randomBytes(32).toString('base64url'))\"` and keep it in the environment, not in the code.",
  'zeros as secret':
    "ConfigError: secret repeats fewer than 8 different bytes. Make one with `node -e \"console.log(require('crypto').randomBytes(32).toString('base64url'))\"` and keep it in the environment, not in the code.",
  'a store that the environment lacks':
    "ConfigError: `store` is undefined. Set it, or give a `secret` for sessions in the cookie. Make one with `node -e \"console.log(require('crypto').randomBytes(32).toString('base64url'))\"` and keep it in the environment, not in the code.",
  'an asynchronous schema':
    'ConfigError: `data` is an asynchronous schema. Leave out its asynchronous checks.',
  'an unknown scheme':
    "ConfigError: openStore: the scheme 'reddis:' of the URL is not known. Known schemes: redis:, rediss:, memcached:, postgres:, postgresql:, mysql:, mariadb:, sqlite:, mongodb:, mongodb+srv:, dynamodb:, file:, memory:.",
  'no URL':
    'ConfigError: openStore: the URL is undefined. Set the variable of the environment that holds it.',
  'a URL that is none':
    'ConfigError: openStore: the URL of the store has no scheme. Known schemes: redis:, rediss:, memcached:, postgres:, postgresql:, mysql:, mariadb:, sqlite:, mongodb:, mongodb+srv:, dynamodb:, file:, memory:.',
  'a package that is not installed':
    'ConfigError: openStore: a redis: URL needs the package redis, which is not installed. Run: npm install redis',
  'a server that is not there':
    'StoreError: openStore: open failed: the server cannot be reached (ECONNREFUSED).',
  'a URL in place of a client':
    "ConfigError: redisStore: this is not a client of redis (5 or later), ioredis (5 or 6) or iovalkey. Give one. For a URL use openStore of 'vial/stores/open'.",
  'a client that is not connected':
    'StoreError: redisStore: read failed: the client is not connected. Await client.connect() before the first request, and close it after the last one.',
  'an option typo':
    "ConfigError: createSessions has no option 'lifetme'. Did you mean 'lifetime'? Valid options: ambient, context, cookie, data, eager, idle, lifetime, now, onEvent, onInvalid, onStoreFailure, randomBytes, renew, seal, secret, serializer, store, timeout, users.",
  'an option of express-session':
    "ConfigError: createSessions has no option 'resave'. Leave it out: a session is stored when this request changed it, and only then. Valid options: ambient, context, cookie, data, eager, idle, lifetime, now, onEvent, onInvalid, onStoreFailure, randomBytes, renew, seal, secret, serializer, store, timeout, users.",
  'a cookie option typo':
    "ConfigError: cookie has no option 'secured'. Did you mean 'secure'? Valid options: domain, formerly, name, partitioned, path, sameSite, secure.",
  'cookie.maxAge':
    "ConfigError: cookie has no option 'maxAge'. Beside `cookie`, `lifetime` is the longest life and `idle` the longest pause; `session.permanent = true` makes the cookie outlive the browser. Valid options: domain, formerly, name, partitioned, path, sameSite, secure.",
  'cookie.httpOnly':
    "ConfigError: cookie has no option 'httpOnly'. Leave it out: the cookie is always HttpOnly. Valid options: domain, formerly, name, partitioned, path, sameSite, secure.",
  'a lifetime in words':
    "ConfigError: lifetime: \"30 days\" is not a duration. Give positive milliseconds or a string such as '30m', '12h', '31d'.",
  'a lifetime in days':
    "ConfigError: lifetime: 30 is less than 1000 ms. A number counts milliseconds; give a unit, such as '30m', '12h', '31d'.",
  'an idle time longer than the lifetime':
    'ConfigError: `idle` is longer than `lifetime`, so it would never end a session. Give a longer `lifetime` (default 31d), or leave `idle` out.',
  'a store that was not called':
    'ConfigError: `store` is a function. Call it, such as `memoryStore()`.',
  'a store of express-session':
    'ConfigError: `store` is a store of express-session. Use the one of vial for the same server, such as `redisStore(client)` of vial/stores/redis.',
  'a URL as store':
    'ConfigError: `store` is a string. Open a URL with `await openStore(url)` of vial/stores/open.',
  'a store that was not awaited':
    'ConfigError: `store` is a promise. Await it, such as `await openStore(url)`.',
  'a schema with a required key':
    'ConfigError: `data` refuses an empty session, and every session begins empty: make each key optional. It says: Invalid input: expected string, received undefined',
}
