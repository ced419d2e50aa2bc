import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { memoryStore } from 'vial/stores/memory'
import { storeSuite } from 'vial/testing'
import { afterEach, describe, expect, test, vi } from 'vitest'
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
  return vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
}

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
  vi.resetModules()
})

describe('the bound', () => {
  test('makes the least recently used go: reads, writes and touches are uses', async () => {
    warnings()
    const store = memoryStore({ maxSessions: 4, now: () => 0 })
    for (const id of ['a', 'b', 'c', 'd']) await store.create(id, bytes, 1_000)
    const read = await store.read('a')
    await store.touch('b', 2_000)
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
    let seed = 7
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
      return (seed >>> 8) % below
    }
    for (let step = 0; step < 5_000; step++) {
      const id = `id-${random(40)}`
      const there = inOrder.delete(id)
      if (random(5) === 0) {
        expect(await store.delete(id)).toBe(there ? 'deleted' : 'gone')
        continue
      }
      if (there) expect(await store.touch(id, 1 + random(1_000))).toBe(true)
      else await store.create(id, bytes, 1 + random(1_000))
      inOrder.add(id)
      const [oldest = ''] = inOrder
      if (inOrder.size > 20) inOrder.delete(oldest)
      expect((await idsIn(store)).toSorted()).toEqual([...inOrder].toSorted())
    }
  })

  test('lets the expired go first, whatever was used last', async () => {
    const emitted = warnings()
    const onEvict = vi.fn()
    let time = 0
    const store = memoryStore({ maxSessions: 3, onEvict, now: () => time })
    await store.create('oldest', bytes, 1_000)
    await store.create('moved', bytes, 10)
    await store.create('short', bytes, 20)
    await store.touch('moved', 1_000)
    time = 20
    await store.create('new', bytes, 1_000)
    expect((await idsIn(store)).toSorted()).toEqual(['moved', 'new', 'oldest'])
    expect(onEvict).not.toHaveBeenCalled()
    expect(emitted).not.toHaveBeenCalled()
  })

  test('finds the one that expired behind many whose deadlines moved', async () => {
    const onEvict = vi.fn()
    let time = 0
    const store = memoryStore({ maxSessions: 100, onEvict, now: () => time })
    for (let n = 0; n < 99; n++) await store.create(`moved-${n}`, bytes, 10)
    for (let n = 0; n < 99; n++) await store.touch(`moved-${n}`, 1_000)
    await store.create('short', bytes, 20)
    time = 20
    await store.create('new', bytes, 1_000)
    const ids = await idsIn(store)
    expect(ids).toHaveLength(100)
    expect(ids).toContain('new')
    expect(onEvict).not.toHaveBeenCalled()
  })

  test('tells how many live sessions had to go, never which, and warns once', async () => {
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
    expect(emitted).toHaveBeenCalledWith(new Error('broken metrics'))
  })

  test.each([0, -1, 1.5, Number.NaN])('of %s is refused', (maxSessions) => {
    expect(() => memoryStore({ maxSessions })).toThrow('Give a whole number from 1.')
  })

  test('may be none', async () => {
    const store = memoryStore({ maxSessions: Infinity })
    expect((await store.create('a', bytes, Infinity)).kind).toBe('created')
  })
})

describe('expired records', () => {
  test('do not pile up, though nobody sweeps or reads them', async () => {
    let time = 0
    const store = memoryStore({ now: () => time })
    for (let n = 0; n < 2_000; n++) {
      time = n
      await store.create(`id-${n}`, bytes, time + 10)
    }
    // The sweep finds only what the writes have not cleared yet.
    time += 1_000
    expect(await store.sweep?.()).toBeLessThanOrEqual(11)
  })

  test('are cleared by and by after many ended at once', async () => {
    let time = 0
    const store = memoryStore({ now: () => time })
    for (let n = 0; n < 1_000; n++) await store.create(`id-${n}`, bytes, 10)
    time = 10
    for (let n = 0; n < 100; n++) await store.create(`new-${n}`, bytes, 100)
    expect(await store.sweep?.()).toBe(200)
  })

  test('go at their deadline, however often it moved', async () => {
    let time = 0
    const store = memoryStore({ now: () => time })
    const deadlines = new Map<string, number>()
    let seed = 1
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
      return (seed >>> 8) % below
    }
    for (let step = 0; step < 20_000; step++) {
      time += random(3)
      const id = `id-${random(300)}`
      const live = (deadlines.get(id) ?? 0) > time
      const next = time + random(500)
      if (random(10) === 0) expect(await store.delete(id)).toBe(live ? 'deleted' : 'gone')
      else if (live) expect(await store.touch(id, next)).toBe(true)
      else expect((await store.create(id, bytes, next)).kind).toBe('created')
      const record = await store.read(id)
      deadlines.set(id, record?.expiresAt ?? 0)
      if (record !== undefined) expect(record.expiresAt).toBe(next)
    }
    const live = [...deadlines].filter(([, end]) => end > time).map(([id]) => id)
    await store.sweep?.()
    expect((await idsIn(store)).toSorted()).toEqual(live.toSorted())
    time += 1_000
    expect(await store.sweep?.()).toBe(live.length)
  })

  test.each([1_000, 10_000])(
    'of %s bytes are let go when they are deleted long before their deadline',
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

/** What is left when everything was collected that can be. */
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
