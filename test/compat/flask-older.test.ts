/** Sessions that old versions of Flask-Session and cachelib wrote are read. */

import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { flaskSession } from 'vial/compat/flask-session'
import { pickle, readPickle } from 'vial/serializers/pickle'
import { cachelibFileStore } from 'vial/stores/cachelib-file'
import { memoryStore } from 'vial/stores/memory'
import { describe, expect, onTestFinished, test } from 'vitest'
import { fromNotation, type Notation, NotHere } from '../serializers/notation.ts'
import { PATIENCE } from '../support/patience.ts'

interface Older {
  readonly flask_session: Readonly<Record<string, readonly { hex: string; value: Notation }[]>>
  /** By version: the files of a directory. */
  readonly cachelib: Readonly<Record<string, Readonly<Record<string, string>>>>
}

const file = new URL('../../interop/fixtures/flask-older.json', import.meta.url)
const older = JSON.parse(readFileSync(file, 'utf8')) as Older
const ID = '00000000-0000-0000-0000-000000000001'

describe.each(Object.entries(older.flask_session))('Flask-Session %s', (_, records) => {
  test.each(records.map(({ hex, value }) => [hex, value] as const))('%s', async (hex, value) => {
    const bytes = Buffer.from(hex, 'hex')
    const entries = pickle().split(bytes)
    const decoded = [...(entries ?? [])].map(([key, entry]) => [key, pickle().decode(entry)])
    const expected = known(value)
    if (expected !== undefined) expect(Object.fromEntries(decoded)).toEqual(expected)
    expect(decoded.map(([key]) => key)).toEqual(keysOf(value))
    // Untouched keys go back with the same values and types, in every protocol that is written.
    const exact = readPickle(bytes, { exactFloats: true })
    for (const protocol of [0, 4, 5] as const) {
      const written = pickle({ protocol }).join(entries ?? new Map())
      expect(readPickle(written, { exactFloats: true })).toEqual(exact)
    }

    const store = memoryStore()
    await store.create(`session:${ID}`, bytes, Date.now() + 60_000)
    const session = await flaskSession({ store }).load(`session=${ID}`)
    const { _permanent, _flashes, ...data } = Object.fromEntries(decoded)
    expect(Object.fromEntries(session)).toEqual(data)
    expect(session.permanent).toBe(_permanent === true)
    expect(session.flashes()).toHaveLength(Array.isArray(_flashes) ? _flashes.length : 0)
  })
})

test.each(Object.entries(older.cachelib))('the directory of cachelib %s', async (_, files) => {
  const directory = await mkdtemp(join(tmpdir(), 'vial-test-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  await mkdir(directory, { recursive: true })
  for (const [name, hex] of Object.entries(files)) {
    await writeFile(join(directory, name), Buffer.from(hex, 'hex'), { mode: 0o600 })
  }
  // They end in 2023.
  const now = () => 1_702_000_000_000
  const store = cachelibFileStore(directory, { now, sweepInterval: false })
  const sessions = flaskSession({ store, format: 'pickle', timeout: PATIENCE, now })
  const session = await sessions.load('session=SID0001')
  expect(session.toJSON()).toEqual({ a: 1 })
  session.increment('a')
  expect((await sessions.commit(session)).outcome).toBe('saved')
  expect((await sessions.load('session=SID0001')).get('a')).toBe(2)
})

/** Undefined: of a type that the notation has no counterpart for; the vectors of pickle itself compare those. */
function known(value: Notation): unknown {
  try {
    return fromNotation(value)
  } catch (error) {
    if (error instanceof NotHere) return undefined
    throw error
  }
}

function keysOf(value: Notation): unknown[] {
  return typeof value === 'object' && value?.t === 'dict' ? value.v.map(([key]) => key) : []
}
