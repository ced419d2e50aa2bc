/**
 * Opens SQLite by URL, in a Node that has it: `open-sqlite-child.ts <file>` by `node:sqlite`, and with
 * `<where better-sqlite3 is>` behind it as a Node does that has none.
 */

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import { StoreError } from '../../src/errors.ts'
import { openStore } from '../../src/stores/open/index.ts'
import { exercise } from './open-exercise.ts'

const [, , file = '', betterSqlite3] = process.argv
const loaded: string[] = []

async function load(name: string): Promise<unknown> {
  loaded.push(name)
  if (betterSqlite3 !== undefined) {
    if (name === 'node:sqlite') {
      throw Object.assign(new Error('No such built-in module'), {
        code: 'ERR_UNKNOWN_BUILTIN_MODULE',
      })
    }
    const found = createRequire(join(betterSqlite3, 'package.json'))
    if (name === 'better-sqlite3') return { default: found(betterSqlite3) as unknown }
  }
  return import(name)
}

const url = `sqlite:${file}?table=own`
await assert.rejects(openStore(url, { load }), StoreError)
const store = await openStore(url, { create: true, load })
assert.equal(store.name, 'sqlite')
await exercise(store)
await store.create('kept', Uint8Array.of(1), Date.now() + 60_000)
await store.close?.()
const reopened = await openStore(url, { load })
assert.ok(await reopened.read('kept'))
await reopened.close?.()

const memory = await openStore('sqlite::memory:', { create: true, load })
await exercise(memory)
await memory.close?.()
await assert.rejects(openStore('sqlite:/no/such/place/sessions.db', { load }), StoreError)
assert.equal(loaded.includes('better-sqlite3'), betterSqlite3 !== undefined)
console.log('done')
