/** What a visitor and an operator see of a file that a power loss, a full disk or another program damaged. */

import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AsyncStore, createSessions } from 'vial'
import { flaskSession } from 'vial/compat/flask-session'
import { describe, expect, test } from 'vitest'
import { Browser, listener } from '../core/requests.ts'
import { failureOf } from '../support/failure-of.ts'
import * as cachelib from './cachelib-directory.ts'
import { bytes, content, LATER, namesBelow, newDirectory, openStore } from './file-directory.ts'
import { pathOf } from './file-path.ts'

type Damage = (path: string) => void

function overwrite(path: string, at: number, start: Uint8Array): void {
  const body = readFileSync(path)
  body.set(start, at)
  writeFileSync(path, body)
}

const DAMAGES: Readonly<Record<string, Damage>> = {
  empty: (path) => truncateSync(path, 0),
  'cut off in the head': (path) => truncateSync(path, 15),
  'full of zeros, as after a power loss': (path) =>
    writeFileSync(path, Buffer.alloc(readFileSync(path).length)),
  'of another program': (path) => writeFileSync(path, 'something else altogether'),
  'with an expiry that is no number': (path) => overwrite(path, 8, Buffer.alloc(8, 0xff)),
}
/** Where the head is whole, only the serializer finds the damage. */
const INSIDE: Readonly<Record<string, Damage>> = {
  'cut off behind the head': (path) => truncateSync(path, 20),
  'cut off at the head': (path) => truncateSync(path, 16),
  'with bytes behind it': (path) => appendFileSync(path, '}'),
}
const newer: Damage = (path) => overwrite(path, 7, Buffer.from([2]))

/** A visitor who is logged in, and the file of the session. */
async function visitor(directory: string) {
  const store = openStore(directory)
  const { events, onEvent } = listener()
  const sessions = createSessions({ store, onEvent, cookie: { secure: false } })
  const browser = new Browser(sessions)
  await browser.visit((session) => session.login('ann'))
  const [name = ''] = namesBelow(directory).filter((path) => /\/[0-9a-f]{64}$/.test(path))
  events.length = 0
  return { store, browser, events, path: join(directory, name) }
}

describe.each(Object.entries({ ...DAMAGES, ...INSIDE }))('a file that is %s', (_, damage) => {
  test('gives a fresh session and an event, and the next login works', async () => {
    const { browser, events, path } = await visitor(newDirectory())
    damage(path)
    await browser.visit((session) => {
      expect(session.isNew).toBe(true)
      expect(session.user).toBeUndefined()
    })
    expect(events).toEqual([{ type: 'rejected', reason: 'invalid' }])
    await browser.visit((session) => session.login('ann'))
    await browser.visit((session) => expect(session.user).toBe('ann'))
  })
})

describe.each(Object.entries(DAMAGES))('a file that is %s', (_, damage) => {
  test('while a request runs: its commit does not fail', async () => {
    const { browser, events, path } = await visitor(newDirectory())
    await browser.visit((session) => {
      damage(path)
      session.set('late', 1)
    })
    expect(events).toMatchObject([{ type: 'gone', keys: ['late'] }])
    await browser.visit((session) => expect(session.isNew).toBe(true))
  })

  test('is removed by the sweep', async () => {
    const { store, path } = await visitor(newDirectory())
    damage(path)
    expect(await store.sweep?.()).toBe(1)
    expect(existsSync(path)).toBe(false)
  })

  test('takes part in no verb, and is written over', async () => {
    const directory = newDirectory()
    const store = openStore(directory)
    await store.create('id', bytes('x'), LATER)
    damage(pathOf(directory, 'id'))
    const { version } = (await store.read('id')) ?? {}
    expect(await store.touch('id', LATER, version)).toBe('gone')
    expect((await store.replace('id', bytes('new'), LATER, version)).kind).toBe('gone')
    expect(await store.delete('id', version)).toBe('gone')
    expect((await store.create('id', bytes('new'), LATER)).kind).toBe('created')
    expect(content(await store.read('id'))).toBe('new')
    damage(pathOf(directory, 'id'))
    expect(await store.delete('id')).toBe('deleted')
    expect(await store.read('id')).toBeUndefined()
  })
})

test('a file of a newer format is refused and kept', async () => {
  const directory = newDirectory()
  const store = openStore(directory)
  await store.create('id', bytes('x'), LATER)
  const path = pathOf(directory, 'id')
  newer(path)
  for (const call of [
    () => store.read('id'),
    () => store.create('id', bytes('new'), LATER),
    () => store.replace('id', bytes('new'), LATER, bytes('x')),
    () => store.touch('id', LATER, bytes('x')),
    () => store.delete('id', bytes('x')),
  ]) {
    const error = await failureOf(call)
    expect(error).toMatchObject({ outcome: 'not-done', retriable: false })
    expect(error.message).toContain('a newer version of vial')
  }
  expect(await store.sweep?.()).toBe(0)
  expect(existsSync(path)).toBe(true)
  expect(await store.delete('id')).toBe('deleted')
})

describe.each([0, 3])('a file of cachelib that is cut off to %i bytes', (size) => {
  async function flaskVisitor() {
    const directory = newDirectory()
    const store: AsyncStore = cachelib.openStore(directory)
    const { events, onEvent } = listener()
    const sessions = flaskSession({ store, format: 'pickle', onEvent, now: () => cachelib.NOW })
    const browser = new Browser(sessions)
    await browser.visit((session) => session.set('user', 'ann'))
    const [name = ''] = cachelib.namesIn(directory)
    truncateSync(join(directory, name), size)
    return { store, browser, events, path: join(directory, name) }
  }

  test('gives a fresh session and an event, and the sweep removes it', async () => {
    const { store, browser, events, path } = await flaskVisitor()
    await browser.visit((session) => expect(session.isNew).toBe(true))
    expect(events).toEqual([{ type: 'rejected', reason: 'invalid' }])
    await browser.visit((session) => session.set('user', 'ann'))
    await browser.visit((session) => expect(session.get('user')).toBe('ann'))
    await store.sweep?.()
    expect(existsSync(path)).toBe(false)
  })
})
