/**
 * The tests of the SQL store on SQLite, for `node:test` in a Node that has it:
 * `sql-sqlite-child.ts suite <where better-sqlite3 is>`, and what other processes do in them: `hold <file>`,
 * `write <file>`.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { type Kysely, sql } from 'kysely'
import { StoreError } from '../../src/errors.ts'
import { createSessions } from '../../src/index.ts'
import { type SqlStore, type SqlStoreOptions, sqlStore } from '../../src/stores/sql/index.ts'
import { nodeSqlite } from '../../src/stores/sql/node-sqlite.ts'
import { storeSuite } from '../../src/testing/index.ts'
import { PROFILES } from './profiles.ts'
import {
  DatabaseSync,
  type Db,
  mount,
  mountProblem,
  type Open,
  openBetter,
  openNode,
} from './sql-sqlite-open.ts'

const HOUR = 3_600_000
const [, , mode, argument = ''] = process.argv

function bytes(content: string): Uint8Array {
  return new TextEncoder().encode(content)
}

function contentOf(record: { readonly bytes: Uint8Array } | undefined): string | undefined {
  return record && new TextDecoder().decode(record.bytes)
}

function newDirectory(context: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), 'vial-sqlite-'))
  context.after(() => rmSync(root, { recursive: true, force: true }))
  return root
}

async function open(
  context: TestContext,
  db: Db,
  options: SqlStoreOptions = {},
): Promise<SqlStore> {
  context.after(() => db.destroy())
  const store = sqlStore(db, { sweepInterval: false, ...options })
  await store.createTable()
  return store
}

async function failureOf(call: Promise<unknown>): Promise<StoreError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof StoreError, inspect(error))
  return error
}

/** Starts this file again and resolves when it has said its first line. */
async function startOther(context: TestContext, ...args: string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  context.after(() => child.kill('SIGKILL'))
  await new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve))
  return child
}

function ended(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve) => child.once('close', resolve))
}

function testsWith(name: string, openFile: Open): void {
  storeSuite({
    test,
    name,
    ...PROFILES.sqlite.suite,
    ids: name === 'node:sqlite' ? 10_000 : 500,
    async make({ now }) {
      const root = mkdtempSync(join(tmpdir(), 'vial-sqlite-'))
      const dbs: Db[] = []
      const another = async () => {
        const db = openFile(join(root, 'sessions.db'))
        dbs.push(db)
        await sql`pragma journal_mode = wal`.execute(db)
        await sql`pragma synchronous = normal`.execute(db)
        return sqlStore(db, { now, sweepInterval: false })
      }
      const store = await another()
      await store.createTable()
      return {
        store,
        another,
        async foreignWrite(id, data, expiresAt) {
          const expiry = new Date(expiresAt).toISOString().replace('T', ' ').replace('Z', '000')
          await sql`update sessions set data = ${data}, expiry = ${expiry}
            where session_id = ${id}`.execute(dbs[0] as Db)
        },
        async close() {
          for (const db of dbs) await db.destroy()
          rmSync(root, { recursive: true })
        },
      }
    },
    makeBroken({ now }) {
      const root = mkdtempSync(join(tmpdir(), 'vial-sqlite-'))
      const file = join(root, 'sessions.db')
      writeFileSync(
        file,
        'something else altogether, and longer than the header of a database is.'.repeat(99),
      )
      const db = openFile(file)
      return {
        store: sqlStore(db, { now, sweepInterval: false }),
        async close() {
          await db.destroy()
          rmSync(root, { recursive: true })
        },
      }
    },
  })

  describe(`${name}: the table`, () => {
    test('that Flask-Session made is used as it is', async (context) => {
      const file = join(newDirectory(context), 'flask.db')
      const flask = openFile(file)
      await sql`CREATE TABLE sessions (id INTEGER NOT NULL, session_id VARCHAR(255), data BLOB,
        expiry DATETIME, PRIMARY KEY (id), UNIQUE (session_id))`.execute(flask)
      const id = 'session:Zq3_-kQ'
      await sql`INSERT INTO sessions (session_id, data, expiry)
        VALUES (${id}, ${bytes('from Flask')}, '2033-05-18 03:33:20.123456')`.execute(flask)
      const now = () => Date.UTC(2033, 4, 18)
      const store = await open(context, flask, { now })
      const record = await store.read(id, { expiry: true })
      assert.equal(contentOf(record), 'from Flask')
      assert.equal(record?.expiresAt, Date.UTC(2033, 4, 18, 3, 33, 20, 124))

      await sql`UPDATE sessions SET data = ${bytes('Flask again')}, expiry = '2033-05-18 04:00:00.000000'
        WHERE session_id = ${id}`.execute(flask)
      const lost = await store.replace(id, bytes('ours'), now() + HOUR, record?.version)
      assert.equal(lost.kind, 'conflict')
      const current = lost.kind === 'conflict' ? lost.current : undefined
      assert.equal(contentOf(current), 'Flask again')
      const won = await store.replace(id, bytes('ours'), now() + HOUR, current?.version)
      assert.equal(won.kind, 'replaced')
      const { rows } =
        await sql<object>`select session_id, typeof(data) as kind, expiry from sessions`.execute(
          flask,
        )
      assert.deepEqual(
        rows.map((row) => ({ ...row })),
        [{ session_id: id, kind: 'blob', expiry: '2033-05-18 01:00:00.000000' }],
      )
    })

    test('has an index for the sweep, and may lie in an attached database', async (context) => {
      const db = openFile(':memory:')
      await sql`attach ${join(newDirectory(context), 'other.db')} as other`.execute(db)
      const store = await open(context, db, { schema: 'other', table: 'my sessions' })
      await store.create('id', bytes('x'), Date.now() + HOUR)
      assert.equal(contentOf(await store.read('id')), 'x')
      const plan = await sql<{ readonly detail: string }>`explain query plan
        delete from other."my sessions" where expiry <= 'x'`.execute(db)
      assert.match(plan.rows.map((row) => row.detail).join(), /my sessions_expiry/)
      await store.createTable()
    })

    test('that is missing: a typed error that names createTable()', async (context) => {
      const db = openFile(':memory:')
      context.after(() => db.destroy())
      const store = sqlStore(db, { sweepInterval: false })
      const error = await failureOf(store.create('id', bytes('x'), Date.now() + HOUR))
      assert.match(error.message, /createTable\(\)/)
      assert.equal(error.outcome, 'not-done')
      await store.createTable()
      assert.equal((await store.create('id', bytes('x'), Date.now() + HOUR)).kind, 'created')
    })
  })

  describe(`${name}: faults`, () => {
    test('a lock held by another process: a typed error in time, then recovery', async (context) => {
      const file = join(newDirectory(context), 'sessions.db')
      const store = await open(context, openFile(file, { timeout: 50 }))
      const later = Date.now() + HOUR
      await store.create('id', bytes('before'), later)
      const { version } = (await store.read('id')) ?? {}
      const sessions = createSessions({ store, timeout: 500 })
      const holder = await startOther(context, 'hold', file)

      for (const [operation, call] of [
        ['replace', () => store.replace('id', bytes('after'), later, version)],
        ['delete', () => store.delete('id')],
        ['create', () => store.create('another', bytes('x'), later)],
        ['sweep', () => store.sweep?.() ?? Promise.resolve()],
      ] as const) {
        const { outcome, retriable, ...error } = await failureOf(call())
        assert.deepEqual([error.operation, outcome, retriable], [operation, 'not-done', true])
      }
      // A touch is put off, so that no request that only reads fails.
      assert.equal(await store.touch('id', later + 1, version), 'conflict')
      const session = await sessions.load(undefined)
      session.set('name', 'value')
      const startedAt = performance.now()
      await failureOf(Promise.resolve(sessions.commit(session)))
      assert.ok(performance.now() - startedAt < 5_000)

      holder.stdin?.end()
      await ended(holder)
      assert.equal((await store.replace('id', bytes('after'), later, version)).kind, 'replaced')
    })

    test('killed while it writes: whole records, and the next process goes on', async (context) => {
      const file = join(newDirectory(context), 'sessions.db')
      const db = openFile(file)
      await sql`pragma journal_mode = wal`.execute(db)
      const store = await open(context, db)
      await store.create('id', bytes('0'.repeat(50_000)), Date.now() + HOUR)
      for (let turn = 0; turn < 3; turn++) {
        const writer = await startOther(context, 'write', file)
        await new Promise((resolve) => writer.stdout?.once('data', resolve))
        writer.kill('SIGKILL')
        await ended(writer)
        const content = contentOf(await store.read('id')) ?? ''
        assert.equal(content.length, 50_000)
        assert.equal(new Set(content).size, 1)
      }
      const { rows } = await sql<object>`pragma integrity_check`.execute(db)
      assert.deepEqual(
        rows.map((row) => ({ ...row })),
        [{ integrity_check: 'ok' }],
      )
    })

    test('read-only: reads go on, writes are a typed error', async (context) => {
      const file = join(newDirectory(context), 'sessions.db')
      const writer = await open(context, openFile(file))
      const later = Date.now() + HOUR
      await writer.create('id', bytes('x'), later)
      const db = openFile(file, { readonly: true })
      context.after(() => db.destroy())
      const store = sqlStore(db, { sweepInterval: false })
      assert.equal(contentOf(await store.read('id')), 'x')
      await store.createTable()
      const error = await failureOf(store.touch('id', later + 1, bytes('x')))
      assert.deepEqual([error.outcome, error.retriable], ['not-done', false])
      assert.match(error.message, /read-only/)
    })

    test('a damaged file: a typed error, never an absent session', async (context) => {
      const file = join(newDirectory(context), 'sessions.db')
      const first = openFile(file)
      const before = sqlStore(first, { sweepInterval: false })
      await before.createTable()
      await before.create('id', bytes('x'.repeat(20_000)), Date.now() + HOUR)
      await first.destroy()
      truncateSync(file, 8_192)
      const db = openFile(file)
      context.after(() => db.destroy())
      await failureOf(sqlStore(db, { sweepInterval: false }).read('id'))
    })

    test('closed: a typed error on every verb', async () => {
      const db = openFile(':memory:')
      const store = sqlStore(db, { sweepInterval: false })
      await store.createTable()
      await db.destroy()
      const { outcome } = await failureOf(store.create('id', bytes('x'), Date.now() + HOUR))
      assert.equal(outcome, 'not-done')
      await failureOf(store.read('id'))
    })

    const problem = mountProblem()
    test('a full disk: a typed error, the old record whole, then recovery', {
      skip: problem ?? false,
    }, async (context) => {
      const root = mkdtempSync(join(tmpdir(), 'vial-disk-'))
      mount(root, '512k')
      try {
        const db = openFile(join(root, 'sessions.db'))
        const store = await open(context, db)
        const later = Date.now() + HOUR
        await store.create('id', bytes('the old record'), later)
        const { version } = (await store.read('id')) ?? {}
        const big = new Uint8Array(600_000)
        for (const call of [
          () => store.replace('id', big, later, version),
          () => store.create('another', big, later),
        ]) {
          const error = await failureOf(call())
          assert.deepEqual([error.outcome, error.retriable], ['not-done', true])
          assert.match(error.message, /disk is full/)
        }
        assert.equal(contentOf(await store.read('id')), 'the old record')
        assert.equal(await store.read('another'), undefined)
        assert.equal((await store.replace('id', bytes('small'), later, version)).kind, 'replaced')
        await db.destroy()
      } finally {
        execFileSync('umount', [root])
        rmSync(root, { recursive: true })
      }
    })
  })

  test(`${name}: no error shows the id`, async (context) => {
    const db = openFile(':memory:')
    context.after(() => db.destroy())
    const store = sqlStore(db, { sweepInterval: false })
    const id = 'a-secret-session-id'
    for (const call of [
      () => store.read(id),
      () => store.create(id, bytes('a-secret-record'), Date.now() + HOUR),
      () => store.replace(id, bytes('a-secret-record'), Date.now() + HOUR, bytes('x')),
      () => store.delete(id),
    ]) {
      const shown = inspect(await failureOf(call()), { depth: 9, showHidden: true })
      assert.doesNotMatch(shown, /a-secret/)
    }
  })
}

function nodeSqliteTests(): void {
  describe('nodeSqlite', () => {
    test('gives rows and changes, and streams a row at a time while others run', async (context) => {
      const db = openNode(':memory:') as Kysely<{ t: { n: number } }>
      context.after(() => db.destroy())
      await sql`create table t (n integer)`.execute(db)
      const { numAffectedRows } = await sql`insert into t values (1), (2), (3)`.execute(db)
      assert.equal(numAffectedRows, 3n)
      const { rows } = await sql<{ n: number }>`update t set n = n + 1 returning n`.execute(db)
      assert.deepEqual(
        rows.map(({ n }) => n),
        [2, 3, 4],
      )
      const streamed: number[] = []
      for await (const { n } of db.selectFrom('t').select('n').stream()) streamed.push(n)
      assert.deepEqual(streamed, [2, 3, 4])
    })

    test('keeps the last hundred statements prepared', () => {
      let prepared = 0
      const inner = new DatabaseSync(':memory:')
      const database = nodeSqlite({
        prepare(text) {
          prepared++
          return inner.prepare(text)
        },
        close: () => inner.close(),
      })
      for (let turn = 0; turn < 5; turn++) database.prepare('select 1').all([])
      assert.equal(prepared, 1)
      for (let n = 0; n < 100; n++) database.prepare(`select ${n} as n`).all([])
      database.prepare('select 1')
      assert.equal(prepared, 102)
      database.close()
      assert.throws(() => inner.prepare('select 1'))
    })
  })
}

/** Holds the lock until its input ends. */
function hold(): void {
  const database = new DatabaseSync(argument)
  database.exec('begin immediate')
  console.log('held')
  process.stdin.resume().once('end', () => database.exec('rollback'))
}

/** Replaces a record for ever, each time by other bytes. */
async function write(): Promise<void> {
  const store = sqlStore(openNode(argument), { sweepInterval: false })
  console.log('started')
  for (let turn = 0; ; turn++) {
    const { version } = (await store.read('id')) ?? {}
    const next = bytes(String(turn % 10).repeat(50_000))
    await store.replace('id', next, Date.now() + HOUR, version)
    console.log(turn)
  }
}

if (mode === 'hold') hold()
else if (mode === 'write') await write()
else {
  testsWith('node:sqlite', openNode)
  nodeSqliteTests()
  testsWith('better-sqlite3', openBetter(argument))
}
