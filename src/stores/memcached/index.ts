/**
 * Sessions in Memcached 1.6 or later, through a transport of our own. What Flask-Session keeps there is read and
 * written as it is. Memcached is a cache: a session ends early when its memory is full, and all end with a restart.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import type { AsyncStore, StoredRecord, StoreOptions, Version } from '../../core/store.ts'
import { ConfigError, TooLargeError } from '../../errors.ts'
import { checkPrefix, FOR_A_URL, storeError } from '../shared/failure.ts'
import { expiryOf, exptimeOf, type MetaCommand, type MetaReply, RESOLUTION } from './protocol.ts'
import { type MemcachedTransportOptions, memcachedTransport, tokenOf } from './transport.ts'

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
type MemcachedVersion = Readonly<{ cas: string; bytes: Uint8Array }>

/** The call of a verb that commands are sent for. */
interface Call {
  readonly operation: string
  readonly key: string
  readonly signal: AbortSignal | undefined
}

type Command = Omit<MetaCommand, 'key'>

/**
 * Keeps sessions in Memcached, one command for each verb; one that compares takes two more after a mismatch. `close`
 * disconnects.
 *
 * @throws {ConfigError} When an option is out of its range.
 */
export function memcachedStore(options: MemcachedStoreOptions): AsyncStore {
  const { prefix = 'vial:', maxItemSize = 1_048_576, now = Date.now } = options
  checkPrefix('memcachedStore', prefix)
  if (options.servers === undefined) {
    throw new ConfigError(
      `memcachedStore: servers is missing. Give { servers: 'host:port' }. ${FOR_A_URL}`,
    )
  }
  if (!(Number.isInteger(maxItemSize) && maxItemSize >= 1_024)) {
    throw new ConfigError(
      'memcachedStore: maxItemSize is the -I of the servers in bytes, such as 1_048_576.',
    )
  }
  const transport = memcachedTransport(options)

  function callOf(operation: string, id: string, options: StoreOptions | undefined): Call {
    return { operation, key: prefix + id, signal: options?.signal }
  }

  /** The flag of an expiry; undefined when it is not in the future. */
  function timeFlag(expiresAt: number): string | undefined {
    const time = now()
    return expiresAt > time ? `T${exptimeOf(expiresAt, time)}` : undefined
  }

  /** Sends a command; resolves to a reply with one of these codes. */
  async function send(
    call: Call,
    command: Command,
    ...codes: readonly MetaReply['code'][]
  ): Promise<MetaReply> {
    const { operation, key, signal } = call
    const size = command.value?.length ?? 0
    const limit = Math.max(0, maxItemSize - ITEM_OVERHEAD - key.length)
    // Checked before it is sent, as the server drops the old record when the new one does not fit.
    if (size > limit) throw tooLarge(size, limit)
    const reply = await transport.send({ ...command, key }, { operation, signal })
    if (codes.includes(reply.code)) return reply
    if (reply.code.endsWith('ERROR') && reply.rest.startsWith('object too large')) {
      throw tooLarge(size, limit)
    }
    return fail(call, command, reply)
  }

  /** Reports a refusal, or a reply that the command does not have. */
  function fail({ operation, key }: Call, { verb }: Command, { code, rest }: MetaReply): never {
    let what = `the server answered ${code}`
    if (!code.endsWith('ERROR')) {
      what = 'the server answered with a reply of another command. Use Memcached 1.6.18 or later'
    } else if (verb === 'ms' && rest.startsWith('out of memory')) {
      what = 'the server is out of memory, and dropped what the record was before. Raise -m'
    }
    // After `SERVER_ERROR` a write may have dropped what the record was before.
    const done = verb === 'mg' || code === 'ERROR' || code === 'CLIENT_ERROR' ? false : undefined
    const failure = { what, sent: true, done, retriable: code === 'SERVER_ERROR' } as const
    throw storeError(`memcachedStore at ${transport.serverOf(key)}`, operation, failure)
  }

  async function get(
    call: Call,
  ): Promise<(StoredRecord & { readonly version: MemcachedVersion }) | undefined> {
    const command: Command = { verb: 'mg', flags: 'v c t' }
    const reply = await send(call, command, 'VA', 'EN')
    if (reply.code === 'EN') return undefined
    const { value: bytes } = reply
    const cas = tokenOf(reply, 'c')
    if (bytes === undefined || cas === undefined) return fail(call, command, reply)
    const expiresAt = expiryOf(tokenOf(reply, 't'), now())
    return { bytes, version: { cas, bytes }, ...(expiresAt !== undefined && { expiresAt }) }
  }

  /** Sends a command that compares the version; again with the server's newer version when the content is the same. */
  async function compare(
    call: Call,
    version: Version,
    command: Command,
  ): Promise<
    | { readonly kind: 'done'; readonly reply: MetaReply }
    | { readonly kind: 'conflict'; readonly current: StoredRecord }
    | { readonly kind: 'gone' }
  > {
    const known = version as Partial<MemcachedVersion> | undefined
    let { cas = NO_CAS } = known ?? {}
    for (;;) {
      const flags = `C${cas} ${command.flags}`.trim()
      const reply = await send(call, { ...command, flags }, 'HD', 'NF', 'EX')
      if (reply.code === 'HD') return { kind: 'done', reply }
      if (reply.code === 'NF') return { kind: 'gone' }
      const current = await get(call)
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

    read: (id, options) => get(callOf('read', id, options)),

    async create(id, bytes, expiresAt, options) {
      const time = timeFlag(expiresAt)
      // Written although it has ended already: the reply says whether another record is there.
      const flags = `ME ${time ?? 'T-1'} c`
      const command: Command = { verb: 'ms', flags, value: time === undefined ? EMPTY : bytes }
      const reply = await send(callOf('create', id, options), command, 'HD', 'NS')
      if (reply.code === 'NS') return { kind: 'exists' }
      return { kind: 'created', ...written(reply, bytes) }
    },

    async replace(id, bytes, expiresAt, version, options) {
      const time = timeFlag(expiresAt)
      const command: Command =
        time === undefined
          ? { verb: 'md', flags: '' }
          : { verb: 'ms', flags: `${time} c`, value: bytes }
      const result = await compare(callOf('replace', id, options), version, command)
      if (result.kind !== 'done') return result
      return { kind: 'replaced', ...written(result.reply, bytes) }
    },

    async touch(id, expiresAt, version, options) {
      const time = timeFlag(expiresAt)
      // `md` with `I` keeps the record and marks it as stale, a mark that only meta clients see. It is the only command
      // that compares a version and moves an expiry without the bytes.
      const flags = time === undefined ? '' : `I ${time}`
      const call = callOf('touch', id, options)
      const { kind } = await compare(call, version, { verb: 'md', flags })
      return kind === 'done' ? 'touched' : kind
    },

    async delete(id, version, options) {
      const call = callOf('delete', id, options)
      const command: Command = { verb: 'md', flags: '' }
      if (version === undefined) {
        const { code } = await send(call, command, 'HD', 'NF')
        return code === 'HD' ? 'deleted' : 'gone'
      }
      const { kind } = await compare(call, version, command)
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
