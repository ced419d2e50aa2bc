/**
 * What a database's error means, by its code: never by its message, which is for people and may hold an id.
 *
 * @module
 */

import { StoreError, type StoreOutcome } from '../../errors.ts'

/** What is known of a statement that failed. */
export interface SqlFailure {
  readonly outcome: StoreOutcome
  readonly retriable: boolean
  /** What to do or to look at, as a part of a sentence. */
  readonly hint?: string
  /** Others wrote at the same time and this statement gave way: nothing was done. */
  readonly gaveWay?: boolean
  /** The row is there already. */
  readonly duplicate?: boolean
  /** The table, or a column of it, is not there. */
  readonly missing?: boolean
  readonly tooLarge?: boolean
}

const NOT_DONE: SqlFailure = { outcome: 'not-done', retriable: false }
const BUSY: SqlFailure = { outcome: 'not-done', retriable: true }
const LOST: SqlFailure = { outcome: 'unknown', retriable: true }
const DAMAGED: SqlFailure = { outcome: 'unknown', retriable: false }
const GAVE_WAY: SqlFailure = { ...BUSY, gaveWay: true }
const DUPLICATE: SqlFailure = { ...NOT_DONE, duplicate: true }
const TOO_LARGE: SqlFailure = { ...NOT_DONE, tooLarge: true }
const FULL: SqlFailure = { ...BUSY, hint: 'the disk is full' }
const MISSING: SqlFailure = {
  ...NOT_DONE,
  missing: true,
  hint: 'the table is missing or has other columns; call createTable()',
}
/** A replica may be promoted, so it may pass. */
const READ_ONLY: SqlFailure = {
  ...BUSY,
  hint: 'the server is read-only; connect to the primary',
}

/** PostgreSQL, by SQLSTATE or its class. */
const STATES: Readonly<Record<string, SqlFailure>> = {
  ...all('40001 40P01', GAVE_WAY),
  // The last three: two sessions that create one table at the same time.
  ...all('23505 42P07 42710', DUPLICATE),
  ...all('3F000 42703 42P01', MISSING),
  ...all('54000', TOO_LARGE),
  ...all('25006', READ_ONLY),
  ...all('53100', FULL),
  ...all('53 55P03 57014 57P03', BUSY),
  ...all('08 40003 57P', LOST),
  ...all('58 XX', DAMAGED),
}

/** MySQL and MariaDB, by number. */
const NUMBERS: Readonly<Record<string, SqlFailure>> = {
  ...all('1020 1213', GAVE_WAY),
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
const RESULTS: Readonly<Record<string, SqlFailure>> = {
  ...all('BUSY LOCKED PROTOCOL NOMEM INTERRUPT CANTOPEN', BUSY),
  ...all('ERROR SCHEMA', MISSING),
  ...all('TOOBIG', TOO_LARGE),
  ...all('FULL', FULL),
  ...all('PERM AUTH READONLY', { ...NOT_DONE, hint: 'the database is read-only' }),
  ...all('IOERR CORRUPT', DAMAGED),
}

/** The primary result codes of SQLite from 1, for drivers that tell a number. */
const RESULT_NAMES: readonly string[] =
  'ERROR INTERNAL PERM ABORT BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT NOTFOUND FULL CANTOPEN PROTOCOL EMPTY SCHEMA TOOBIG CONSTRAINT MISMATCH MISUSE NOLFS AUTH FORMAT RANGE NOTADB'.split(
    ' ',
  )

/** Tells what the error of a statement means that was sent. */
export function judge(error: unknown): SqlFailure {
  const { code, sqlState, errno, errcode } = (error ?? {}) as DriverError
  if (typeof sqlState === 'string') return NUMBERS[String(errno)] ?? NOT_DONE
  const result = typeof errcode === 'number' ? RESULT_NAMES[(errcode & 0xff) - 1] : resultOf(code)
  if (result !== undefined) return RESULTS[result] ?? NOT_DONE
  if (isSqlState(code)) {
    const [exact, group, kind] = [code, code.slice(0, 3), code.slice(0, 2)]
    return STATES[exact] ?? STATES[group] ?? STATES[kind] ?? NOT_DONE
  }
  // No word from the server: a connection that broke, or a mistake in the driver.
  return error instanceof TypeError ? DAMAGED : LOST
}

/** Says what failed. Its cause holds the codes of the driver's error, not its message. */
export function toStoreError(
  operation: string,
  { outcome, retriable, hint }: SqlFailure,
  error: unknown,
): StoreError {
  const { code, errno, errcode, sqlState, syscall } = (error ?? {}) as DriverError
  const name = String(code ?? errno ?? (error instanceof Error ? error.name : typeof error))
  const known = { code, errno, errcode, sqlState, syscall }
  const told = Object.entries(known).filter(([, value]) => value !== undefined)
  return new StoreError(
    `sqlStore: ${operation} failed: ${name}${hint === undefined ? '' : ` (${hint})`}.`,
    {
      operation,
      outcome,
      retriable,
      cause: Object.assign(new Error(name), Object.fromEntries(told)),
    },
  )
}

interface DriverError {
  readonly code?: unknown
  /** MySQL's number, in errors of the server beside `sqlState`. */
  readonly errno?: unknown
  readonly sqlState?: unknown
  /** SQLite's extended result code, of `node:sqlite`. */
  readonly errcode?: unknown
  readonly syscall?: unknown
}

/** The shape alone would take Node's `EPIPE` for one. */
function isSqlState(code: unknown): code is string {
  return typeof code === 'string' && /^(?:\d[\dA-Z]|F0|HV|P0|XX)[\dA-Z]{3}$/.test(code)
}

/** `SQLITE_IOERR_WRITE` → `IOERR`. */
function resultOf(code: unknown): string | undefined {
  return typeof code === 'string' ? /^SQLITE_([A-Z]+)/.exec(code)?.[1] : undefined
}

function all(codes: string, failure: SqlFailure): Record<string, SqlFailure> {
  return Object.fromEntries(codes.split(' ').map((code) => [code, failure]))
}
