/**
 * What the openers of the stores share: their contract, the loading of clients, and time limits.
 *
 * @module
 */

import type { Store } from '../../core/store.ts'
import { ConfigError, StoreError } from '../../errors.ts'
import type { StoreUrl } from './url.ts'

/** Loads a package by its name, as `import()` does. */
export type LoadPackage = (name: string) => Promise<unknown>

/** What an opener gets besides the URL. */
export interface OpenContext {
  readonly load: LoadPackage
  /** Called with background failures. Does not throw. */
  readonly onError: (error: unknown) => void
  /** The clock, ms since the epoch. */
  readonly now: () => number
}

/** A store with the client that was made for it. */
export interface OpenedStore {
  readonly store: Store
  /** Makes what the store needs on its server. Absent: it needs nothing. */
  readonly prepare?: () => Promise<unknown>
  /** Ends the client after the outstanding replies. Absent: the store has none. */
  readonly end?: () => unknown
  /** Closes its connections at once, for a server that does not answer. Absent: the client cannot. */
  readonly destroy?: () => void
}

/** Makes the store of a URL. */
export type Opener = (url: StoreUrl, context: OpenContext) => Promise<OpenedStore>

/** How long a client tries to reach its server, in ms. An operation has its own, shorter time limit. */
export const CONNECT_TIMEOUT = 5_000

/** A wait that took too long. */
export class TimeoutError extends Error {
  constructor(ms: number) {
    super(`no answer within ${ms / 1_000} s`)
  }
}

/** Waits at most so many ms. @throws {TimeoutError} When they are over. The outcome of `work` is ignored then. */
export async function withTimeout<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeoutError(ms)), ms)
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Loads the packages that a store needs together.
 *
 * @throws {ConfigError} When one is not installed; the message has the command that installs them.
 */
export async function loadPackages<Modules extends readonly unknown[]>(
  load: LoadPackage,
  scheme: string,
  ...names: { [Index in keyof Modules]: string }
): Promise<Modules> {
  const modules = await Promise.all(names.map((name) => loadIfInstalled(load, name)))
  const missing = modules.indexOf(undefined)
  if (missing < 0) return modules as unknown as Modules
  throw new ConfigError(
    `openStore: a ${scheme}: URL needs the package ${names[missing]}, which is not installed. Run: npm install ${names.join(' ')}`,
  )
}

/** Loads a package; undefined when it is not installed. Rejects when it is installed and broken. */
export async function loadIfInstalled(load: LoadPackage, name: string): Promise<unknown> {
  try {
    return await load(name)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const absent = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
    if (absent && message.includes(`'${name}'`)) return undefined
    if (code === 'ERR_UNKNOWN_BUILTIN_MODULE') return undefined
    throw error
  }
}

/** Answers of a Redis server that refuses for good. */
const REFUSALS = ['ERR', 'NOAUTH', 'NOPERM', 'WRONGPASS']

/** The error of a client that did not connect. It shows a code and not the client's message, which may hold the URL. */
export function connectError(scheme: string, error: unknown): StoreError {
  const { code, message = '' } = Object(error) as Partial<NodeJS.ErrnoException>
  const answer = code ?? /^[A-Z]{3,}\b/.exec(message)?.[0]
  const refused = answer !== undefined && REFUSALS.includes(answer)
  const timeout = error instanceof TimeoutError ? message : undefined
  const reason = timeout ?? answer ?? Object(error).constructor.name
  return new StoreError(
    refused
      ? `openStore: the ${scheme}: server refused the connection: ${reason}. Check the user name, the password and the database of the URL.`
      : `openStore: the ${scheme}: server was not reached: ${reason}.`,
    { operation: 'open', outcome: 'not-done', retriable: !refused },
  )
}
