/**
 * A store from a URL, for programs that are configured by their environment. The client is loaded from the packages of
 * the program, and made so that it never repeats a command by itself.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { guarded } from '../../core/events.ts'
import type { Store } from '../../core/store.ts'
import { ConfigError } from '../../errors.ts'
import { storeError, unsent } from '../shared/failure.ts'
import { type LoadPackage, type Opener, TimeoutError, withTimeout } from './client.ts'
import { checkParameters, localPath, readStoreUrl } from './url.ts'

export type { LoadPackage } from './client.ts'

export interface OpenStoreOptions {
  /** Makes the table, the collection's indexes and whatever else the store needs if they do not exist. @default false */
  readonly create?: boolean
  /**
   * Called with background failures: a `StoreError` with the `operation` `disconnect` when the connection is lost, once
   * for each outage, and one with `reconnect` when there is a connection again. Absent: they are ignored.
   */
  readonly onError?: (error: unknown) => void
  /** Loads a package by its name. @default (name) => import(name) */
  readonly load?: LoadPackage
  /** The clock, ms since the epoch. @default Date.now */
  readonly now?: () => number
}

/** A store that also ends its client. */
export interface ClosableStore extends Store {
  /** Waits at most a second for outstanding replies. Then nothing keeps the program running. May be called again. */
  close(): Promise<void>
}

/** How long a server may take for the first answer, and to make what the store needs, in ms. */
const ANSWER_TIMEOUT = 10_000
const CREATE_TIMEOUT = 60_000
/** How long the outstanding replies may take when the store is closed, in ms. */
const CLOSE_TIMEOUT = 1_000

const redis = async () => (await import('../redis/open.ts')).openRedis
const postgres = async () => (await import('../sql/open.ts')).openPostgres
const mysql = async () => (await import('../sql/open.ts')).openMysql
const mongodb = async () => (await import('../mongodb/open.ts')).openMongodb

/** Loads the opener of a scheme. */
const OPENERS: Readonly<Record<string, () => Promise<Opener>>> = {
  redis,
  rediss: redis,
  async memcached() {
    const { memcachedStore } = await import('../memcached/index.ts')
    return async (url, { now }) => {
      checkParameters(url, ['prefix'])
      const { authority = '', path, parameters } = url
      if (authority === '' || authority.includes('@') || !/^\/?$/.test(path)) {
        throw new ConfigError(
          'openStore: write memcached://host:port, or several separated by commas, without a user and a path.',
        )
      }
      const prefix = parameters.get('prefix')
      const servers = authority.split(',')
      return { store: memcachedStore({ servers, now, ...(prefix !== undefined && { prefix }) }) }
    }
  },
  postgres,
  postgresql: postgres,
  mysql,
  mariadb: mysql,
  sqlite: async () => (await import('../sql/open.ts')).openSqlite,
  mongodb,
  'mongodb+srv': mongodb,
  dynamodb: async () => (await import('../dynamodb/open.ts')).openDynamodb,
  async file() {
    const { fileStore } = await import('../file/index.ts')
    return async (url, { now, onError }) => {
      checkParameters(url, ['owners'])
      const given = url.parameters.get('owners') ?? ''
      const owners = given === 'any' ? given : given.split(',').filter(Boolean).map(Number)
      return { store: fileStore(localPath(url), { now, onError, owners }) }
    }
  },
  async memory() {
    const { memoryStore } = await import('../memory.ts')
    return async (url, { now }) => {
      checkParameters(url, [])
      return { store: memoryStore({ now }) }
    }
  },
}

/**
 * Makes the store that a URL names, such as `redis://localhost:6379` or `file:sessions`, and resolves once it has
 * answered a read. `close` of the store also ends the client.
 *
 * @throws {ConfigError} When the URL is not valid or a package is not installed. No message shows the URL.
 * @throws {StoreError} When the server does not answer, or what the store needs there is missing.
 */
export async function openStore(
  url: string,
  options: OpenStoreOptions = {},
): Promise<ClosableStore> {
  const { create = false, load = (name) => import(name), now = Date.now } = options
  const onError = guarded(options.onError, 'onError')
  const parts = readStoreUrl(url, Object.keys(OPENERS))
  const opener = OPENERS[parts.scheme] as () => Promise<Opener>
  const { store, prepare, end, destroy } = await (await opener())(parts, { load, onError, now })
  const closeStore = store.close?.bind(store)
  let closing: Promise<void> | undefined

  async function endBoth(): Promise<void> {
    try {
      await closeStore?.()
    } finally {
      await end?.()
    }
  }
  function close(): Promise<void> {
    closing ??= withTimeout(endBoth(), CLOSE_TIMEOUT).catch((error: unknown) => {
      if (!(error instanceof TimeoutError)) throw error
      destroy?.()
    })
    return closing
  }

  try {
    if (create && prepare !== undefined) await withTimeout(prepare(), CREATE_TIMEOUT)
    await withTimeout(Promise.resolve(store.read(randomUUID())), ANSWER_TIMEOUT)
  } catch (error) {
    await close().catch(onError)
    throw error instanceof TimeoutError
      ? storeError('openStore', 'open', unsent(error.message))
      : error
  }
  // Not a copy: the store may have getters.
  return Object.assign(store, { close })
}
