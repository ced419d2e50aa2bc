import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { ConfigError } from 'vial'
import { cachelibFileStore } from 'vial/stores/cachelib-file'
import { storeSuite } from 'vial/testing'
import { describe, expect, test, vi } from 'vitest'
import { encodeId } from '../../src/stores/cachelib-file/format.ts'
import { PATIENCE } from '../support/patience.ts'
import {
  countIn,
  LATER,
  NOW,
  namesIn,
  openStore,
  SECOND,
  startCounting,
  writeAsCachelib,
} from './cachelib-directory.ts'
import { bytes, content, newDirectory, startChild } from './file-directory.ts'
import { PROFILES } from './profiles.ts'

describe.each([
  ['named by sha256', { hash: 'sha256', threshold: 0 }, 1_000],
  ['named by md5, with a threshold and a count', { hash: 'md5' }, 400],
] as const)('the contract, %s', (_, options, ids) => {
  storeSuite({
    test,
    name: 'cachelib-file',
    ids,
    make({ now }) {
      const root = mkdtempSync(join(tmpdir(), 'vial-cachelib-'))
      if (options.hash === 'md5') startCounting(root, 'md5')
      const open = () => cachelibFileStore(root, { now, sweepInterval: false, ...options })
      return {
        store: open(),
        another: open,
        foreignWrite: async (id, body, expiresAt) =>
          writeAsCachelib(root, id, body, expiresAt, options.hash),
        close: () => rmSync(root, { recursive: true }),
      }
    },
    makeBroken({ now }) {
      const root = mkdtempSync(join(tmpdir(), 'vial-cachelib-'))
      const store = cachelibFileStore(root, { now, sweepInterval: false, ...options })
      rmSync(root, { recursive: true })
      writeFileSync(root, 'in the place of the directory')
      return { store, close: () => rmSync(root) }
    },
    ...PROFILES.cachelib.suite,
  })
})

describe('what lies on the disk', () => {
  test('has the names and the bytes of cachelib', async () => {
    const root = newDirectory()
    await openStore(root).create('session:SID0001', bytes('pickle'), NOW + 1)
    await openStore(root, { hash: 'md5' }).create('session:SID0002', bytes('pickle'), NOW + SECOND)
    // printf session:SID0001 | sha256sum, printf session:SID0002 | md5sum
    const sha256 = 'a8b71c32f9e3b73f392e2282f37b3237341cdadcbcf8350965b32500b421d687'
    expect(namesIn(root)).toEqual(['ac274ed51503f86aff997c71018da0c4', sha256].toSorted())
    const expected = Buffer.concat([Buffer.from([1, 0xd2, 0x49, 0x6b]), bytes('pickle')])
    expect(readFileSync(join(root, sha256))).toEqual(expected)
  })

  test.skipIf(process.platform === 'win32').each([
    [undefined, 0o600],
    [0o640, 0o640],
  ])('has the mode %o, whatever the umask', async (mode, expected) => {
    const before = process.umask(0o077)
    try {
      const root = join(newDirectory(), 'deep', 'sessions')
      const store = openStore(root, mode === undefined ? {} : { mode })
      startCounting(root)
      await store.create('id', bytes('x'), LATER)
      expect(statSync(root).mode & 0o777).toBe(0o700)
      for (const name of namesIn(root)) {
        expect(statSync(join(root, name)).mode & 0o777, name).toBe(expected)
      }
    } finally {
      process.umask(before)
    }
  })

  test('has locks only in a folder that cachelib passes over, and none after close', async () => {
    const root = newDirectory()
    const store = openStore(root)
    await Promise.all(
      Array.from({ length: 40 }, (_, n) => store.create(`id-${n % 10}`, bytes('x'), LATER)),
    )
    expect(namesIn(root)).toHaveLength(10)
    await store.close?.()
    const locks = readdirSync(join(root, 'locks.__wz_cache'), { recursive: true })
    expect(locks).toEqual(['owners'])
  })

  test('may be removed while the store is in use', async () => {
    const root = newDirectory()
    const store = openStore(root)
    await store.create('id', bytes('first'), LATER)
    rmSync(root, { recursive: true })
    expect(await store.read('id')).toBeUndefined()
    expect((await store.create('id', bytes('second'), LATER)).kind).toBe('created')
    expect(content(await store.read('id'))).toBe('second')
  })

  test('a deadline after 2106 is none, and none is never', async () => {
    const root = newDirectory()
    const store = openStore(root)
    await store.create('id', bytes('x'), 2 ** 32 * SECOND)
    expect(await store.read('id')).toMatchObject({ expiresAt: Number.POSITIVE_INFINITY })
    const end = (2 ** 32 - 1) * SECOND
    expect(await store.touch('id', end, bytes('x'))).toBe('touched')
    expect(await store.read('id')).toMatchObject({ expiresAt: (2 ** 32 - 1) * SECOND })
  })

  test('the file of the count is no record, also not of an id that is called so', async () => {
    const root = newDirectory()
    startCounting(root, 'sha256', 7)
    const store = openStore(root)
    const id = '__wz_cache_count'
    expect(await store.read(id)).toBeUndefined()
    await store.create(id, bytes('x'), LATER)
    expect(content(await store.read(id))).toBe('x')
    expect(countIn(root)).toBe(8)
    expect(await store.delete(id)).toBe('deleted')
    expect(countIn(root)).toBe(7)
  })
})

test('the sweep removes leftovers of crashed writers here and leaves those of others', async () => {
  const root = newDirectory()
  const store = openStore(root)
  await store.create('id', bytes('x'), LATER)
  const lock = `${encodeId('id', 'sha256')}.lock`
  const leftOver = join('locks.__wz_cache', `${lock}.${'0'.repeat(32)}.tmp`)
  const foreign = ['tmpabcdefgh.__wz_cache', 'README']
  for (const name of [leftOver, ...foreign]) {
    writeFileSync(join(root, name), 'x')
    utimesSync(join(root, name), 1, 1)
  }
  expect(await store.sweep?.()).toBe(0)
  expect(existsSync(join(root, leftOver))).toBe(false)
  expect(namesIn(root)).toEqual([...foreign, encodeId('id', 'sha256')].toSorted())
})

test('the background sweep begins with the first write and ends with close', async () => {
  const root = newDirectory()
  let time = NOW
  const store = openStore(root, { now: () => time, sweepInterval: 5 })
  await store.create('short', bytes('x'), NOW + 1)
  await store.create('long', bytes('x'), LATER)
  time += 2 * SECOND
  await vi.waitFor(() => expect(namesIn(root)).toHaveLength(1), PATIENCE)
  await store.close?.()
  expect(content(await store.read('long'))).toBe('x')
})

describe('several processes', () => {
  test.each(['md5', 'sha256'] as const)(
    'lose no update, files named by %s',
    async (hash) => {
      const root = newDirectory()
      const store = openStore(root, { now: Date.now, hash })
      await store.create('id', bytes('{}'), Date.now() + 3_600_000)
      const names = ['a', 'b', 'c']
      const children = names.map((name) => startChild(['count-cachelib', root, 'id', name, '40']))
      await Promise.all(children.map((child) => child.ended))
      expect(JSON.parse(content(await store.read('id')) ?? '')).toEqual({ a: 40, b: 40, c: 40 })
      expect(namesIn(root)).toHaveLength(1)
    },
    120_000,
  )
})

describe('the configuration', () => {
  test.skipIf(process.platform === 'win32')(
    'refuses a directory that everybody may write to',
    () => {
      const root = newDirectory()
      chmodSync(root, 0o777)
      expect(() => cachelibFileStore(root)).toThrow(ConfigError)
      expect(() => cachelibFileStore(root)).toThrow(/^cachelibFileStore: other users may write/)
      chmodSync(root, 0o770)
      openStore(root)
    },
  )

  test('refuses a file in the place of the directory', () => {
    const path = join(newDirectory(), 'file')
    writeFileSync(path, '')
    expect(() => cachelibFileStore(path)).toThrow('cannot be made one')
  })

  test.each([
    [{ threshold: -1 }, 'threshold'],
    [{ threshold: 1.5 }, 'threshold'],
    [{ mode: 0o400 }, 'mode'],
    [{ mode: 0o1600 }, 'mode'],
    [{ hash: 'sha1' as 'md5' }, 'hash'],
    [{ sweepInterval: 0 }, 'sweepInterval'],
    [{ sweepInterval: 2 ** 31 }, 'sweepInterval'],
  ])('refuses %o', (options, name) => {
    const root = join(newDirectory(), 'new')
    expect(() => cachelibFileStore(root, options)).toThrow(ConfigError)
    expect(() => cachelibFileStore(root, options)).toThrow(`cachelibFileStore: ${name}`)
    expect(existsSync(root)).toBe(false)
  })
})
