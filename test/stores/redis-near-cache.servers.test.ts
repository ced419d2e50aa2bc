/** A near cache that serves what is no longer there, or asks although it need not. */

import { Redis as IoRedis } from 'ioredis'
import { createClient } from 'redis'
import { createSessions } from 'vial'
import { redisStore } from 'vial/stores/redis'
import { nearCache } from 'vial/stores/redis-near-cache'
import { describe, expect, onTestFinished, test } from 'vitest'
import { findProgram } from '../../scripts/services/programs.ts'
import { startRedis } from '../../scripts/services/servers/redis.ts'
import { redisCommand } from '../../scripts/services/servers/redis-command.ts'
import { bytes, content, LATER } from '../support/bytes.ts'
import { PATIENCE } from '../support/patience.ts'
import { openStore } from './redis-clients.ts'
import { held, isHeld, NEAR_CLIENTS, nearPlace, soon } from './redis-near.ts'

const missing = findProgram('redis-server') ? undefined : 'redis-server is not installed'
const because = missing ? ` (skipped: ${missing})` : ''
/** Not the bound that a test is about. */
const LONG = { maxStale: '1h' } as const

describe.skipIf(missing).each(NEAR_CLIENTS)(`the near cache over %s${because}`, (name) => {
  test('a record that was read before costs no command', async () => {
    const { store, counted } = await nearPlace(name)
    await store.create('id', bytes('one'), LATER)
    await held(store, 'id')
    const before = await counted('get', 'pttl')
    for (let turn = 0; turn < 50; turn++) {
      const record = await store.read('id', { expiry: turn % 2 === 0 })
      expect(content(record)).toBe('one')
      expect(Math.abs((record?.expiresAt ?? 0) - LATER)).toBeLessThan(1_000)
    }
    expect(await counted('get', 'pttl')).toEqual(before)
    // What is not there is asked for each time.
    for (let turn = 0; turn < 3; turn++) expect(await store.read('another')).toBeUndefined()
    expect(await counted('get')).toEqual([(before[0] ?? 0) + 3])
  })

  test('what another program does is seen, whatever it is', async () => {
    const { store, raw, prefix } = await nearPlace(name, LONG)
    const key = `${prefix}id`
    const steps: readonly (readonly [string[], string | undefined])[] = [
      [['SET', key, 'set'], 'set'],
      [['APPEND', key, ' and more'], 'set and more'],
      [['EVAL', "return redis.call('SET', KEYS[1], 'by a script')", '1', key], 'by a script'],
      [['DEL', key], undefined],
      [['SET', key, 'again', 'EX', '1000'], 'again'],
      [['UNLINK', key], undefined],
      [['SET', key, 'renamed'], 'renamed'],
      [['RENAME', key, 'elsewhere'], undefined],
      [['SET', key, 'flushed'], 'flushed'],
      [['FLUSHALL'], undefined],
      [['SET', key, 'flushed too'], 'flushed too'],
      [['FLUSHDB', 'ASYNC'], undefined],
    ]
    for (const [words, expected] of steps) {
      await raw(...words)
      await soon(async () => expect(content(await store.read('id'))).toBe(expected))
      if (expected !== undefined) await held(store, 'id')
    }
  })

  test('a new end, and the end itself, are seen', async () => {
    const start = Date.now()
    let time = start
    const { store, raw, prefix } = await nearPlace(name, LONG, { now: () => time })
    const key = `${prefix}id`
    await store.create('id', bytes('x'), start + 60_000)
    await held(store, 'id')
    await raw('PEXPIRE', key, '100000')
    await soon(async () =>
      expect((await store.read('id', { expiry: true }))?.expiresAt).toBeGreaterThan(start + 90_000),
    )
    await held(store, 'id')
    // The server's own message comes late or never, and its clock is not ours.
    time = start + 100_001
    expect(await isHeld(store, 'id')).toBe(false)
    time = start
    await raw('PEXPIRE', key, '1')
    await soon(async () => expect(await store.read('id')).toBeUndefined())
    await raw('SET', key, 'without an end')
    await held(store, 'id')
    time = start * 2
    expect(await isHeld(store, 'id')).toBe(true)
    expect(await store.read('id', { expiry: true })).not.toHaveProperty('expiresAt')
  })

  test('an own write is seen at once, also by reads that begin while it is on its way', async () => {
    const { store, tracking } = await nearPlace(name, LONG)
    let current = bytes('0')
    await store.create('id', current, LATER)
    await held(store, 'id')
    // The server's own word is not what it waits for.
    const connection = await tracking()
    connection.hold()
    for (let turn = 1; turn <= 30; turn++) {
      await held(store, 'id')
      const next = bytes(String(turn))
      const older = store.read('id')
      const writing = store.replace('id', next, LATER, current)
      const during = store.read('id')
      expect((await writing).kind).toBe('replaced')
      expect(content(await store.read('id'))).toBe(String(turn))
      await Promise.all([older, during])
      expect(content(await store.read('id'))).toBe(String(turn))
      current = next
    }
    await held(store, 'id')
    expect(await store.touch('id', LATER + 100_000, current)).toBe('touched')
    const record = await store.read('id', { expiry: true })
    expect(record?.expiresAt).toBeGreaterThan(LATER + 90_000)
    await held(store, 'id')
    expect(await store.delete('id')).toBe('deleted')
    expect(await store.read('id')).toBeUndefined()
    connection.release()
  })

  test('a write whose reply was lost is seen', async () => {
    const { store, proxy } = await nearPlace(name, LONG)
    await store.create('id', bytes('old'), LATER)
    for (const run of [
      () => store.replace('id', bytes('new'), LATER, bytes('old')),
      () => store.delete('id'),
    ]) {
      await held(store, 'id')
      const { version } = (await store.read('id')) ?? {}
      const lost = proxy.loseNextReply((request) =>
        /\r\n(?:evalsha|set|del)\r\n/i.test(String(request)),
      )
      await expect(run()).rejects.toMatchObject({ outcome: 'unknown' })
      await lost
      await soon(async () => expect((await store.read('id'))?.version).not.toEqual(version))
    }
    expect(await store.read('id')).toBeUndefined()
  })

  test('a commit onto a record that is behind keeps what both wrote, and a logout holds', async () => {
    const { store, tracking, server, prefix } = await nearPlace(name, LONG)
    const cookies = { cookie: { secure: false } } as const
    const sessions = createSessions({ store, timeout: PATIENCE, ...cookies })
    const first = await sessions.load(undefined)
    first.set('n', 0)
    const { headers } = await sessions.commit(first)
    const cookie = headers.find(([header]) => header === 'set-cookie')?.[1].split(';')[0]
    const elsewhere = createSessions({
      store: await openStore(name, server.url, { prefix }),
      ...cookies,
    })
    const ids: string[] = []
    for await (const id of store.list?.() ?? []) ids.push(id)
    await held(store, String(ids[0]))
    const connection = await tracking()
    connection.hold()
    const theirs = await elsewhere.load(cookie)
    theirs.increment('n', 10)
    await elsewhere.commit(theirs)
    const ours = await sessions.load(cookie)
    expect(ours.get('n')).toBe(0)
    ours.increment('n')
    await sessions.commit(ours)
    expect((await sessions.load(cookie)).get('n')).toBe(11)
    const ended = await elsewhere.load(cookie)
    ended.destroy()
    await elsewhere.commit(ended)
    const late = await sessions.load(cookie)
    late.increment('n')
    expect((await sessions.commit(late)).outcome).toBe('gone')
    expect((await elsewhere.load(cookie)).get('n')).toBeUndefined()
    expect((await sessions.load(cookie)).get('n')).toBeUndefined()
    connection.release()
  })

  test('a change that arrived before the reply to an older read is not undone by it', async () => {
    const { store, proxy, raw, prefix } = await nearPlace(name, LONG)
    await raw('SET', `${prefix}witness`, 'x')
    await held(store, 'witness')
    for (const [command, ...more] of [['SET', 'new'], ['DEL'], ['FLUSHALL']]) {
      const id = `changed by ${command}`
      const key = `${prefix}${id}`
      await raw('SET', key, 'old')
      await raw('SET', `${prefix}witness`, String(command))
      await soon(async () => expect(content(await store.read('witness'))).toBe(command))
      await held(store, 'witness')
      const asked = proxy.connectionOf((request) => /\r\nget\r\n/i.test(String(request)))
      const reading = store.read(id)
      const connection = await asked
      connection.hold()
      await raw(String(command), ...(command === 'FLUSHALL' ? [] : [key]), ...more)
      // The server reports changes in their order.
      await raw('SET', `${prefix}witness`, 'changed after it')
      const readings = [reading]
      await soon(async () => {
        const witness = store.read('witness')
        readings.push(witness)
        const later = new Promise((resolve) => setImmediate(resolve, 'later'))
        expect(await Promise.race([witness, later])).toBe('later')
      })
      connection.release()
      expect(content(await reading)).toBe('old')
      await Promise.all(readings)
      expect(content(await store.read(id))).toBe(more[0])
    }
  })
})

describe.skipIf(missing)(`the near cache with prefixes${because}`, () => {
  const clients = {
    'node-redis': (url: string) => createClient({ url, keyPrefix: 'app é:' }),
    ioredis: (url: string) => new IoRedis(url, { maxRetriesPerRequest: 0, keyPrefix: 'app é:' }),
  }

  test.each(
    Object.entries(clients).flatMap(([name, make]) =>
      ['', 'plain:', '[a*]?\\^-:'].map((prefix) => [name, prefix, make] as const),
    ),
  )('of %s, and %j of the store', async (_name, prefix, make) => {
    const server = await startRedis()
    onTestFinished(() => server.stop())
    const client = make(server.url)
    client.on('error', () => undefined)
    onTestFinished(() => void ('destroy' in client ? client.destroy() : client.disconnect()))
    if ('destroy' in client) await client.connect()
    const store = redisStore(client, { prefix, nearCache: nearCache(LONG) })
    const port = Number(new URL(server.url).port)
    for (const id of ['plain', '~[a*]?\\^-!']) {
      await store.create(id, bytes('old'), LATER)
      await held(store, id)
      expect(await redisCommand(port, 'DBSIZE')).toBe(1)
      await redisCommand(port, 'EVAL', "redis.call('SET', redis.call('KEYS', '*')[1], 'new')", '0')
      await soon(async () => expect(content(await store.read(id))).toBe('new'))
      await store.delete(id)
    }
  })
})
