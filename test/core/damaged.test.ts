/** Damaged entries that belong to the session itself count as absent: no request fails because of them. */

import { createSessions, type Serializer } from 'vial'
import { flaskSession } from 'vial/compat/flask-session'
import { json } from 'vial/serializers/json'
import { msgpack } from 'vial/serializers/msgpack'
import { memoryStore } from 'vial/stores/memory'
import { expect, test } from 'vitest'
import { Browser, listener } from './requests.ts'

const DAYS = 86_400_000

/** MessagePack: the text `\xff`, which is not UTF-8. */
const NOT_TEXT = 'a1ff'
const named = (key: string, entry: string): string =>
  (0xa0 + key.length).toString(16) + Buffer.from(key).toString('hex') + entry
const DAMAGED = Buffer.from(
  `83${named('_permanent', NOT_TEXT)}${named('_flashes', NOT_TEXT)}${named('a', '01')}`,
  'hex',
)

/** A visitor of Flask-Session whose record holds these bytes, and the store. */
async function visitor(bytes: Uint8Array, format: 'msgpack' | 'json' = 'msgpack') {
  const store = memoryStore()
  const { events, onEvent } = listener()
  await store.create('session:an-id-of-Flask', bytes, Date.now() + DAYS)
  const sessions = flaskSession({ store, format, onEvent })
  return { events, store, browser: new Browser(sessions, 'session=an-id-of-Flask') }
}

test('damaged: the record can be read, kept alive and changed', async () => {
  const { browser, events } = await visitor(DAMAGED)
  const read = await browser.visit((session) => {
    expect(session.permanent).toBe(false)
    expect(session.flashes()).toEqual([])
    expect(session.get('a')).toBe(1)
  })
  expect(read.outcome).toBe('touched')
  await browser.visit((session) => {
    session.flash('hello')
    session.permanent = true
  })
  await browser.visit((session) => {
    expect(session.permanent).toBe(true)
    expect(session.flashes()).toEqual([{ category: 'message', message: 'hello' }])
    expect(session.get('a')).toBe(1)
  })
  expect(events).toEqual([])
})

test('damaged: clear() and a message beside another one', async () => {
  const { browser, store } = await visitor(DAMAGED)
  const sessions = flaskSession({ store })
  const late = await sessions.load(browser.cookie)
  late.flash('late')
  await browser.visit((session) => session.set('b', 2))
  await sessions.commit(late)
  await browser.visit((session) =>
    expect(session.flashes()).toEqual([{ category: 'message', message: 'late' }]),
  )
  await browser.visit((session) => {
    session.clear()
    session.set('c', 3)
  })
  await browser.visit((session) => expect(session.toJSON()).toEqual({ c: 3 }))
})

test('damaged by another request meanwhile: the message of this one is kept', async () => {
  const { browser, store } = await visitor(DAMAGED.subarray(0))
  await browser.visit((session) => session.flash('first'))
  const sessions = flaskSession({ store })
  const late = await sessions.load(browser.cookie)
  late.flash('late')
  const key = 'session:an-id-of-Flask'
  const record = await store.read(key)
  await store.replace(key, DAMAGED, Date.now() + DAYS, record?.version)
  await sessions.commit(late)
  await browser.visit((session) =>
    expect(session.flashes()).toEqual([{ category: 'message', message: 'late' }]),
  )
})

test('a message that no page can show counts as none', async () => {
  const { browser } = await visitor(
    Buffer.from('{"_flashes":[["message",{"toString":1}],[{"toString":1},"x"],["ok","shown"]]}'),
    'json',
  )
  await browser.visit((session) =>
    expect(session.flashes({ categories: ['ok'] })).toEqual([{ category: 'ok', message: 'shown' }]),
  )
})

test.each<[string, Serializer, string]>([
  ['msgpack', msgpack, Buffer.from(DAMAGED).toString('hex')],
  ['json', json, Buffer.from('{"_permanent":1e999,"_flashes":{},"a":1}').toString('hex')],
])('%s in the cookie: a refresh does not fail', async (_, serializer, hex) => {
  const seal = {
    name: 'plain',
    seal: (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url'),
    open: (text: string) => ({ ok: true, bytes: Buffer.from(text, 'base64url') }) as const,
  }
  const sessions = createSessions({ seal, serializer, idle: '1h' })
  const text = Buffer.from(hex, 'hex').toString('base64url')
  const browser = new Browser(sessions, `__Host-session=${text}`)
  await browser.visit((session) => {
    expect([session.permanent, session.flashes(), session.get('a')]).toEqual([false, [], 1])
    session.set('a', 2)
  })
  await browser.visit((session) => expect(session.get('a')).toBe(2))
})
