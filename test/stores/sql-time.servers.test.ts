import { execFile } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import { sqlStore } from 'vial/stores/sql'
import { describe, expect, test } from 'vitest'
import { service } from '../support/services.ts'
import { newName, openMariadb, openPostgres, ownDatabase } from './sql-databases.ts'

describe.each(['America/New_York', 'Asia/Kathmandu'])('in a process of %s', (processZone) => {
  test.for([
    [
      'postgres',
      openPostgres,
      ['UTC', 'America/New_York', 'Asia/Kathmandu'],
      sql`cast(expiry as varchar)`,
      '2033-11-06 06:30:00.125',
    ],
    [
      'mariadb',
      openMariadb,
      ['+00:00', '-05:00', '+05:45'],
      sql`cast(expiry as char)`,
      '2033-11-06 06:30:00.125000',
    ],
  ] as const)(
    'deadlines are exact and in UTC, whatever the time zone of the session: %s',
    async ([name, open, zones, text, kept], { skip }) => {
      const server = service(name)
      if ('missing' in server) return skip(server.missing)
      const database = await ownDatabase(server.url)
      const db = open(database.url)
      const tables = zones.map(newName)
      const words: string[] = []
      for (const [n, table] of tables.entries()) {
        await sqlStore(db, { table }).createTable()
        words.push(database.url, table, zones[n] ?? '')
      }
      const seen = await runChild(processZone, words)
      for (const [n, zone] of zones.entries()) {
        expect(seen[n]).toEqual({
          offset: processZone === 'Asia/Kathmandu' ? -345 : 300,
          zone,
          expiresAt: Date.UTC(2033, 10, 6, 6, 30, 0, 124),
          live: [true, true, false],
          swept: 1,
        })
        const { rows } = await sql<{ t: string }>`
          select ${text} as t from ${sql.id(tables[n] ?? '')}`.execute(db)
        expect(rows).toEqual([{ t: kept }])
      }
      await db.destroy()
      await database.drop()
    },
  )
})

async function runChild(zone: string, words: readonly string[]): Promise<unknown[]> {
  const child = fileURLToPath(new URL('./sql-time-child.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', child, ...words],
    { env: { ...process.env, TZ: zone } },
  )
  const lines = stdout.trim().split('\n')
  return lines.map((line) => JSON.parse(line) as unknown)
}
