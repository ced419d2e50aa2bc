import { inspect } from 'node:util'
import {
  type MongoClientOptions,
  MongoNetworkError,
  MongoNotConnectedError,
  MongoServerError,
  MongoWriteConcernError,
} from 'mongodb'
import { createSessions, TooLargeError } from 'vial'
import { type MongodbCollection, mongodbStore } from 'vial/stores/mongodb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { startMongodb } from '../../scripts/services/servers/mongodb.ts'
import type { RunningServer } from '../../scripts/services/servers/running-server.ts'
import { Browser } from '../core/requests.ts'
import { failureOf } from '../support/failure-of.ts'
import { type FaultProxy, faultProxy } from '../support/fault-proxy.ts'
import { PATIENCE } from '../support/patience.ts'
import { service } from '../support/services.ts'
import { bytes, Database, DRIVERS, LATER, NOW, text } from './mongodb-collection.ts'

const found = service('mongodb')
const where = `DocumentDB behind a gateway${'missing' in found ? ` (skipped: ${found.missing})` : ''}`

/** How long a request waits for the store under a fault that lasts until the request has failed, in ms. */
const TIMEOUT = 300
/** How long the driver may need to find a server again. */
const AGAIN = { timeout: PATIENCE, interval: 100 }

const failure = (promise: Promise<unknown>) => failureOf(promise)

describe.skipIf('missing' in found).each(DRIVERS)(
  `a visitor of sessions on ${where}, $driver`,
  (driver) => {
    let server: RunningServer
    let proxy: FaultProxy
    let direct: Database
    let database: Database
    let browser: ReturnType<typeof visitor>

    /** A browser whose session has the number 1; `hasty` are the same sessions with the short time limit. */
    function visitor(more: MongoClientOptions = {}) {
      const collection = database.collection('sessions', database.client(more))
      const store = mongodbStore(collection)
      const sessions = (timeout: number) =>
        createSessions({ store, timeout, cookie: { secure: false } })
      const hasty = sessions(TIMEOUT)
      return Object.assign(new Browser(sessions(PATIENCE)), { hasty, store, collection })
    }

    const add = (visitor = browser) => visitor.visit((session) => session.increment('n'))
    const count = async (visitor = browser) => {
      let n: unknown
      await visitor.visit((session) => {
        n = session.get('n')
      })
      return n
    }
    /** A count under a fault, which has to fail within the bound. */
    const failingCount = () => {
      const hasty = new Browser(browser.hasty)
      hasty.cookie = browser.cookie
      return failure(hasty.visit((session) => session.get('n')))
    }
    /** The commit of one more under a fault; the session is loaded before. */
    async function adding(): Promise<() => Promise<unknown>> {
      const session = await vi.waitFor(() => browser.hasty.load(browser.cookie), AGAIN)
      session.increment('n')
      return async () => browser.hasty.commit(session)
    }

    beforeAll(async () => {
      server = await startMongodb()
      proxy = await faultProxy({ host: '127.0.0.1', port: Number(new URL(server.url).port) })
    })

    afterAll(async () => {
      await proxy?.close()
      await server?.stop()
    })

    beforeEach(async () => {
      database = new Database(proxy.url(server.url), driver)
      direct = new Database(server.url, driver)
      browser = visitor()
      await browser.store.createIndexes()
      await add()
    })

    afterEach(async () => {
      proxy.delay(0)
      proxy.blackhole(false)
      await proxy.refuse(false)
      server.thaw()
      await direct.close()
      await database.close()
    })

    test('refused: an error within the time limit; served again when the server is back', async () => {
      const commit = await adding()
      await proxy.refuse(true)
      proxy.cut()
      expect(await failure(commit())).toMatchObject({ operation: 'replace', retriable: true })
      expect(await failingCount()).toMatchObject({ operation: 'read', outcome: 'not-done' })
      await proxy.refuse(false)
      await vi.waitFor(async () => expect([1, 2]).toContain(await count()), AGAIN)
      const before = Number(await count())
      await add()
      expect(await count()).toBe(before + 1)
    })

    test('refused: the outcome is as exact as what the driver reports', async () => {
      // The fault lasts, so these need not wait for a server.
      const hasty = { serverSelectionTimeoutMS: 1_000 }
      const [resending, once] = [visitor(hasty), visitor({ ...hasty, retryWrites: false })]
      const end = Date.now() + 60_000
      for (const { store } of [resending, once]) await vi.waitFor(() => store.read('a'), AGAIN)
      await proxy.refuse(true)
      proxy.cut()
      // What goes out on a connection that was cut may have arrived; after that there is none.
      for (const { store } of [resending, once]) {
        for (let turn = 0; turn < 3; turn++) await failure(store.read('a'))
      }
      expect(await failure(resending.store.touch('a', end, bytes('x')))).toMatchObject({
        outcome: 'unknown',
        retriable: true,
      })
      expect(await failure(once.store.touch('a', end, bytes('x')))).toMatchObject({
        outcome: 'not-done',
        retriable: true,
      })
      expect(await failure(resending.store.delete('a'))).toMatchObject({
        operation: 'delete',
        outcome: 'not-done',
      })
    })

    test('frozen: an error within the time limit; served again, and nothing counted twice', async () => {
      const commit = await adding()
      server.freeze()
      expect(await failure(commit())).toMatchObject({ operation: 'replace', outcome: 'unknown' })
      expect(await failingCount()).toMatchObject({ operation: 'read', outcome: 'not-done' })
      await Promise.all(Array.from({ length: 150 }, () => failingCount()))
      server.thaw()
      await vi.waitFor(async () => expect([1, 2]).toContain(await count()), AGAIN)
    })

    test('killed in mid-request: unknown; served again after a restart', async () => {
      const commit = await adding()
      proxy.blackhole(true)
      const failing = failure(commit())
      await server.kill()
      proxy.blackhole(false)
      expect(await failing).toMatchObject({
        operation: 'replace',
        outcome: 'unknown',
        retriable: true,
      })
      await server.restart()
      // This one is set up to write to the disk late, so it may have lost what was written just before.
      await vi.waitFor(async () => expect([undefined, 1, 2]).toContain(await count()), AGAIN)
      const before = Number((await count()) ?? 0)
      await add()
      expect(await count()).toBe(before + 1)
    })

    test('emptied: the session is unknown, and a new one is kept without indexes', async () => {
      await browser.collection.drop()
      expect(await count()).toBeUndefined()
      await add()
      expect(await count()).toBe(1)
    })

    test('a reply after the time limit: an error before, and the late reply does no harm', async () => {
      const commit = await adding()
      const caught = proxy.connectionOf((request) => request.includes('update\0'))
      const failing = failure(commit())
      const connection = await caught
      connection.hold()
      expect(await failing).toMatchObject({ operation: 'replace', outcome: 'unknown' })
      connection.release()
      await vi.waitFor(async () => expect(await count()).toBe(2), AGAIN)
    })

    test('silent: an error within the time limit; served again when the network is back', async () => {
      const commit = await adding()
      proxy.blackhole(true)
      expect(await failure(commit())).toMatchObject({ operation: 'replace', outcome: 'unknown' })
      proxy.blackhole(false)
      await vi.waitFor(async () => expect([1, 2]).toContain(await count()), AGAIN)
    })

    test('a lost reply: an increment is reported as unknown, and counted once', async () => {
      const lost = proxy.loseNextReply((request) => request.includes('update\0'))
      expect(await failure(add())).toMatchObject({ operation: 'replace', outcome: 'unknown' })
      await lost
      await vi.waitFor(async () => expect(await count()).toBe(2), AGAIN)
    })

    test('a lost reply: every verb that writes is unknown', async () => {
      const { store } = browser
      const end = Date.now() + 60_000
      await store.create('a', bytes('old'), end)
      const { version } = (await store.read('a')) ?? {}
      for (const [command, operation, verb] of [
        ['update\0', 'create', () => store.create('b', bytes('new'), end)],
        ['update\0', 'replace', () => store.replace('a', bytes('new'), end, version)],
        ['update\0', 'touch', () => store.touch('a', end, bytes('new'))],
        ['delete\0', 'delete', () => store.delete('a', bytes('new'))],
      ] as const) {
        await vi.waitFor(() => store.read('a'), AGAIN)
        const lost = proxy.loseNextReply((request) => request.includes(command))
        const error = await failure(verb())
        expect(error).toMatchObject({ operation, outcome: 'unknown', retriable: true })
        await lost
      }
      await vi.waitFor(async () => expect(text(await store.read('b'))).toBe('new'), AGAIN)
      expect(await store.read('a')).toBeUndefined()
    })
  },
)

describe('a failure of the driver', () => {
  /** A store whose server gives one answer to all writes. */
  function answering(error: Error, retryWrites = true) {
    const fail = () => Promise.reject(error)
    const collection: MongodbCollection = {
      namespace: 'app.sessions',
      client: { options: { retryWrites } },
      findOne: fail,
      find: () => ({
        async *[Symbol.asyncIterator]() {
          yield await fail()
        },
      }),
      updateOne: fail,
      deleteMany: fail,
      createIndex: fail,
    }
    return mongodbStore(collection, { now: () => NOW })
  }
  const answer = (code: number) =>
    new MongoServerError({ ok: 0, code, codeName: 'Some', errmsg: 'a-secret-id has it' })

  test.for([
    ['not primary', answer(10_107), 'unknown', true, 'is not the primary'],
    ['shut down', answer(11_600), 'unknown', true, 'stopped the operation'],
    ['stepped down', answer(189), 'unknown', true, 'stopped the operation'],
    ['out of time', answer(50), 'unknown', true, 'stopped the operation'],
    ['no rights', answer(13), 'not-done', false, 'readWrite'],
    ['wrong password', answer(18), 'not-done', false, 'AuthenticationFailed|Some'],
    ['no retryable writes', answer(301), 'not-done', false, 'retryWrites: false'],
    ['full disk', answer(14_031), 'not-done', true, 'disk of the server is full'],
    ['something else', answer(8_000), 'unknown', false, '8000'],
    [
      'too few copies',
      new MongoWriteConcernError({ ok: 1, writeConcernError: { code: 64, errmsg: 'timed out' } }),
      'unknown',
      true,
      'MongoWriteConcernError',
    ],
    ['lost connection', new MongoNetworkError('closed'), 'unknown', true, 'was lost'],
    [
      'a bare error of a socket',
      Object.assign(new Error('write ECONNRESET'), { code: 'ECONNRESET', syscall: 'write' }),
      'unknown',
      true,
      'ECONNRESET',
    ],
    [
      'refused connection, maybe the second',
      new MongoNetworkError('refused', {
        cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED', syscall: 'connect' }),
      }),
      'unknown',
      true,
      'could not be opened',
    ],
    [
      'no connection',
      new MongoNetworkError('refused', { beforeHandshake: true }),
      'unknown',
      true,
      'could not be opened',
    ],
    ['closed client', new MongoNotConnectedError('closed'), 'not-done', false, 'client is closed'],
  ] as const)('%s', async ([, error, outcome, retriable, message]) => {
    const store = answering(error)
    for (const [operation, verb] of [
      ['create', () => store.create('a-secret-id', bytes('x'), LATER)],
      ['replace', () => store.replace('a-secret-id', bytes('x'), LATER, bytes('y'))],
      ['touch', () => store.touch('a-secret-id', LATER, bytes('y'))],
    ] as const) {
      const reported = await failure(verb())
      expect(reported).toMatchObject({ operation, outcome, retriable })
      expect(reported.message).toMatch(new RegExp(message))
      expect(inspect(reported, { depth: 6 })).not.toContain('a-secret-id')
    }
    expect(await failure(store.read('a-secret-id'))).toMatchObject({ outcome: 'not-done' })
    const listing = store.list?.()[Symbol.asyncIterator]()
    expect(await failure(listing?.next() ?? Promise.resolve())).toMatchObject({
      operation: 'list',
      outcome: 'not-done',
    })
  })

  test('a write that is undone for another writer is not done, and a touch is a conflict', async () => {
    const store = answering(answer(112))
    for (const verb of [
      () => store.create('a', bytes('x'), LATER),
      () => store.replace('a', bytes('x'), LATER, bytes('y')),
    ]) {
      const error = await failure(verb())
      expect(error).toMatchObject({ outcome: 'not-done', retriable: true })
      expect(error.message).toContain('at the same time')
      expect(inspect(error, { depth: 6 })).not.toContain('a-secret-id')
    }
    expect(await store.touch('a', LATER, bytes('y'))).toBe('conflict')
  })

  test('is known not to be done where the driver sends nothing again', async () => {
    for (const error of [answer(10_107), new MongoNetworkError('', { beforeHandshake: true })]) {
      const once = answering(error, false)
      expect(await failure(once.touch('a', LATER, bytes('y')))).toMatchObject({
        outcome: 'not-done',
      })
      // The driver sends no deleteMany again.
      const both = [answering(error), once]
      for (const store of both) {
        expect(await failure(store.delete('a'))).toMatchObject({ outcome: 'not-done' })
      }
    }
  })

  test('a document that became too large is a TooLargeError', async () => {
    for (const code of [10_334, 17_419]) {
      const failing = answering(answer(code)).replace('a', new Uint8Array(9), LATER, bytes('x'))
      await expect(failing).rejects.toBeInstanceOf(TooLargeError)
      await expect(failing).rejects.toMatchObject({ size: 9 })
    }
  })
})
