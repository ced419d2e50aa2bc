import { createSessions } from 'vial'
import { memoryStore } from 'vial/stores/memory'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { Browser, listener, SECRET } from './requests.ts'

const store = memoryStore()

test.each<[string, unknown, RegExp]>([
  ['nothing', undefined, /object of options/],
  ['no secret and no store', {}, /need a `secret`.*randomBytes/],
  ['a secret that is undefined', { secret: undefined }, /`secret` is undefined.*randomBytes/],
  [
    'a secret that is undefined beside a store',
    { store, secret: undefined },
    /`secret` is undefined/,
  ],
  ['a store that is undefined', { store: undefined, secret: SECRET }, /`store` is undefined/],
  ['a short secret', { secret: 'short' }, /secret/],
  ['a sample secret', { secret: 'complex_password_at_least_32_characters_long' }, /secret/],
  ['a misspelt option', { store, lifeTime: '1d' }, /no option 'lifeTime'.*lifetime/],
  ['a lifetime without unit', { store, lifetime: '30' }, /lifetime.*'30m'/],
  ['a negative idle time', { store, idle: -1 }, /idle/],
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

const schema = z.object({ views: z.number(), name: z.string() }).partial()

test('a record that is not what the schema describes is a fresh session, and stays where it is', async () => {
  const shared = memoryStore()
  const { events, onEvent } = listener()
  const untyped = createSessions({ store: shared })
  const typed = createSessions({ store: shared, data: schema, onEvent })
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
