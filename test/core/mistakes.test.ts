/** Typical mistakes of a newcomer, each with the message that it gets. */

import expressSession from 'express-session'
import { createSessions } from 'vial'
import { withSession } from 'vial/adapters/fetch'
import { memoryStore } from 'vial/stores/memory'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { SECRET } from './requests.ts'

const store = memoryStore()
/** As JavaScript calls it. */
const create = createSessions as (options?: unknown) => ReturnType<typeof createSessions>

async function messageOf(run: () => unknown): Promise<string> {
  try {
    await run()
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`
  }
  throw new Error('no error')
}

async function committed() {
  const sessions = createSessions({ store })
  const session = await sessions.load(undefined)
  session.set('a', 1)
  await sessions.commit(session)
  return { sessions, session }
}

const MISTAKES: Readonly<Record<string, () => unknown>> = {
  'no options': () => create(),
  'no secret': () => create({}),
  'a secret that the environment lacks': () => create({ secret: process.env['VIAL_NO_SUCH'] }),
  'the sample of a tutorial': () => create({ secret: 'keyboard cat' }),
  'a phrase as secret': () => create({ secret: 'this_is_my_very_long_session_secret' }),
  'an empty list of secrets': () => create({ secret: [] }),
  'no middleware': () => createSessions({ store }).of({}),
  'middleware of other sessions': () => {
    const [mine, others] = [createSessions({ store }), createSessions({ store })]
    return withSession(mine, async (request) => {
      await others.of(request)
      return new Response('x')
    })(new Request('https://a.example/'))
  },
  'a write after the commit': async () => (await committed()).session.set('b', 2),
  'a second commit': async () => {
    const { sessions, session } = await committed()
    await sessions.commit(session)
  },
  'a class as value': async () => {
    class User {}
    ;(await createSessions({ store }).load(undefined)).set('user', { a: [new User()] })
  },
  'a circle as value': async () => {
    const circle: unknown[] = []
    circle.push(circle)
    ;(await createSessions({ store }).load(undefined)).set('circle', circle)
  },
  'five kilobytes in a cookie': async () => {
    const sessions = createSessions({ secret: SECRET })
    const session = await sessions.load(undefined)
    session.set('a', 'x'.repeat(5_000))
    await sessions.commit(session)
  },
  'current() without ambient': () => createSessions({ store }).current(),
  'session without eager': () => (create({ store }) as unknown as { session: unknown }).session,
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
  'an asynchronous update': async () => {
    const session = await createSessions({ store }).load(undefined)
    session.update('a', async () => 1)
  },
}

test.each(Object.entries(MISTAKES))('%s', async (name, run) => {
  expect(await messageOf(run)).toBe(MESSAGES[name])
})

const MESSAGES: Readonly<Record<string, string>> = {
  'no options': 'ConfigError: createSessions takes an object of options, not undefined.',
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
  'no middleware':
    'StateError: This request has not been through the session middleware. Register it before the routes, and pass of() what the framework hands to the handler.',
  'middleware of other sessions':
    'StateError: This request has not been through the session middleware. Register it before the routes, and pass of() what the framework hands to the handler.',
  'a write after the commit':
    'StateError: This session was committed already, and the response headers have left where there is a response. Change it before; in a job or a WebSocket, load it again with `sessions.load`.',
  'a second commit': 'StateError: This session has been committed already. Load it again.',
  'a class as value':
    "SerializationError: Session key 'user': The value at a[0] is an instance of User, which MessagePack cannot hold: store a plain object with its data, or its text.",
  'a circle as value':
    "SerializationError: Session key 'circle': The value at [0][0][0][0][0][0][0][0]… nests deeper than 128 levels or holds itself: flatten it.",
  'five kilobytes in a cookie':
    'TooLargeError: The session takes 6830 bytes as a cookie, and browsers keep 4096. A `store` keeps the record elsewhere and only an id in the cookie.',
  'current() without ambient': 'StateError: current() needs `ambient: true` in createSessions.',
  'session without eager':
    'StateError: `session` needs `eager: true`. Without it, use `await sessions.of(request)`.',
  'an option typo':
    "ConfigError: createSessions has no option 'lifetme'. Did you mean 'lifetime'? Valid options: ambient, context, cookie, data, eager, idle, lifetime, now, onEvent, onInvalid, onStoreFailure, randomBytes, seal, secret, serializer, store, timeout.",
  'an option of express-session':
    "ConfigError: createSessions has no option 'resave'. Leave it out: a session is stored when this request changed it, and only then. Valid options: ambient, context, cookie, data, eager, idle, lifetime, now, onEvent, onInvalid, onStoreFailure, randomBytes, seal, secret, serializer, store, timeout.",
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
  'an asynchronous update':
    "StateError: update('a') takes a synchronous function: await first, then update.",
}
