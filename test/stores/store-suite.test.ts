import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Store } from 'vial'
import { StoreError, type StoreOutcome, TooLargeError } from 'vial'
import { memoryStore } from 'vial/stores/memory'
import { type StoreSuiteOptions, type SuiteBody, storeSentences, storeSuite } from 'vial/testing'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { MaybePromise } from '../../src/core/store.ts'
import { raceDefects } from './broken-races.ts'
import { readingDefects } from './broken-reading.ts'
import { writingDefects } from './broken-writing.ts'
import { breakStore, foreignWrite, lossyStore, tick } from './defect.ts'

const defects = [...readingDefects, ...writingDefects, ...raceDefects]

type Registered = Map<string, () => Promise<void>>

function collect(options: Omit<StoreSuiteOptions, 'test'>): Registered {
  const registered: Registered = new Map()
  storeSuite({ ids: 20, ...options, test: (name, body) => registered.set(name, body) })
  return registered
}

async function failing(registered: Registered): Promise<string[]> {
  const results = [...registered].map(([name, body]) =>
    body().then(
      () => [],
      () => [name],
    ),
  )
  return (await Promise.all(results)).flat()
}

const sound: StoreSuiteOptions['make'] = ({ now }) => {
  const store = lossyStore({ now })
  return {
    store,
    loseNextReply: () => store.loseNextReply(),
    foreignWrite: (...record) => foreignWrite(store, ...record),
  }
}

describe('the list of sentences', () => {
  const contract = readFileSync(
    fileURLToPath(new URL('../../src/core/store.ts', import.meta.url)),
    'utf8',
  )

  test('has exactly the numbers of the contract', () => {
    const numbers = [...contract.matchAll(/\[([A-Z]\d)\]/g)].map((match) => match[1])
    expect(numbers.length).toBeGreaterThan(20)
    expect(
      storeSentences()
        .map((sentence) => sentence.number)
        .toSorted(),
    ).toEqual([...new Set(numbers)].toSorted())
  })

  test('has a title and a case for each, and no name twice', () => {
    const cases = storeSentences().flatMap((sentence) => sentence.cases)
    expect(new Set(cases).size).toBe(cases.length)
    for (const { number, title, cases } of storeSentences()) {
      expect(title).not.toBe('')
      expect(cases[0]).toBe(`${number} ${title}`)
    }
  })

  test('is what the suite registers', () => {
    const names = [...collect({ make: sound, maxBytes: 1_000 }).keys()]
    expect(names.map((name) => name.replace(/ \(skipped: .*/, ''))).toEqual(
      storeSentences().flatMap((sentence) => sentence.cases),
    )
  })
})

describe('the suite', () => {
  test('finds nothing in a sound store', async () => {
    expect(await failing(collect({ make: sound }))).toEqual([])
  })

  test('finds nothing in a store that answers late and out of order', async () => {
    const make: StoreSuiteOptions['make'] = ({ now }) => {
      const store = lossyStore({ now })
      let calls = 0
      const late = async <T>(call: () => MaybePromise<T>): Promise<T> => {
        for (let left = (calls++ * 5) % 7; left > 0; left--) await tick()
        try {
          return await call()
        } finally {
          for (let left = (calls * 3) % 5; left > 0; left--) await tick()
        }
      }
      const slow = (): Store => ({
        ...store,
        read: (...call) => late(() => store.read(...call)),
        create: (...call) => late(() => store.create(...call)),
        replace: (...call) => late(() => store.replace(...call)),
        touch: (...call) => late(() => store.touch(...call)),
        delete: (...call) => late(() => store.delete(...call)),
        sweep: (options) => late(async () => (await store.sweep?.(options)) ?? 0),
      })
      return {
        store: slow(),
        another: slow,
        loseNextReply: () => store.loseNextReply(),
        foreignWrite: (...record) => foreignWrite(store, ...record),
      }
    }
    expect(await failing(collect({ make }))).toEqual([])
  })

  test('finds nothing in a store that answers at once, and throws at once', async () => {
    const limit = 100_000
    const failure = (operation: string, outcome: StoreOutcome) =>
      new StoreError('It is down', { operation, outcome, retriable: true })
    const fitting = (bytes: Uint8Array) => {
      if (bytes.length <= limit) return bytes
      throw new TooLargeError('It is too large', { size: bytes.length, limit })
    }
    const make: StoreSuiteOptions['make'] = ({ now }) => {
      const memory = memoryStore({ now })
      let losing = false
      const reported = <T>(operation: string, reply: T): T => {
        if (!losing) return reply
        losing = false
        throw failure(operation, 'unknown')
      }
      const store: Store = {
        ...memory,
        read(id, options) {
          if (options?.signal?.aborted) throw failure('read', 'not-done')
          return memory.read(id)
        },
        create: (id, bytes, ...rest) =>
          reported('create', memory.create(id, fitting(bytes), ...rest)),
        replace: (id, bytes, ...rest) =>
          reported('replace', memory.replace(id, fitting(bytes), ...rest)),
        touch: (...call) => reported('touch', memory.touch(...call)),
        delete: (...call) => reported('delete', memory.delete(...call)),
      }
      return {
        store,
        loseNextReply() {
          losing = true
        },
        foreignWrite: (...record) => foreignWrite(memory, ...record),
      }
    }
    const down = (operation: string) => () => {
      throw failure(operation, 'not-done')
    }
    const makeBroken: StoreSuiteOptions['make'] = () => ({
      store: {
        name: 'down',
        atomic: true,
        read: down('read'),
        create: down('create'),
        replace: down('replace'),
        touch: down('touch'),
        delete: down('delete'),
      },
    })
    expect(await failing(collect({ make, makeBroken, maxBytes: limit }))).toEqual([])
  })

  test.for(defects.map((defect) => [defect.fails, defect.what, defect] as const))(
    '"%s" fails when %s',
    async ([, , defect]) => {
      const make: StoreSuiteOptions['make'] = ({ now }) => {
        const { sound, client } = breakStore(defect, now)
        return {
          store: client(),
          another: client,
          loseNextReply: () => sound.loseNextReply(),
          foreignWrite: (...record) => foreignWrite(sound, ...record),
        }
      }
      const [name, run] =
        [...collect({ make })].find(([name]) => `${name} `.startsWith(`${defect.fails} `)) ?? []
      expect(await failing(new Map(run && [[name ?? '', run]]))).toEqual([name])
    },
  )

  test('has a defect for every sentence', () => {
    const found = new Set(defects.map(({ fails }) => fails.slice(0, 2)))
    expect([...found].toSorted()).toEqual(
      storeSentences()
        .map((sentence) => sentence.number)
        .toSorted(),
    )
  })

  test.for([
    ['swallows the failure', () => Promise.resolve(undefined)],
    ['lets an error of the client through', () => Promise.reject(new Error('ECONNREFUSED'))],
  ] as const)('finds a store that %s', async ([, read]) => {
    const makeBroken: StoreSuiteOptions['make'] = () => ({ store: { ...memoryStore(), read } })
    expect(await failing(collect({ make: sound, makeBroken }))).toEqual([
      'F1 rejects with a StoreError when the backend cannot be reached',
    ])
  })

  test('finds a store that takes more than its limit', async () => {
    expect(await failing(collect({ make: sound, maxBytes: 100_000 }))).toEqual([
      'F1 rejects a record that does not fit with a TooLargeError',
    ])
  })
})

describe('what is left out', () => {
  test('is named with its reason, and not run', async () => {
    const { list, ...store } = memoryStore()
    const skipped: string[] = []
    const ran = collect({
      make: () => ({ store }),
      name: 'no list',
      deviations: {
        L1: 'names are digests',
        'P6 loses no increment of eight concurrent loops': 'slow',
      },
      skip: (name) => skipped.push(name),
    })
    expect(list).toBeDefined()
    expect(skipped).toEqual([
      'P6 loses no increment of eight concurrent loops [no list] (skipped: slow)',
      'L1 lists each live id once [no list] (skipped: names are digests)',
      'L1 lists each live id once while others come and go [no list] (skipped: names are digests)',
      'F1 rejects with a StoreError when the backend cannot be reached [no list] (skipped: no makeBroken was given)',
    ])
    expect([...ran.keys()].some((name) => name.startsWith('L1'))).toBe(false)
    expect(ran.has('P6 lets exactly one of many replaces of one version succeed [no list]')).toBe(
      true,
    )
  })

  test.each(['loseNextReply', 'foreignWrite'] as const)(
    'is what needs %s, where the runner can skip a test that has begun',
    async (ability) => {
      const make: StoreSuiteOptions['make'] = async (clock) => {
        const { [ability]: _, ...fixture } = await sound(clock)
        return fixture
      }
      const skipped: string[] = []
      const bodies: [string, SuiteBody][] = []
      storeSuite({ make, ids: 20, test: (name, body) => bodies.push([name, body]) })
      for (const [name, body] of bodies) {
        expect(body).toHaveLength(0)
        if (!/^F2|^P2 .*program/.test(name)) continue
        await body({ skip: (reason) => skipped.push(`${name.slice(0, 2)}: ${reason}`) })
      }
      const reason = `the fixture has no ${ability}`
      expect(skipped).toEqual(
        ability === 'foreignWrite' ? [`P2: ${reason}`] : [`F2: ${reason}`, `F2: ${reason}`],
      )
    },
  )

  test('is what needs compare-and-set, for a store that cannot', () => {
    const names = [...collect({ make: sound, atomic: false }).keys()]
    const reason = '(skipped: the store cannot compare and set)'
    expect(names.filter((name) => name.endsWith(reason)).map((name) => name.slice(0, 2))).toEqual([
      ...['R5', 'C3', 'P1', 'P6', 'P6', 'T3', 'T5', 'X1', 'X2'],
    ])
  })

  test('is a failure without a reason', async () => {
    const make: StoreSuiteOptions['make'] = ({ now }) => {
      const { list: _, sweep: __, ...store } = memoryStore({ now })
      return { store }
    }
    const failed = await failing(collect({ make }))
    expect(failed.map((name) => name.slice(0, 2))).toEqual(['S1', 'S2', 'S2', 'L1', 'L1'])
  })

  test('must be a case', () => {
    expect(() => collect({ make: sound, deviations: { Q7: 'no such sentence' } })).toThrow(
      'deviations: no case starts with "Q7"',
    )
  })
})

/** Runs cases in a time that jumps from timer to timer. */
async function failingInFakeTime(registered: Registered): Promise<string[]> {
  let done = false
  const failed = failing(registered).finally(() => {
    done = true
  })
  while (!done) {
    await vi.advanceTimersToNextTimerAsync()
    await tick()
  }
  return failed
}

/** A store whose backend counts the lifetime of a record from the arrival of the write, some hundred ms later. */
function distantStore(resolution: number): Store {
  const sound = memoryStore()
  let calls = 0
  const arrive = () => new Promise((resolve) => setTimeout(resolve, (calls++ * 89) % 400))
  const lifetime = (expiresAt: number) => {
    const left = Math.ceil((expiresAt - Date.now()) / resolution) * resolution
    return async () => {
      await arrive()
      return Date.now() + left
    }
  }
  return {
    name: 'distant',
    atomic: true,
    resolution,
    async read(id) {
      await arrive()
      const record = await sound.read(id)
      const left = (record?.expiresAt ?? 0) - Date.now()
      await arrive()
      return record && { ...record, expiresAt: Date.now() + left }
    },
    async create(id, bytes, expiresAt) {
      return sound.create(id, bytes, await lifetime(expiresAt)())
    },
    async replace(id, bytes, expiresAt, version) {
      return sound.replace(id, bytes, await lifetime(expiresAt)(), version)
    },
    async touch(id, expiresAt, version) {
      return sound.touch(id, await lifetime(expiresAt)(), version)
    },
    async delete(id, version) {
      await arrive()
      return sound.delete(id, version)
    },
    async sweep(options) {
      await arrive()
      return (await sound.sweep?.(options)) ?? 0
    },
    async *list(options) {
      await arrive()
      yield* sound.list?.(options) ?? []
    },
  }
}

describe('a backend with a clock of its own', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  test.each([1, 100])(
    'may be slower than the nearest expiry; resolution %d',
    async (resolution) => {
      const make: StoreSuiteOptions['make'] = () => ({ store: distantStore(resolution) })
      const serverTime = { shortest: 50, slack: 0 }
      const timed = [...collect({ make, resolution, serverTime })].filter(([name]) =>
        /^(?:R3|R5|D1|C1|P[1235] [^s]|T[1-5] [^ln]|S|L1)/.test(name),
      )
      expect(timed.length).toBeGreaterThan(15)
      expect(await failingInFakeTime(new Map(timed))).toEqual([])
    },
  )

  test.each([
    ['R3 has', 2_000],
    ['D1', -10],
  ])('"%s" fails when records expire %d ms too late', async (fails, late) => {
    const make: StoreSuiteOptions['make'] = () => {
      const store = memoryStore()
      return {
        store: { ...store, create: (id, bytes, at) => store.create(id, bytes, at + late) },
      }
    }
    const registered = collect({ make, serverTime: { shortest: 300, slack: 5 } })
    const own = [...registered].filter(([name]) => name.startsWith(`${fails} `))
    expect(await failingInFakeTime(new Map(own))).toEqual(own.map(([name]) => name))
  })
})
