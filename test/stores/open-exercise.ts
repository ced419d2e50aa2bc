/** Each verb that a session needs, then the whole way of a session, on a store that was opened. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
// By path: without vitest `vial` is the built package.
import { createSessions, type Store } from '../../src/index.ts'
import { PATIENCE } from '../support/patience.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

export async function exercise(store: Store): Promise<void> {
  const id = randomUUID()
  const later = Date.now() + 60_000
  assert.equal((await store.create(id, bytes('first'), later)).kind, 'created')
  assert.equal((await store.create(id, bytes('again'), later)).kind, 'exists')
  const record = await store.read(id)
  assert.equal(Buffer.from(record?.bytes ?? []).toString(), 'first')
  const replaced = await store.replace(id, bytes('second'), later, record?.version)
  assert.equal(replaced.kind, 'replaced')
  const again = await store.replace(id, bytes('third'), later, record?.version)
  assert.equal(again.kind, 'conflict')
  assert.equal(await store.delete(id), 'deleted')
  assert.equal(await store.read(id), undefined)

  const sessions = createSessions({ store, timeout: PATIENCE, cookie: { secure: false } })
  const session = await sessions.load(undefined)
  session.increment('visits')
  const { headers } = await sessions.commit(session)
  const next = await sessions.load(headers[0]?.[1].split(';')[0])
  assert.equal(next.get('visits'), 1)
  next.destroy()
  await sessions.commit(next)
}
