/**
 * Sessions in Memcached 1.6 or later, through a transport of our own. What Flask-Session keeps there is read and
 * written as it is. Memcached is a cache: a session ends early when its memory is full, and all end with a restart.
 *
 * @module
 */

import type { AsyncStore, ReplaceResult, StoreOptions, Version } from '../../core/store.ts'
import { ConfigError, StoreError, TooLargeError } from '../../errors.ts'
import { deadlineOf, exptimeOf, RESOLUTION } from './exptime.ts'
import { isKey, keyOf, LONGEST_PREFIX } from './key.ts'
import {
  type MemcachedTransportOptions,
  type MetaCommand,
  type MetaReply,
  memcachedTransport,
  tokenOf,
} from './transport.ts'

export interface MemcachedStoreOptions extends MemcachedTransportOptions {
  /** Stands before each key. @default 'vial:' */
  readonly prefix?: string
  /** The `-I` that the servers were started with, in bytes. A record takes its own bytes, its key's and 59. @default 1_048_576 */
  readonly maxItemSize?: number
  /** The clock, ms since the epoch. */
  readonly now?: () => number
}

/** What an item takes besides its key and its value, with a version and without client flags, in bytes. */
const ITEM_OVERHEAD = 59
/** No server comes as far. */
const NO_VERSION = '18446744073709551615'
const EMPTY = new Uint8Array(0)

/**
 * Keeps sessions in Memcached, one command for each verb. The version is the server's own, which every writer changes.
 * `close` disconnects.
 *
 * @throws {ConfigError} When an option cannot be.
 */
export function memcachedStore(options: MemcachedStoreOptions): AsyncStore {
  const { prefix = 'vial:', maxItemSize = 1_048_576, now = Date.now } = options
  if (prefix !== '' && (!isKey(prefix) || prefix.length > LONGEST_PREFIX)) {
    throw new ConfigError(
      `memcachedStore: the prefix is at most ${LONGEST_PREFIX} visible ASCII characters.`,
    )
  }
  if (!(Number.isInteger(maxItemSize) && maxItemSize >= 1_024)) {
    throw new ConfigError(
      'memcachedStore: maxItemSize is the -I of the servers in bytes, such as 1_048_576.',
    )
  }
  const transport = memcachedTransport(options)

  async function send(
    operation: string,
    { signal }: StoreOptions,
    command: MetaCommand,
  ): Promise<MetaReply> {
    const { key, value = EMPTY } = command
    const limit = Math.max(0, maxItemSize - ITEM_OVERHEAD - key.length)
    // Before it is sent, as the server drops the old record when the new one does not fit.
    if (value.length > limit) throw tooLarge(value.length, limit)
    const reply = await transport.send(command, { operation, signal })
    if (!reply.code.endsWith('ERROR')) return reply
    if (reply.rest.startsWith('object too large')) throw tooLarge(value.length, limit)
    throw refused(reply, operation, transport.serverOf(key))
  }

  return {
    name: 'memcached',
    prefix,
    atomic: true,
    resolution: RESOLUTION,

    async read(id, options = {}) {
      const key = keyOf(id, prefix)
      const reply = await send('read', options, { verb: 'mg', key, flags: 'v c t' })
      if (reply.code === 'EN') return undefined
      const version = tokenOf(reply, 'c')
      if (reply.value === undefined || version === undefined) throw unexpected('read')
      const expiresAt = deadlineOf(tokenOf(reply, 't'), now())
      return { bytes: reply.value, version, ...(expiresAt !== undefined && { expiresAt }) }
    },

    async create(id, bytes, expiresAt, options = {}) {
      const key = keyOf(id, prefix)
      const time = now()
      const live = expiresAt > time
      // An item that has ended is not there, but one that is there keeps it out.
      const flags = `ME T${live ? exptimeOf(expiresAt, time) : -1} c`
      const value = live ? bytes : EMPTY
      const reply = await send('create', options, { verb: 'ms', key, flags, value })
      if (reply.code === 'NS') return { kind: 'exists' }
      if (reply.code !== 'HD') throw unexpected('create')
      return { kind: 'created', ...versionOf(reply) }
    },

    async replace(id, bytes, expiresAt, version, options = {}): Promise<ReplaceResult> {
      const key = keyOf(id, prefix)
      const time = now()
      const compare = `C${casOf(version)}`
      const reply = await send(
        'replace',
        options,
        expiresAt > time
          ? {
              verb: 'ms',
              key,
              flags: `${compare} T${exptimeOf(expiresAt, time)} c`,
              value: bytes,
            }
          : { verb: 'md', key, flags: compare },
      )
      if (reply.code === 'NF') return { kind: 'gone' }
      if (reply.code === 'EX') return { kind: 'conflict' }
      if (reply.code !== 'HD') throw unexpected('replace')
      return { kind: 'replaced', ...versionOf(reply) }
    },

    async touch(id, expiresAt, options = {}) {
      const key = keyOf(id, prefix)
      const time = now()
      const command: MetaCommand =
        expiresAt > time
          ? { verb: 'mg', key, flags: `T${exptimeOf(expiresAt, time)}` }
          : { verb: 'md', key, flags: '' }
      const reply = await send('touch', options, command)
      if (reply.code === 'EN' || reply.code === 'NF') return false
      if (reply.code !== 'HD') throw unexpected('touch')
      return true
    },

    async delete(id, version, options = {}) {
      const key = keyOf(id, prefix)
      const flags = version === undefined ? '' : `C${casOf(version)}`
      const reply = await send('delete', options, { verb: 'md', key, flags })
      if (reply.code === 'NF') return 'gone'
      if (reply.code === 'EX') return 'conflict'
      if (reply.code !== 'HD') throw unexpected('delete')
      return 'deleted'
    },

    close: () => transport.close(),
  }
}

function casOf(version: Version): string {
  return typeof version === 'string' && /^\d+$/.test(version) ? version : NO_VERSION
}

/** The new version of a write; absent after a record was ended. */
function versionOf(reply: MetaReply): { readonly version?: Version } {
  const version = tokenOf(reply, 'c')
  return version === undefined ? {} : { version }
}

function tooLarge(size: number, limit: number): TooLargeError {
  return new TooLargeError(
    `The session takes ${size} bytes, and Memcached holds ${limit}. Keep less in the session, or start the servers with a larger -I and set maxItemSize to the same.`,
    { size, limit },
  )
}

/** None of the server's own words, as they may hold what was sent. */
function refused({ code, rest }: MetaReply, operation: string, server: string): StoreError {
  const full = code === 'SERVER_ERROR' && rest.startsWith('out of memory')
  const what = full
    ? 'it is out of memory, and dropped what the record was before'
    : `it answered ${code}`
  return new StoreError(`Memcached at ${server}: \`${operation}\` failed: ${what}.`, {
    operation,
    outcome: operation === 'read' || code !== 'SERVER_ERROR' ? 'not-done' : 'unknown',
    retriable: code === 'SERVER_ERROR',
  })
}

function unexpected(operation: string): StoreError {
  return new StoreError(
    `Memcached: \`${operation}\` was answered with a reply of another command. Use Memcached 1.6.18 or later.`,
    { operation, outcome: operation === 'read' ? 'not-done' : 'unknown', retriable: false },
  )
}
