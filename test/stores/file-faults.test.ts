import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, rmSync } from 'node:fs'
import process from 'node:process'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { failureOf } from '../support/failure-of.ts'
import {
  bytes,
  content,
  LATER,
  mountProblem,
  mountSmallDisk,
  namesBelow,
  newDirectory,
  openStore,
  startChild,
} from './file-directory.ts'
import { pathOf } from './file-path.ts'

const problem = mountProblem()

describe.skipIf(problem !== undefined)(`a disk${problem ? ` (skipped: ${problem})` : ''}`, () => {
  let root = ''
  let unmount = () => {}

  beforeAll(() => {
    ;({ root, unmount } = mountSmallDisk('256k'))
  })

  afterAll(() => unmount())

  test('that is full: a typed error, the old record whole, nothing left over', async () => {
    const store = openStore(root)
    await store.create('id', bytes('the old record'), LATER)
    const before = namesBelow(root)
    const { version } = (await store.read('id')) ?? {}
    const big = new Uint8Array(300_000)
    for (const call of [
      () => store.replace('id', big, LATER, version),
      () => store.create('another', big, LATER),
    ]) {
      expect(await failureOf(call)).toMatchObject({ outcome: 'not-done', retriable: true })
    }
    expect(content(await store.read('id'))).toBe('the old record')
    const after = namesBelow(root).filter((path) => !/^[0-9a-f]{2}$/.test(path))
    expect(after).toEqual(before.filter((path) => !/^[0-9a-f]{2}$/.test(path)))
    expect((await store.replace('id', bytes('small'), LATER, version)).kind).toBe('replaced')
    expect(await store.delete('id')).toBe('deleted')
  })

  test('that is read-only: reads go on, writes are a typed error', async () => {
    const store = openStore(root)
    await store.create('id', bytes('the old record'), LATER)
    const { version } = (await store.read('id')) ?? {}
    execFileSync('mount', ['-o', 'remount,ro', root])
    try {
      for (const call of [
        () => store.replace('id', bytes('new'), LATER, version),
        () => store.create('another', bytes('new'), LATER),
        () => store.touch('id', LATER + 1, version),
        () => store.delete('id'),
      ]) {
        expect(await failureOf(call)).toMatchObject({ outcome: 'not-done', retriable: false })
      }
      expect(content(await store.read('id'))).toBe('the old record')
    } finally {
      execFileSync('mount', ['-o', 'remount,rw', root])
    }
    expect((await store.replace('id', bytes('new'), LATER, version)).kind).toBe('replaced')
  })
})

test.skipIf(process.platform === 'win32')(
  'more records at once than the process may open files: some fail, none by another error',
  async () => {
    const directory = newDirectory()
    const child = startChild(['crowd', directory, 'id'], 60)
    await child.ended
    expect(child.lines).toHaveLength(300)
    expect(new Set(child.lines)).toEqual(new Set(['created', 'StoreError,not-done,true']))
    const created = child.lines.filter((line) => line === 'created').length
    const files = namesBelow(directory).filter(
      (path) => path.length > 3 && !path.startsWith('owners'),
    )
    expect(files).toHaveLength(created)
  },
)

test('a record with bytes behind it is another version', async () => {
  const directory = newDirectory()
  const store = openStore(directory)
  await store.create('id', bytes('x'), LATER)
  const { version } = (await store.read('id')) ?? {}
  appendFileSync(pathOf(directory, 'id'), 'y')
  const result = await store.replace('id', bytes('z'), LATER, version)
  expect(result.kind === 'conflict' && content(result.current)).toBe('xy')
})

test('no error shows the id or its digest', async () => {
  const directory = newDirectory()
  const store = openStore(directory)
  const id = 'a-secret-session-id'
  await store.create(id, bytes('x'), LATER)
  const path = pathOf(directory, id)
  const digest = path.slice(-64)
  rmSync(path)
  rmSync(`${path}.lock`, { force: true })
  mkdirSync(path)
  const aborted = { signal: AbortSignal.abort() }
  for (const call of [
    () => store.read(id),
    () => store.read(id, aborted),
    () => store.create(id, bytes('new'), LATER),
    () => store.delete(id, undefined, aborted),
    () => store.touch(id, LATER, bytes('x')),
  ]) {
    const shown = inspect(await failureOf(call), { depth: 5 })
    expect(shown).toContain(directory)
    expect(shown).not.toContain(id)
    expect(shown).not.toContain(digest)
  }
})
