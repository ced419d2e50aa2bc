/** What the openers of the stores share: their contract, the loading of clients, and time limits. */

import type { Store } from '../../core/store.ts'
import { ConfigError, StoreError } from '../../errors.ts'
import { type Failure, storeError, unsent } from '../shared/failure.ts'
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
    super(`the server did not respond within ${ms / 1_000} s`)
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

/** The error of a client that did not connect. The classifier never passes on its message, which may hold the URL. */
export function connectError(error: unknown, classify: (error: unknown) => Failure): StoreError {
  const failure = error instanceof TimeoutError ? unsent(error.message) : classify(error)
  return storeError('openStore', 'open', { ...failure, done: false })
}

/** The outages of a client that connects again by itself. */
export interface Outages {
  /** A connection was lost, or an attempt to open another one failed. */
  lost(failure: Failure): void
  /** There is a connection. */
  restored(): void
}

/**
 * Reports an outage once, and its end once, however often the client tries in between. The reports are StoreErrors with
 * the `operation` `disconnect` and `reconnect`.
 */
export function reportOutages({ scheme }: StoreUrl, { onError, now }: OpenContext): Outages {
  let since: number | undefined
  function report(operation: string, what: string, cause: ErrorOptions = {}): void {
    const options = { operation, outcome: 'not-done', retriable: true, ...cause } as const
    onError(new StoreError(`openStore: the connection to the ${scheme}: server ${what}.`, options))
  }
  return {
    lost({ what, cause }) {
      if (since !== undefined) return
      since = now()
      report('disconnect', `was lost: ${what}`, cause === undefined ? {} : { cause })
    },
    restored() {
      if (since === undefined) return
      const seconds = Math.round((now() - since) / 1_000)
      since = undefined
      report('reconnect', `is back after ${seconds} s`)
    },
  }
}
