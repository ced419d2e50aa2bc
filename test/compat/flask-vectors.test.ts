/** What Flask-Session keeps in each backend, as recorded: read here, and written here the same. */

import process from 'node:process'
import { BSON } from 'mongodb'
import type { Entries, Serializer } from 'vial'
import { SerializationError } from 'vial'
import { flaskSigner } from 'vial/seals/flask-signer'
import { msgpack } from 'vial/serializers/msgpack'
import { pickle } from 'vial/serializers/pickle'
import { beforeAll, describe, expect, it, test, vi } from 'vitest'
import { flaskRecords } from '../../src/compat/flask/records.ts'
import {
  COUNT_FILE,
  encodeHead,
  encodeId,
  parseCount,
  parseHead,
} from '../../src/stores/cachelib-file/format.ts'
import { expiration, keyOf, recordOf } from '../../src/stores/dynamodb/table.ts'
import { exptimeOf, RESOLUTION } from '../../src/stores/memcached/protocol.ts'
import { liveRecord } from '../../src/stores/mongodb/document.ts'
import { instantText, parseInstant } from '../../src/stores/sql/statements.ts'
import { session } from './flask-recordings.ts'

const NOW = 1_700_000_000_000
const LIFETIME = 31 * 86_400_000
const ONE = '82aa5f7065726d616e656e74c3a16101'
const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex')
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex')

beforeAll(() => {
  // The recorded secrets are short.
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
})

function values(serializer: Serializer, data: Uint8Array): unknown {
  const entries = serializer.split(data)
  return (
    entries &&
    Object.fromEntries([...entries].map(([key, entry]) => [key, serializer.decode(entry)]))
  )
}

describe('signed ids', () => {
  it.each(session.signer)('$secret: $sid', ({ secret, sid, cookie }) => {
    const seal = flaskSigner({ secret, weakSecret: 'warn' })
    expect(seal.seal(Buffer.from(sid), NOW, 'session')).toBe(cookie)
    expect(seal.open(cookie, NOW, 'session')).toEqual({ ok: true, bytes: Buffer.from(sid) })
    const rotated = flaskSigner({ secret: ['another', secret], weakSecret: 'warn' })
    expect(rotated.open(cookie, NOW, 'session').ok).toBe(true)
    const other = flaskSigner({ secret: 'another', weakSecret: 'warn' })
    expect(other.open(cookie, NOW, 'session')).toEqual({ ok: false, reason: 'forged' })
  })
})

describe.each(['msgpack', 'json'] as const)('what another format becomes in %s', (format) => {
  const cases = session.rewriting.filter(({ to }) => to === format)

  it.each(cases.map((one) => [one.name, one.from, one] as const))('%s, %s', (_, __, one) => {
    const records = flaskRecords(format, true)
    const entries = records.split(bytes(one.hex))
    if (entries === undefined) throw new Error('not read')
    if (one.status === 500) {
      // Flask-Session answers 500 until the record expires. Here the record is not lost: it is written as text
      // where that says the same, or refused by name.
      const outcome = written(records, entries)
      expect(typeof outcome === 'string' || outcome instanceof SerializationError).toBe(true)
      return
    }
    if (one.name === 'dict_mixed' && format === 'json') {
      // Keys that are the same text are one key here. Flask writes both, of which readers take the last.
      expect(written(records, entries)).toBe(hex(Buffer.from('{"v":{"1":"b"}}')))
      expect(JSON.parse(bytes(one.after ?? '').toString())).toEqual({ v: { '1': 'b' } })
      return
    }
    // Null: nothing but whether it is permanent, which Flask-Session leaves alone.
    if (one.after !== null) expect(written(records, entries)).toBe(one.after)
  })

  it('was recorded in every way', () => {
    expect(new Set(cases.map(({ status }) => status))).toEqual(new Set([200, 500]))
    expect(cases.length).toBeGreaterThan(200)
  })
})

/** The record in hex, or why there is none. */
function written(records: Serializer, entries: Entries): unknown {
  try {
    return hex(records.join(entries))
  } catch (error) {
    return error
  }
}

describe('rows in SQL', () => {
  const rows = session.sqlalchemy.steps.flatMap((step) => step.rows)

  it('have the columns of the table here', () => {
    expect(session.sqlalchemy.schema.replaceAll(/\s+/g, ' ')).toBe(
      'CREATE TABLE sessions ( id INTEGER NOT NULL, session_id VARCHAR(255), data BLOB, expiry DATETIME, PRIMARY KEY (id), UNIQUE (session_id) )',
    )
  })

  it.each(rows)('%i %s %s %s', (_, __, data, expiry) => {
    const at = parseInstant(expiry)
    // Flask wrote at this second, or ten later, for 31 days.
    expect([NOW + LIFETIME, NOW + LIFETIME + 10_000]).toContain(at)
    expect(instantText(at as number)).toBe(expiry)
    expect(values(msgpack as Serializer, bytes(data))).toMatchObject({ _permanent: true })
  })
})

test('the memory of Memcached: the same bytes, and a deadline that is not cut short', () => {
  const lengths = [86_400_000, LIFETIME]
  expect(session.memcached).toHaveLength(2)
  for (const [index, [verb, key, data, exptime]] of session.memcached.entries()) {
    expect([verb, key.slice(0, 8), data]).toEqual(['set', 'session:', ONE])
    const here = exptimeOf(NOW + (lengths[index] as number), NOW)
    expect(here - exptime).toBeGreaterThanOrEqual(0)
    expect(here - exptime).toBeLessThanOrEqual(RESOLUTION / 1000)
  }
})

test('a document in MongoDB', () => {
  const { query, bson } = session.mongodb
  const document = BSON.deserialize(bytes(bson), { promoteBuffers: false })
  expect(Object.keys(document)).toEqual(['id', 'val', 'expiration'])
  expect(document['id']).toBe(query.id)
  const record = liveRecord(document, NOW)
  expect(hex(record?.bytes ?? Buffer.alloc(0))).toBe(ONE)
  expect(record?.expiresAt).toBe(NOW + LIFETIME)
  // Flask-Session goes on serving it.
  expect(liveRecord(document, NOW + LIFETIME)).toBeUndefined()
})

test('an item in DynamoDB', () => {
  const [, body] = session.dynamodb.find(
    ([name]) => name === 'UpdateItem',
  ) as (typeof session.dynamodb)[0]
  const { Key, ExpressionAttributeValues: written } = body as {
    Key: { id: { S: string } }
    ExpressionAttributeValues: { ':value': { B: string }; ':exp': { N: string } }
  }
  expect(keyOf(Key.id.S)).toEqual(Key)
  expect(expiration(NOW + LIFETIME)).toEqual(written[':exp'])
  const val = { B: Buffer.from(written[':value'].B, 'base64') }
  const record = recordOf({ val, expiration: written[':exp'] } as Parameters<typeof recordOf>[0])
  expect(hex(record?.bytes ?? new Uint8Array())).toBe(ONE)
  expect(record?.expiresAt).toBe(NOW + LIFETIME)
})

describe('files of cachelib', () => {
  const folders = [
    { hash: 'sha256' as const, files: session.files.files },
    ...session.legacy.map(({ files }) => ({ hash: 'md5' as const, files: files.files })),
  ]

  it.each(folders)('named by $hash', ({ hash, files }) => {
    const counted = files.find(({ name }) => name === COUNT_FILE[hash])
    expect(counted?.hex).toBe(`${'0'.repeat(8)}80054b012e`)
    expect(parseCount(bytes(counted?.hex ?? ''))).toBe(1)
    const [kept] = files.filter((file) => file !== counted)
    const body = bytes(kept?.hex ?? '')
    const head = parseHead(body)
    expect(head).toEqual({ length: 4, expiresAt: NOW + LIFETIME })
    const record = body.subarray(4)
    const highest = pickle({ protocol: 5 }) as Serializer
    expect(values(highest, record)).toEqual({ _permanent: true, a: 1 })
    const entries = highest.split(record) ?? new Map()
    const written = highest.join(entries)
    expect(values(highest, written)).toEqual({ _permanent: true, a: 1 })
    expect(hex(Buffer.concat([encodeHead(NOW + LIFETIME), record]))).toBe(kept?.hex)
  })

  it('have the name of the id', () => {
    const [{ name } = { name: '' }] = session.files_without_count.files
    expect(session.files_without_count.files).toHaveLength(1)
    const id = Buffer.alloc(32)
    id[31] = 1
    expect(encodeId(`session:${id.toString('base64url')}`, 'sha256')).toBe(name)
  })
})

test('cachelib in Redis: a pickle behind a mark', () => {
  const [[key, record] = ['', null]] = Object.entries(session.cachelib_redis.after)
  expect(key).toMatch(/^cl:session:[\w-]{43}$/)
  const records = flaskRecords('cachelib-redis', true)
  const data = bytes(record?.hex ?? '')
  expect(values(records, data)).toEqual({ _permanent: true, a: 1 })
  const entries = records.split(data) ?? new Map()
  const written = Buffer.from(records.join(entries))
  expect(written.toString('latin1', 0, 3)).toBe('!\x80\x04')
  expect(values(records, written)).toEqual({ _permanent: true, a: 1 })
})

describe.each(session.legacy)('Flask-Session $versions.flask-session', ({ redis, memcached }) => {
  const stored = redis.flatMap(({ name, after }) =>
    Object.entries(after).map(([key, kept]) => [name, key, kept] as const),
  )

  it.each(stored)('%s: %s goes back with the same values', (_, __, kept) => {
    if (kept === null) return
    const records = flaskRecords('pickle', true)
    const entries = records.split(bytes(kept.hex))
    expect(values(records, records.join(entries ?? new Map()))).toEqual(
      values(records, bytes(kept.hex)),
    )
  })

  it('keeps text in Memcached', () => {
    const [[, , data] = ['', '', '']] = memcached
    const records = pickle({ protocol: 0 }) as Serializer
    expect(values(records, bytes(data))).toEqual({ _permanent: true, a: 1 })
    const written = records.join(records.split(bytes(data)) ?? new Map())
    expect(values(records, written)).toEqual({ _permanent: true, a: 1 })
    expect(written.every((byte) => byte < 128)).toBe(true)
  })
})
