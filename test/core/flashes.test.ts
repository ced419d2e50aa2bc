import { createSessions, type Serializer } from 'vial'
import { json } from 'vial/serializers/json'
import { msgpack } from 'vial/serializers/msgpack'
import { taggedJson } from 'vial/serializers/tagged-json'
import { memoryStore } from 'vial/stores/memory'
import { expect, test } from 'vitest'
import { Browser, SECRET } from './requests.ts'

test('a message is shown once, on the next page or on this one', async () => {
  const browser = new Browser(createSessions({ store: memoryStore() }))
  await browser.visit((session) => {
    session.flash('one')
    session.flash('two', 'error')
  })
  await browser.visit((session) =>
    expect(session.flashes()).toEqual([
      { category: 'message', message: 'one' },
      { category: 'error', message: 'two' },
    ]),
  )
  // Nothing else was in the session, so nothing is left of it.
  expect(browser.cookie).toBeUndefined()
  await browser.visit((session) => {
    session.flash('now')
    expect(session.flashes()).toHaveLength(1)
    expect(session.flashes()).toEqual([])
  })
})

test('taking some categories leaves the others', async () => {
  const browser = new Browser(createSessions({ store: memoryStore() }))
  await browser.visit((session) => {
    for (const category of ['info', 'error', 'info']) session.flash(category, category)
  })
  await browser.visit((session) => {
    expect(session.flashes({ categories: ['none'] })).toEqual([])
    expect(session.modified).toBe(false)
    expect(session.flashes({ categories: ['info'] })).toHaveLength(2)
  })
  await browser.visit((session) =>
    expect(session.flashes().map((f) => f.message)).toEqual(['error']),
  )
})

test('a message that arrives while another is shown stays; a shown one does not come back', async () => {
  const sessions = createSessions({ store: memoryStore() })
  const browser = new Browser(sessions)
  await browser.visit((session) => session.flash('first'))
  const showing = await sessions.load(browser.cookie)
  expect(showing.flashes()).toHaveLength(1)
  await new Browser(sessions, browser.cookie).visit((session) => session.flash('second'))
  await sessions.commit(showing)
  await browser.visit((session) =>
    expect(session.flashes().map((f) => f.message)).toEqual(['second']),
  )
})

test.each<[string, Serializer, string]>([
  ['msgpack', msgpack, '81a85f666c6173686573919' + '2a76d657373616765a2c3a9'],
  ['json', json, Buffer.from('{"_flashes":[["message","é"]]}').toString('hex')],
  [
    'tagged-json',
    taggedJson,
    Buffer.from('{"_flashes":[{" t":["message","\\u00e9"]}]}').toString('hex'),
  ],
])('%s keeps messages as Flask does', async (_, serializer, hex) => {
  let written = ''
  const seal = {
    name: 'plain',
    seal: (bytes: Uint8Array) => {
      const entries = serializer.split(bytes) as Map<string, unknown>
      entries.delete('_vial')
      written = Buffer.from(serializer.join(entries)).toString('hex')
      return Buffer.from(bytes).toString('base64url')
    },
    open: (text: string) => ({ ok: true, bytes: Buffer.from(text, 'base64url') }) as const,
  }
  const browser = new Browser(createSessions({ seal, serializer }))
  await browser.visit((session) => session.flash('é'))
  expect(written).toBe(hex)
  await browser.visit((session) =>
    expect(session.flashes()).toEqual([{ category: 'message', message: 'é' }]),
  )
})

test('sealed sessions flash, too', async () => {
  const browser = new Browser(createSessions({ secret: SECRET }))
  await browser.visit((session) => session.flash('hello'))
  await browser.visit((session) => expect(session.flashes()).toHaveLength(1))
  await browser.visit((session) => expect(session.flashes()).toEqual([]))
})
