import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import Keyv from 'keyv'
import { createStorage, prefixStorage } from 'unstorage'
import fsDriver from 'unstorage/drivers/fs'
import { ConfigError } from 'vial'
import { cacheStore } from 'vial/stores/cache'
import { storeSuite } from 'vial/testing'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { contentOf, encodeId, toText } from '../../src/stores/cache/client.ts'
import { runs } from '../support/runs.ts'
import { forgetWarnings } from '../support/warnings.ts'
import { PROFILES } from './profiles.ts'

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

/** Another program that writes to a cache. */
const writes =
  (set: (key: string, text: string) => unknown) =>
  async (id: string, content: Uint8Array, expiresAt: number) =>
    void (await set(encodeId('vial:', id), toText(contentOf(content), expiresAt)))

/** A backend of Keyv that does nothing but fail. */
class BrokenMap extends Map<string, string> {
  override get(): never {
    throw new Error('no connection')
  }
  override set(): never {
    throw new Error('no connection')
  }
  override delete(): never {
    throw new Error('no connection')
  }
}

const newKeyv = (store: Map<string, string> = new Map()) => new Keyv({ store, throwOnErrors: true })

describe('the contract on Keyv', () => {
  storeSuite({
    test,
    name: 'Keyv',
    ids: runs(1_000, 10_000),
    make({ now }) {
      const map = new Map<string, string>()
      const open = () => cacheStore(newKeyv(map), { now })
      const foreignWrite = writes((key, text) => newKeyv(map).set(key, text))
      return { store: open(), another: open, foreignWrite }
    },
    makeBroken: ({ now }) => ({ store: cacheStore(newKeyv(new BrokenMap()), { now }) }),
    ...PROFILES.cache.suite,
  })
})

describe('the contract on a plain Map', () => {
  storeSuite({
    test,
    name: 'Map',
    make({ now }) {
      const map = new Map<string, string>()
      const foreignWrite = writes((key, text) => map.set(key, text))
      return { store: cacheStore(map, { now }), foreignWrite }
    },
    makeBroken: ({ now }) => ({ store: cacheStore(new BrokenMap(), { now }) }),
    ...PROFILES.cache.suite,
  })
})

describe('the contract on unstorage in memory', () => {
  storeSuite({
    test,
    name: 'unstorage',
    ids: runs(1_000, 10_000),
    make({ now }) {
      const storage = createStorage()
      const open = () => cacheStore(storage, { now })
      const foreignWrite = writes((key, text) => storage.setItem(key, text))
      return { store: open(), another: open, foreignWrite }
    },
    ...PROFILES.unstorage.suite,
  })
})

describe('the contract on unstorage in files', () => {
  storeSuite({
    test,
    name: 'unstorage fs',
    make({ now }) {
      const base = mkdtempSync(join(directory, 'base-'))
      const storage = () => createStorage({ driver: fsDriver({ base }) })
      const open = () => cacheStore(storage(), { now })
      const foreignWrite = writes((key, text) => storage().setItem(key, text))
      return { store: open(), another: open, foreignWrite }
    },
    makeBroken({ now }) {
      const base = join(directory, 'base')
      writeFileSync(base, 'in the place of the directory')
      return { store: cacheStore(createStorage({ driver: fsDriver({ base }) }), { now }) }
    },
    ...PROFILES.unstorage.suite,
  })
})

describe('what lies in the cache', () => {
  test('is one text under a digest of the id', async () => {
    const map = new Map<string, string>()
    const store = cacheStore(map, { prefix: 'app:' })
    await store.create('id', Uint8Array.of(0, 255, 10), LATER)
    expect([...map]).toEqual([[`app:${DIGEST}`, `vial1:${LATER}:3:AP8K`]])
  })

  test('is a file for unstorage, in folders by the colons of the prefix', async () => {
    const storage = createStorage({ driver: fsDriver({ base: directory }) })
    await cacheStore(storage).create('id', bytes('x'), LATER)
    expect(readFileSync(join(directory, 'vial', DIGEST), 'utf8')).toBe(`vial1:${LATER}:1:eA==`)
  })

  test('lives a minute longer than the record, a century at most', async () => {
    const set = vi.fn()
    const store = cacheStore(
      { get: () => undefined, set, delete: () => true },
      { now: () => 1_000 },
    )
    await store.create('id', bytes('x'), 6_000.5)
    await store.create('id', bytes('x'), Infinity)
    expect(set.mock.calls.map(([, , ttl]) => ttl)).toEqual([65_001, 3_155_760_000_000])
  })

  test('is in seconds for unstorage', async () => {
    const storage = createStorage()
    const setItem = vi.spyOn(storage, 'setItem')
    await cacheStore(storage, { now: () => 0 }).create('id', bytes('x'), 5_001)
    expect(setItem).toHaveBeenCalledWith(expect.anything(), expect.anything(), { ttl: 66 })
  })

  test('expires exactly at the deadline', async () => {
    let time = 0
    const store = cacheStore(newKeyv(), { now: () => time })
    await store.create('id', bytes('x'), 60)
    time = 59
    expect(text(await store.read('id'))).toBe('x')
    time = 60
    expect(await store.read('id')).toBeUndefined()
  })

  test('stays apart from what others keep there, and from a prefix of its own', async () => {
    const storage = createStorage()
    await storage.setItem('vial', 'theirs')
    await storage.setItem('vial:other', 'theirs')
    let time = 0
    const now = () => time
    const [one, two] = [
      cacheStore(storage, { now }),
      cacheStore(prefixStorage(storage, 'two'), { now }),
    ]
    await one.create('id', bytes('one'), 10)
    await two.create('id', bytes('two'), 10)
    expect([text(await one.read('id')), text(await two.read('id'))]).toEqual(['one', 'two'])
    time = 100_000
    expect(await one.sweep?.()).toBe(1)
    expect(await storage.getKeys()).toHaveLength(3)
  })
})

describe('sweep', () => {
  test.each(['vial:', 'vial-', ''])('with the prefix %j', async (prefix) => {
    let time = 0
    const storage = createStorage()
    const store = cacheStore(storage, { prefix, now: () => time })
    for (let n = 0; n < 5; n++) await store.create(`short ${n}`, bytes('x'), 10)
    await store.create('long', bytes('x'), 1_000_000)
    time = 60_009
    expect(await store.sweep?.()).toBe(0)
    time = 60_010
    expect(await store.sweep?.({ limit: 2 })).toBe(2)
    expect(await store.sweep?.()).toBe(3)
    expect(await store.sweep?.()).toBe(0)
    expect(text(await store.read('long'))).toBe('x')
  })

  test('is not there where a cache cannot list its keys', () => {
    expect(cacheStore(newKeyv()).sweep).toBeUndefined()
  })
})

describe('the configuration', () => {
  test.each([{}, null, 'redis://', { get() {}, set() {} }])('refuses %j', (cache) => {
    expect(() => cacheStore(cache as never)).toThrow('Give a Keyv')
  })

  test('refuses storage that is read-only', () => {
    const storage = createStorage({ driver: fsDriver({ base: directory, readOnly: true }) })
    expect(() => cacheStore(storage)).toThrow('read-only')
    expect(readdirSync(directory)).toEqual([])
  })

  test.each(['a?', 'a/b', '../', 'a b', 'é'])('refuses the prefix %j', (prefix) => {
    expect(() => cacheStore(new Map(), { prefix })).toThrow(ConfigError)
  })

  test('warns once in a process that a cache cannot compare and set', async () => {
    forgetWarnings()
    expect(cacheStore(new Map()).atomic).toBe(false)
    cacheStore(newKeyv())
    expect(vi.mocked(process.emitWarning).mock.calls).toEqual([
      [expect.stringContaining('cannot compare and set'), { code: 'VIAL_CACHE_NOT_ATOMIC' }],
    ])
  })
})
