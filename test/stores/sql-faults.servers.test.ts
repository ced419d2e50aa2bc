/** Servers of their own that are killed, frozen, emptied and made read-only, and what they say of a failure. */
import { inspect } from 'node:util'
import { sql } from 'kysely'
import { createSessions, StoreError } from 'vial'
import { sqlStore } from 'vial/stores/sql'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startMariadb } from '../../scripts/services/servers/mariadb.ts'
import { startPostgres } from '../../scripts/services/servers/postgres.ts'
import type { RunningServer } from '../../scripts/services/servers/running-server.ts'
import { Browser } from '../core/requests.ts'
import { failureOf } from '../support/failure-of.ts'
import { PATIENCE } from '../support/patience.ts'
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
const PATIENT = { timeout: PATIENCE }

const kinds = [
  ['postgres', openPostgres, startPostgres],
  ['mariadb', openMariadb, startMariadb],
] as const

describe.each(kinds)('a %s of its own', (name, open, start) => {
  const found = service(name)
  let server: RunningServer
  let db: Db

  beforeAll(async () => {
    if ('missing' in found) return
    // What it has acknowledged outlives a kill.
    const flags =
      name === 'postgres' ? ['-c', 'synchronous_commit=on'] : ['--innodb-flush-log-at-trx-commit=2']
    server = await start({ arguments: flags })
    db = open(server.url)
  })
  beforeEach((context) => {
    if ('missing' in found) context.skip(found.missing)
  })
  afterAll(async () => {
    await db?.destroy()
    await server?.stop()
  })

  test('refused: not done, and it goes on when the server is back', async () => {
    const store = await newStore(db)
    const visit = visitor(store)
    await visit()
    await server.kill()
    const fresh = open(server.url)
    const cold = sqlStore(fresh, { sweepInterval: false })
    for (const [operation, call] of [
      ['read', () => cold.read('id')],
      ['create', () => cold.create('id', bytes('x'), LATER)],
      ['replace', () => cold.replace('id', bytes('x'), LATER, bytes('y'))],
      ['touch', () => cold.touch('id', LATER, bytes('y'))],
      ['delete', () => cold.delete('id')],
      ['createTable', () => cold.createTable()],
    ] as const) {
      const { outcome, retriable, operation: failed } = await failureOf(call)
      expect([failed, outcome, retriable]).toEqual([operation, 'not-done', true])
    }
    await failureOf(visit.hasty)
    await server.restart()
    expect(await soon(visit)).toBeGreaterThan(1)
    await fresh.destroy()
  })

  test('killed in mid-request: typed errors, what was acknowledged is there, nothing is half-written', async () => {
    const store = await newStore(db)
    const outcomes = new Set<string>()
    const acknowledged = new Map<string, string>()
    let stop = false
    const letters = ['a', 'b', 'c', 'd']
    for (const letter of letters) await store.create(letter, bytes(letter), LATER)
    const writers = letters.map(async (letter) => {
      for (let turn = 0; !stop; turn++) {
        try {
          const { version } = (await store.read(letter)) ?? {}
          const next = `${turn % 10}`.repeat(20_000)
          acknowledged.delete(letter)
          await store.replace(letter, bytes(next), LATER, version)
          acknowledged.set(letter, next)
        } catch (error) {
          if (!(error instanceof StoreError)) throw error
          outcomes.add(`${error.operation} ${error.outcome}`)
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
      }
    })
    await expect.poll(() => acknowledged.size, PATIENT).toBeGreaterThan(1)
    await server.kill()
    await expect.poll(() => outcomes.size, PATIENT).toBeGreaterThan(0)
    stop = true
    await Promise.all(writers)
    expect([...outcomes].every((text) => /^(read not-done|replace )/.test(text))).toBe(true)
    await server.restart()
    for (const letter of letters) {
      const text = content(await soon(() => store.read(letter))) ?? ''
      expect(new Set(text).size).toBe(1)
      expect([1, 20_000]).toContain(text.length)
      if (acknowledged.has(letter)) expect(text).toBe(acknowledged.get(letter))
    }
  })

  test('frozen: an error within the time limit, and it goes on when it thaws', async () => {
    const store = await newStore(db)
    const visit = visitor(store)
    await visit()
    server.freeze()
    try {
      const error = await failureOf(visit.hasty)
      expect(error).toMatchObject({ operation: 'read', retriable: true })
      await Promise.all(Array.from({ length: 30 }, () => failureOf(visit.hasty)))
    } finally {
      server.thaw()
    }
    // No count was left behind by those that gave up.
    expect(await soon(visit)).toBe(2)
  })

  test('emptied: a typed error that names createTable(), then it goes on', async () => {
    const table = newName()
    const store = await newStore(db, { table })
    const visit = visitor(store)
    await visit()
    await sql`drop table ${sql.id(table)}`.execute(db)
    const error = await failureOf(visit)
    expect(error.message).toContain('createTable()')
    expect(error).toMatchObject({ outcome: 'not-done', retriable: false })
    await store.createTable()
    expect(await visit()).toBe(1)
  })

  test('read-only: reads go on, writes are a typed error', async () => {
    const table = newName()
    const writer = await newStore(db, { table })
    await writer.create('id', bytes('x'), LATER)
    const readOnly =
      name === 'postgres'
        ? openPostgres(server.url, { options: '-c default_transaction_read_only=on' })
        : openMariadb(server.url, {}, {}, ['set session transaction read only'])
    const store = sqlStore(readOnly, { table, sweepInterval: false })
    await store.createTable()
    expect(content(await store.read('id'))).toBe('x')
    const error = await failureOf(() => store.touch('id', LATER + 1, bytes('x')))
    expect(error).toMatchObject({ outcome: 'not-done', retriable: true })
    expect(error.message).toContain('read-only')
    await readOnly.destroy()
  })

  test('no connection left: not done', async () => {
    const table = newName()
    const store = await newStore(db, { table })
    const user = newName()
    const limited = new URL(server.url)
    limited.username = user
    const make =
      name === 'postgres'
        ? [
            `create role ${user} login superuser connection limit 0`,
            `alter role ${user} nosuperuser`,
          ]
        : [`create user ${user}@'%' with max_user_connections 1`]
    for (const statement of make) await sql.raw(statement).execute(db)
    const other = open(limited.href)
    const full = sqlStore(other, { table, sweepInterval: false })
    const results = await Promise.allSettled([1, 2, 3].map((n) => full.delete(`id-${n}`)))
    const reasons = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason] : [],
    )
    expect(reasons.length).toBeGreaterThan(0)
    for (const reason of reasons) expect(reason).toMatchObject({ outcome: 'not-done' })
    await other.destroy()
    expect(await store.delete('id')).toBe('gone')
  })

  /** Makes each update of a table fail with a code of the server, the first `times` times. */
  async function failUpdates(table: string, code: string, times: number): Promise<void> {
    const counter = newName()
    await sql.raw(`create sequence ${counter}`).execute(db)
    const trigger =
      name === 'postgres'
        ? `create function ${counter}_f() returns trigger language plpgsql as $$ begin
             if nextval('${counter}') <= ${times} then
               raise exception 'of %', new.session_id using errcode = '${code}';
             end if; return new; end $$;
           create trigger t before update on ${table} for each row execute function ${counter}_f()`
        : `create trigger ${counter}_t before update on ${table} for each row begin
             if nextval(${counter}) <= ${times} then
               signal sqlstate 'HY000' set mysql_errno = ${code}, message_text = 'of a-secret-id';
             end if; end`
    await sql.raw(trigger).execute(db)
  }

  /** How many updates run or wait. MariaDB lists transactions that wait only to those that ask seldom. */
  async function updates(): Promise<number> {
    const { rows } = await sql<{ n: number }>`select count(*) as n from ${sql.raw(
      name === 'postgres'
        ? "pg_stat_activity where query like 'update%' and wait_event_type = 'Lock'"
        : "information_schema.processlist where info like 'update%'",
    )}`.execute(db)
    return Number(rows[0]?.n)
  }

  const deadlocks = name === 'postgres' ? ['40001', '40P01'] : ['1213', '1020']

  test.each(deadlocks)('a statement that the server undid with %s is sent again', async (code) => {
    const table = newName()
    const store = await newStore(db, { table })
    await store.create('id', bytes('one'), LATER)
    await failUpdates(table, code, 3)
    const { version } = (await store.read('id')) ?? {}
    expect((await store.replace('id', bytes('two'), LATER, version)).kind).toBe('replaced')
    expect(content(await store.read('id'))).toBe('two')
    await sql.raw(`update ${table} set data = 'three'`).execute(db)
    expect((await store.replace('id', bytes('four'), LATER, version)).kind).toBe('conflict')
  })

  test.each([...deadlocks, name === 'postgres' ? '55P03' : '1205'])(
    'a touch that the server always undoes with %s is a conflict',
    async (code) => {
      const table = newName()
      const store = await newStore(db, { table })
      await store.create('id', bytes('one'), LATER)
      await failUpdates(table, code, 1_000)
      expect(await store.touch('id', LATER + 1, bytes('one'))).toBe('conflict')
      expect((await store.read('id'))?.expiresAt).toBe(LATER)
      await failureOf(() => store.replace('id', bytes('two'), LATER, bytes('one')))
    },
  )

  test('a touch of a row that another transaction holds: a conflict, and a request that reads is answered', async () => {
    const table = newName()
    await newStore(db, { table })
    const hasty =
      name === 'postgres'
        ? openPostgres(server.url, { options: '-c lock_timeout=1' })
        : openMariadb(server.url, {}, {}, ['set innodb_lock_wait_timeout = 0'])
    let time = Date.now()
    const now = () => time
    const store = sqlStore(hasty, { table, now, sweepInterval: false })
    const sessions = createSessions({ store, now, idle: '7d' })
    const browser = new Browser(sessions)
    await browser.visit((session) => session.set('name', 'ann'))
    time += 24 * HOUR
    const visit = async () => {
      const session = await sessions.load(browser.cookie)
      expect(session.get('name')).toBe('ann')
      return (await sessions.commit(session)).outcome
    }
    await db.transaction().execute(async (transaction) => {
      await sql`select * from ${sql.id(table)} for update`.execute(transaction)
      expect(await visit()).toBe('untouched')
    })
    expect(await visit()).toBe('touched')
    await hasty.destroy()
  })

  test('a touch that meets a transaction and is undone for it fails no read', async () => {
    const table = newName()
    const store = await newStore(db, { table })
    const strict =
      name === 'postgres'
        ? openPostgres(server.url, { options: '-c default_transaction_isolation=serializable' })
        : openMariadb(server.url, {}, {}, ['set session transaction isolation level serializable'])
    const touching = sqlStore(strict, { table, sweepInterval: false })
    for (let turn = 0; turn < 10; turn++) {
      const id = `id${turn}`
      await store.create(id, bytes('one'), LATER)
      // The touch waits for this shared lock, and the update waits for the touch: a deadlock on MariaDB.
      const { touch, undone } = await db.transaction().execute(async (transaction) => {
        const row = sql`select * from ${sql.id(table)} where session_id = ${id} `
        await (name === 'postgres'
          ? sql`${row} for share`
          : sql`${row} lock in share mode`
        ).execute(transaction)
        const touch = touching.touch(id, LATER + 1, bytes('one'))
        await expect.poll(updates, PATIENT).toBeGreaterThan(0)
        const change = sql`update ${sql.id(table)} set data = ${Buffer.from('two')} where session_id = ${id}`
        // MariaDB may end either of the two.
        const undone = await change.execute(transaction).then(
          () => false,
          () => true,
        )
        return { touch, undone }
      })
      expect(await touch).toBe(undone ? 'touched' : 'conflict')
    }
    await strict.destroy()
  })

  const codes: readonly (readonly [string, string, boolean])[] =
    name === 'postgres'
      ? [
          ['40001', 'not-done', true],
          ['53100', 'not-done', true],
          ['53200', 'not-done', true],
          ['55P03', 'not-done', true],
          ['57014', 'not-done', true],
          ['42501', 'not-done', false],
          ['57P01', 'unknown', true],
          ['08006', 'unknown', true],
          ['XX000', 'unknown', false],
        ]
      : [
          ['1213', 'not-done', true],
          ['1021', 'not-done', true],
          ['1041', 'not-done', true],
          ['1205', 'not-done', true],
          ['1290', 'not-done', true],
          ['1142', 'not-done', false],
          ['1053', 'unknown', true],
          ['1030', 'unknown', false],
        ]

  test.each(codes)(
    'the server says %s: %s, and no id is shown',
    async (code, outcome, retriable) => {
      const table = newName()
      const store = await newStore(db, { table })
      const id = 'a-secret-id'
      await store.create(id, bytes('a-secret-record'), LATER)
      await failUpdates(table, code, 1_000)
      const { version } = (await store.read(id)) ?? {}
      const error = await failureOf(() => store.replace(id, bytes('a-secret-new'), LATER, version))
      expect(error).toMatchObject({ operation: 'replace', outcome, retriable })
      expect(error.message).toContain(name === 'postgres' ? code : 'ER_')
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('a-secret')
      expect(content(await store.read(id))).toBe('a-secret-record')
    },
  )

  test('a session of the server that is ended in mid-request: unknown, and it goes on', async () => {
    const table = newName()
    const store = await newStore(db, { table })
    await store.create('id', bytes('x'), LATER)
    const blocker = open(server.url)
    await blocker.transaction().execute(async (transaction) => {
      await sql`update ${sql.id(table)} set data = data, expiry = '2098-01-01' where session_id = 'id'`.execute(
        transaction,
      )
      const failed = failureOf(() => store.touch('id', LATER + 1, bytes('x')))
      const list =
        name === 'postgres'
          ? sql<{
              id: number
            }>`select pid as id from pg_stat_activity where query like ${`update "${table}" set expiry%`} and wait_event_type = 'Lock'`
          : sql<{
              id: number
            }>`select id from information_schema.processlist where info like ${`update \`${table}\` set expiry%`}`
      let victim: number | undefined
      // Not within the transaction, where PostgreSQL goes on showing the activity it saw first.
      await expect
        .poll(async () => {
          victim = (await list.execute(db)).rows[0]?.id
          return victim
        }, PATIENT)
        .toBeDefined()
      const end = name === 'postgres' ? `select pg_terminate_backend(${victim})` : `kill ${victim}`
      await sql.raw(end).execute(db)
      expect(await failed).toMatchObject({ outcome: 'unknown', retriable: true })
    })
    await blocker.destroy()
    expect(await soon(() => store.touch('id', LATER + 2, bytes('x')))).toBe('touched')
  })
})
