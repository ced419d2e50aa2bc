import session from 'express-session'
import { createSessions, type Store } from 'vial'
import { encrypted } from 'vial/seals/encrypted'
import { memoryStore } from 'vial/stores/memory'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { Browser, listener, SECRET } from './requests.ts'

const store = memoryStore()
const expressStore = new session.MemoryStore()

test.each<[string, unknown, RegExp]>([
  ['nothing', undefined, /needs options.*`store`.*`secret`/],
  ['null', null, /object of options, not null/],
  ['no secret and no store', {}, /need a `secret`.*randomBytes/],
  ['a secret that is undefined', { secret: undefined }, /`secret` is undefined.*randomBytes/],
  [
    'a secret that is undefined beside a store',
    { store, secret: undefined },
    /`secret` is undefined/,
  ],
  [
    'a store that is undefined',
    { store: undefined },
    /`store` is undefined.*`secret`.*randomBytes/,
  ],
  [
    'a store and a secret that are undefined',
    { store: undefined, secret: undefined },
    /`secret` is undefined.*randomBytes/,
  ],
  ['a short secret', { secret: 'short' }, /secret/],
  ['a sample secret', { secret: 'complex_password_at_least_32_characters_long' }, /secret/],
  ['a misspelt option', { store, lifeTime: '1d' }, /no option 'lifeTime'.*lifetime/],
  ['a lifetime without unit', { store, lifetime: '30' }, /lifetime.*'30m'/],
  ['a negative idle time', { store, idle: -1 }, /idle/],
  ['a lifetime in seconds', { store, lifetime: 30 }, /lifetime: 30 is less than 1000 ms.*unit/],
  ['a short lifetime', { store, lifetime: '500ms' }, /lifetime: "500ms" is less than 1000 ms/],
  ['a short idle time', { store, idle: 15 }, /idle: 15 is less than 1000 ms.*'30m'/],
  ['a longer idle time', { store, lifetime: '1d', idle: '2d' }, /longer than `lifetime`/],
  ['an idle time over the default', { store, idle: '60d' }, /longer than `lifetime`.*31d/],
  ['a renewal that is too quick', { store, renew: '30s' }, /renew/],
  ['a renewal of a sealed session', { secret: SECRET, renew: '15m' }, /`renew` needs a `store`/],
  ['an option that is near', { store, lifetme: '1d' }, /Did you mean 'lifetime'\?/],
  ['an option with another case', { store, on_event: () => 0 }, /Did you mean 'onEvent'\?/],
  ['maxAge', { store, maxAge: 1 }, /no option 'maxAge'.*`lifetime`/],
  ['resave', { store, resave: false }, /no option 'resave'\. Leave it out/],
  ['options of express-session', { store, proxy: true }, /no option 'proxy'\. Leave it out/],
  ['options of iron-session', { password: SECRET }, /no option 'password'\. Give `secret`/],
  ['a member of Object', { store, toString: 1 }, /no option 'toString'\. Valid options/],
  ['a cookie that is a name', { store, cookie: 'sid' }, /cookie takes an object.*not a string/],
  ['a cookie that is null', { store, cookie: null }, /cookie takes an object.*not null/],
  ['a cookie typo', { store, cookie: { secured: false } }, /Did you mean 'secure'\?/],
  ['a cookie typo in case', { store, cookie: { samesite: 'lax' } }, /Did you mean 'sameSite'\?/],
  ['cookie.maxAge', { store, cookie: { maxAge: 60 } }, /no option 'maxAge'.*`lifetime`/],
  ['cookie.expires', { store, cookie: { expires: 60 } }, /no option 'expires'.*`lifetime`/],
  ['httpOnly: false', { store, cookie: { httpOnly: false } }, /always HttpOnly/],
  ['a cookie name that is a number', { store, cookie: { name: 1 } }, /name is 1\. Give a string/],
  ['formerly that is a place', { store, cookie: { formerly: { path: '/a' } } }, /list of places/],
  [
    'formerly that is a string',
    { store, cookie: { formerly: '/a' } },
    /formerly is a string.*list/,
  ],
  ['formerly that is null', { store, cookie: { formerly: null } }, /formerly is null.*list/],
  ...(
    [
      ['a string', '/a', /cookie\.formerly takes an object of options, not a string/],
      ['null', null, /cookie\.formerly takes an object of options, not null/],
      ['a list', ['/a'], /cookie\.formerly takes an object/],
      ['a typo', { pth: '/a' }, /cookie\.formerly has no option 'pth'\. Did you mean 'path'\?/],
      ['another attribute', { secure: true }, /no option 'secure'\. Valid options: domain, part/],
      ['a path that is a number', { path: 1 }, /path is 1\. Give a string/],
      ['a domain that is null', { domain: null }, /domain is null\. Give a string/],
      [
        'a text for a boolean',
        { partitioned: 'true' },
        /partitioned is a string\. Give true or false/,
      ],
      [
        'a relative path',
        { path: 'a' },
        /path in cookie\.formerly is not a path\. Start it with '\/'/,
      ],
      [
        'a domain with a port',
        { domain: 'a.example:80' },
        /domain in cookie\.formerly is not a host/,
      ],
    ] as const
  ).map(
    ([what, place, message]) =>
      [
        `${what} in formerly`,
        { store, cookie: { name: 'sid', formerly: [{ path: '/b' }, place] } },
        message,
      ] as [string, unknown, RegExp],
  ),
  [
    'a domain in formerly of a cookie with __Host-',
    { store, cookie: { formerly: [{ domain: 'example.com' }] } },
    /cookie\.formerly names a domain.*__Host-.*Leave it out/,
  ],
  [
    'partitioned in formerly over plain http',
    { store, cookie: { secure: false, formerly: [{ partitioned: true }] } },
    /cookie\.formerly with `partitioned` needs `secure: true`/,
  ],
  ['a cookie domain from nowhere', { store, cookie: { domain: null } }, /domain is null/],
  ['a text for a boolean', { store, cookie: { partitioned: 'false' } }, /Give true or false/],
  ['Partitioned with Lax', { store, cookie: { partitioned: true } }, /sameSite: 'none'/],
  [
    'Partitioned with Strict',
    { store, cookie: { partitioned: true, sameSite: 'strict' } },
    /sameSite: 'none'/,
  ],
  ['a store that was not called', { store: memoryStore }, /a function\. Call it/],
  ['a class of a store', { store: class Redis {} }, /a function\. Call it/],
  ['a store that was not awaited', { store: Promise.resolve(store) }, /promise\. Await it/],
  ['a URL as store', { store: 'redis://127.0.0.1' }, /a string\. Open .*openStore/],
  ['a Map as store', { store: new Map() }, /cacheStore/],
  ['a store of express-session', { store: expressStore }, /express-session.*redisStore/],
  ['an object as store', { store: {} }, /without the method `read`\. Make one/],
  ['half a store', { store: { ...store, touch: undefined } }, /without the method `touch`/],
  ['null as store', { store: null, secret: SECRET }, /`store` is null/],
  ['a seal that was not called', { seal: () => ({}) }, /seal is a function\. Give an object/],
  ['a name of a serializer', { store, serializer: 'json' }, /serializer is a string/],
  ['a time as clock', { store, now: 5 }, /now is 5\. Give a function/],
  ['bytes as source of bytes', { store, randomBytes: Buffer.alloc(9) }, /randomBytes is an object/],
  ['a text for ambient', { store, ambient: 'true' }, /ambient is a string\. Give true or false/],
  ['a policy that is none', { store, onStoreFailure: 'anonymus' }, /'anonymous' or 'reject'/],
  ['another policy that is none', { store, onInvalid: 'ignore' }, /onInvalid is a string/],
  ['an infinite timeout', { store, timeout: Number.POSITIVE_INFINITY }, /timeout/],
  [
    'SameSite=None over plain http',
    { store, cookie: { sameSite: 'none', secure: false } },
    /secure/i,
  ],
  [
    '__Host- with a domain',
    { store, cookie: { name: '__Host-a', domain: 'example.com' } },
    /domain/,
  ],
  ['a schema that is none', { store, data: {} }, /Standard Schema/],
  [
    'a schema with a required key',
    { store, data: z.object({ a: z.string() }) },
    /make each key optional/,
  ],
  [
    'an asynchronous schema',
    { store, data: z.object({}).refine(async () => true) },
    /asynchronous/,
  ],
])('%s is an error at start that names the fix', (_, options, message) => {
  const create = createSessions as (options: unknown) => unknown
  expect(() => create(options)).toThrow(
    expect.objectContaining({ code: 'ERR_VIAL_CONFIG', message: expect.stringMatching(message) }),
  )
})

test.each([
  ['a secret', { secret: SECRET }],
  ['a seal', { seal: encrypted({ secret: SECRET }) }],
])(
  'a store that the environment does not give, and %s: the record travels in the cookie',
  async (_, beside) => {
    const fromEnvironment: Store | undefined = undefined
    const browser = new Browser(createSessions({ store: fromEnvironment, ...beside }))
    await browser.visit((session) => session.set('a', 1))
    await browser.visit((session) => {
      expect([session.get('a'), session.fingerprint]).toEqual([1, 'sealed'])
    })
  },
)

const schema = z.object({ views: z.number(), name: z.string() }).partial()

test('onInvalid: fresh gives a new session, and the record stays where it is', async () => {
  const shared = memoryStore()
  const { events, onEvent } = listener()
  const untyped = createSessions({ store: shared })
  const typed = createSessions({ store: shared, data: schema, onInvalid: 'fresh', onEvent })
  const browser = new Browser(untyped)
  await browser.visit((session) => session.set('views', 'many'))
  const session = await typed.load(browser.cookie)
  expect([session.isNew, session.get('views')]).toEqual([true, undefined])
  expect(events).toEqual([{ type: 'rejected', reason: 'invalid' }])
  await browser.visit((same) => expect(same.get('views')).toBe('many'))
})

test('onInvalid: throw gives the reason', async () => {
  const shared = memoryStore()
  const browser = new Browser(createSessions({ store: shared }))
  await browser.visit((session) => session.set('views', 'many'))
  const typed = createSessions({ store: shared, data: schema, onInvalid: 'throw' })
  await expect(typed.load(browser.cookie)).rejects.toMatchObject({
    code: 'ERR_VIAL_SERIALIZATION',
    message: expect.stringContaining('expected number'),
  })
})

test('what the schema describes passes, our own entries and nested changes included', async () => {
  const sessions = createSessions({
    store: memoryStore(),
    data: z.strictObject({ list: z.array(z.number()) }).partial(),
  })
  const browser = new Browser(sessions)
  await browser.visit((session) => {
    session.set('list', [1])
    session.flash('x')
    session.login('ann')
    session.permanent = true
  })
  await browser.visit((session) => {
    expect(session.modified).toBe(false)
    session.get('list')?.push(2)
  })
  await browser.visit((session) => expect(session.get('list')).toEqual([1, 2]))
})

test('bytes that are no record are a fresh session, and are not overwritten', async () => {
  const shared = memoryStore()
  const { events, onEvent } = listener()
  const sessions = createSessions({ store: shared, onEvent })
  const id = 'B'.repeat(22)
  await shared.create(id, Buffer.from('not a record'), Date.now() + 60_000)
  await new Browser(sessions, `__Host-session=${id}.${'C'.repeat(43)}`).visit((session) =>
    session.set('a', 1),
  )
  expect(events).toEqual([{ type: 'rejected', reason: 'invalid' }])
  expect(Buffer.from((await shared.read(id))?.bytes ?? []).toString()).toBe('not a record')
})
