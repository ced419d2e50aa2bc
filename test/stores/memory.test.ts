import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Store } from 'vial'
import { memoryStore } from 'vial/stores/memory'
import { storeSuite } from 'vial/testing'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { failureOf } from '../support/failure-of.ts'
import { forgetWarnings } from '../support/warnings.ts'
import { PROFILES } from './profiles.ts'

describe('the contract', () => {
  storeSuite({
    test,
    name: 'memory',
    make: ({ now }) => ({ store: memoryStore({ now }) }),
    ids: 10_000,
    ...PROFILES.memory.suite,
  })
})

const bytes = new Uint8Array([1, 2, 3])

async function idsIn(store: ReturnType<typeof memoryStore>): Promise<string[]> {
  const ids: string[] = []
  for await (const id of store.list?.() ?? []) ids.push(id)
  return ids
}

function warnings() {
  forgetWarnings()
  return vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
}

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
  vi.resetModules()
})

/** Reads a record and moves its expiry. */
async function touch(store: Store, id: string, expiresAt: number) {
  return store.touch(id, expiresAt, (await store.read(id))?.version)
}

/** Numbers that look random and are the same in each run. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % below
  }
}

describe('the bound', () => {
  test('evicts the least recently used: reads, writes and touches are uses', async () => {
    warnings()
    const store = memoryStore({ maxSessions: 4, now: () => 0 })
    for (const id of ['a', 'b', 'c', 'd']) await store.create(id, bytes, 1_000)
    const read = await store.read('a')
    await store.touch('b', 2_000, 2)
    const replaced = await store.replace('a', bytes, 1_000, read?.version)
    expect(replaced.kind).toBe('replaced')
    await store.create('e', bytes, 1_000)
    await store.create('f', bytes, 1_000)
    expect((await idsIn(store)).toSorted()).toEqual(['a', 'b', 'e', 'f'])
  })

  test('keeps the order of use through any sequence of operations', async () => {
    warnings()
    const store = memoryStore({ maxSessions: 20, now: () => 0 })
    const inOrder = new Set<string>()
    const random = randomNumbers(7)
    for (let step = 0; step < 5_000; step++) {
      const id = `id-${random(40)}`
      const there = inOrder.delete(id)
      if (random(5) === 0) {
        expect(await store.delete(id)).toBe(there ? 'deleted' : 'gone')
        continue
      }
      if (there) expect(await touch(store, id, 1 + random(1_000))).toBe('touched')
      else await store.create(id, bytes, 1 + random(1_000))
      inOrder.add(id)
      const [oldest = ''] = inOrder
      if (inOrder.size > 20) inOrder.delete(oldest)
      expect((await idsIn(store)).toSorted()).toEqual([...inOrder].toSorted())
    }
  })

  test('spares live records while an expired one is among the next eight', async () => {
    const emitted = warnings()
    const onEvict = vi.fn()
    let time = 0
    const store = memoryStore({ maxSessions: 8, onEvict, now: () => time })
    for (let n = 0; n < 6; n++) await store.create(`live-${n}`, bytes, 1_000)
    await store.create('moved', bytes, 10)
    await store.create('short', bytes, 20)
    await touch(store, 'moved', 1_000)
    time = 20
    await store.create('new', bytes, 1_000)
    const ids = await idsIn(store)
    expect(ids).toHaveLength(8)
    expect(ids).not.toContain('short')
    expect(onEvict).not.toHaveBeenCalled()
    expect(emitted).not.toHaveBeenCalled()
  })

  test('reports how many live sessions were evicted, never which, and warns once', async () => {
    const emitted = warnings()
    const onEvict = vi.fn()
    const store = memoryStore({ maxSessions: 2, onEvict, now: () => 0 })
    for (let n = 0; n < 5; n++) await store.create(`id-${n}`, bytes, 1_000)
    expect(onEvict.mock.calls).toEqual([[1], [2], [3]])
    expect(emitted).toHaveBeenCalledOnce()
    expect(emitted).toHaveBeenCalledWith(expect.stringContaining('more than 2 live sessions'), {
      code: 'VIAL_MEMORY_FULL',
    })
    expect(emitted.mock.calls.join()).not.toContain('id-')
  })

  test('keeps the write when onEvict throws, and shows the error', async () => {
    const emitted = warnings()
    const store = memoryStore({
      maxSessions: 1,
      now: () => 0,
      onEvict: () => {
        throw new Error('broken metrics')
      },
    })
    await store.create('a', bytes, 1_000)
    expect((await store.create('b', bytes, 1_000)).kind).toBe('created')
    expect(emitted).toHaveBeenCalledWith('memoryStore: onEvict threw: Error: broken metrics', {
      code: 'VIAL_CALLBACK',
    })
  })

  test.each([0, -1, 1.5, Number.NaN])('of %s is refused', (maxSessions) => {
    expect(() => memoryStore({ maxSessions })).toThrow('Give a whole number from 1, or Infinity.')
  })

  test('may be Infinity: then nothing is evicted, and the store says so', async () => {
    const store = memoryStore({ maxSessions: Infinity })
    expect((await store.create('a', bytes, Infinity)).kind).toBe('created')
    expect(store.evicts).toBe(false)
    expect(memoryStore().evicts).toBe(true)
  })
})

describe("whenFull: 'refuse'", () => {
  test('refuses a new session, keeps the live ones and takes writes to them', async () => {
    const onEvict = vi.fn()
    const store = memoryStore({ maxSessions: 3, whenFull: 'refuse', onEvict, now: () => 0 })
    expect(store.evicts).toBe(false)
    for (const id of ['a', 'b', 'c']) await store.create(id, bytes, 1_000)
    const error = await failureOf(async () => store.create('d', bytes, 1_000))
    expect(error).toMatchObject({ operation: 'create', outcome: 'not-done', retriable: true })
    expect(error.message).toBe(
      'memoryStore: create failed: it is full with 3 live sessions. Raise maxSessions, or use a store outside the process.',
    )
    expect((await store.create('a', bytes, 1_000)).kind).toBe('exists')
    const { version } = (await store.read('b')) ?? {}
    expect((await store.replace('b', bytes, 1_000, version)).kind).toBe('replaced')
    expect((await idsIn(store)).toSorted()).toEqual(['a', 'b', 'c'])
    expect(onEvict).not.toHaveBeenCalled()
    await store.delete('c')
    expect((await store.create('d', bytes, 1_000)).kind).toBe('created')
  })

  test('never refuses while one record is expired, wherever it is and however its expiry moved', async () => {
    let time = 0
    const store = memoryStore({ maxSessions: 100, whenFull: 'refuse', now: () => time })
    const random = randomNumbers(3)
    const ends = new Map<string, number>()
    for (let step = 0; step < 4_000; step++) {
      time += random(2)
      const id = `id-${random(300)}`
      const end = time + 1 + random(400)
      const live = [...ends.values()].filter((each) => each > time).length
      if ((ends.get(id) ?? 0) > time) expect(await touch(store, id, end)).toBe('touched')
      else if (live < 100) expect((await store.create(id, bytes, end)).kind).toBe('created')
      else {
        await failureOf(async () => store.create(id, bytes, end))
        continue
      }
      ends.set(id, end)
    }
  })

  test('is the only other value', () => {
    expect(() => memoryStore({ whenFull: 'wait' as never })).toThrow("Give 'evict' or 'refuse'.")
  })
})

describe('expired records', () => {
  test('do not pile up without a sweep and without reads', async () => {
    let time = 0
    const store = memoryStore({ now: () => time })
    for (let n = 0; n < 2_000; n++) {
      time = n
      await store.create(`id-${n}`, bytes, time + 10)
    }
    // The sweep finds only what the writes have not removed yet.
    time += 1_000
    expect(await store.sweep?.()).toBeLessThanOrEqual(20)
  })

  test('are removed eight a write after many expired at once', async () => {
    let time = 0
    const store = memoryStore({ now: () => time })
    for (let n = 0; n < 1_000; n++) await store.create(`id-${n}`, bytes, 10)
    time = 10
    for (let n = 0; n < 100; n++) await store.create(`new-${n}`, bytes, 100)
    // The hand passes a few of the new ones as well.
    expect(await store.sweep?.()).toBeLessThanOrEqual(300)
  })

  test('are gone at their expiry, however often it moved', async () => {
    let time = 0
    const store = memoryStore({ now: () => time })
    const ends = new Map<string, number>()
    const random = randomNumbers(1)
    for (let step = 0; step < 20_000; step++) {
      time += random(3)
      const id = `id-${random(300)}`
      const live = (ends.get(id) ?? 0) > time
      const next = time + random(500)
      if (random(10) === 0) expect(await store.delete(id)).toBe(live ? 'deleted' : 'gone')
      else if (live) expect(await touch(store, id, next)).toBe('touched')
      else expect((await store.create(id, bytes, next)).kind).toBe('created')
      const record = await store.read(id)
      ends.set(id, record?.expiresAt ?? 0)
      if (record !== undefined) expect(record.expiresAt).toBe(next)
    }
    const live = [...ends].filter(([, end]) => end > time).map(([id]) => id)
    await store.sweep?.()
    expect((await idsIn(store)).toSorted()).toEqual(live.toSorted())
    time += 1_000
    expect(await store.sweep?.()).toBe(live.length)
  })

  test.each([1_000, 10_000])(
    'of %s bytes leave the memory when they are deleted long before their expiry',
    async (size) => {
      const store = memoryStore({ now: () => 0 })
      const ids = Array.from({ length: 4_000 }, (_, n) => `id-${n}`)
      const before = await bytesInUse()
      for (const id of ids) await store.create(id, new Uint8Array(size), 1_000)
      expect((await bytesInUse()) - before).toBeGreaterThan(4_000 * size)
      for (const id of ids) await store.delete(id)
      expect((await bytesInUse()) - before).toBeLessThan(1_000 * size)
      expect(await store.sweep?.()).toBe(0)
    },
  )
})

/** Memory in use after a full garbage collection, in bytes. */
async function bytesInUse(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let time = 0; time < 3; time++) {
    await new Promise((resolve) => setImmediate(resolve))
    collect()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

test('a version is of one write: equal bytes written again are another version', async () => {
  const store = memoryStore()
  const end = Date.now() + 1_000
  await store.create('a', bytes, end)
  const first = await store.read('a')
  await store.replace('a', new Uint8Array([9]), end, first?.version)
  await store.replace('a', bytes, end, (await store.read('a'))?.version)
  expect((await store.replace('a', bytes, end, first?.version)).kind).toBe('conflict')
})

describe('in production', () => {
  test('one warning says what the store cannot do', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    const emitted = warnings()
    const fresh = await import('vial/stores/memory')
    fresh.memoryStore()
    fresh.memoryStore()
    expect(emitted).toHaveBeenCalledOnce()
    expect(emitted).toHaveBeenCalledWith(expect.stringContaining('end with this process'), {
      code: 'VIAL_MEMORY_PRODUCTION',
    })
  })

  test('is the only place of that warning', async () => {
    vi.stubEnv('NODE_ENV', 'development')
    const emitted = warnings()
    const fresh = await import('vial/stores/memory')
    fresh.memoryStore()
    expect(emitted).not.toHaveBeenCalled()
  })
})
