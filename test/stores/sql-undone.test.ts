/** Statements that the database undoes for the sake of other writers, on a database that is played. */
import { createSessions } from 'vial'
import { sqlStore } from 'vial/stores/sql'
import { describe, expect, test } from 'vitest'
import { bytes } from '../support/bytes.ts'
import { openBy } from './sql-databases.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

type Kind = 'select' | 'insert' | 'update' | 'delete'

/** A table of one row, where statements of these kinds fail with an error. */
function tableThatUndoes(failure: object, undone: readonly Kind[]) {
  let row: { readonly bytes: unknown; readonly ends: string } | undefined
  const counts = { select: 0, insert: 0, update: 0, delete: 0 }
  const db = openBy(async ({ sql, parameters }) => {
    const kind = /^\w+/.exec(sql)?.[0] as Kind
    counts[kind]++
    if (undone.includes(kind)) throw Object.assign(new Error('undone'), failure)
    if (kind === 'select') return { rows: row === undefined ? [] : [row] }
    if (kind !== 'insert') return { rows: [], numAffectedRows: 0n }
    row = { bytes: parameters[1], ends: String(parameters[2]) }
    return { rows: [], numAffectedRows: 1n }
  })
  return { store: (now: () => number) => sqlStore(db, { now, sweepInterval: false }), counts }
}

const mysql = (errno: number) => ({ errno, code: `ER_${errno}`, sqlState: 'HY000' })

describe.each<[what: string, failure: object, attempts: number]>([
  ['PostgreSQL’s 40001', { code: '40001' }, 100],
  ['PostgreSQL’s 40P01', { code: '40P01' }, 100],
  ['PostgreSQL’s 55P03', { code: '55P03' }, 1],
  ['MySQL’s 1213', mysql(1213), 100],
  ['MariaDB’s 1020', mysql(1020), 100],
  ['MySQL’s 1205', mysql(1205), 1],
  ['SQLITE_BUSY of node:sqlite', { code: 'ERR_SQLITE_ERROR', errcode: 5 }, 1],
  ['SQLITE_BUSY_SNAPSHOT of node:sqlite', { code: 'ERR_SQLITE_ERROR', errcode: 517 }, 1],
  ['SQLITE_BUSY of better-sqlite3', { code: 'SQLITE_BUSY' }, 1],
  ['SQLITE_LOCKED_SHAREDCACHE of better-sqlite3', { code: 'SQLITE_LOCKED_SHAREDCACHE' }, 1],
])('a statement that always fails with %s', (_, failure, attempts) => {
  test.each<[string, Kind[]]>([
    ['the update', ['update']],
    ['the read after an update that changed no row', ['select']],
    ['both', ['update', 'select']],
  ])('%s of a touch: a conflict after the attempts that help', async (_case, undone) => {
    const { store, counts } = tableThatUndoes(failure, undone)
    const touched = await store(Date.now).touch('id', Date.now() + HOUR, bytes('x'))
    expect(touched).toBe('conflict')
    expect(Math.max(counts.update, counts.select)).toBe(attempts)
  })

  test.each<Kind>(['update', 'select'])(
    'a request that only reads is answered though no %s is done after it',
    async (kind) => {
      const undone: Kind[] = []
      const table = tableThatUndoes(failure, undone)
      let time = Date.now()
      const now = () => time
      const sessions = createSessions({ store: table.store(now), now, idle: '7d' })
      const first = await sessions.load(undefined)
      first.set('name', 'ann')
      const { headers } = await sessions.commit(first)
      const cookie = headers.find(([name]) => name === 'set-cookie')?.[1].split(';')[0]
      time += DAY
      const second = await sessions.load(cookie)
      expect(second.get('name')).toBe('ann')
      undone.push(kind)
      const before = table.counts[kind]
      expect((await sessions.commit(second)).outcome).toBe('untouched')
      expect(table.counts[kind] - before).toBe(attempts)
    },
  )

  test('a replace fails: not done, and it may be tried again', async () => {
    const { store } = tableThatUndoes(failure, ['update'])
    const replaced = store(Date.now).replace('id', bytes('y'), Date.now() + HOUR, bytes('x'))
    await expect(replaced).rejects.toMatchObject({ outcome: 'not-done', retriable: true })
  })
})
