import { createHash } from 'node:crypto'
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import process from 'node:process'
import { Worker } from 'node:worker_threads'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { FileLocks } from '../../src/stores/file/lock.ts'
import { describeOwner } from '../../src/stores/file/owner.ts'
import {
  bytes,
  type Child,
  content,
  LATER,
  lockOf,
  namesBelow,
  newDirectory,
  openLocks,
  openStore,
  soon,
  startChild,
} from './file-directory.ts'
import { pathOf } from './file-path.ts'

const noProc = !existsSync('/proc/thread-self/stat')
const unknowable = noProc ? ' (skipped: no /proc here, so only the age of a lock decides)' : ''

/** A lock that is held until the test ends it. */
async function holdLock(locks: FileLocks, path: string): Promise<() => Promise<void>> {
  let leave: () => void = () => undefined
  let held: Promise<unknown> = Promise.resolve()
  await new Promise<void>((taken) => {
    held = locks.hold([path], undefined, () => {
      taken()
      return new Promise<void>((resolve) => {
        leave = resolve
      })
    })
  })
  return async () => {
    leave()
    await held
  }
}

/** A signal that is asked at each look of the one that waits, however long these take. */
function signalThat(isAborted: () => boolean): AbortSignal {
  return Object.defineProperty(new AbortController().signal, 'aborted', { get: isAborted })
}

/** Rejects when the lock is still held after so many looks at its holder. */
function lookTenTimes(locks: FileLocks, path: string): Promise<string> {
  let looks = 0
  const signal = signalThat(() => ++looks > 10)
  return locks.hold([path], signal, async () => 'taken')
}

async function holdAndDie(root: string, id: string, name = ''): Promise<void> {
  const child = startChild(['hold', root, id, name])
  await child.next()
  await child.kill()
}

/** The name of the owner file with this text. */
function digestOf(text: Uint8Array): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

function writeLock(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

describe.skipIf(noProc)(`a holder that was killed${unknowable}`, () => {
  test('blocks no other process', async () => {
    const root = newDirectory()
    const store = openStore(root)
    await store.create('id', bytes('first'), LATER)
    await holdAndDie(root, 'id')
    expect(existsSync(lockOf(root, 'id'))).toBe(true)
    const leftOver = `${lockOf(root, 'id')}.${digestOf(readFileSync(lockOf(root, 'id')))}.tmp`
    writeFileSync(leftOver, 'half of a rec')
    const { version } = (await store.read('id')) ?? {}
    const results = await Promise.all([
      store.replace('id', bytes('second'), LATER, version, soon()),
      openStore(root).replace('id', bytes('other'), LATER, version, soon()),
      openStore(root).delete('another', undefined, soon()),
    ])
    expect(
      results
        .slice(0, 2)
        .map((result) => Object(result).kind)
        .toSorted(),
    ).toEqual(['conflict', 'replaced'])
    expect(existsSync(lockOf(root, 'id'))).toBe(false)
    expect(existsSync(leftOver)).toBe(false)
  })

  test('blocks no other process, though the one that broke its lock was killed as well', async () => {
    const root = newDirectory()
    const store = openStore(root)
    await store.create('id', bytes('first'), LATER)
    const lock = lockOf(root, 'id')
    await holdAndDie(root, 'id')
    const digest = digestOf(readFileSync(lock)).slice(0, 16)
    await holdAndDie(root, 'id', relative(root, `${lock}.${digest}`))
    expect(await store.delete('id', undefined, soon())).toBe('deleted')
    expect(readdirSync(dirname(lock))).toEqual([])
  })

  test('is distinguished from a later process with its number', async () => {
    const root = newDirectory()
    writeLock(lockOf(root, 'id'), describeOwner().replace(/"start":"\d+"/, '"start":"1"'))
    expect((await openStore(root).create('id', bytes('x'), LATER, soon())).kind).toBe('created')
  })

  test('may be a thread of a process that lives on', async () => {
    const root = newDirectory()
    // On Node 20 a worker does not inherit the loader.
    const script = JSON.stringify(new URL('./file-child.ts', import.meta.url).href)
    const worker = new Worker(
      `import('tsx/esm/api').then(({ register }) => { register(); return import(${script}) })`,
      { eval: true, argv: ['hold', root, 'id'] },
    )
    onTestFinished(() => void worker.terminate())
    while (!existsSync(lockOf(root, 'id'))) await new Promise((resolve) => setTimeout(resolve, 5))
    const locks = openLocks(root)
    await expect(lookTenTimes(locks, lockOf(root, 'id'))).rejects.toThrow('lock was not free')
    await worker.terminate()
    expect(await locks.hold([lockOf(root, 'id')], soon().signal, async () => 'taken')).toBe('taken')
  })

  test('loses no acknowledged write, however many are killed', async () => {
    const root = newDirectory()
    const store = openStore(root)
    await store.create('id', bytes('{}'), LATER)
    const start = (n: number) => startChild(['count', root, 'id', `writer-${n}`])
    const children: Child[] = Array.from({ length: 6 }, (_, n) => start(n))
    await Promise.all(children.map((child) => child.next()))
    // One after the other while the rest write, each at some moment of its own.
    for (const [n, child] of children.entries()) {
      const writers = children.slice(n)
      for (let acknowledged = 0; acknowledged < 10; acknowledged++) {
        await Promise.race(writers.map((writer) => writer.next()))
      }
      await child.kill()
    }
    const stored = JSON.parse(content(await store.read('id', soon())) ?? '{}')
    let acknowledged = 0
    for (const [n, { lines }] of children.entries()) {
      const last = lines.length - 1
      acknowledged += last
      expect(stored[`writer-${n}`] ?? 0).toBeGreaterThanOrEqual(last)
      expect(stored[`writer-${n}`] ?? 0).toBeLessThanOrEqual(last + 1)
    }
    expect(acknowledged).toBeGreaterThanOrEqual(60)
    expect(await store.delete('id', undefined, soon())).toBe('deleted')
    await store.sweep?.()
    expect(namesBelow(root).filter((path) => path.includes('.lock'))).toEqual([])
    expect(readdirSync(join(root, 'owners'))).toHaveLength(1)
  })
})

describe('a holder that lives', () => {
  test('is waited for until the signal aborts', async () => {
    const root = newDirectory()
    const store = openStore(root)
    const leave = await holdLock(openLocks(root), lockOf(root, 'id'))
    const waiting = new AbortController()
    const results = Promise.allSettled([
      store.create('id', bytes('x'), LATER, waiting),
      store.create('id', bytes('x'), LATER, waiting),
    ])
    await new Promise((resolve) => setTimeout(resolve, 20))
    waiting.abort()
    for (const result of await results) {
      expect(result).toMatchObject({
        status: 'rejected',
        reason: { name: 'StoreError', operation: 'create', outcome: 'not-done', retriable: true },
      })
    }
    await leave()
    expect((await store.create('id', bytes('x'), LATER)).kind).toBe('created')
  })

  test('is waited for so long and no longer', async () => {
    const root = newDirectory()
    const locks = openLocks(root)
    const leave = await holdLock(locks, lockOf(root, 'id'))
    for (const other of [locks, openLocks(root)]) {
      const limit = AbortSignal.timeout(20)
      const waiting = other.hold([lockOf(root, 'id')], limit, async () => 'taken')
      await expect(waiting).rejects.toThrow('lock was not free')
    }
    await leave()
    expect(await locks.hold([lockOf(root, 'id')], soon().signal, async () => 'taken')).toBe('taken')
  })

  test('takes over its own lock when the removal went wrong', async () => {
    const root = newDirectory()
    const store = openStore(root)
    await store.create('id', bytes('x'), LATER)
    const [owner = ''] = readdirSync(join(root, 'owners'))
    linkSync(join(root, 'owners', owner), lockOf(root, 'id'))
    expect(await store.delete('id', undefined, soon())).toBe('deleted')
    expect(existsSync(lockOf(root, 'id'))).toBe(false)
  })

  test('does not write once others may have broken its lock', async () => {
    const root = newDirectory()
    const path = lockOf(root, 'id')
    const locks = openLocks(root, { staleAfter: 20 })
    const written = locks.hold([path], undefined, async (lock) => {
      await lock.confirm()
      writeLock(path, 'another holder, of another machine')
      await new Promise((resolve) => setTimeout(resolve, 10))
      await lock.confirm()
      return 'written'
    })
    await expect(written).rejects.toThrow('lock was not free')
    expect(readFileSync(path, 'utf8')).toBe('another holder, of another machine')
  })
})

describe('a holder of which nothing can be known', () => {
  const texts = {
    'of another machine': describeOwner().replace(/"host":"[^"]*"/, '"host":"another"'),
    'of another container': describeOwner().replace(/"pidNamespace":"[^"]*"/, '"pidNamespace":"x"'),
    'of before a restart': describeOwner().replace(/"boot":"[^"]*"/, '"boot":"x"'),
    'with a damaged text': describeOwner().slice(0, 20),
    'with no text': '',
  }

  test.for(Object.entries(texts))(
    '%s: its lock is broken when it is old, not before',
    async ([, text]) => {
      const root = newDirectory()
      const path = lockOf(root, 'id')
      writeLock(path, text)
      const patient = openLocks(root, { staleAfter: 60_000 })
      await expect(lookTenTimes(patient, path)).rejects.toThrow('lock was not free')
      expect(readFileSync(path, 'utf8')).toBe(text)
      const hasty = openLocks(root, { staleAfter: 30 })
      expect(await hasty.hold([path], soon().signal, async () => 'taken')).toBe('taken')
      expect(existsSync(path)).toBe(false)
    },
  )

  test('keeps a lock that it uses again and again', async () => {
    const root = newDirectory()
    const [path, another] = [lockOf(root, 'id'), lockOf(root, 'another')]
    writeLock(path, texts['of another machine'])
    mkdirSync(dirname(another), { recursive: true })
    // Longer than a look takes under load: the holder renews its lock at each look of the one that waits.
    const hasty = openLocks(root, { staleAfter: 2_000 })
    const endsAt = performance.now() + 3_000
    const signal = signalThat(() => {
      linkSync(path, `${another}.${Math.random()}`)
      return performance.now() > endsAt
    })
    const waiting = hasty.hold([path], signal, async () => 'taken')
    await expect(waiting).rejects.toThrow('lock was not free')
  })
})

describe('a sweep', () => {
  test('removes what killed processes left, and nothing else', async () => {
    const root = newDirectory()
    const store = openStore(root)
    const path = pathOf(root, 'id')
    await store.create('id', bytes('live'), LATER)
    const old = new Date(Date.now() - 120_000)
    const [owner] = readdirSync(join(root, 'owners'))
    const leftOver = `${path}.lock.${'0'.repeat(32)}.tmp`
    const inUse = `${path}.lock.${owner}.tmp`
    const foreign = join(dirname(path), 'README')
    for (const file of [leftOver, inUse, foreign]) {
      writeFileSync(file, 'x')
      utimesSync(file, old, old)
    }
    const dead = describeOwner().replace(/"start":"\d+"/, '"start":"1"')
    if (!noProc) {
      writeLock(lockOf(root, 'dead'), dead)
      writeFileSync(join(root, 'owners', 'dead'), dead)
    }
    const leave = await holdLock(openLocks(root), lockOf(root, 'held'))
    utimesSync(lockOf(root, 'held'), old, old)
    const before = namesBelow(root)

    expect(await store.sweep?.()).toBe(0)
    const gone = noProc
      ? [leftOver]
      : [leftOver, lockOf(root, 'dead'), join(root, 'owners', 'dead')]
    const removed = new Set(gone.map((file) => relative(root, file)))
    expect(namesBelow(root)).toEqual(before.filter((name) => !removed.has(name)))
    await leave()
    expect(content(await store.read('id'))).toBe('live')
  })

  test('leaves alone what another process is writing', async () => {
    const root = newDirectory()
    const store = openStore(root, { now: () => LATER })
    await openStore(root).create('id', bytes('short'), LATER)
    const leave = await holdLock(openLocks(root), lockOf(root, 'id'))
    expect(await store.sweep?.()).toBe(0)
    await leave()
    expect(await store.sweep?.()).toBe(1)
  })

  test('that is aborted stops', async () => {
    const root = newDirectory()
    const store = openStore(root, { now: () => LATER })
    await openStore(root).create('id', bytes('short'), LATER)
    expect(await store.sweep?.({ signal: AbortSignal.abort() })).toBe(0)
    expect(await store.sweep?.({ limit: 0 })).toBe(0)
    expect(await store.sweep?.({ limit: 5 })).toBe(1)
  })
})

test('this machine has a name that others do not have', () => {
  const owner = JSON.parse(describeOwner())
  expect(owner).toMatchObject({ pid: process.pid })
  expect(describeOwner()).not.toBe(describeOwner())
})
