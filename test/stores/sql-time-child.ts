/**
 * Writes and reads a record at fixed instants, in the time zone of this process and that of each session:
 * `sql-time-child.ts <url> <table> <session time zone> …`. Prints what it saw as lines of JSON.
 */
import process from 'node:process'
import { type RawBuilder, sql } from 'kysely'
import { sqlStore } from '../../src/stores/sql/index.ts'
import { bytes, type Db, openMariadb, openPostgres } from './sql-databases.ts'

async function see(db: Db, table: string, zone: RawBuilder<{ readonly zone: string }>) {
  // In New York this night has the hour from one to two twice.
  let time = Date.UTC(2033, 10, 6, 5, 30, 0, 123)
  const store = sqlStore(db, { table, now: () => time, sweepInterval: false })
  const end = time + 3_600_001
  await store.create('id', bytes('x'), end)
  const before = await store.read('id', { expiry: true })
  time = end - 1
  const last = await store.read('id')
  const { rows } = await zone.execute(db)
  time = end
  const after = await store.read('id')
  const swept = await store.sweep?.()
  await store.create('left', bytes('x'), end + 1)
  return {
    offset: new Date(end).getTimezoneOffset(),
    zone: rows[0]?.zone,
    expiresAt: before?.expiresAt,
    live: [before, last, after].map((record) => record !== undefined),
    swept,
  }
}

for (const words = process.argv.slice(2); words.length > 0; ) {
  const [url = '', table = '', zone = ''] = words.splice(0, 3)
  const isPostgres = url.startsWith('postgres')
  const db = isPostgres
    ? openPostgres(url, { options: `-c timezone=${zone}` })
    : openMariadb(url, {}, {}, [`set time_zone = '${zone}'`])
  const seen = await see(
    db,
    table,
    isPostgres
      ? sql<{ zone: string }>`select current_setting('timezone') as zone`
      : sql<{ zone: string }>`select @@time_zone as zone`,
  )
  await db.destroy()
  console.log(JSON.stringify(seen))
}
