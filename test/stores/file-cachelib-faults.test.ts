import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { inspect } from 'node:util'
import { type AsyncStore, StoreError } from 'vial'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { encodeId } from '../../src/stores/cachelib-file/format.ts'
import { failureOf } from '../support/failure-of.ts'
import { countIn, LATER, namesIn, openStore, startCounting } from './cachelib-directory.ts'
import { bytes, content, mountProblem, mountSmallDisk, newDirectory } from './file-directory.ts'

const writesOf = (store: AsyncStore, version: unknown) => [
  () => store.replace('id', bytes('new'), LATER, version),
  () => store.create('another', bytes('new'), LATER),
  () => store.touch('id', LATER + 1, version),
  () => store.delete('id'),
]

const problem = mountProblem()

describe.skipIf(problem !== undefined)(`a disk${problem ? ` (skipped: ${problem})` : ''}`, () => {
  let root = ''
  let unmount = () => {}

  beforeAll(() => {
    ;({ root, unmount } = mountSmallDisk('256k'))
  })

  afterAll(() => unmount())

  test('that is full: a typed error, the old record whole, nothing left over', async () => {
    startCounting(root)
    const store = openStore(root)
    await store.create('id', bytes('the old record'), LATER)
    const before = namesIn(root)
    const { version } = (await store.read('id')) ?? {}
    const big = new Uint8Array(300_000)
    for (const call of [
      () => store.replace('id', big, LATER, version),
      () => store.create('another', big, LATER),
    ]) {
      const error = await failureOf(call)
      expect(error).toMatchObject({ outcome: 'not-done', retriable: true })
      expect(error.message).toMatch(/^cachelibFileStore: .* failed: ENOSPC/)
    }
    expect(content(await store.read('id'))).toBe('the old record')
    expect(namesIn(root)).toEqual(before)
    expect(countIn(root)).toBe(1)
    expect((await store.replace('id', bytes('small'), LATER, version)).kind).toBe('replaced')
  })

  test('that is read-only: reads go on, writes are a typed error', async () => {
    const store = openStore(root)
    await store.delete('id')
    await store.create('id', bytes('the old record'), LATER)
    const { version } = (await store.read('id')) ?? {}
    execFileSync('mount', ['-o', 'remount,ro', root])
    try {
      for (const call of writesOf(store, version)) {
        expect(await failureOf(call)).toMatchObject({ outcome: 'not-done', retriable: false })
      }
      expect(content(await store.read('id'))).toBe('the old record')
    } finally {
      execFileSync('mount', ['-o', 'remount,rw', root])
    }
    expect((await store.replace('id', bytes('new'), LATER, version)).kind).toBe('replaced')
  })
})

describe('a folder in the place of a record', () => {
  test('is a typed error, and keeps no sweep and no other session from going on', async () => {
    const root = newDirectory()
    const onError = vi.fn()
    startCounting(root, 'sha256', 9)
    const store = openStore(root, { threshold: 1, onError })
    mkdirSync(join(root, encodeId('id', 'sha256')))
    const error = await failureOf(() => store.read('id'))
    expect(error).toMatchObject({ outcome: 'not-done', retriable: false })
    expect((await store.create('another', bytes('x'), LATER)).kind).toBe('created')
    expect(await store.sweep?.()).toBe(0)
    expect(onError).toHaveBeenCalledWith(expect.any(StoreError))
  })
})

test('a count that cannot be kept is reported to onError, and the session is kept', async () => {
  const root = newDirectory()
  startCounting(root)
  const onError = vi.fn(() => {
    throw new Error('broken logger')
  })
  const emitted = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  const store = openStore(root, { onError, threshold: 0 })
  await store.create('id', bytes('x'), LATER)
  const count = namesIn(root).find((name) => name !== encodeId('id', 'sha256')) as string
  rmSync(join(root, count))
  mkdirSync(join(root, count))
  expect((await store.create('another', bytes('x'), LATER)).kind).toBe('created')
  expect(content(await store.read('another'))).toBe('x')
  expect(onError).toHaveBeenCalledWith(expect.objectContaining({ operation: 'housekeeping' }))
  expect(emitted).toHaveBeenCalledWith(expect.stringContaining('broken logger'), {
    code: 'VIAL_CALLBACK',
  })
  emitted.mockRestore()
})

test('no error shows the id or its digest', async () => {
  const root = newDirectory()
  const store = openStore(root)
  const id = 'a-secret-session-id'
  const digests = [encodeId(id, 'sha256'), encodeId(id, 'md5')]
  mkdirSync(join(root, digests[0] as string))
  const aborted = { signal: AbortSignal.abort() }
  for (const call of [
    () => store.read(id),
    () => store.read(id, aborted),
    () => store.create(id, bytes('new'), LATER),
    () => store.delete(id, undefined, aborted),
    () => store.touch(id, LATER, bytes('x')),
  ]) {
    const shown = inspect(await failureOf(call), { depth: 5 })
    expect(shown).toContain(root)
    for (const secret of [id, ...digests]) expect(shown).not.toContain(secret)
  }
})

test('a count that is no number counts as none', async () => {
  const root = newDirectory()
  startCounting(root)
  const [count = ''] = namesIn(root)
  writeFileSync(join(root, count), 'nonsense')
  await openStore(root).create('id', bytes('x'), LATER)
  expect(countIn(root)).toBe(1)
})
