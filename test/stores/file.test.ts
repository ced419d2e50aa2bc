import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { ConfigError } from 'vial'
import { fileStore } from 'vial/stores/file'
import { storeSuite } from 'vial/testing'
import { describe, expect, test, vi } from 'vitest'
import { PATIENCE } from '../support/patience.ts'
import { bytes, content, LATER, namesBelow, newDirectory, openStore } from './file-directory.ts'
import { PROFILES } from './profiles.ts'

describe('the contract', () => {
  storeSuite({
    test,
    name: 'file',
    make({ now }) {
      const root = mkdtempSync(join(tmpdir(), 'vial-file-'))
      const open = () => fileStore(root, { now, sweepInterval: false })
      return { store: open(), another: open, close: () => rmSync(root, { recursive: true }) }
    },
    makeBroken({ now }) {
      const root = mkdtempSync(join(tmpdir(), 'vial-file-'))
      const store = fileStore(root, { now, sweepInterval: false })
      rmSync(root, { recursive: true })
      writeFileSync(root, 'in the place of the directory')
      return { store, close: () => rmSync(root) }
    },
    ...PROFILES.file.suite,
  })
})

describe('what lies on the disk', () => {
  test('is named by digests, in folders by their first two digits', async () => {
    const root = newDirectory()
    const store = openStore(root)
    await store.create('id', bytes('x'), LATER)
    // printf id | sha256sum
    const name = 'a56145270ce6b3bebd1dd012b73948677dd618d496488bc608a3cb43ce3547dd'
    expect(namesBelow(root).filter((path) => !path.startsWith('owners'))).toEqual([
      'a5',
      `a5/${name}`,
    ])
  })

  test.skipIf(process.platform === 'win32').each([0o000, 0o022, 0o077])(
    'is for its owner alone under umask %o',
    async (umask) => {
      const before = process.umask(umask)
      try {
        const root = join(newDirectory(), 'deep', 'sessions')
        const store = openStore(root)
        await store.create('id', bytes('x'), LATER)
        const paths = namesBelow(root)
        expect(paths).toHaveLength(4)
        expect(statSync(root).mode & 0o777).toBe(0o700)
        for (const path of paths) {
          const stats = statSync(join(root, path))
          expect(stats.mode & 0o777, path).toBe(stats.isDirectory() ? 0o700 : 0o600)
        }
      } finally {
        process.umask(before)
      }
    },
  )

  test('holds no lock and no owner once the stores are closed', async () => {
    const root = newDirectory()
    const [one, two] = [openStore(root), openStore(root)]
    await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        (n % 2 ? one : two).create(`id-${n % 10}`, bytes('x'), LATER),
      ),
    )
    await one.close?.()
    await two.close?.()
    const files = namesBelow(root).filter((path) => statSync(join(root, path)).isFile())
    expect(files).toHaveLength(10)
    expect(files.every((path) => /^[0-9a-f]{2}\/[0-9a-f]{64}$/.test(path))).toBe(true)
  })

  test('may be removed while the store is in use', async () => {
    const root = newDirectory()
    const store = openStore(root)
    await store.create('id', bytes('first'), LATER)
    rmSync(root, { recursive: true })
    expect(await store.read('id')).toBeUndefined()
    expect((await store.create('id', bytes('second'), LATER)).kind).toBe('created')
    rmSync(join(root, 'owners'), { recursive: true })
    const record = await store.read('id')
    expect((await store.replace('id', bytes('third'), LATER, record?.version)).kind).toBe(
      'replaced',
    )
    expect(content(await store.read('id'))).toBe('third')
  })

  test('stays usable after close', async () => {
    const root = newDirectory()
    const store = openStore(root)
    await store.create('id', bytes('first'), LATER)
    await store.close?.()
    await store.close?.()
    expect(await store.delete('id')).toBe('deleted')
  })

  test('outlives the store', async () => {
    const root = newDirectory()
    const before = openStore(root, { fsync: false })
    await before.create('id', bytes('kept'), LATER)
    await before.close?.()
    const record = await openStore(root).read('id')
    expect(content(record)).toBe('kept')
    expect(record?.expiresAt).toBe(LATER)
  })
})

describe('the configuration', () => {
  test.skipIf(process.platform === 'win32').each([0o777, 0o1777, 0o775])(
    'refuses a directory that others may write to: %o',
    (mode) => {
      const root = newDirectory()
      chmodSync(root, mode)
      expect(() => fileStore(root)).toThrow(ConfigError)
      expect(() => fileStore(root)).toThrow('Run chmod go-w on it')
      expect(statSync(root).mode & 0o7777).toBe(mode)
    },
  )

  test('takes a directory that others may read', async () => {
    const root = newDirectory()
    chmodSync(root, 0o755)
    expect((await openStore(root).create('id', bytes('x'), LATER)).kind).toBe('created')
  })

  test('refuses a file in the place of the directory', () => {
    const path = join(newDirectory(), 'file')
    writeFileSync(path, '')
    expect(() => fileStore(path)).toThrow(ConfigError)
    expect(() => fileStore(join(path, 'deeper'))).toThrow('cannot be made one')
  })

  test.each([0, -1, Number.NaN, Infinity, 2 ** 31])('refuses sweepInterval %s', (sweepInterval) => {
    expect(() => fileStore(newDirectory(), { sweepInterval })).toThrow(ConfigError)
  })

  test('is of one directory, wherever the program goes', async () => {
    const [root, elsewhere] = [newDirectory(), newDirectory()]
    const before = process.cwd()
    try {
      process.chdir(root)
      const store = openStore('sessions')
      process.chdir(elsewhere)
      await store.create('id', bytes('x'), LATER)
      expect(namesBelow(elsewhere)).toEqual([])
      expect(namesBelow(root)).toContain('sessions')
    } finally {
      process.chdir(before)
    }
  })
})

describe('the background sweep', () => {
  test('begins with the first write and ends with close', async () => {
    const root = newDirectory()
    let time = 0
    const store = openStore(root, { now: () => time, sweepInterval: 5 })
    await store.create('short', bytes('x'), 10)
    await store.create('long', bytes('x'), 1_000)
    const records = () => namesBelow(root).filter((path) => /\/[0-9a-f]{64}$/.test(path)).length
    time = 10
    await vi.waitFor(() => expect(records()).toBe(1), PATIENCE)
    await store.close?.()
    expect(content(await store.read('long'))).toBe('x')
  })

  test('calls onError with what fails, and goes on', async () => {
    const root = newDirectory()
    const onError = vi.fn(() => {
      throw new Error('broken logger')
    })
    const emitted = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const store = openStore(root, { sweepInterval: 5, onError })
    await store.create('id', bytes('x'), LATER)
    // A file where a folder of records should be.
    writeFileSync(join(root, '00'), '')
    await vi.waitFor(() => expect(onError.mock.calls.length).toBeGreaterThan(1), PATIENCE)
    await store.close?.()
    expect(onError).toHaveBeenCalledWith(
      expect.objectContaining({ name: 'StoreError', operation: 'sweep' }),
    )
    expect(emitted).toHaveBeenCalledWith(expect.stringContaining('broken logger'), {
      code: 'VIAL_CALLBACK',
    })
    emitted.mockRestore()
  })

  test('ignores what fails without onError', async () => {
    const root = newDirectory()
    const store = openStore(root, { sweepInterval: 1, now: () => 0 })
    await store.create('id', bytes('x'), 10)
    mkdirSync(join(root, 'empty'))
    writeFileSync(join(root, '00'), '')
    for (let turn = 0; turn < 10; turn++) {
      expect(await store.touch('id', 20 + turn, bytes('x'))).toBe('touched')
    }
    expect((await store.read('id'))?.expiresAt).toBe(29)
  })
})
