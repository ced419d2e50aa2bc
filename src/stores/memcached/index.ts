/**
 * Sessions in Memcached 1.6 or later, through a transport of our own. What Flask-Session keeps there is read and
 * written as it is. Memcached is a cache: a session ends early when its memory is full, and all end with a restart.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import type { AsyncStore, StoredRecord, StoreOptions, Version } from '../../core/store.ts'
import { ConfigError, TooLargeError } from '../../errors.ts'
import { type Failure, storeError } from '../shared/failure.ts'
import { checkPrefix } from '../shared/key.ts'
import {
  expiryOf,
  exptimeOf,
  type MetaCommand,
  type MetaReply,
  onlyReads,
  RESOLUTION,
  tokenOf,
} from './protocol.ts'
import { type MemcachedTransportOptions, memcachedTransport } from './transport.ts'

export interface MemcachedStoreOptions extends MemcachedTransportOptions {
  /** Prefix of every key: at most 100 visible ASCII characters. Default `vial:`. Flask-Session's is `session:`. */
  readonly prefix?: string
  /**
   * The `-I` that the servers were started with, in bytes; default 1,048,576. A record takes its own bytes, its key's
   * and 59.
   */
  readonly maxItemSize?: number
  /** The clock, ms since the epoch. */
  readonly now?: () => number
}

/** The bytes of an item besides its key and its value, with a version and without client flags. */
const ITEM_OVERHEAD = 59
/** A version that no server reaches. */
const NO_CAS = '18446744073709551615'
const EMPTY = new Uint8Array(0)

/**
 * The content that was read, and the server's own version of it. The server compares its version, which every write
 * changes, and a touch as well; so after a mismatch the content decides.
 */
interface MemcachedVersion {
  readonly cas: string
  readonly bytes: Uint8Array
}

type Compared =
  | { readonly kind: 'done'; readonly reply: MetaReply }
  | { readonly kind: 'conflict'; readonly current: StoredRecord }
  | { readonly kind: 'gone' }

/**
 * Keeps sessions in Memcached, one command for each verb; one that compares takes two more after a mismatch. `close`
 * disconnects.
 *
 * @throws {ConfigError} When an option is out of its range.
 */
export function memcachedStore(options: MemcachedStoreOptions): AsyncStore {
  const { prefix = 'vial:', maxItemSize = 1_048_576, now = Date.now } = options
  checkPrefix('memcachedStore', prefix)
  if (!(Number.isInteger(maxItemSize) && maxItemSize >= 1_024)) {
    throw new ConfigError(
      'memcachedStore: maxItemSize is the -I of the servers in bytes, such as 1_048_576.',
    )
  }
  const transport = memcachedTransport(options)

  function fail(operation: string, command: MetaCommand, failure: Failure): never {
    const server = transport.serverOf(command.key)
    throw storeError(`memcachedStore at ${server}`, operation, failure)
  }

  /** Sends a command; resolves to a reply with one of these codes. */
  async function send(
    operation: string,
    { signal }: StoreOptions,
    command: MetaCommand,
    ...codes: readonly MetaReply['code'][]
  ): Promise<MetaReply> {
    const { key, value = EMPTY } = command
    const limit = Math.max(0, maxItemSize - ITEM_OVERHEAD - key.length)
    // Checked before it is sent, as the server drops the old record when the new one does not fit.
    if (value.length > limit) throw tooLarge(value.length, limit)
    const reply = await transport.send(command, { operation, signal })
    if (codes.includes(reply.code)) return reply
    if (!reply.code.endsWith('ERROR')) fail(operation, command, unexpectedReply(command))
    if (reply.rest.startsWith('object too large')) throw tooLarge(value.length, limit)
    return fail(operation, command, refusal(reply, command))
  }

  async function get(
    operation: string,
    options: StoreOptions,
    key: string,
  ): Promise<(StoredRecord & { readonly version: MemcachedVersion }) | undefined> {
    const command: MetaCommand = { verb: 'mg', key, flags: 'v c t' }
    const reply = await send(operation, options, command, 'VA', 'EN')
    if (reply.code === 'EN') return undefined
    const { value: bytes } = reply
    const cas = tokenOf(reply, 'c')
    if (bytes === undefined || cas === undefined) {
      return fail(operation, command, unexpectedReply(command))
    }
    const expiresAt = expiryOf(tokenOf(reply, 't'), now())
    return { bytes, version: { cas, bytes }, ...(expiresAt !== undefined && { expiresAt }) }
  }

  /** Sends a command that compares the version; again with the server's newer version when the content is the same. */
  async function compare(
    operation: string,
    options: StoreOptions,
    key: string,
    version: Version,
    commandOf: (flags: string) => Omit<MetaCommand, 'key'>,
  ): Promise<Compared> {
    const known = version as Partial<MemcachedVersion> | undefined
    let { cas = NO_CAS } = known ?? {}
    for (;;) {
      const command = { ...commandOf(`C${cas}`), key }
      const reply = await send(operation, options, command, 'HD', 'NF', 'EX')
      if (reply.code === 'HD') return { kind: 'done', reply }
      if (reply.code === 'NF') return { kind: 'gone' }
      const current = await get(operation, options, key)
      if (current === undefined) return { kind: 'gone' }
      const isSame = known?.bytes !== undefined && Buffer.compare(current.bytes, known.bytes) === 0
      if (!isSame) return { kind: 'conflict', current }
      cas = current.version.cas
    }
  }

  return {
    name: 'memcached',
    prefix,
    atomic: true,
    evicts: true,
    resolution: RESOLUTION,

    read: (id, options = {}) => get('read', options, prefix + id),

    async create(id, bytes, expiresAt, options = {}) {
      const time = now()
      const live = expiresAt > time
      // Written although it has ended already: the reply says whether another record is there.
      const flags = `ME T${live ? exptimeOf(expiresAt, time) : -1} c`
      const command: MetaCommand = {
        verb: 'ms',
        key: prefix + id,
        flags,
        value: live ? bytes : EMPTY,
      }
      const reply = await send('create', options, command, 'HD', 'NS')
      return reply.code === 'NS'
        ? { kind: 'exists' }
        : { kind: 'created', ...written(reply, bytes) }
    },

    async replace(id, bytes, expiresAt, version, options = {}) {
      const time = now()
      const result = await compare('replace', options, prefix + id, version, (flags) =>
        expiresAt > time
          ? { verb: 'ms', flags: `${flags} T${exptimeOf(expiresAt, time)} c`, value: bytes }
          : { verb: 'md', flags },
      )
      if (result.kind !== 'done') return result
      return { kind: 'replaced', ...written(result.reply, bytes) }
    },

    async touch(id, expiresAt, version, options = {}) {
      const time = now()
      // `md` with `I` keeps the record and marks it as stale, a mark that only meta clients see. It is the only command
      // that compares a version and moves an expiry without the bytes.
      const result = await compare('touch', options, prefix + id, version, (flags) => ({
        verb: 'md',
        flags: expiresAt > time ? `${flags} I T${exptimeOf(expiresAt, time)}` : flags,
      }))
      return result.kind === 'done' ? 'touched' : result.kind
    },

    async delete(id, version, options = {}) {
      const key = prefix + id
      if (version === undefined) {
        const command: MetaCommand = { verb: 'md', key, flags: '' }
        const { code } = await send('delete', options, command, 'HD', 'NF')
        return code === 'HD' ? 'deleted' : 'gone'
      }
      const { kind } = await compare('delete', options, key, version, (flags) => ({
        verb: 'md',
        flags,
      }))
      return kind === 'done' ? 'deleted' : kind
    },

    close: () => transport.close(),
  }
}

/** The version of what was written; absent: the reply does not tell one, as that of `md`. */
function written(reply: MetaReply, bytes: Uint8Array): { readonly version?: MemcachedVersion } {
  const cas = tokenOf(reply, 'c')
  return cas === undefined ? {} : { version: { cas, bytes } }
}

function tooLarge(size: number, limit: number): TooLargeError {
  return new TooLargeError(
    `memcachedStore: the session has ${size} bytes, and at most ${limit} fit into an item. Start the servers with a larger -I and set maxItemSize to it.`,
    { size, limit },
  )
}

/** A command that the server refused. After `SERVER_ERROR` a write may have dropped what the record was before. */
function refusal({ code, rest }: MetaReply, command: MetaCommand): Failure {
  const isServers = code === 'SERVER_ERROR'
  const isFull = isServers && rest.startsWith('out of memory')
  return {
    what: isFull
      ? 'the server is out of memory, and dropped what the record was before. Raise -m'
      : `the server answered ${code}`,
    sent: true,
    done: onlyReads(command) || !isServers ? false : undefined,
    retriable: isServers,
  }
}

/** A reply that the command does not have. */
function unexpectedReply(command: MetaCommand): Failure {
  return {
    what: 'the server answered with a reply of another command. Use Memcached 1.6.18 or later',
    sent: true,
    done: onlyReads(command) ? false : undefined,
    retriable: false,
  }
}
