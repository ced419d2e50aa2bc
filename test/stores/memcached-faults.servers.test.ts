import { randomUUID } from 'node:crypto'
import { type AsyncStore, createSessions, StoreError } from 'vial'
import { memcachedStore } from 'vial/stores/memcached'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { RunningServer } from '../../scripts/services/servers/running-server.ts'
import { Browser, listener } from '../core/requests.ts'
import { bytes, content, LATER } from '../support/bytes.ts'
import { failureOf } from '../support/failure-of.ts'
import { faultProxy } from '../support/fault-proxy.ts'
import { PATIENCE } from '../support/patience.ts'
import { missing, PATIENT, portOf, start } from './memcached-server.ts'

const ended: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end()
})

/** How long a request waits for the store under a fault that lasts until the request has failed, in ms. */
const TIMEOUT = 300
/** The same for the transport. */
const HASTY = { connectTimeout: 500, timeout: 1_000 }

async function startServer(): Promise<RunningServer> {
  const server = await start()
  ended.push(() => server.stop())
  return server
}

/** A store; `hasty` are the same sessions with the short time limit. */
function setUp(servers: string | string[], limits: object = PATIENT) {
  const store = memcachedStore({ servers, ...limits })
  const { events, onEvent } = listener()
  const sessions = createSessions({ store, timeout: PATIENCE, onEvent })
  const hasty = createSessions({ store, timeout: TIMEOUT, onEvent })
  ended.push(() => sessions.close())
  return { store, events, sessions, hasty, browser: new Browser(sessions) }
}

async function startProxy(server: RunningServer) {
  const proxy = await faultProxy({ host: '127.0.0.1', port: portOf(server.url) })
  ended.push(() => proxy.close())
  return proxy
}

/** All verbs, each on an id of its own. */
function verbs(store: AsyncStore): Record<string, () => Promise<unknown>> {
  return {
    read: () => store.read(randomUUID()),
    create: () => store.create(randomUUID(), bytes('x'), LATER),
    replace: () => store.replace(randomUUID(), bytes('x'), LATER, { cas: '1', bytes: bytes('x') }),
    touch: () => store.touch(randomUUID(), LATER, { cas: '1', bytes: bytes('x') }),
    delete: () => store.delete(randomUUID()),
  }
}

/** Resolves when a visit succeeds again, without a restart of anything here. */
function recovered<T>(visit: () => Promise<T>): Promise<T> {
  return vi.waitFor(visit, { timeout: PATIENCE, interval: 20 })
}

describe.skipIf(missing !== undefined)(`a server${missing ? ` (skipped: ${missing})` : ''}`, () => {
  test('that refuses: nothing is done, at once; and back when it is', async () => {
    const server = await startServer()
    const { store, browser, events } = setUp(server.url)
    await browser.visit((session) => session.set('n', 1))
    await server.kill()
    for (let round = 0; round < 3; round++) {
      for (const [verb, call] of Object.entries(verbs(store))) {
        expect(await failureOf(call)).toMatchObject({
          operation: verb,
          outcome: 'not-done',
          retriable: true,
        })
      }
      expect(await failureOf(() => browser.visit())).toMatchObject({ operation: 'read' })
    }
    expect(events.every(({ type }) => type === 'store-failed')).toBe(true)
    await server.restart()
    await recovered(() => browser.visit((session) => session.set('n', 2)))
    await browser.visit((session) => expect(session.get('n')).toBe(2))
  })

  test('that is killed in mid-request: unknown, and never done twice', async () => {
    const server = await startServer()
    const { store, browser } = setUp(server.url)
    await browser.visit((session) => session.set('n', 1))
    server.freeze()
    const failing = Object.entries(verbs(store)).map(async ([verb, call]) => {
      const error = await failureOf(call)
      expect(error).toMatchObject({ operation: verb, retriable: true })
      return error.outcome
    })
    const visit = failureOf(() => browser.visit((session) => session.increment('n')))
    await server.kill()
    expect(await Promise.all(failing)).toEqual([
      'not-done',
      'unknown',
      'unknown',
      'unknown',
      'unknown',
    ])
    expect((await visit).operation).toBe('read')
    await server.restart()
    await recovered(() => store.read('any'))
  })

  test('that is killed under load: every call ends, and all are served again', async () => {
    const server = await startServer()
    const { store } = setUp(server.url)
    let failed = 0
    let ended = false
    const load = Array.from({ length: 20 }, async () => {
      while (!ended) {
        try {
          const id = randomUUID()
          await store.create(id, bytes(id), LATER)
          const record = await store.read(id)
          if (record !== undefined) expect(content(record)).toBe(id)
        } catch (error) {
          expect(error).toBeInstanceOf(StoreError)
          failed++
          await new Promise((resolve) => setTimeout(resolve))
        }
      }
    })
    for (let round = 0; round < 3; round++) {
      await store.read('any').catch(() => undefined)
      const before = failed
      await server.kill()
      await vi.waitFor(() => expect(failed).toBeGreaterThan(before), PATIENCE)
      await server.restart()
      await recovered(() => store.read('any'))
    }
    ended = true
    await Promise.all(load)
  })

  test('that is frozen: an error within the time limit, and what it does later is done once', async () => {
    const server = await startServer()
    const { store, browser, hasty } = setUp(server.url, HASTY)
    await recovered(() => browser.visit((session) => session.set('n', 1)))
    const session = await recovered(async () => hasty.load(browser.cookie))
    session.increment('n')
    server.freeze()
    expect(await failureOf(async () => hasty.commit(session))).toMatchObject({
      operation: 'replace',
      outcome: 'unknown',
    })
    expect(await failureOf(() => browser.visit())).toMatchObject({ operation: 'read' })
    // The transport gives the connection up, and then knows before it sends anything.
    await vi.waitFor(async () => {
      const error = await failureOf(() => store.create(randomUUID(), bytes('x'), LATER))
      expect(error.outcome).toBe('not-done')
    }, PATIENCE)
    server.thaw()
    await recovered(() => browser.visit())
    await browser.visit((later) => expect([1, 2]).toContain(later.get('n')))
  })

  test('that was restarted is empty: sessions are gone, and no write brings one back', async () => {
    const server = await startServer()
    const { store, browser, sessions, events } = setUp(server.url)
    await browser.visit((session) => session.set('n', 1))
    const { cookie } = browser
    const session = await sessions.load(cookie)
    session.set('n', 2)
    await server.restart()
    await recovered(() => store.read('any'))
    await sessions.commit(session)
    expect(events).toMatchObject([{ type: 'gone', keys: ['n'] }])
    await new Browser(sessions, cookie).visit((later) => expect(later.isNew).toBe(true))
  })

  test('that answers too late: no request gets the reply to another one', async () => {
    const server = await startServer()
    const proxy = await startProxy(server)
    const { store, browser, hasty } = setUp(proxy.url(server.url))
    await browser.visit((session) => session.set('n', 1))
    const ids = Array.from({ length: 20 }, () => randomUUID())
    for (const id of ids) await store.create(id, bytes(id), LATER)

    const session = await recovered(async () => hasty.load(browser.cookie))
    session.increment('n')
    const caught = proxy.connectionOf((request) => /^ms /.test(request.toString('latin1')))
    const failing = failureOf(async () => hasty.commit(session))
    const connection = await caught
    connection.hold()
    expect(await failing).toMatchObject({ outcome: 'unknown' })
    const late = ids.map((id) => store.read(id))
    connection.release()
    expect((await Promise.all(late)).map(content)).toEqual(ids)
    await recovered(() => browser.visit((later) => expect(later.get('n')).toBe(2)))
  })

  test('behind a network that swallows everything: not done, as nothing was sent', async () => {
    const server = await startServer()
    const proxy = await startProxy(server)
    proxy.blackhole(true)
    const { store, browser } = setUp(proxy.url(server.url), HASTY)
    const errors = await Promise.all(Object.values(verbs(store)).map((call) => failureOf(call)))
    expect(errors.map(({ outcome }) => outcome)).toEqual(Array(5).fill('not-done'))
    proxy.blackhole(false)
    await recovered(() => browser.visit((session) => session.set('n', 1)))
    proxy.cut()
    await recovered(() => browser.visit((session) => expect(session.get('n')).toBe(1)))
  })

  test('whose replies are lost: an increment is reported as unknown, and counted once', async () => {
    const server = await startServer()
    const proxy = await startProxy(server)
    const { browser, sessions } = setUp(proxy.url(server.url))
    await browser.visit((session) => session.set('n', 0))
    for (let turn = 1; turn <= 10; turn++) {
      const session = await sessions.load(browser.cookie)
      session.increment('n')
      const lost = proxy.loseNextReply()
      expect(await failureOf(async () => sessions.commit(session))).toMatchObject({
        outcome: 'unknown',
      })
      await lost
      await recovered(() => browser.visit((later) => expect(later.get('n')).toBe(turn)))
    }
  })

  test('of three that is down takes its own sessions along, and no others', async () => {
    const servers = await Promise.all([startServer(), startServer(), startServer()])
    const { store } = setUp(servers.map(({ url }) => url))
    const ids = Array.from({ length: 60 }, () => randomUUID())
    for (const id of ids) await store.create(id, bytes(id), LATER)
    await servers[1]?.kill()
    const results = await Promise.allSettled(ids.map((id) => store.read(id)))
    const failed = results.filter(({ status }) => status === 'rejected').length
    expect(failed).toBeGreaterThan(0)
    expect(failed).toBeLessThan(60)
    results.forEach((result, place) => {
      if (result.status === 'fulfilled') expect(content(result.value)).toBe(ids[place])
    })
    // No other server takes over: a session that was ended must not come back from another server.
    await servers[1]?.restart()
    await recovered(() => Promise.all(ids.map((id) => store.read(id))))
    const found = await Promise.all(ids.map((id) => store.read(id)))
    expect(found.filter((record) => record === undefined)).toHaveLength(failed)
  })

  test('shows no id in any error', async () => {
    const server = await startServer()
    const { store } = setUp(server.url)
    const id = 'a-secret-session-id'
    await store.create(id, bytes('x'), LATER)
    server.freeze()
    const due = [
      store.read(id),
      store.delete(id),
      store.touch(id, LATER, { cas: '1', bytes: bytes('x') }),
    ].map((one) => failureOf(one))
    await server.kill()
    const refused = [store.read(id), store.create(id, bytes('x'), LATER)].map((one) =>
      failureOf(one),
    )
    for (const error of await Promise.all([...due, ...refused])) {
      expect(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain(id)
    }
  })
})
