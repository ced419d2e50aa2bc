/** Statements that the database undoes for the sake of other writers, on a database that is played. */
import { createSessions } from 'vial'
import { sqlStore } from 'vial/stores/sql'
import { describe, expect, test } from 'vitest'
import { bytes } from '../support/bytes.ts'
import { openBy } from './sql-databases.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

type Kind = 'select' | 'insert' | 'update' | 'delete'

/** A table of one row, where statements of these kinds fail with a code. */
function tableThatUndoes(code: string, undone: readonly Kind[]) {
  let row: { readonly bytes: unknown; readonly ends: string } | undefined
  const counts = { select: 0, insert: 0, update: 0, delete: 0 }
  const db = openBy(async ({ sql, parameters }) => {
    const kind = /^\w+/.exec(sql)?.[0] as Kind
    counts[kind]++
    if (undone.includes(kind)) throw Object.assign(new Error('undone'), { code })
    if (kind === 'select') return { rows: row === undefined ? [] : [row] }
    if (kind !== 'insert') return { rows: [], numAffectedRows: 0n }
    row = { bytes: parameters[1], ends: String(parameters[2]) }
    return { rows: [], numAffectedRows: 1n }
  })
  return { store: (now: () => number) => sqlStore(db, { now, sweepInterval: false }), counts }
}

describe.each(['40001', '40P01'])('a statement that always fails with %s', (code) => {
  test.each<[string, Kind[]]>([
    ['the update', ['update']],
    ['the read after an update that changed no row', ['select']],
    ['both', ['update', 'select']],
  ])('%s of a touch: a conflict after many attempts', async (_, undone) => {
    const { store, counts } = tableThatUndoes(code, undone)
    const touched = await store(Date.now).touch('id', Date.now() + HOUR, bytes('x'))
    expect(touched).toBe('conflict')
    expect(Math.max(counts.update, counts.select)).toBe(100)
  })

  test.each<Kind>(['update', 'select'])(
    'a request that only reads is answered though no %s is done after it',
    async (kind) => {
      const undone: Kind[] = []
      const table = tableThatUndoes(code, undone)
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
      expect(table.counts[kind] - before).toBe(100)
    },
  )

  test('a replace fails: not done, and it may be tried again', async () => {
    const { store } = tableThatUndoes(code, ['update'])
    const replaced = store(Date.now).replace('id', bytes('y'), Date.now() + HOUR, bytes('x'))
    await expect(replaced).rejects.toMatchObject({ outcome: 'not-done', retriable: true })
  })
})
