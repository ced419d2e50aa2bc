/**
 * What an error of a database means, by its code. Its message is never read: it may hold an id.
 *
 * @module
 */

import type { Failure } from '../shared/failure.ts'

/** What the store itself does about a failure. */
export type SqlFailureKind =
  /** The database undid the statement for the sake of another writer; it may be sent again. */
  | 'deadlock'
  /** The row, the table or the index exists already. */
  | 'duplicate'
  /** The table or one of its columns does not exist. */
  | 'missing'
  | 'too-large'

export interface SqlFailure extends Failure {
  /** Absent: the store only reports it. */
  readonly kind?: SqlFailureKind
}

type Meaning = Pick<SqlFailure, 'done' | 'retriable' | 'kind'> & { readonly hint?: string }

const REFUSED: Meaning = { done: false, retriable: false }
const BUSY: Meaning = { done: false, retriable: true }
const LOST: Meaning = { done: undefined, retriable: true }
const DAMAGED: Meaning = { done: undefined, retriable: false }
const DEADLOCK: Meaning = { ...BUSY, kind: 'deadlock' }
const DUPLICATE: Meaning = { ...REFUSED, kind: 'duplicate' }
const TOO_LARGE: Meaning = { ...REFUSED, kind: 'too-large' }
const FULL: Meaning = { ...BUSY, hint: 'the disk is full' }
const MISSING: Meaning = {
  ...REFUSED,
  kind: 'missing',
  hint: 'the table is missing or has other columns; call createTable()',
}
/** Retriable, as a replica may be promoted. */
const READ_ONLY: Meaning = { ...BUSY, hint: 'the server is read-only; connect to the primary' }

/** PostgreSQL, by SQLSTATE or its first two or three characters. */
const STATES: Readonly<Record<string, Meaning>> = {
  ...all('40001 40P01', DEADLOCK),
  // The last two: another session creates the same table at the same time.
  ...all('23505 42P07 42710', DUPLICATE),
  ...all('3F000 42703 42P01', MISSING),
  ...all('54000', TOO_LARGE),
  ...all('25006', READ_ONLY),
  ...all('53100', FULL),
  ...all('53 55P03 57014 57P03', BUSY),
  ...all('08 40003 57P', LOST),
  ...all('58 XX', DAMAGED),
}

/** MySQL and MariaDB, by error number. */
const NUMBERS: Readonly<Record<string, Meaning>> = {
  ...all('1020 1213', DEADLOCK),
  ...all('1062', DUPLICATE),
  ...all('1054 1146', MISSING),
  ...all('1153 1406', TOO_LARGE),
  ...all('1223 1290 1792 1836', READ_ONLY),
  ...all('1021 1114', FULL),
  ...all('1037 1038 1040 1041 1203 1205 1226 1317 1969 3024', BUSY),
  ...all('1053 1180 1927 3169', LOST),
  ...all('1026 1030', DAMAGED),
}

/** SQLite, by the name of its primary result code. */
const RESULTS: Readonly<Record<string, Meaning>> = {
  ...all('BUSY LOCKED PROTOCOL NOMEM INTERRUPT CANTOPEN', BUSY),
  ...all('ERROR SCHEMA', MISSING),
  ...all('TOOBIG', TOO_LARGE),
  ...all('FULL', FULL),
  ...all('PERM AUTH READONLY', { ...REFUSED, hint: 'the database is read-only' }),
  ...all('IOERR CORRUPT', DAMAGED),
}

/** The primary result codes of SQLite from 1, for drivers that report a number. */
const RESULT_NAMES: readonly string[] =
  'ERROR INTERNAL PERM ABORT BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT NOTFOUND FULL CANTOPEN PROTOCOL EMPTY SCHEMA TOOBIG CONSTRAINT MISMATCH MISUSE NOLFS AUTH FORMAT RANGE NOTADB'.split(
    ' ',
  )

/** What is read of a driver's error; every field may be absent. */
interface DriverError {
  readonly code?: unknown
  /** MySQL's error number; errors of its server also have `sqlState`. */
  readonly errno?: unknown
  readonly sqlState?: unknown
  /** SQLite's extended result code, in errors of `node:sqlite`. */
  readonly errcode?: unknown
  readonly syscall?: unknown
}

/** Describes the error of a statement that was sent. The cause holds the codes of the driver's error, not its message. */
export function classifyError(error: unknown): SqlFailure {
  const { code, errno, errcode, sqlState, syscall } = (error ?? {}) as DriverError
  const name = String(code ?? errno ?? (error instanceof Error ? error.name : typeof error))
  const codes = Object.entries({ code, errno, errcode, sqlState, syscall })
  const { hint, ...meaning } = meaningOf(error)
  return {
    ...meaning,
    what: hint === undefined ? name : `${name} (${hint})`,
    sent: true,
    cause: Object.assign(
      new Error(name),
      Object.fromEntries(codes.filter(([, value]) => value !== undefined)),
    ),
  }
}

function meaningOf(error: unknown): Meaning {
  const { code, sqlState, errno, errcode } = (error ?? {}) as DriverError
  if (typeof sqlState === 'string') return NUMBERS[String(errno)] ?? REFUSED
  const result =
    typeof errcode === 'number' ? RESULT_NAMES[(errcode & 0xff) - 1] : sqliteResult(code)
  if (result !== undefined) return RESULTS[result] ?? REFUSED
  if (isSqlState(code)) {
    return STATES[code] ?? STATES[code.slice(0, 3)] ?? STATES[code.slice(0, 2)] ?? REFUSED
  }
  // Not an answer of the server: either the connection broke, or the driver has a defect.
  return error instanceof TypeError ? DAMAGED : LOST
}

/** Checks the first characters too: five of them alone would also match Node's `EPIPE`. */
function isSqlState(code: unknown): code is string {
  return typeof code === 'string' && /^(?:\d[\dA-Z]|F0|HV|P0|XX)[\dA-Z]{3}$/.test(code)
}

/** `SQLITE_IOERR_WRITE` → `IOERR`. */
function sqliteResult(code: unknown): string | undefined {
  return typeof code === 'string' ? /^SQLITE_([A-Z]+)/.exec(code)?.[1] : undefined
}

function all(codes: string, meaning: Meaning): Record<string, Meaning> {
  return Object.fromEntries(codes.split(' ').map((code) => [code, meaning]))
}
