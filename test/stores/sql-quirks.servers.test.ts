import { inspect } from 'node:util'
import {
  CamelCasePlugin,
  Kysely,
  type LogEvent,
  MssqlAdapter,
  MssqlQueryCompiler,
  PostgresDialect,
  sql,
} from 'kysely'
import { ConfigError, TooLargeError } from 'vial'
import { sqlStore } from 'vial/stores/sql'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { PATIENCE } from '../support/patience.ts'
import { service } from '../support/services.ts'
import {
  bytes,
  content,
  type Db,
  FLASK_TABLES,
  HOUR,
  newName,
  newStore,
  openMariadb,
  openPostgres,
  ownDatabase,
} from './sql-databases.ts'
import { openPglite } from './sql-pglite.ts'

const LATER = Date.now() + HOUR
/** For a busy machine. */
const PATIENT = { timeout: PATIENCE }

const servers = [
  ['postgres', 'postgres', openPostgres, 'UTC'],
  ['mariadb', 'mysql', openMariadb, '+00:00'],
] as const

describe.each(servers)('%s', (name, dialect, open) => {
  const server = service(name)
  let database: Awaited<ReturnType<typeof ownDatabase>>
  let db: Db
  /** The SQL that was sent since it was emptied. */
  const sent: string[] = []

  beforeAll(async () => {
    if ('missing' in server) return
    database = await ownDatabase(server.url)
    const log = ({ query }: LogEvent) => void sent.push(query.sql)
    db = open(database.url, {}, { log })
  })
  beforeEach((context) => {
    if ('missing' in server) context.skip(server.missing)
    sent.length = 0
  })
  afterAll(async () => {
    await db?.destroy()
    await database?.drop()
  })

  /** Seconds that a text in the `expiry` column names, as the server sees it. */
  async function expiryOf(table: string): Promise<unknown> {
    const text = dialect === 'postgres' ? sql`cast(expiry as varchar)` : sql`cast(expiry as char)`
    const { rows } = await sql<{ t: string }>`select ${text} as t from ${sql.id(table)}`.execute(db)
    return rows[0]?.t
  }

  test('one statement for each verb, two for a lost race', async () => {
    const store = await newStore(db)
    await store.create('first', bytes('x'), LATER)
    const count = async (call: () => Promise<unknown>) => {
      sent.length = 0
      await call()
      return sent.length
    }
    expect(await count(() => store.create('id', bytes('one'), LATER))).toBe(1)
    const { version } = (await store.read('id')) ?? {}
    expect(await count(() => store.read('id'))).toBe(1)
    expect(await count(() => store.replace('id', bytes('two'), LATER, version))).toBe(1)
    expect(await count(() => store.replace('id', bytes('three'), LATER, version))).toBe(2)
    expect(await count(() => store.touch('id', LATER + 1, bytes('two')))).toBe(1)
    expect(await count(() => store.touch('id', LATER + 2, version))).toBe(2)
    expect(await count(() => store.delete('id', bytes('two')))).toBe(1)
    expect(await count(() => store.delete('id'))).toBe(1)
    expect(await count(() => store.sweep?.({ limit: 10 }) ?? Promise.resolve())).toBe(1)
    // Values are bound: no statement holds one.
    expect(sent.join()).not.toContain('first')
  })

  describe('Flask-Session’s table', () => {
    async function flaskTable(): Promise<string> {
      const table = newName()
      await sql.raw(FLASK_TABLES[dialect](table)).execute(db)
      return table
    }

    test('is left as it is, and a write of Flask is seen', async () => {
      const table = await flaskTable()
      const id = 'session:Zq3_-kQ'
      await sql`insert into ${sql.id(table)} (session_id, data, expiry)
        values (${id}, ${Buffer.from('from Flask')}, '2099-05-18 03:33:20.900000')`.execute(db)
      const store = sqlStore(db, { table, sweepInterval: false })
      sent.length = 0
      await store.createTable()
      expect(sent.filter((text) => !text.startsWith('select'))).toEqual([])
      const record = await store.read(id)
      expect(content(record)).toBe('from Flask')

      await sql`update ${sql.id(table)} set data = ${Buffer.from('Flask again')},
        expiry = '2099-05-18 03:33:21.000000' where session_id = ${id}`.execute(db)
      const lost = await store.replace(id, bytes('ours'), LATER, record?.version)
      const current = lost.kind === 'conflict' ? lost.current : undefined
      expect(content(current)).toBe('Flask again')
      expect(current?.expiresAt).toBe(Date.UTC(2099, 4, 18, 3, 33, 21))
      const end = Date.UTC(2098, 0, 1, 0, 0, 0, 1)
      expect((await store.replace(id, bytes('ours'), end, current?.version)).kind).toBe('replaced')
      expect(await expiryOf(table)).toBe(
        dialect === 'postgres' ? '2098-01-01 00:00:00.001' : '2098-01-01 00:00:01',
      )
    })

    test('without an expiry is expired, as Flask sees it', async () => {
      const table = await flaskTable()
      await sql`insert into ${sql.id(table)} (session_id, data) values ('id', 'x')`.execute(db)
      const store = sqlStore(db, { table, sweepInterval: false })
      expect(await store.read('id')).toBeUndefined()
      expect(await store.touch('id', LATER, bytes('x'))).toBe('gone')
      expect((await store.create('id', bytes('new'), LATER)).kind).toBe('created')
      expect(content(await store.read('id'))).toBe('new')
    })

    test('keeps ids apart that differ in case', async () => {
      const table = await flaskTable()
      const store = sqlStore(db, { table, sweepInterval: false })
      await store.create('AbC', bytes('x'), LATER)
      const { version } = (await store.read('AbC')) ?? {}
      for (const id of ['abc', 'ABC', 'aBc']) {
        expect(await store.read(id), id).toBeUndefined()
        expect((await store.replace(id, bytes('y'), LATER, version)).kind, id).toBe('gone')
        expect(await store.touch(id, LATER + 1, version), id).toBe('gone')
        expect(await store.delete(id), id).toBe('gone')
      }
      expect(content(await store.read('AbC'))).toBe('x')
    })
  })

  describe('createTable', () => {
    test('makes Flask-Session’s columns and an index on expiry, once, whatever the number of callers', async () => {
      const table = newName()
      const stores = Array.from({ length: 8 }, () => sqlStore(db, { table, sweepInterval: false }))
      await Promise.all(stores.map((store) => store.createTable()))
      const { rows } = await sql<{ name: string; type: string; collation: string }>`
        select column_name as name, data_type as type, collation_name as collation
        from information_schema.columns where table_name = ${table} order by ordinal_position`.execute(
        db,
      )
      expect(rows.map((row) => `${row.name} ${row.type}`)).toEqual(
        dialect === 'postgres'
          ? [
              'id bigint',
              'session_id character varying',
              'data bytea',
              'expiry timestamp without time zone',
            ]
          : ['id bigint', 'session_id varchar', 'data mediumblob', 'expiry datetime'],
      )
      if (dialect === 'mysql') expect(rows[1]?.collation).toBe('utf8mb4_bin')
      const indexes =
        dialect === 'postgres'
          ? await sql<object>`select indexdef as i from pg_indexes where tablename = ${table}`.execute(
              db,
            )
          : await sql<object>`select column_name as i from information_schema.statistics where table_name = ${table}`.execute(
              db,
            )
      expect(inspect(indexes.rows)).toMatch(/expiry/)
    })

    test('refuses a table that cannot hold sessions', async () => {
      const table = newName()
      await sql`create table ${sql.id(table)} (session_id varchar(255))`.execute(db)
      await expect(sqlStore(db, { table }).createTable()).rejects.toMatchObject({
        operation: 'createTable',
        outcome: 'not-done',
      })
    })

    test('works in another schema, under a name that wants quotes', async () => {
      const schema = newName()
      await sql`create schema ${sql.id(schema)}`.execute(db)
      const store = await newStore(db, { schema, table: 'my "odd" `table`' })
      await store.create('id', bytes('x'), LATER)
      expect(content(await store.read('id'))).toBe('x')
      await sql`drop table ${sql.id(schema, 'my "odd" `table`')}`.execute(db)
      await sql`drop schema ${sql.id(schema)}`.execute(db)
    })
  })

  test('a missing table: a typed error that names createTable()', async () => {
    const store = sqlStore(db, { table: newName(), sweepInterval: false })
    const expected = {
      code: 'ERR_VIAL_STORE',
      outcome: 'not-done',
      retriable: false,
      message: expect.stringContaining('createTable()'),
    }
    await expect(store.read('id')).rejects.toMatchObject(expected)
    await expect(store.create('id', bytes('x'), LATER)).rejects.toMatchObject(expected)
    await expect(store.delete('id')).rejects.toMatchObject(expected)
    await store.createTable()
    expect((await store.create('id', bytes('x'), LATER)).kind).toBe('created')
  })

  test('plugins of the application do not reach the table', async () => {
    const plain = await newStore(db)
    await plain.create('id', bytes('x'), LATER)
    const plugged = db.withPlugin(new CamelCasePlugin({ upperCase: true }))
    const store = await newStore(plugged)
    await store.create('id', bytes('y'), LATER)
    expect(content(await store.read('id'))).toBe('y')
    const ids: string[] = []
    for await (const id of store.list?.() ?? []) ids.push(id)
    expect(ids).toEqual(['id'])
  })

  test('lists the ids, page by page', async () => {
    const store = await newStore(db)
    const ids = Array.from({ length: 2_001 }, (_, n) => `id-${n}`)
    for (let at = 0; at < ids.length; at += 100) {
      await Promise.all(ids.slice(at, at + 100).map((id) => store.create(id, bytes('x'), LATER)))
    }
    const listed: string[] = []
    for await (const id of store.list?.() ?? []) listed.push(id)
    expect(listed.toSorted()).toEqual(ids.toSorted())
  })

  test('a sweep without a limit removes all that is expired', async () => {
    const table = newName()
    const store = await newStore(db, { table })
    await store.create('live', bytes('x'), LATER)
    const rows = Array.from(
      { length: 2_500 },
      (_, n) => sql`(${`old-${n}`}, ${Buffer.from('x')}, '2001-01-01 00:00:00')`,
    )
    await sql`insert into ${sql.id(table)} (session_id, data, expiry) values ${sql.join(rows)}`.execute(
      db,
    )
    expect(await store.sweep?.()).toBe(2_500)
    expect(content(await store.read('live'))).toBe('x')
  })

  test('sweeps in the background from its first write until it is closed', async () => {
    const errors: unknown[] = []
    const store = await newStore(db, {
      sweepInterval: '5ms',
      onError: (error) => errors.push(error),
    })
    const isSwept = () => sent.filter((text) => /^delete/.test(text)).length
    await store.create('id', bytes('x'), LATER)
    await expect.poll(isSwept, PATIENT).toBeGreaterThan(1)
    await store.close?.()
    const swept = isSwept()
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(isSwept()).toBe(swept)
    expect(errors).toEqual([])

    const broken = sqlStore(db, {
      table: newName(),
      sweepInterval: 2,
      onError: (e) => errors.push(e),
    })
    await broken.delete('id').catch(() => undefined)
    await expect.poll(() => errors.length, PATIENT).toBeGreaterThan(0)
    expect(errors[0]).toMatchObject({ operation: 'sweep' })
    await broken.close?.()
  })

  test('an expiry beyond the calendar is its last instant', async () => {
    const store = await newStore(db)
    for (const at of [Infinity, Number.MAX_SAFE_INTEGER, 8.64e15]) {
      const id = String(at)
      expect((await store.create(id, bytes('x'), at)).kind).toBe('created')
      expect((await store.read(id))?.expiresAt).toBe(253_402_300_799_999)
      expect(await store.touch(id, at, bytes('x'))).toBe('touched')
    }
    expect((await store.create('never', bytes('x'), Number.NaN)).kind).toBe('created')
    expect(await store.read('never')).toBeUndefined()
  })

  test('a fraction of a millisecond is rounded up', async () => {
    const store = await newStore(db)
    await store.create('id', bytes('x'), LATER + 0.25)
    expect((await store.read('id'))?.expiresAt).toBe(LATER + 1)
  })
})

describe('mariadb, besides', () => {
  const server = service('mariadb')
  let database: Awaited<ReturnType<typeof ownDatabase>>
  beforeAll(async () => {
    if ('url' in server) database = await ownDatabase(server.url)
  })
  beforeEach((context) => {
    if ('missing' in server) context.skip(server.missing)
  })
  afterAll(() => database?.drop())

  test('no record is cut, though a lax server would', async () => {
    const db = openMariadb(database.url, {}, {}, ["set sql_mode = ''"])
    const table = newName()
    await sql.raw(FLASK_TABLES.mysql(table)).execute(db)
    const store = sqlStore(db, { table, sweepInterval: false })
    const end = Math.floor(LATER / 1_000) * 1_000 + 1
    await store.create('id', new Uint8Array(65_535).fill(7), end)
    const { version, expiresAt } = (await store.read('id')) ?? {}
    expect(expiresAt).toBe(end + 999)
    expect(store.resolution).toBe(1_000)
    const tooLarge = store.replace('id', new Uint8Array(65_536), LATER, version)
    await expect(tooLarge).rejects.toBeInstanceOf(TooLargeError)
    await expect(tooLarge).rejects.toMatchObject({ size: 65_536, limit: 65_535 })
    expect((await store.read('id'))?.bytes).toHaveLength(65_535)
    await db.destroy()
  })

  test('without FOUND_ROWS an equal expiry or equal bytes count as written', async () => {
    const db = openMariadb(database.url, { flags: ['-FOUND_ROWS'] })
    const store = await newStore(db)
    await store.create('id', bytes('x'), LATER)
    const { version } = (await store.read('id')) ?? {}
    expect(await store.touch('id', LATER, version)).toBe('touched')
    expect(await store.touch('id', LATER, bytes('y'))).toBe('conflict')
    expect((await store.replace('id', bytes('x'), LATER, version)).kind).toBe('replaced')
    expect(await store.touch('another', LATER, version)).toBe('gone')
    await db.destroy()
  })

  test('a column that became narrower is a TooLargeError, too', async () => {
    const db = openMariadb(database.url)
    const table = newName()
    const store = await newStore(db, { table })
    await sql`alter table ${sql.id(table)} modify data tinyblob`.execute(db)
    const big = store.create('id', new Uint8Array(300), LATER)
    await expect(big).rejects.toMatchObject({ code: 'ERR_VIAL_TOO_LARGE', size: 300 })
    await db.destroy()
  })
})

describe('the dialect', () => {
  test('is recognised by what the compiler writes; only SQLite has no failover that forgets', async () => {
    const pglite = openPglite()
    expect(sqlStore(pglite)).toMatchObject({ name: 'postgres', forgets: true })
    expect(sqlStore(pglite, { dialect: 'mysql' })).toMatchObject({ name: 'mysql', forgets: true })
    expect(sqlStore(pglite, { dialect: 'sqlite' })).toMatchObject({
      name: 'sqlite',
      forgets: false,
    })
    await pglite.destroy()
  })

  test('that is none of the three, and other mistakes, are ConfigErrors', async () => {
    const pglite = openPglite()
    const mssql = {
      isTransaction: false,
      getExecutor: () => mssqlKysely().getExecutor(),
    }
    for (const [make, message] of [
      [() => sqlStore(mssql), /set the option dialect/],
      [() => sqlStore(pglite, { dialect: 'oracle' as 'mysql' }), /oracle/],
      [() => sqlStore({} as never), /Kysely instance/],
      [() => sqlStore(undefined as never), /Kysely instance/],
      [() => sqlStore(pglite, { table: '' }), /table/],
      [() => sqlStore(pglite, { table: 'x'.repeat(51) }), /50/],
      [() => sqlStore(pglite, { schema: 'a\0' }), /schema/],
      [() => sqlStore(pglite, { sweepInterval: '60d' }), /24d/],
      [() => sqlStore(pglite, { sweepInterval: 'often' as never }), /duration/],
    ] as const) {
      expect(make).toThrow(ConfigError)
      expect(make).toThrow(message)
    }
    await pglite.transaction().execute(async (transaction) => {
      expect(() => sqlStore(transaction)).toThrow(/Pass the Kysely instance itself/)
    })
    await pglite.destroy()
  })
})

function mssqlKysely(): Db {
  const dialect = new PostgresDialect({ pool: async () => Promise.reject(new Error('none')) })
  return new Kysely({
    dialect: {
      createAdapter: () => new MssqlAdapter(),
      createQueryCompiler: () => new MssqlQueryCompiler(),
      createDriver: () => dialect.createDriver(),
      createIntrospector: (db) => dialect.createIntrospector(db),
    },
  })
}
