/** One directory, two programs: a real cachelib, as Flask-Session uses it, and the store here. */

import { spawn } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tuple } from 'vial'
import { flaskSession } from 'vial/compat/flask-session'
import { readPickle, writePickle } from 'vial/serializers/pickle'
import { type CachelibFileStoreOptions, cachelibFileStore } from 'vial/stores/cachelib-file'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { type CachelibHash, encodeId } from '../../src/stores/cachelib-file/format.ts'
import { Browser } from '../core/requests.ts'
import { newDirectory } from '../stores/file-directory.ts'
import { PATIENCE } from '../support/patience.ts'
import { findPython, runScript } from './python.ts'

const python = findPython()
const command = 'command' in python ? python.command : ''
const SID = 'Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZmdoaWo'
const KEY = `session:${SID}`
const LATER = Date.now() + 3_600_000

type Step = readonly [name: string, ...args: unknown[]]
interface Work {
  readonly directory: string
  readonly options: { readonly hash?: CachelibHash; readonly threshold?: number }
  readonly steps: readonly Step[]
}

function cachelib(directory: string, options: Work['options'], ...steps: Step[]): unknown[] {
  const work: Work[] = [{ directory, options, steps }]
  return runScript<unknown[][]>(command, 'cachelib_files.py', work)[0] as unknown[]
}

function openStore(directory: string, options: CachelibFileStoreOptions = {}) {
  const store = cachelibFileStore(directory, { sweepInterval: false, ...options })
  onTestFinished(() => store.close?.())
  return store
}

const filesIn = (directory: string): string[] =>
  readdirSync(directory).filter((name) => /^[0-9a-f]+$/.test(name))

beforeEach((context) => {
  if ('missing' in python) context.skip(python.missing)
})

describe.each(['md5', 'sha256'] as const)('named by %s', (hash) => {
  test('what cachelib wrote is read here, and goes back with one key changed', async () => {
    const directory = newDirectory()
    const value = `{'_permanent': True, 'n': 1, 'one': 1.0, 't': (1, 2), 'b': b'\\x00', 'big': 2**70,
      's': {1}, 'text': 'é', 'nested': {'list': [1.0, None]}}`
    const [set, before] = cachelib(directory, { hash }, ['set', KEY, value, 3600], ['get', KEY])
    expect(set).toBe('True')
    // The names are those that the count is kept under.
    const sessions = flaskSession({
      store: openStore(directory),
      format: 'pickle',
      timeout: PATIENCE,
    })
    const browser = new Browser(sessions, `session=${SID}`)
    await browser.visit((session) => {
      expect(session.get('one')).toBe(1)
      expect(session.get('t')).toEqual(tuple(1, 2))
      expect(session.get('big')).toBe(2n ** 70n)
      session.set('n', 2)
    })
    const [after, count] = cachelib(directory, { hash }, ['get', KEY], ['count'])
    expect(after).toBe(String(before).replace("'n': 1", "'n': 2"))
    expect(count).toBe(1)
    expect(filesIn(directory)).toHaveLength(2)
  })

  test('what was written here cachelib reads, counts and deletes', async () => {
    const directory = newDirectory()
    cachelib(directory, { hash })
    const sessions = flaskSession({
      store: openStore(directory),
      format: 'pickle',
      timeout: PATIENCE,
    })
    const browser = new Browser(sessions)
    await browser.visit((session) => {
      session.set('user', 'ann')
      session.set('t', tuple(1, 'x'))
    })
    const key = `session:${browser.cookie?.replace('session=', '')}`
    const expected = "{'_permanent': True, 'user': 'ann', 't': (1, 'x')}"
    expect(
      cachelib(directory, { hash }, ['get', key], ['count'], ['delete', key], ['count']),
    ).toEqual([expected, 1, 'True', 0])
    await browser.visit((session) => expect(session.isNew).toBe(true))
  })

  test('both agree on the second in which a record ends', async () => {
    const directory = newDirectory()
    const end = 1_900_000_000
    const times = [end - 1, end - 0.001, end, end + 0.001]
    const bytes = writePickle({ a: 1 })
    await openStore(directory, { hash, now: () => 0 }).create('here', bytes, end * 1_000 - 999)
    const set: Step[] = [
      ['clock', end - 3600.5],
      ['set', 'there', "{'a': 1}", 3601],
    ]
    const gets = times.flatMap((time): Step[] => [
      ['clock', time],
      ['get', 'here'],
      ['get', 'there'],
    ])
    const there = cachelib(directory, { hash }, ...set, ...gets)
    const live = "{'a': 1}"
    expect(there.filter((one) => one !== null).slice(1)).toEqual([
      ...[live, live, live, live, live, live],
      ...['None', 'None'],
    ])
    for (const [time, expected] of [
      [end - 1, true],
      [end - 0.001, true],
      // At its deadline a record is gone by the contract; Python's clock is hardly ever at a whole second.
      [end, false],
      [end + 0.001, false],
    ] as const) {
      const store = openStore(directory, { hash, now: () => Math.round(time * 1_000) })
      for (const id of ['here', 'there']) {
        expect((await store.read(id)) !== undefined, `${id} ${time - end}`).toBe(expected)
      }
    }
  })

  test('both keep one count, and each removes what the other wrote', async () => {
    const directory = newDirectory()
    const sets = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, n): Step => {
        return ['set', `there-${from + n}`, '{}', 3600 + n]
      })
    cachelib(directory, { hash, threshold: 5 }, ...sets(0, 3))
    const store = openStore(directory, { threshold: 5 })
    const record = writePickle({})
    for (let n = 0; n < 10; n++) {
      await store.create(`here-${n}`, record, LATER + 60_000 + n * 1_000)
      const [kept, counted] = cachelib(directory, { hash, threshold: 5 }, ['count'], ['recount'])
      expect(kept).toBe(counted)
      expect(kept).toBe(Math.min(n + 4, 6))
    }
    // What would have ended first is gone.
    expect(cachelib(directory, { hash, threshold: 5 }, ['get', 'there-0'])).toEqual(['None'])
    expect(await store.read('here-9')).toBeDefined()
    const removing = sets(10, 16).map((step): Step => [...step.slice(0, 3), 36_000] as never)
    const [count] = cachelib(directory, { hash, threshold: 5 }, ...removing, ['count']).slice(-1)
    expect(count).toBe(6)
    expect(await store.read('here-9')).toBeUndefined()
    expect(await store.read('there-15')).toBeDefined()
  })

  test('what it leaves lying is neither counted nor removed by cachelib', async () => {
    const directory = newDirectory()
    const store = openStore(directory, { hash })
    // Before those that cachelib makes, which ends records in the order of their deadlines.
    await store.create('here', writePickle({}), LATER - 60_000)
    writeFileSync(
      join(directory, 'locks.__wz_cache', `${encodeId('here', hash)}.lock.${'0'.repeat(32)}.tmp`),
      'of a writer that was killed',
    )
    expect(cachelib(directory, { hash, threshold: 1 }, ['recount'])).toEqual([1])
    const steps = ['a', 'b', 'c'].map((key): Step => ['set', key, '{}', 3600])
    cachelib(directory, { hash, threshold: 1 }, ...steps)
    expect(readdirSync(directory)).toContain('locks.__wz_cache')
    expect(await store.delete('here')).toBe('gone')
  })

  test('a record that is being written there is never seen in part', async () => {
    const directory = newDirectory()
    cachelib(directory, { hash }, ['set', 'key', '{"turn": 0}', 3600])
    const store = openStore(directory)
    const script = fileURLToPath(
      new URL('../../interop/generate/cachelib_files.py', import.meta.url),
    )
    const child = spawn(command, [script], { stdio: ['pipe', 'ignore', 'inherit'] })
    const work: Work = { directory, options: { hash }, steps: [['spin', 'key', 300]] }
    let ended = false
    const end = new Promise<number | null>((resolve) => child.once('close', resolve)).finally(
      () => {
        ended = true
      },
    )
    child.stdin.end(JSON.stringify([work]))
    const seen = new Set<unknown>()
    while (!ended) {
      const record = await store.read('key')
      const { turn, padding } = readPickle(record?.bytes ?? new Uint8Array()) as Record<
        string,
        unknown
      >
      seen.add(turn)
      if (padding !== undefined) expect(String(padding)).toHaveLength((Number(turn) % 7) * 10_000)
      await store.touch('key', LATER, record?.version)
    }
    expect(await end).toBe(0)
    expect(seen.size).toBeGreaterThan(1)
    const last = readPickle((await store.read('key'))?.bytes ?? new Uint8Array())
    expect(last).toMatchObject({ turn: 299 })
  })
})

test.each([1, 2, 4, 5])(
  'a cachelib before 0.7 reads its record after a visit and a write, protocol %i',
  async (protocol) => {
    const directory = newDirectory()
    const hash = 'md5'
    const value = "{'_permanent': True, 'user': 'ann', 't': (1, 2)}"
    const made: Step[] = [
      ['set old', KEY, value, 3600, protocol],
      ['get old', KEY],
    ]
    const [, before] = cachelib(directory, { hash }, ...made) as [null, [string, number]]
    const sessions = flaskSession({
      store: openStore(directory, { hash }),
      format: 'pickle',
      timeout: PATIENCE,
    })
    const browser = new Browser(sessions, `session=${SID}`)
    await browser.visit((session) => expect(session.get('user')).toBe('ann'))
    const visited = cachelib(directory, { hash }, ['get old', KEY])[0] as [string, number]
    expect(visited[0]).toBe(before[0])
    expect(visited[1]).toBeGreaterThan(before[1])
    await browser.visit((session) => session.set('user', 'bob'))
    const [written] = cachelib(directory, { hash }, ['get old', KEY]) as [[string, number]]
    expect(written[0]).toBe(before[0].replace('ann', 'bob'))
  },
)

test('a directory whose cachelib was brought up to date keeps every login', async () => {
  const directory = newDirectory()
  cachelib(directory, { hash: 'md5' }, ['set', KEY, "{'_permanent': True, 'user': 'ann'}", 3600])
  cachelib(directory, { hash: 'sha256' })
  const sessions = flaskSession({
    store: openStore(directory),
    format: 'pickle',
    timeout: PATIENCE,
  })
  const browser = new Browser(sessions, `session=${SID}`)
  await browser.visit((session) => {
    expect(session.get('user')).toBe('ann')
    session.set('seen', true)
  })
  expect(filesIn(directory)).not.toContain(encodeId(KEY, 'md5'))
  expect(cachelib(directory, { hash: 'sha256' }, ['get', KEY])).toEqual([
    "{'_permanent': True, 'user': 'ann', 'seen': True}",
  ])
})
