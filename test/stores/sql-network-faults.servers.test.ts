/** Ways to a server that break, are slow or go dark. */
import { sql } from 'kysely'
import { type SqlStore, sqlStore } from 'vial/stores/sql'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { failureOf } from '../support/failure-of.ts'
import { type FaultProxy, faultProxy } from '../support/fault-proxy.ts'
import { service } from '../support/services.ts'
import {
  bytes,
  content,
  type Db,
  HOUR,
  newName,
  newStore,
  openMariadb,
  openPostgres,
} from './sql-databases.ts'
import { soon, visitor } from './sql-visits.ts'

const LATER = Date.now() + HOUR

const kinds = [
  ['postgres', openPostgres, (url: string) => openPostgres(url, { max: 1 })],
  ['mariadb', openMariadb, (url: string) => openMariadb(url, { connectionLimit: 1 })],
] as const

describe.each(kinds)('the way to %s', (name, open, openSingle) => {
  const found = service(name)
  let proxy: FaultProxy
  let db: Db
  let direct: Db
  const table = newName()
  let store: SqlStore

  beforeAll(async () => {
    if ('missing' in found) return
    const { hostname, port } = new URL(found.url)
    proxy = await faultProxy({ host: hostname, port: Number(port) })
    db = open(proxy.url(found.url))
    direct = open(found.url)
    store = await newStore(db, { table })
  })
  beforeEach((context) => {
    if ('missing' in found) context.skip(found.missing)
  })
  afterAll(async () => {
    if (direct === undefined) return
    await sql`drop table ${sql.id(table)}`.execute(direct)
    await direct.destroy()
    await proxy.close()
    await db.destroy()
  })

  test('breaks with the reply: unknown, the write is there, and no increment counts twice', async () => {
    await store.create('lost', bytes('one'), LATER)
    const { version } = (await store.read('lost')) ?? {}
    const isUpdate = (request: Buffer) => request.includes('update')
    void proxy.loseNextReply(isUpdate)
    const error = await failureOf(() => store.replace('lost', bytes('two'), LATER, version))
    expect(error).toMatchObject({ operation: 'replace', outcome: 'unknown', retriable: true })
    expect(content(await soon(() => store.read('lost')))).toBe('two')

    const visit = visitor(store)
    expect(await visit()).toBe(1)
    void proxy.loseNextReply(isUpdate)
    expect(await failureOf(visit)).toMatchObject({ outcome: 'unknown' })
    expect(await soon(visit)).toBe(3)
  })

  test('is slow: an error within the time limit, and the late reply does no harm', async () => {
    const visit = visitor(store)
    await soon(visit)
    proxy.delay(1_500)
    await failureOf(visit.hasty)
    proxy.delay(0)
    expect(await soon(visit)).toBeGreaterThan(1)
  })

  test('goes dark: an error within the time limit', async () => {
    const visit = visitor(store)
    await soon(visit)
    proxy.blackhole(true)
    await Promise.all([failureOf(visit.hasty), failureOf(visit.hasty)])
    proxy.blackhole(false)
    expect(await soon(visit)).toBe(2)
  })

  test('is cut between requests: the next ones find a new one', async () => {
    const visit = visitor(store)
    await soon(visit)
    proxy.cut()
    expect(await soon(visit)).toBeGreaterThan(1)
  })

  test('a call that was aborted while it waited for a connection sends nothing', async () => {
    const one = openSingle('url' in found ? found.url : '')
    const waiting = sqlStore(one, { table, sweepInterval: false })
    await waiting.createTable()
    await waiting.create('stays', bytes('x'), LATER)
    const controller = new AbortController()
    await one.connection().execute(async () => {
      const pending = waiting.delete('stays', undefined, { signal: controller.signal })
      controller.abort()
      void pending.catch(() => undefined)
      await new Promise((resolve) => setImmediate(resolve))
    })
    expect(content(await waiting.read('stays'))).toBe('x')
    await one.destroy()
  })
})
