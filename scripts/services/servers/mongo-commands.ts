/** MongoDB's commands, each as a call of a function of the DocumentDB extension. */

import { BSON } from 'mongodb'
import type pg from 'pg'
import { type Document, readBson } from './mongo-message.ts'

/** What the driver says about itself, and what is not for the database. */
const NOT_FOR_THE_DATABASE = [
  ...['$db', 'lsid', '$clusterTime', 'txnNumber', '$readPreference', 'apiVersion'],
]
const HEX = 'BSONHEX'

type Command = (pool: pg.Pool, command: Document, state: CommandState) => Promise<Document>

/** What lies between the commands of all connections: where open cursors go on. */
export interface CommandState {
  readonly cursors: Map<string, string>
}

export function helloReply(): Document {
  return {
    ...{ ismaster: true, isWritablePrimary: true, helloOk: true, readOnly: false },
    ...{ maxBsonObjectSize: 16_777_216, maxMessageSizeBytes: 48_000_000 },
    ...{ maxWriteBatchSize: 100_000, logicalSessionTimeoutMinutes: 30, connectionId: 1 },
    ...{ minWireVersion: 0, maxWireVersion: 21, localTime: new Date(), ok: 1 },
  }
}

/** Runs one; an error of the database becomes a reply, as a client expects it. */
export async function runCommand(
  pool: pg.Pool,
  command: Document,
  state: CommandState,
): Promise<Document> {
  const name = Object.keys(command)[0] ?? ''
  const known = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (known === undefined) {
    return failure(59, 'CommandNotFound', `no such command: '${name}'`)
  }
  try {
    return withMongoCodes(await known(pool, command, state))
  } catch (error) {
    const { code = '', message } = error as pg.DatabaseError
    return failure(mongoCode(code), code, message)
  }
}

const nothing: Command = async () => ({ ok: 1 })
const hello: Command = async () => helloReply()

const COMMANDS: Readonly<Record<string, Command>> = {
  hello,
  ismaster: hello,
  isMaster: hello,
  endSessions: nothing,
  buildInfo: async () => ({ version: '7.0.0', versionArray: [7, 0, 0, 0], ok: 1 }),
  async ping(pool) {
    await pool.query('SELECT 1')
    return { ok: 1 }
  },
  insert: ofWrite('insert'),
  update: ofWrite('update'),
  delete: ofWrite('delete'),
  findAndModify: ofWrite('find_and_modify'),
  find: ofCursor('find_cursor_first_page'),
  aggregate: ofCursor('aggregate_cursor_first_page'),
  listIndexes: ofCursor('list_indexes_cursor_first_page'),
  listCollections: ofCursor('list_collections_cursor_first_page'),
  async getMore(pool, command, { cursors }) {
    const id = String(command['getMore'])
    const page = await one(
      pool,
      'SELECT cursorpage AS reply, continuation FROM documentdb_api.cursor_get_more($1, $2, $3)',
      [database(command), text(command), cursors.get(id)],
    )
    keep(cursors, id, page['continuation'])
    return read(page['reply'])
  },
  async killCursors(_pool, command, { cursors }) {
    for (const id of command['cursors'] as unknown[]) cursors.delete(String(id))
    return { cursorsKilled: command['cursors'], ok: 1 }
  },
  count: ofDocument('count_query($1, $2)'),
  distinct: ofDocument('distinct_query($1, $2)'),
  async createIndexes(pool, command) {
    // The other way to make them ends before they are there.
    const sql = 'documentdb_api_internal.create_indexes_non_concurrently($1, $2, true)'
    const row = await one(pool, `SELECT ${sql} AS reply`, [database(command), text(command)])
    return { ok: 1, ...firstOfRaw(read(row['reply'])) }
  },
  async dropIndexes(pool, command) {
    await pool.query('CALL documentdb_api.drop_indexes($1, $2)', [database(command), text(command)])
    return { ok: 1 }
  },
  async create(pool, command) {
    await pool.query('SELECT documentdb_api.create_collection($1, $2)', [
      database(command),
      String(command['create']),
    ])
    return { ok: 1 }
  },
  async drop(pool, command) {
    const row = await one(pool, 'SELECT documentdb_api.drop_collection($1, $2) AS reply', [
      database(command),
      String(command['drop']),
    ])
    return row['reply'] === true ? { ok: 1 } : failure(26, 'NamespaceNotFound', 'ns not found')
  },
  async dropDatabase(pool, command) {
    await pool.query('SELECT documentdb_api.drop_database($1)', [database(command)])
    return { ok: 1 }
  },
}

function ofWrite(name: string): Command {
  return async (pool, command) => {
    const sql = `SELECT p_result AS reply FROM documentdb_api.${name}($1, $2)`
    return read((await one(pool, sql, [database(command), text(command)]))['reply'])
  }
}

function ofDocument(call: string): Command {
  return async (pool, command) => {
    const sql = `SELECT document AS reply FROM documentdb_api.${call}`
    return read((await one(pool, sql, [database(command), text(command)]))['reply'])
  }
}

function ofCursor(name: string): Command {
  return async (pool, command, { cursors }) => {
    const sql = `SELECT cursorpage AS reply, continuation FROM documentdb_api.${name}($1, $2)`
    const page = await one(pool, sql, [database(command), text(command)])
    const reply = read(page['reply'])
    keep(cursors, String(reply['cursor']?.['id']), page['continuation'])
    return reply
  }
}

function keep(cursors: Map<string, string>, id: string, continuation: unknown): void {
  if (typeof continuation === 'string') cursors.set(id, continuation)
  else cursors.delete(id)
}

async function one(
  pool: pg.Pool,
  sql: string,
  values: readonly unknown[],
): Promise<Record<string, unknown>> {
  return (await pool.query<Record<string, unknown>>(sql, [...values])).rows[0] ?? {}
}

function database(command: Document): string {
  return String(command['$db'])
}

/** A command as the extension takes it. */
function text(command: Document): string {
  const entries = Object.entries(command).filter(([key]) => !NOT_FOR_THE_DATABASE.includes(key))
  return HEX + Buffer.from(BSON.serialize(Object.fromEntries(entries))).toString('hex')
}

function read(reply: unknown): Document {
  return readBson(Buffer.from(String(reply).slice(HEX.length), 'hex'))
}

/** The reply of the only shard. */
function firstOfRaw(reply: Document): Document {
  return (Object.values(reply['raw'] ?? {})[0] as Document | undefined) ?? reply
}

function failure(code: number, codeName: string, errmsg: string): Document {
  return { ok: 0, code, codeName, errmsg }
}

/** The extension's own codes, which are states of SQL. */
const CODES: Readonly<Record<string, number>> = {
  '23505': 11_000,
  // The exclusion constraint by which the extension keeps an index unique.
  '23P01': 11_000,
  M001C: 11_000,
  M000R: 85,
  '40001': 112,
  '40P01': 112,
}

function mongoCode(state: string): number {
  return CODES[state] ?? 1
}

/** In a reply, states of SQL are packed into numbers. */
function withMongoCodes(reply: Document): Document {
  const errors = reply['writeErrors'] as Document[] | undefined
  if (errors === undefined) return reply
  return {
    ...reply,
    writeErrors: errors.map((error) => ({ ...error, code: unpacked(Number(error['code'])) })),
  }
}

function unpacked(code: number): number {
  if (code < 1 << 24) return code
  const letters = [0, 6, 12, 18, 24].map((bits) =>
    String.fromCharCode(((code >> bits) & 0x3f) + 0x30),
  )
  return mongoCode(letters.join(''))
}
