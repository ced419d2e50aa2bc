import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { inspect } from 'node:util'
import type { StoreError } from 'vial'
import { createSessions } from 'vial'
import { dynamodbStore } from 'vial/stores/dynamodb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { startDynamodb } from '../../scripts/services/servers/dynamodb.ts'
import type { RunningServer } from '../../scripts/services/servers/running-server.ts'
import { Browser } from '../core/requests.ts'
import { failureOf } from '../support/failure-of.ts'
import { type FaultProxy, faultProxy } from '../support/fault-proxy.ts'
import { PATIENCE } from '../support/patience.ts'
import { service } from '../support/services.ts'
import {
  bytes,
  LATER,
  newClient,
  newTable,
  requestsOf,
  type Table,
  text,
} from './dynamodb-table.ts'

const found = service('dynamodb')
const where = 'missing' in found ? `dynoxide (skipped: ${found.missing})` : 'dynoxide'

/** How long a request waits for the store under a fault that lasts until the request has failed, in ms. */
const TIMEOUT = 300

const failure = (promise: Promise<unknown>) => failureOf(promise)
/** Waits for a server that is back. */
const again = <T>(call: () => Promise<T>): Promise<T> =>
  vi.waitFor(call, { timeout: PATIENCE, interval: 50 })

describe.skipIf('missing' in found)(`a visitor of sessions on ${where}`, () => {
  let server: RunningServer
  let proxy: FaultProxy
  let table: Table
  let browser: ReturnType<typeof visitor>

  /** A browser; `hasty` are the same sessions with the short time limit. */
  function visitor(more: { maxAttempts?: number } = {}) {
    const { store, client } = table.another(proxy.url(server.url), more)
    const sessions = (timeout: number) =>
      createSessions({ store, timeout, cookie: { secure: false } })
    const hasty = sessions(TIMEOUT)
    return Object.assign(new Browser(sessions(PATIENCE)), { hasty, store, client })
  }
  type Visitor = ReturnType<typeof visitor>

  const add = (visitor: Visitor = browser) => visitor.visit((session) => session.increment('n'))
  const count = async (visitor: Visitor = browser) => {
    let n: unknown
    await visitor.visit((session) => {
      n = session.get('n')
    })
    return n
  }
  /** The failure of a load under a fault. */
  const failingCount = () => failure(Promise.resolve(browser.hasty.load(browser.cookie)))
  /** The commit of one more under a fault; the session is loaded before. */
  async function adding(): Promise<() => Promise<unknown>> {
    const session = await again(async () => browser.hasty.load(browser.cookie))
    session.increment('n')
    return async () => browser.hasty.commit(session)
  }

  beforeAll(async () => {
    server = await startDynamodb()
    proxy = await faultProxy({ host: '127.0.0.1', port: Number(new URL(server.url).port) })
  })

  afterAll(async () => {
    await proxy?.close()
    await server?.stop()
  })

  beforeEach(async () => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    table = await newTable(server.url, Date.now)
    browser = visitor()
    await add()
  })

  afterEach(async () => {
    proxy.delay(0)
    proxy.blackhole(false)
    await proxy.refuse(false)
    server.thaw()
    await table.close()
    vi.restoreAllMocks()
  })

  test('costs one request to read, two to write, none when the session is not asked for', async () => {
    const sent = requestsOf(browser.client)
    await count()
    expect(sent.splice(0)).toEqual(['GetItem'])
    await add()
    expect(sent.splice(0)).toEqual(['GetItem', 'UpdateItem'])
  })

  test.each([1, 3])(
    'a touch that is put off at attempt %i fails no request that reads',
    async (attempts) => {
      const failing = { name: 'TransactionConflictException', $metadata: { attempts } }
      let time = Date.now()
      const now = () => time
      let isContended = false
      const client = new Proxy(table.client, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name, target)
          if (name === 'updateItem' && isContended) {
            return () => Promise.reject(Object.assign(new Error('because'), failing))
          }
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
      const store = dynamodbStore(client, { table: table.name, now })
      const sessions = createSessions({ store, now, idle: '7d' })
      const reader = new Browser(sessions)
      await reader.visit((session) => session.set('name', 'ann'))
      time += 24 * 3_600_000
      isContended = true
      const session = await sessions.load(reader.cookie)
      expect(session.get('name')).toBe('ann')
      expect((await sessions.commit(session)).outcome).toBe('untouched')
      isContended = false
      const next = await sessions.load(reader.cookie)
      expect((await sessions.commit(next)).outcome).toBe('touched')
    },
  )

  test('refused: an error at once, by which nothing was done; served again when the server is back', async () => {
    const commit = await adding()
    await proxy.refuse(true)
    proxy.cut()
    // What goes out on a connection that was cut may have arrived; after that there is none.
    await failingCount()
    expect(await failure(commit())).toMatchObject({
      operation: 'replace',
      outcome: 'not-done',
      retriable: true,
      message: expect.stringContaining('ECONNREFUSED'),
    })
    expect(await failingCount()).toMatchObject({ operation: 'read', retriable: true })
    await proxy.refuse(false)
    expect(await count()).toBe(1)
  })

  test('frozen: an error within the time limit; served again, and nothing counted twice', async () => {
    const commit = await adding()
    server.freeze()
    expect(await failure(commit())).toMatchObject({ operation: 'replace', outcome: 'unknown' })
    expect(await failingCount()).toMatchObject({ operation: 'read', outcome: 'not-done' })
    // More than the SDK has connections.
    await Promise.all(Array.from({ length: 60 }, () => failingCount()))
    server.thaw()
    await again(async () => expect([1, 2]).toContain(await count()))
  })

  test('killed in mid-request, restarted empty: the missing table is named, and how to make it', async () => {
    const commit = await adding()
    server.freeze()
    const failing = failure(commit())
    await server.kill()
    expect(await failing).toMatchObject({
      operation: 'replace',
      outcome: 'unknown',
      retriable: true,
    })
    await server.restart()
    const missing = await failure(count())
    expect(missing).toMatchObject({ operation: 'read', outcome: 'not-done', retriable: false })
    expect(missing.message).toContain('Call `createTable()`')
    await browser.store.createTable()
    expect(await count()).toBeUndefined()
    await add()
    expect(await count()).toBe(1)
  })

  test('a reply after the time limit: an error before, and the late reply does no harm', async () => {
    const commit = await adding()
    const caught = proxy.connectionOf((request) => request.includes('.UpdateItem'))
    const failing = failure(commit())
    const connection = await caught
    connection.hold()
    expect(await failing).toMatchObject({ operation: 'replace', outcome: 'unknown' })
    connection.release()
    await again(async () => expect(await count()).toBe(2))
  })

  test('silent: an error within the time limit; served again when the network is back', async () => {
    const commit = await adding()
    proxy.blackhole(true)
    expect(await failure(commit())).toMatchObject({ operation: 'replace', outcome: 'unknown' })
    proxy.blackhole(false)
    await again(async () => expect([1, 2]).toContain(await count()))
  })

  test('idle connections that were cut do no harm', async () => {
    for (let turn = 0; turn < 3; turn++) {
      proxy.cut()
      await again(async () => expect(await count()).toBe(1))
    }
  })

  describe.each([1, 3])('a reply is lost, maxAttempts %i', (maxAttempts) => {
    const target = (name: string) => (request: Buffer) =>
      request.includes(`DynamoDB_20120810.${name}`)

    test('an increment is reported as unknown, and counted once', async () => {
      const another = visitor({ maxAttempts })
      await add(another)
      const lost = proxy.loseNextReply(target('UpdateItem'))
      expect(await failure(add(another))).toMatchObject({
        operation: 'replace',
        outcome: 'unknown',
      })
      await lost
      expect(await count(another)).toBe(2)
    })

    test('every conditional verb is unknown', async () => {
      const { store } = visitor({ maxAttempts })
      const end = Date.now() + 60_000
      await store.create('a', bytes('old'), end)
      const { version } = (await store.read('a')) ?? {}
      for (const [name, verb] of [
        ['UpdateItem', () => store.create('b', bytes('new'), end)],
        ['UpdateItem', () => store.replace('a', bytes('new'), end, version)],
        ['DeleteItem', () => store.delete('a', bytes('new'))],
      ] as const) {
        const lost = proxy.loseNextReply(target(name))
        expect(await failure(verb())).toMatchObject({ outcome: 'unknown', retriable: true })
        await lost
      }
      expect(text(await store.read('b'))).toBe('new')
      expect(await store.read('a')).toBeUndefined()
    })
  })

  test('a touch whose reply is lost is unknown, unless the SDK repeats it', async () => {
    for (const [maxAttempts, expected] of [
      [1, { outcome: 'unknown', retriable: true }],
      [3, 'touched'],
    ] as const) {
      const { store } = visitor({ maxAttempts })
      const id = `touched-${maxAttempts}`
      const end = Math.ceil(Date.now() / 1_000) * 1_000 + 60_000
      await store.create(id, bytes('x'), end)
      const lost = proxy.loseNextReply((request) => request.includes('.UpdateItem'))
      const touching = store.touch(id, end + 60_000, bytes('x'))
      if (expected === 'touched') expect(await touching).toBe(expected)
      else expect(await failure(touching)).toMatchObject(expected)
      await lost
      expect((await store.read(id))?.expiresAt).toBe(end + 60_000)
    }
  })

  test('no increment of many is counted twice while replies are lost', async () => {
    const writers = [1, 3, 3].map((maxAttempts) => {
      const writer = visitor({ maxAttempts })
      writer.cookie = browser.cookie
      return writer
    })
    let acknowledged = 1
    let unknown = 0
    await Promise.all(
      writers.map(async (writer) => {
        for (let turn = 0; turn < 20; turn++) {
          if (turn % 5 === 0) void proxy.loseNextReply((request) => request.includes('.UpdateItem'))
          const outcome = await add(writer).then(
            () => 'saved',
            (error: StoreError) => error.outcome,
          )
          if (outcome === 'saved') acknowledged++
          else if (outcome === 'unknown') unknown++
        }
      }),
    )
    expect(unknown).toBeGreaterThan(0)
    const n = Number(await count())
    expect(n).toBeGreaterThanOrEqual(acknowledged)
    expect(n).toBeLessThanOrEqual(acknowledged + unknown)
  })

  test('no error shows the id', async () => {
    const { store } = browser
    const id = 'a-secret-session-id'
    const aborted = { signal: AbortSignal.abort() }
    const errors = [await failure(store.read(id, aborted))]
    const lost = proxy.loseNextReply((request) => request.includes('.UpdateItem'))
    errors.push(await failure(visitor({ maxAttempts: 3 }).store.create(id, bytes('x'), LATER)))
    await lost
    await table.client.putItem({ TableName: table.name, Item: { id: { S: id } } })
    errors.push(await failure(store.read(id)), await failure(store.touch(id, LATER, bytes('x'))))
    await table.client.deleteTable({ TableName: table.name })
    errors.push(await failure(store.create(id, bytes('x'), LATER)))
    await proxy.refuse(true)
    proxy.cut()
    errors.push(await failure(store.delete(id)))
    for (const error of errors) expect(inspect(error, { depth: 6 })).not.toContain(id)
  })
})

describe('what DynamoDB refuses', () => {
  /** An address that gives one answer to everything, in the service's format; after `times` of them, an empty one. */
  async function answering<T>(
    status: number,
    body: string,
    use: (store: ReturnType<typeof dynamodbStore>) => Promise<T>,
    times = Infinity,
  ): Promise<T> {
    let left = times
    const server = createServer((request, response) => {
      request.resume()
      const done = left-- <= 0
      const type = { 'content-type': 'application/x-amz-json-1.0' }
      response.writeHead(done ? 200 : status, type).end(done ? '{}' : body)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const client = newClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    try {
      return await use(dynamodbStore(client))
    } finally {
      client.destroy()
      server.close()
    }
  }

  const typed = (name: string) =>
    JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: 'because' })

  test.for([
    'ProvisionedThroughputExceededException',
    'ReplicatedWriteConflictException',
    'RequestLimitExceeded',
    'ThrottlingException',
    'TransactionConflictException',
  ])('%s each time: a touch is put off, and a replace fails', async (name) => {
    await answering(400, typed(name), async (store) => {
      expect(await store.touch('a', LATER, bytes('y'))).toBe('conflict')
      expect(await failure(store.replace('a', bytes('x'), LATER, bytes('y')))).toMatchObject({
        operation: 'replace',
        outcome: 'not-done',
        retriable: true,
      })
    })
  })

  test.for([
    [400, 'AccessDeniedException', 'not-done', false, 'Grant dynamodb:UpdateItem'],
    [400, 'ResourceNotFoundException', 'not-done', false, 'Call `createTable()`'],
    [400, 'ValidationException', 'not-done', false, '`id`, a string'],
    [400, 'UnrecognizedClientException', 'not-done', false, 'UnrecognizedClient'],
    [400, 'ExpiredTokenException', 'not-done', false, 'ExpiredToken'],
    [500, 'InternalServerError', 'unknown', true, 'InternalServerError'],
    [503, 'ServiceUnavailable', 'unknown', true, 'ServiceUnavailable'],
  ] as const)('%i %s: %s, retriable %s', async ([status, name, outcome, retriable, message]) => {
    await answering(status, typed(name), async (store) => {
      for (const [operation, verb] of [
        ['replace', () => store.replace('a', bytes('x'), LATER, bytes('y'))],
        ['touch', () => store.touch('a', LATER, bytes('y'))],
      ] as const) {
        expect(await failure(verb())).toMatchObject({ operation, outcome, retriable })
        await expect(verb()).rejects.toThrow(message)
      }
      expect(await failure(store.read('a'))).toMatchObject({ outcome: 'not-done', retriable })
    })
  })

  test('what it put off is sent again, a few times', async () => {
    const call = (store: ReturnType<typeof dynamodbStore>) =>
      store.replace('a', bytes('x'), LATER, bytes('y'))
    const put = answering(400, typed('ThrottlingException'), call, 3)
    expect(await put).toMatchObject({ kind: 'replaced' })
    await failure(answering(400, typed('ThrottlingException'), call, 4))
  })

  test('an answer that is not of DynamoDB: unknown', async () => {
    for (const status of [200, 502]) {
      await answering(status, '<html>Bad Gateway</html>', async (store) => {
        expect(await failure(store.create('a', bytes('x'), LATER))).toMatchObject({
          outcome: 'unknown',
        })
      })
    }
  })
})
