/** What an error of a database means, by its code. Its message is never read: it may hold an id. */

import type { Failure } from '../shared/failure.ts'

/** What the store itself does about a failure. */
export type SqlFailureKind =
  /** The database undid the statement for the sake of another writer; it may be sent again. */
  | 'undone'
  /** Another writer held a lock for as long as the database waits for one, so nothing was done. */
  | 'locked'
  /** The row, the table or the index exists already. */
  | 'duplicate'
  /** The table or one of its columns does not exist. */
  | 'missing'
  | 'too-large'

/** A failure; without a kind the store only reports it. */
export type SqlFailure = Failure & { readonly kind?: SqlFailureKind }

type Meaning = Pick<SqlFailure, 'done' | 'retriable' | 'kind'> & { readonly hint?: string }

const REFUSED: Meaning = { done: false, retriable: false }
const BUSY: Meaning = { done: false, retriable: true }
const LOST: Meaning = { done: undefined, retriable: true }
const DAMAGED: Meaning = { done: undefined, retriable: false }
const UNDONE: Meaning = { ...BUSY, kind: 'undone' }
const LOCKED: Meaning = { ...BUSY, kind: 'locked' }
const DUPLICATE: Meaning = { ...REFUSED, kind: 'duplicate' }
const TOO_LARGE: Meaning = { ...REFUSED, kind: 'too-large' }
const FULL: Meaning = { ...BUSY, hint: 'the disk is full' }
const MISSING: Meaning = {
  ...REFUSED,
  kind: 'missing',
  hint: 'the table is missing or has other columns; call createTable()',
}
const DENIED: Meaning = { ...REFUSED, hint: 'the server refused the credentials' }
const NO_DATABASE: Meaning = { ...REFUSED, hint: 'the server has no database of this name' }
const NO_PERMISSION: Meaning = {
  ...REFUSED,
  hint: 'the user lacks a permission; grant SELECT, INSERT, UPDATE and DELETE on the table',
}
/** Retriable, as a replica may be promoted. */
const READ_ONLY: Meaning = { ...BUSY, hint: 'the server is read-only; connect to the primary' }

/** PostgreSQL, by SQLSTATE or its first two or three characters. */
const STATES: Readonly<Record<string, Meaning>> = {
  ...all('40001 40P01', UNDONE),
  // The last two: another session creates the same table at the same time.
  ...all('23505 42P07 42710', DUPLICATE),
  ...all('3F000 42703 42P01', MISSING),
  ...all('28', DENIED),
  ...all('3D000', NO_DATABASE),
  ...all('42501', NO_PERMISSION),
  ...all('54000', TOO_LARGE),
  ...all('25006', READ_ONLY),
  ...all('53100', FULL),
  ...all('55P03', LOCKED),
  ...all('53 57014 57P03', BUSY),
  ...all('08 40003 57P', LOST),
  ...all('58 XX', DAMAGED),
}

/** MySQL and MariaDB, by error number. */
const NUMBERS: Readonly<Record<string, Meaning>> = {
  ...all('1020 1213', UNDONE),
  ...all('1062', DUPLICATE),
  ...all('1054 1146', MISSING),
  ...all('1045 1698', DENIED),
  ...all('1049', NO_DATABASE),
  ...all('1044 1142 1143', NO_PERMISSION),
  ...all('1153 1406', TOO_LARGE),
  ...all('1223 1290 1792 1836', READ_ONLY),
  ...all('1021 1114', FULL),
  ...all('1205', LOCKED),
  ...all('1037 1038 1040 1041 1203 1226 1317 1969 3024', BUSY),
  ...all('1053 1180 1927 3169', LOST),
  ...all('1026 1030', DAMAGED),
}

/** SQLite, by the name or the number of its primary result code, as some drivers report one and some the other. */
const RESULTS: Readonly<Record<string, Meaning>> = {
  ...all('BUSY 5 LOCKED 6 PROTOCOL 15', LOCKED),
  ...all('NOMEM 7 INTERRUPT 9 CANTOPEN 14', BUSY),
  ...all('ERROR 1 SCHEMA 17', MISSING),
  ...all('TOOBIG 18', TOO_LARGE),
  ...all('FULL 13', FULL),
  ...all('PERM 3 READONLY 8 AUTH 23', { ...REFUSED, hint: 'the database is read-only' }),
  ...all('IOERR 10 CORRUPT 11', DAMAGED),
}

/** What is read of a driver's error; every field may be absent. */
interface DriverError {
  readonly code?: unknown
  /** MySQL's error number; errors of its server also have `sqlState`. */
  readonly errno?: unknown
  readonly sqlState?: unknown
  /** SQLite's extended result code, in errors of `node:sqlite`. */
  readonly errcode?: unknown
}

/** What is said of a statement that was not sent, when the driver's error says no more. */
const UNCONNECTED =
  'there is no connection: the server cannot be reached, or the pool or the Kysely instance is closed'

/**
 * Describes the error of a statement.
 *
 * @param sent False: the statement got no connection.
 */
export function classifyError(error: unknown, sent: boolean): SqlFailure {
  const { code, errno } = Object(error) as DriverError
  const name = String(code ?? errno ?? (error instanceof Error ? error.name : typeof error))
  const { hint = sent ? undefined : UNCONNECTED, ...meaning } = meaningOf(error)
  return {
    ...meaning,
    what: hint === undefined ? name : `${name} (${hint})`,
    sent,
    cause: error,
  }
}

function meaningOf(error: unknown): Meaning {
  const { code, sqlState, errno, errcode } = Object(error) as DriverError
  const text = typeof code === 'string' ? code : ''
  if (typeof sqlState === 'string') return NUMBERS[String(errno)] ?? REFUSED
  const result = typeof errcode === 'number' ? errcode & 0xff : /^SQLITE_([A-Z]+)/.exec(text)?.[1]
  if (result !== undefined) return RESULTS[result] ?? REFUSED
  // The first characters are checked too: five of them alone would also match Node's `EPIPE`.
  if (/^(?:\d[\dA-Z]|F0|HV|P0|XX)[\dA-Z]{3}$/.test(text)) {
    return STATES[text] ?? STATES[text.slice(0, 3)] ?? STATES[text.slice(0, 2)] ?? REFUSED
  }
  // Not an answer of the server: either the connection broke, or the driver has a defect.
  return error instanceof TypeError ? DAMAGED : LOST
}

function all(codes: string, meaning: Meaning): Record<string, Meaning> {
  return Object.fromEntries(codes.split(' ').map((code) => [code, meaning]))
}
