import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { replaceFile } from '../../src/stores/file/files.ts'
import type { FileLocks } from '../../src/stores/file/lock.ts'
import { failureOf } from '../support/failure-of.ts'
import {
  bytes,
  content,
  LATER,
  lockOf,
  newDirectory,
  openLocks,
  openStore,
  soon,
} from './file-directory.ts'

describe('a holder that stands still between its last check and its write', () => {
  /** Locks of a process of which nothing can be known here. */
  async function locksElsewhere(root: string): Promise<FileLocks> {
    const { hostname } = os
    os.hostname = () => 'another'
    syncBuiltinESMExports()
    vi.resetModules()
    try {
      const elsewhere = await import('../../src/stores/file/lock.ts')
      const locks = elsewhere.fileLocks(join(root, 'owners'), {
        fsync: false,
        onError: () => undefined,
      })
      onTestFinished(() => locks.close())
      return locks
    } finally {
      os.hostname = hostname
      syncBuiltinESMExports()
    }
  }

  /** Writes a file under a lock, and stands still before the rename. */
  function write(locks: FileLocks, path: string, text: string, stand: () => Promise<unknown>) {
    return locks.hold([`${path}.lock`], soon().signal, ({ temporary, confirm }) =>
      replaceFile(path, temporary, bytes(text), { fsync: false }, async () => {
        await confirm()
        await stand()
        return undefined
      }),
    )
  }

  test('overwrites nothing once its lock was broken and another wrote', async () => {
    const root = newDirectory()
    const path = join(root, 'record')
    const hasty = openLocks(root, { staleAfter: 30 })
    const late = write(await locksElsewhere(root), path, 'late', () =>
      write(hasty, path, 'newer', async () => undefined),
    )
    await expect(late).rejects.toThrow('lock was broken')
    expect(readFileSync(path, 'utf8')).toBe('newer')
    expect(readdirSync(root)).toEqual(['owners', 'record'])
  })

  test('overwrites nothing once a sweep broke its lock', async () => {
    const root = newDirectory()
    const path = join(root, 'record')
    const hasty = openLocks(root, { staleAfter: 30 })
    const late = write(await locksElsewhere(root), path, 'late', async () => {
      const lock = `${path}.lock`
      while (existsSync(lock)) await hasty.sweep(lock, soon().signal)
    })
    await expect(late).rejects.toThrow('lock was broken')
    expect(readdirSync(root)).toEqual(['owners'])
  })

  test('and another that breaks its lock keeps what was renamed in time', async () => {
    const root = newDirectory()
    const path = join(root, 'record')
    const elsewhere = await locksElsewhere(root)
    const hasty = openLocks(root, { staleAfter: 30 })
    await elsewhere.hold([`${path}.lock`], undefined, async ({ temporary }) => {
      await replaceFile(path, temporary, bytes('in time'), { fsync: false })
      await hasty.hold([`${path}.lock`], soon().signal, async () => {
        expect(readFileSync(path, 'utf8')).toBe('in time')
      })
    })
  })

  test('says that nothing was done', async () => {
    const root = newDirectory()
    const store = openStore(root)
    await store.create('id', bytes('old'), LATER)
    const lock = lockOf(root, 'id')
    // What a process that breaks the lock does, while a large record is written.
    const broken = (async () => {
      for (;;) {
        const name = readdirSync(dirname(lock)).find((each) => each.endsWith('.tmp'))
        if (name !== undefined) return rmSync(join(dirname(lock), name))
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    const error = await failureOf(() =>
      store.replace('id', new Uint8Array(50_000_000), LATER, bytes('old')),
    )
    await broken
    expect(error).toMatchObject({ outcome: 'not-done', retriable: true })
    expect(error.message).toContain('lock was broken')
    expect(content(await store.read('id'))).toBe('old')
  })
})

test('a touch whose lock was broken is a conflict, as a request that only reads must not fail for it', async () => {
  const root = newDirectory()
  const store = openStore(root)
  await store.create('id', bytes('x'), LATER)
  const lock = lockOf(root, 'id')
  const since = performance.now()
  // Another process breaks the lock while this one stands still for an hour.
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
    const isHeld = existsSync(lock)
    rmSync(lock, { force: true })
    return isHeld ? since + 3_600_000 : since
  })
  onTestFinished(() => clock.mockRestore())
  clock.mockReturnValueOnce(since)
  expect(await store.touch('id', LATER + 1, bytes('x'))).toBe('conflict')
  clock.mockReturnValueOnce(since)
  await expect(store.replace('id', bytes('y'), LATER, bytes('x'))).rejects.toMatchObject({
    outcome: 'not-done',
    retriable: true,
  })
  clock.mockRestore()
  expect(await store.read('id')).toMatchObject({ bytes: bytes('x'), expiresAt: LATER })
})
