/**
 * A store from a URL, for programs that are configured by their environment. The client is loaded from the packages of
 * the program, and made so that it never sends a command again by itself.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { guarded } from '../../core/events.ts'
import type { Store } from '../../core/store.ts'
import {
  inTime,
  LateError,
  type LoadPackage,
  notReached,
  type OpenContext,
  type OpenedStore,
  type Opener,
} from './client.ts'
import { openDynamodb, openMemcached, openMongodb, openRedis } from './clients.ts'
import { openMysql, openPostgres, openSqlite } from './sql.ts'
import { checkParameters, localPath, readStoreUrl, type StoreUrl } from './url.ts'

export type { LoadPackage } from './client.ts'

export interface OpenStoreOptions {
  /** Makes the table, the collection's indexes, and whatever else the store needs, unless it is there. @default false */
  readonly create?: boolean
  /** Hears what fails where no caller waits, such as a connection in the background. Absent: ignored. */
  readonly onError?: (error: unknown) => void
  /** Loads a package by its name. @default (name) => import(name) */
  readonly load?: LoadPackage
  /** The clock, ms since the epoch. */
  readonly now?: () => number
}

/** A store that ends its client, too. */
export interface ClosableStore extends Store {
  /** Waits a second for the answers that are due, and no longer. The program can end then. May be called again. */
  close(): Promise<void>
}

/** How long a server may take for the first answer, and to make what the store needs, in ms. */
const ANSWER_TIMEOUT = 10_000
const CREATE_TIMEOUT = 60_000
/** How long it may take for the answers that are due when the store is closed, in ms. */
const GRACE = 1_000

const OPENERS: Readonly<Record<string, Opener>> = {
  redis: openRedis,
  rediss: openRedis,
  memcached: openMemcached,
  postgres: openPostgres,
  postgresql: openPostgres,
  mysql: openMysql,
  mariadb: openMysql,
  sqlite: openSqlite,
  mongodb: openMongodb,
  'mongodb+srv': openMongodb,
  dynamodb: openDynamodb,
  file: openFile,
  memory: openMemory,
}

/**
 * Makes the store that a URL names, such as `redis://localhost:6379` or `file:sessions`, and resolves once it has
 * answered. `close` of the store ends the client, too.
 *
 * @throws {ConfigError} When the URL cannot be, or a package is not installed. No message shows the URL.
 * @throws {StoreError} When the server does not answer, or what the store needs there is missing.
 */
export async function openStore(
  url: string,
  options: OpenStoreOptions = {},
): Promise<ClosableStore> {
  const { create = false, load = (name) => import(name), now = Date.now } = options
  const onError = guarded(options.onError, 'onError')
  const parts = readStoreUrl(url, Object.keys(OPENERS))
  const opener = OPENERS[parts.scheme] as Opener
  const opened = await opener(parts, { load, onError, now })
  const { store, prepare } = opened
  const close = closerOf(opened)
  try {
    if (create && prepare !== undefined) await inTime(prepare(), CREATE_TIMEOUT)
    await inTime(Promise.resolve(store.read(randomUUID())), ANSWER_TIMEOUT)
  } catch (error) {
    await close().catch(onError)
    throw error instanceof LateError ? notReached(parts.scheme, error) : error
  }
  // Not a copy: the store may have getters.
  return Object.assign(store, { close })
}

/** Ends the store and then its client, once. */
function closerOf({ store, end, cut }: OpenedStore): () => Promise<void> {
  const closeStore = store.close?.bind(store)
  async function endBoth(): Promise<void> {
    try {
      await closeStore?.()
    } finally {
      await end()
    }
  }
  async function close(): Promise<void> {
    try {
      await inTime(endBoth(), GRACE)
    } catch (error) {
      if (!(error instanceof LateError)) throw error
      cut?.()
    }
  }
  let closing: Promise<void> | undefined
  return () => {
    closing ??= close()
    return closing
  }
}

async function openFile(url: StoreUrl, { now, onError }: OpenContext): Promise<OpenedStore> {
  checkParameters(url, [])
  const path = localPath(url)
  const { fileStore } = await import('../file/index.ts')
  return { store: fileStore(path, { now, onError }), end: () => undefined }
}

async function openMemory(url: StoreUrl, { now }: OpenContext): Promise<OpenedStore> {
  checkParameters(url, [])
  const { memoryStore } = await import('../memory.ts')
  return { store: memoryStore({ now }), end: () => undefined }
}
