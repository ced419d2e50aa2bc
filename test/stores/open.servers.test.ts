import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect, promisify } from 'node:util'
import { sql } from 'kysely'
import { ConfigError, StoreError } from 'vial'
import { openStore } from 'vial/stores/open'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findSqlite } from '../../scripts/provision.ts'
import { service } from '../support/services.ts'
import { exercise } from './open-exercise.ts'
import { failureOf, loading, own, schemes, titled } from './open-schemes.ts'
import { FLASK_TABLES, openMariadb } from './sql-databases.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const PASSWORD = 's3cr3t-pass'

let directory = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'vial-open-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

describe('a store that is there', () => {
  test.for(titled(schemes))('%s', async ([, { name, client, server, on }], { skip }) => {
    if ('missing' in server) return skip(server.missing)
    const load = loading(client)
    const here = on(server.url)
    const store = await openStore(here, { create: true, load })
    expect(store.name).toBe(name)
    await exercise(store)

    // The name that the URL gives is the one that counts.
    await store.create('id', bytes('x'), Date.now() + 60_000)
    for (const [url, there] of [
      [here, true],
      [on(server.url), false],
    ] as const) {
      const another = await openStore(url, { create: true, load })
      expect((await another.read('id')) !== undefined).toBe(there)
      await another.close()
    }
    await store.close()
    await store.close()
  })

  test('memory:', async () => {
    const store = await openStore('memory:')
    expect(store.name).toBe('memory')
    await exercise(store)
    await store.create('id', bytes('x'), Date.now() + 60_000)
    const another = await openStore('memory:')
    expect(await another.read('id')).toBeUndefined()
    await another.close()
    await store.close()
  })

  test.for([
    ['relative', () => `file:${join('.vial', own())}`],
    ['absolute', () => `file:${join(directory, 'with%20space')}`],
    ['as a file URL', () => `file://${join(directory, 'url')}`],
  ] as const)('file: %s', async ([, url]) => {
    const store = await openStore(url())
    expect(store.name).toBe('file')
    await exercise(store)
    await store.close()
    rmSync(url().replace(/^file:(?:\/\/)?/, ''), { recursive: true, force: true })
  })

  test.for([
    ['node:sqlite', () => []],
    ['better-sqlite3', (where: string) => [where]],
  ] as const)('sqlite: by %s', async ([name, more], { skip }) => {
    const parts = findSqlite()
    if (parts === undefined) {
      return skip('no Node with SQLite: run "npx tsx scripts/provision.ts sqlite"')
    }
    const child = fileURLToPath(new URL('./open-sqlite-child.ts', import.meta.url))
    const file = join(directory, `${name.replace(':', '-')}.db`)
    const args = ['--no-warnings', child, file, ...more(parts.betterSqlite3)]
    expect((await promisify(execFile)(parts.node, args)).stdout).toBe('done\n')
  })

  test('mysql: has the resolution of a table that was there, once it is known', async ({
    skip,
  }) => {
    const found = service('mariadb')
    if ('missing' in found) return skip(found.missing)
    const table = own()
    const db = openMariadb(found.url)
    await sql.raw(FLASK_TABLES.mysql(table)).execute(db)
    const store = await openStore(`${found.url}?table=${table}`)
    await store.create('id', bytes('x'), Date.now() + 60_000)
    expect(store.resolution).toBe(1_000)
    await store.close()
    await sql`drop table ${sql.id(table)}`.execute(db)
    await db.destroy()
  })

  test('takes the time from the clock that is given', async () => {
    let time = 1_000
    const store = await openStore('memory:', { now: () => time })
    await store.create('id', bytes('x'), 2_000)
    time = 2_000
    expect(await store.read('id')).toBeUndefined()
  })
})

describe('what is missing', () => {
  const absent = (missing: string) => (name: string) =>
    name === missing || name === 'node:sqlite'
      ? Promise.reject(
          Object.assign(new Error(`Cannot find package '${name}' imported from there`), {
            code: 'ERR_MODULE_NOT_FOUND',
          }),
        )
      : import(name)

  test.for([
    ['redis://localhost', 'redis', 'npm install redis'],
    ['rediss://localhost', 'redis', 'npm install redis'],
    ['postgres://localhost/db', 'pg', 'npm install kysely pg'],
    ['postgresql://localhost/db', 'kysely', 'npm install kysely pg'],
    ['mysql://localhost/db', 'mysql2', 'npm install kysely mysql2'],
    ['mariadb://localhost/db', 'mysql2', 'npm install kysely mysql2'],
    ['sqlite:file.db', 'better-sqlite3', 'npm install better-sqlite3'],
    ['sqlite:file.db', 'kysely', 'npm install kysely'],
    ['mongodb://localhost/db', 'mongodb', 'npm install mongodb'],
    ['mongodb+srv://localhost/db', 'mongodb', 'npm install mongodb'],
    ['dynamodb://region', '@aws-sdk/client-dynamodb', 'npm install @aws-sdk/client-dynamodb'],
  ] as const)('%s without the package %s', async ([url, name, command]) => {
    const error = await failureOf(url, { load: absent(name) })
    expect(error).toBeInstanceOf(ConfigError)
    expect(error?.message).toContain(`needs the package ${name}, which is not installed`)
    expect(error?.message).toMatch(new RegExp(`Run: ${command}$`))
  })

  test('a package that is there and broken is shown as it is', async () => {
    const broken = Object.assign(new Error("Cannot find package 'inner' imported from redis"), {
      code: 'ERR_MODULE_NOT_FOUND',
    })
    expect(await failureOf('redis://localhost', { load: () => Promise.reject(broken) })).toBe(
      broken,
    )
  })

  const tables = schemes.filter(({ name }) => ['postgres', 'mysql', 'dynamodb'].includes(name))
  test.for(titled(tables))(
    'the table of %s is a StoreError at the start, unless it is to be made',
    async ([, { server, on }], { skip }) => {
      if ('missing' in server) return skip(server.missing)
      const error = await failureOf(on(server.url))
      expect(error).toBeInstanceOf(StoreError)
      expect(error).toMatchObject({ outcome: 'not-done' })
    },
  )
})

describe('a URL that cannot be is a ConfigError', () => {
  test.for([
    ['', 'has no scheme. Known schemes: redis:, rediss:, memcached:'],
    ['localhost', 'has no scheme'],
    [`//user:${PASSWORD}@host`, 'has no scheme'],
    [
      `http://user:${PASSWORD}@host`,
      "the scheme 'http:' of the URL is not known. Known schemes: redis:",
    ],
    ['toString:', "the scheme 'tostring:' of the URL is not known"],
    [`redis://user:${PASSWORD}@host:port`, 'URL is not valid'],
    [`redis://user:${PASSWORD}%@host`, "'%' that is not written %25"],
    [`redis://user:${PASSWORD}/x@host`, "'/' is %2F"],
    [`redis://user:?${PASSWORD}@host`, "'?' is %3F"],
    [`redis://user:#${PASSWORD}@host`, "'#' is %23"],
    ['redis://host?table=x', "no parameter 'table'. Known: 'prefix'"],
    ['redis://host?prefix=a&prefix=b', "'prefix' twice"],
    ['memcached://', 'write memcached://host:port'],
    [`memcached://user:${PASSWORD}@host`, 'without a user'],
    ['memcached://host:x', 'not an address'],
    ['memcached://host?table=x', "no parameter 'table'"],
    [`postgres://user:${PASSWORD}@host:port/db`, 'URL is not valid'],
    ['postgres://host/db?prefix=x', "no parameter 'prefix'. Known: 'table', 'schema', 'sslmode'"],
    [`postgres://user:${PASSWORD}@host/db?table=`, 'table'],
    [`mysql://user:${PASSWORD}@host`, 'name the database: mysql://host/database'],
    ['mariadb://host/db?ssl=maybe', "ssl of a mariadb: URL is 'true' or 'false'"],
    ['mysql://host/db?x=1', "no parameter 'x'"],
    ['sqlite:', 'write sqlite:relative/path'],
    ['sqlite:///file.db', "without '//'"],
    ['sqlite:a%', "'%' that is not written %25"],
    ['sqlite:a?x=1', "no parameter 'x'"],
    [`mongodb://user:${PASSWORD}@host`, 'name the database: mongodb://host/database'],
    [`mongodb://user:${PASSWORD}@host/db?nonsense=1`, 'option nonsense is not supported'],
    [`mongodb://user:${PASSWORD}:x@host:port/db`, 'the driver refuses this mongodb: URL'],
    ['dynamodb://region?x=1', "no parameter 'x'. Known: 'endpoint'"],
    ['file:', 'write file:relative/path'],
    ['file://host/path', 'write file:relative/path'],
    ['file:sessions?x=1', "no parameter 'x'. Known: 'owners'"],
    ['memory:?x=1', "no parameter 'x'. Known: none"],
  ] as const)('%s', async ([url, message]) => {
    const error = await failureOf(url)
    expect(error).toBeInstanceOf(ConfigError)
    expect(error?.message).toContain(message)
    expect(inspect(error, { depth: 8, showHidden: true })).not.toContain(PASSWORD)
  })
})

describe('a client that is made', () => {
  test('of DynamoDB never sends a write again', async ({ skip }) => {
    const found = service('dynamodb')
    if ('missing' in found) return skip(found.missing)
    let config: { maxAttempts(): Promise<number> } | undefined
    const url = `dynamodb://key:secret@eu-central-1/${own()}?endpoint=${found.url}`
    const store = await openStore(url, {
      create: true,
      async load(name) {
        const { DynamoDB } = (await import(name)) as typeof import('@aws-sdk/client-dynamodb')
        return {
          DynamoDB: class extends DynamoDB {
            constructor(options: object) {
              super(options)
              config = this.config as unknown as typeof config
            }
          },
        }
      },
    })
    expect(await config?.maxAttempts()).toBe(1)
    await store.close()
  })

  test('of Redis does not keep commands for later', async ({ skip }) => {
    const found = service('redis')
    if ('missing' in found) return skip(found.missing)
    let options: { disableOfflineQueue?: boolean } | undefined
    const store = await openStore(found.url, {
      async load(name) {
        const redis = (await import(name)) as typeof import('redis')
        return {
          createClient(given: object) {
            options = given
            return redis.createClient(given)
          },
        }
      },
    })
    expect(options?.disableOfflineQueue).toBe(true)
    await store.close()
    await expect(store.read(randomUUID())).rejects.toBeInstanceOf(StoreError)
  })
})
