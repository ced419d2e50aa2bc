/** What is particular to a directory of cachelib: names, layouts, the count and the threshold. */

import { readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { flaskSession } from 'vial/compat/flask-session'
import { writePickle } from 'vial/serializers/pickle'
import { describe, expect, test } from 'vitest'
import {
  COUNT_FILE,
  encodeHead,
  encodeId,
  parseHead,
} from '../../src/stores/cachelib-file/format.ts'
import { Browser } from '../core/requests.ts'
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
import { bytes, content, newDirectory } from './file-directory.ts'

describe('two ways of naming', () => {
  test('a record under the other name is found, and moves when it is written', async () => {
    const root = newDirectory()
    startCounting(root, 'sha256', 1)
    writeAsCachelib(root, 'id', bytes('old'), LATER, 'md5')
    const store = openStore(root)
    const { version } = (await store.read('id')) ?? {}
    expect((await store.create('id', bytes('new'), LATER)).kind).toBe('exists')
    expect(await store.touch('id', LATER + SECOND, version)).toBe('touched')
    expect((await store.read('id'))?.expiresAt).toBe(LATER + SECOND)
    expect((await store.replace('id', bytes('new'), LATER, version)).kind).toBe('replaced')
    expect(namesIn(root)).toEqual([COUNT_FILE.sha256, encodeId('id', 'sha256')].toSorted())
    expect(content(await store.read('id'))).toBe('new')
    expect(countIn(root)).toBe(1)
  })

  test('of two records the one under the written name counts; both are deleted', async () => {
    const root = newDirectory()
    startCounting(root, 'sha256', 2)
    for (const hash of ['md5', 'sha256'] as const) {
      writeAsCachelib(root, 'id', bytes(hash), LATER, hash)
    }
    expect(content(await openStore(root).read('id'))).toBe('sha256')
    expect(content(await openStore(root, { hash: 'md5' }).read('id'))).toBe('md5')
    expect(await openStore(root).delete('id')).toBe('deleted')
    expect(namesIn(root)).toEqual([COUNT_FILE.sha256])
    expect(countIn(root)).toBe(0)
  })

  test('are chosen by the cachelib that counts there, also when it comes later', async () => {
    const root = newDirectory()
    const store = openStore(root)
    await store.create('first', bytes('x'), LATER)
    startCounting(root, 'md5', 1)
    await store.create('second', bytes('x'), LATER)
    expect(namesIn(root)).toContain(encodeId('first', 'sha256'))
    expect(namesIn(root)).toContain(encodeId('second', 'md5'))
    await openStore(root).create('third', bytes('x'), LATER)
    expect(namesIn(root)).toContain(encodeId('third', 'md5'))
    // An update of cachelib: the older count is left behind.
    startCounting(root, 'sha256', 3)
    utimesSync(join(root, COUNT_FILE.md5), 1, 1)
    await openStore(root).create('fourth', bytes('x'), LATER)
    expect(namesIn(root)).toContain(encodeId('fourth', 'sha256'))
  })

  test('are chosen by the records where no cachelib counts', async () => {
    const root = newDirectory()
    writeAsCachelib(root, 'old', bytes('x'), LATER, 'md5')
    await openStore(root).create('new', bytes('x'), LATER)
    expect(namesIn(root)).toContain(encodeId('new', 'md5'))
  })
})

describe('the threshold', () => {
  test('removes what has ended first, then what would end first', async () => {
    const root = newDirectory()
    const store = openStore(root, { threshold: 3 })
    startCounting(root)
    for (const [id, expiresAt] of [
      ['c', LATER + 3 * SECOND],
      ['a', LATER + SECOND],
      ['b', LATER + 2 * SECOND],
      ['d', LATER + 4 * SECOND],
    ] as const) {
      await store.create(id, bytes(id), expiresAt)
    }
    // One more than the threshold, as with cachelib.
    expect(countIn(root)).toBe(4)
    await store.create('e', bytes('e'), LATER + 5 * SECOND)
    expect(await store.read('a')).toBeUndefined()
    expect(await store.read('b')).toBeDefined()
    expect(countIn(root)).toBe(4)
    expect(await store.touch('e', NOW + 1, bytes('e'))).toBe('touched')
    const tomorrow = openStore(root, { threshold: 3, now: () => NOW + 2 * SECOND })
    await tomorrow.create('f', bytes('f'), LATER + 6 * SECOND)
    expect(
      (await Promise.all(['b', 'c', 'd', 'f'].map((id) => store.read(id)))).map(content),
    ).toEqual(['b', 'c', 'd', 'f'])
    expect(countIn(root)).toBe(4)
  })

  test('of 0 removes nothing, and the count of a cachelib goes on', async () => {
    const root = newDirectory()
    startCounting(root, 'sha256', 0)
    const store = openStore(root, { threshold: 0 })
    for (let n = 0; n < 20; n++) await store.create(`id-${n}`, bytes('x'), LATER)
    expect(namesIn(root)).toHaveLength(21)
    expect(countIn(root)).toBe(20)
  })

  test('trusts no count that has drifted before it removes a live session', async () => {
    const root = newDirectory()
    startCounting(root, 'sha256', 99)
    const store = openStore(root, { threshold: 3 })
    await store.create('a', bytes('x'), LATER)
    await store.create('b', bytes('x'), LATER)
    expect(await store.read('a')).toBeDefined()
    expect(countIn(root)).toBe(2)
  })

  test('holds without a count, and leaves files alone that are none of cachelib’s', async () => {
    const root = newDirectory()
    writeFileSync(join(root, 'README'), 'of another program')
    const store = openStore(root, { threshold: 2 })
    for (let n = 0; n < 10; n++) await store.create(`id-${n}`, bytes('x'), LATER + n * SECOND)
    expect(namesIn(root)).toHaveLength(4)
    expect(namesIn(root)).toContain('README')
    expect(await store.read('id-9')).toBeDefined()
  })

  test('counts what many stores do at once', async () => {
    const root = newDirectory()
    startCounting(root)
    const stores = [openStore(root), openStore(root), openStore(root)]
    await Promise.all(
      Array.from({ length: 60 }, (_, n) => stores[n % 3]?.create(`id-${n}`, bytes('x'), LATER)),
    )
    await Promise.all(Array.from({ length: 30 }, (_, n) => stores[n % 3]?.delete(`id-${n}`)))
    expect(countIn(root)).toBe(30)
  })
})

describe('the layout before cachelib 0.7', () => {
  const seconds = LATER / SECOND
  const u32 = (value: number) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff)
  const deadlines: readonly (readonly [string, readonly number[]])[] = [
    ['Python 2, protocol 1', [0x4a, ...u32(seconds), 0x2e]],
    ['protocol 2', [0x80, 2, 0x4a, ...u32(seconds), 0x2e]],
    ['protocol 4', [0x80, 4, 0x95, 6, 0, 0, 0, 0, 0, 0, 0, 0x4a, ...u32(seconds), 0x2e]],
  ]
  // {'a': 1} and {}
  const pickles = ['80049505000000000000007d94288c0161944b01752e', '80057d942e', '80027d71002e']

  function writeOld(root: string, head: readonly number[], pickle: Buffer): string {
    const path = join(root, encodeId('id', 'md5'))
    writeFileSync(path, Buffer.concat([Buffer.from(head), pickle]))
    return path
  }
  /** The head with another expiry. */
  const moved = (head: readonly number[], expiresAt: number) =>
    Buffer.from([...head.slice(0, -5), ...u32(expiresAt / SECOND), 0x2e])

  test.each(deadlines)('%s: is read, and stays as it is found', async (_, deadline) => {
    for (const hex of pickles) {
      const root = newDirectory()
      const pickle = Buffer.from(hex, 'hex')
      const path = writeOld(root, deadline, pickle)
      const store = openStore(root, { hash: 'md5' })
      const record = await store.read('id')
      expect(Buffer.from(record?.bytes ?? [])).toEqual(pickle)
      expect(record?.expiresAt).toBe(LATER)
      const { ino } = statSync(path)
      const touched = moved(deadline, LATER + SECOND)
      expect(await store.touch('id', LATER + SECOND, record?.version)).toBe('touched')
      expect(readFileSync(path)).toEqual(Buffer.concat([touched, pickle]))
      expect(statSync(path).ino, 'in place').toBe(ino)
      const written = moved(deadline, LATER + 2 * SECOND)
      const next = Buffer.from(pickles[0] ?? '', 'hex')
      await store.replace('id', next, LATER + 2 * SECOND, record?.version)
      expect(readFileSync(path)).toEqual(Buffer.concat([written, next]))
      expect(await store.read('id')).toMatchObject({ expiresAt: LATER + 2 * SECOND })
    }
  })

  test.each(deadlines)('%s: the visit of a page keeps the login', async (_, deadline) => {
    const root = newDirectory()
    const pickle = writePickle({ user: 'ann' })
    const path = join(root, encodeId('session:an-id-of-Flask', 'md5'))
    writeFileSync(path, Buffer.concat([moved(deadline, LATER - SECOND), pickle]))
    const store = openStore(root, { hash: 'md5' })
    const sessions = flaskSession({ store, format: 'pickle', now: () => NOW })
    const browser = new Browser(sessions, 'session=an-id-of-Flask')
    await browser.visit((session) => expect(session.get('user')).toBe('ann'))
    await browser.visit((session) => session.set('user', 'bob'))
    const head = readFileSync(path).subarray(0, deadline.length)
    const end = NOW + 31 * 86_400_000
    expect(head).toEqual(moved(deadline, end))
  })

  test('is kept under the other name, too', async () => {
    const [, , [, deadline] = ['', []]] = deadlines
    const root = newDirectory()
    const pickle = Buffer.from(pickles[0] ?? '', 'hex')
    const path = writeOld(root, deadline, pickle)
    const store = openStore(root, { hash: 'sha256' })
    const { version } = (await store.read('id')) ?? {}
    expect(await store.touch('id', LATER + SECOND, version)).toBe('touched')
    expect(readFileSync(path)).toEqual(Buffer.concat([moved(deadline, LATER + SECOND), pickle]))
    // A record that is written gets the newer name, and that the cachelib before 0.7 does not know: so the newer layout.
    await store.replace('id', pickle, LATER, version)
    expect(readFileSync(join(root, encodeId('id', 'sha256')))).toEqual(
      Buffer.concat([encodeHead(LATER), pickle]),
    )
  })

  test('without an expiry, or with one after 2038: a touch keeps the layout', async () => {
    const after2038 = 2 ** 31 * SECOND
    const pickle = Buffer.from(pickles[2] ?? '', 'hex')
    for (const [hex, from, to, expected] of [
      ['80024b002e', Infinity, LATER, `80024a${Buffer.from(u32(seconds)).toString('hex')}2e`],
      [
        `80024a${Buffer.from(u32(seconds)).toString('hex')}2e`,
        LATER,
        after2038,
        '80028a0500000080002e',
      ],
      ['80028a05ffffff7f002e', (2 ** 31 - 1) * SECOND, 2 ** 32 * SECOND, '80028a0500000000012e'],
      [
        '80028a0500000080002e',
        after2038,
        LATER,
        `80024a${Buffer.from(u32(seconds)).toString('hex')}2e`,
      ],
    ] as const) {
      const root = newDirectory()
      const path = writeOld(root, [...Buffer.from(hex, 'hex')], pickle)
      const store = openStore(root, { hash: 'md5' })
      const record = await store.read('id')
      expect(record?.expiresAt).toBe(from)
      expect(await store.touch('id', to, record?.version)).toBe('touched')
      expect(readFileSync(path).toString('hex')).toBe(expected + pickle.toString('hex'))
      expect((await store.read('id'))?.expiresAt).toBe(to)
    }
  })

  test('is not seen in any record of the newer one', () => {
    // Each deadline whose bytes could be the beginning of a pickled number, and some more.
    for (let n = 0; n < 200_000; n++) {
      const deadline = (0x5000_0000 + n * 14_000 + (n % 3 ? 0x80 : 0x4a)) * SECOND
      for (const hex of pickles) {
        const record = parseHead(Buffer.concat([encodeHead(deadline), Buffer.from(hex, 'hex')]))
        if (record?.length !== 4 || record.expiresAt !== deadline) expect(deadline).toBe(record)
      }
    }
  })

  test('the two deadlines beyond 2038', () => {
    for (const deadline of ['80028a05ffffffff002e', '4c343239343936373239354c0a2e']) {
      const body = Buffer.from(`${deadline}80027d71002e`, 'hex')
      const length = deadline.length / 2
      expect(parseHead(body)).toEqual({ length, expiresAt: (2 ** 32 - 1) * SECOND })
    }
  })
})

describe('a file that is cut off', () => {
  test.each([0, 3])('to %i bytes: cannot be read, and is written over', async (size) => {
    const root = newDirectory()
    const store = openStore(root)
    writeFileSync(join(root, encodeId('id', 'sha256')), Buffer.alloc(size))
    expect(content(await store.read('id'))).toBe('')
    expect(await store.touch('id', LATER, bytes(''))).toBe('gone')
    expect((await store.replace('id', bytes('x'), LATER, bytes(''))).kind).toBe('gone')
    expect((await store.create('id', bytes('x'), LATER)).kind).toBe('created')
    expect(content(await store.read('id'))).toBe('x')
  })

  test('is swept', async () => {
    const root = newDirectory()
    writeFileSync(join(root, encodeId('id', 'md5')), '')
    expect(await openStore(root).sweep?.()).toBe(1)
  })
})

describe('Flask writes blindly', () => {
  test('and is seen until just before the rename', async () => {
    const root = newDirectory()
    let looks = 0
    const now = () => {
      // The second look at the clock is after the comparison and before the new file is written.
      if (++looks === 2) writeAsCachelib(root, 'id', bytes('there'), LATER)
      return NOW
    }
    await openStore(root).create('id', bytes('here'), LATER)
    const store = openStore(root, { now })
    const result = await store.replace('id', bytes('new'), LATER, bytes('here'))
    expect(result.kind === 'conflict' && content(result.current)).toBe('there')
    expect(looks).toBeGreaterThan(2)
    expect(namesIn(root)).toEqual([encodeId('id', 'sha256')])
  })

  test('a touch here undoes nothing', async () => {
    const root = newDirectory()
    const store = openStore(root)
    await store.create('id', bytes('here'), LATER)
    const { version } = (await store.read('id')) ?? {}
    writeAsCachelib(root, 'id', bytes('there'), LATER)
    expect(await store.touch('id', LATER + SECOND, version)).toBe('conflict')
    expect((await store.read('id'))?.expiresAt).toBe(LATER)
    expect(content(await store.read('id'))).toBe('there')
    expect((await store.replace('id', bytes('new'), LATER, version)).kind).toBe('conflict')
    expect(await store.delete('id', version)).toBe('conflict')
  })
})
