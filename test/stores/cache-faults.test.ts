import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import Keyv from 'keyv'
import { createStorage } from 'unstorage'
import fsDriver from 'unstorage/drivers/fs'
import { ConfigError, createSessions, StoreError } from 'vial'
import { cacheStore } from 'vial/stores/cache'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (record: { readonly bytes: Uint8Array } | undefined) =>
  record && new TextDecoder().decode(record.bytes)
const LATER = Date.now() + 3_600_000
// printf id | sha256sum
const DIGEST = 'a56145270ce6b3bebd1dd012b73948677dd618d496488bc608a3cb43ce3547dd'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vial-cache-'))
  vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
  vi.restoreAllMocks()
})

describe('a text that is no record', () => {
  test.each([
    '',
    'vial1:',
    `vial1:${LATER}:3:AP8`,
    `vial1:${LATER}:4:AP8K`,
    'vial2:1:0:',
    'null x',
  ])('%j: a typed error, not an absent session; a delete removes it', async (damaged) => {
    const map = new Map<string, string>()
    const store = cacheStore(map)
    await store.create('id', bytes('x'), LATER)
    const { version } = (await store.read('id')) ?? {}
    map.set(`vial:${DIGEST}`, damaged)
    for (const call of [
      () => store.read('id'),
      () => store.create('id', bytes('new'), LATER),
      () => store.replace('id', bytes('new'), LATER, version),
      () => store.touch('id', LATER, version),
      () => store.delete('id', version),
    ]) {
      await expect(call()).rejects.toMatchObject({
        name: 'StoreError',
        outcome: 'not-done',
        retriable: false,
      })
    }
    expect(await store.delete('id')).toBe('deleted')
    expect((await store.create('id', bytes('new'), LATER)).kind).toBe('created')
  })

  test('is read again, as a driver may be in the middle of writing it', async () => {
    const map = new Map<string, string>()
    const store = cacheStore(map)
    await store.create('id', bytes('whole'), LATER)
    const [[key, whole] = ['', '']] = [...map]
    map.set(key, whole.slice(0, 30))
    const reading = store.read('id')
    setTimeout(() => map.set(key, whole), 2)
    expect(text(await reading)).toBe('whole')
  })

  test('never shows under writers of the fs driver, which writes in place', async () => {
    const storage = createStorage({ driver: fsDriver({ base: directory }) })
    const store = cacheStore(storage)
    await store.create('id', bytes('x'.repeat(200_000)), LATER)
    let done = false
    const writing = (async () => {
      for (let n = 0; n < 100; n++) {
        const { version } = (await store.read('id')) ?? {}
        await store.replace('id', bytes(`${n}`.repeat(100_000)), LATER, version)
      }
      done = true
    })()
    while (!done) expect(await store.read('id')).toBeDefined()
    await writing
  })
})

describe('failures', () => {
  test('of Keyv that it would hide are refused at the start', () => {
    expect(() => cacheStore(new Keyv())).toThrow(ConfigError)
    expect(() => cacheStore(new Keyv())).toThrow('{ throwOnErrors: true }')
  })

  test('that an adapter of Keyv only emits reject the call', async () => {
    // As @keyv/redis does it: emits, and answers as if nothing was there.
    let broken = false
    const map = new Map<string, string>()
    const keyv = new Keyv({ throwOnErrors: true })
    const fail = () => broken && keyv.emit('error', new Error('no connection'))
    keyv.store = {
      get: async (key: string) => (fail() ? undefined : map.get(key)),
      set: async (key: string, value: string) => void (fail() || map.set(key, value)),
      delete: async (key: string) => !fail() && map.delete(key),
      clear: async () => undefined,
    }
    keyv.on('error', () => undefined)
    const store = cacheStore(keyv)
    await store.create('id', bytes('x'), LATER)
    const { version } = (await store.read('id')) ?? {}
    broken = true
    for (const call of [
      () => store.read('id'),
      () => store.replace('id', bytes('y'), LATER, version),
      () => store.touch('id', LATER, version),
      () => store.delete('id'),
    ]) {
      await expect(call()).rejects.toThrow('no connection')
    }
    broken = false
    expect(text(await store.read('id'))).toBe('x')
    await store.close?.()
    expect(keyv.listeners('error')).toHaveLength(1)
  })

  test('of a write are unknown, of the look before it not-done', async () => {
    let failing = ''
    const map = new Map<string, string>()
    const unless = <T>(verb: string, call: () => T): T => {
      if (failing === verb) throw new Error('no connection')
      return call()
    }
    const store = cacheStore({
      get: (key: string) => unless('get', () => map.get(key)),
      set: (key: string, value: string) => unless('set', () => map.set(key, value)),
      delete: (key: string) => unless('delete', () => map.delete(key)),
    })
    await store.create('id', bytes('x'), LATER)
    const { version } = (await store.read('id')) ?? {}
    const calls = [
      ['set', () => store.create('other', bytes('y'), LATER)],
      ['set', () => store.replace('id', bytes('y'), LATER, version)],
      ['set', () => store.touch('id', LATER, version)],
      ['delete', () => store.delete('id')],
    ] as const
    for (const [verb, call] of calls) {
      failing = 'get'
      await expect(call()).rejects.toMatchObject({ outcome: 'not-done', retriable: true })
      failing = verb
      await expect(call()).rejects.toMatchObject({ outcome: 'unknown', retriable: true })
    }
  })

  test('of a cache that keeps nothing: set answers false', async () => {
    const store = cacheStore({ get: () => undefined, set: () => false, delete: () => true })
    await expect(store.create('id', bytes('x'), LATER)).rejects.toThrow('did not store the value')
  })

  test('of a delete that does nothing', async () => {
    const map = new Map<string, string>()
    const store = cacheStore({
      get: (key: string) => map.get(key),
      set: (key: string, value: string) => void map.set(key, value),
      delete: () => true,
    })
    await store.create('id', bytes('x'), LATER)
    await expect(store.delete('id')).rejects.toMatchObject({ operation: 'delete' })
  })

  test('show neither the id nor its digest', async () => {
    const base = join(directory, 'base')
    const store = cacheStore(createStorage({ driver: fsDriver({ base }) }))
    writeFileSync(base, '')
    const error = await store.create('id', bytes('x'), LATER).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(StoreError)
    const { message, cause } = error as StoreError
    expect(`${message} ${String(cause)}`).not.toContain(DIGEST)
    expect((cause as NodeJS.ErrnoException).code).toBe('ENOTDIR')
  })

  test('reach a request as StoreError, and pass when the cache is back', async () => {
    let broken = false
    const map = new Map<string, string>()
    const hang = () => (broken ? new Promise<never>(() => undefined) : undefined)
    const store = cacheStore({
      get: async (key: string) => (await hang()) ?? map.get(key),
      set: async (key: string, value: string) => (await hang()) ?? map.set(key, value),
      delete: async (key: string) => (await hang()) ?? map.delete(key),
    })
    const sessions = createSessions({ store, timeout: 50, cookie: { secure: false } })
    const session = await sessions.load(undefined)
    session.set('user', 'ann')
    const { headers } = await sessions.commit(session)
    const cookie = headers[0]?.[1].split(';')[0]
    broken = true
    await expect(sessions.load(cookie)).rejects.toBeInstanceOf(StoreError)
    broken = false
    expect((await sessions.load(cookie)).get('user')).toBe('ann')
  })
})
