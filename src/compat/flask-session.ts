/**
 * Flask-Session: the id in the cookie, the record in a store, in the layout that its versions 0.3 to 0.8 read and write.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { assemble } from '../core/assemble.ts'
import type { Duration } from '../core/duration.ts'
import { DEFAULT_POLICY } from '../core/policy.ts'
import type { Secret } from '../core/secrets.ts'
import type { Fields, StoredSession } from '../core/session.ts'
import type { Eager, StoredSessions } from '../core/sessions.ts'
import type { Store } from '../core/store.ts'
import { ConfigError } from '../errors.ts'
import { flaskSigner } from '../seals/flask-signer.ts'
import { flaskIds } from './flask/ids.ts'
import {
  checkOptions,
  FLASK_OPTIONS,
  type FlaskOptions,
  flaskCookieWriter,
  flaskExpiry,
  flaskLifetime,
} from './flask/options.ts'
import { type FlaskFormat, flaskRecords } from './flask/records.ts'

export type { FlaskFormat } from './flask/records.ts'

export interface FlaskSessionOptions<Data extends object = Fields> extends FlaskOptions<Data> {
  /** With no prefix of its own, as the key is `keyPrefix` and the id: such as `redisStore(client, { prefix: '' })`. */
  readonly store: Store
  /**
   * `SESSION_SERIALIZATION_FORMAT`, which is what is written; every format is read. `pickle` is for Flask-Session before
   * 0.7 and for cachelib; `cachelib-redis` is cachelib's in Redis.
   *
   * @default 'msgpack'
   */
  readonly format?: FlaskFormat
  /** `SESSION_KEY_PREFIX`. @default 'session:' */
  readonly keyPrefix?: string
  /** Given: ids are signed with it, as with `SESSION_USE_SIGNER`; of a list, the first signs and all open. */
  readonly secret?: Secret | undefined
  /** `SESSION_ID_LENGTH`, in bytes; at least 16. @default 32 */
  readonly idLength?: number
  /** `SESSION_PERMANENT`: whether a new session's cookie outlives the browser. @default true */
  readonly permanent?: boolean
  /** Longest wait for the store, over all steps of one load or commit. @default '1s' */
  readonly timeout?: Duration
  /** When the store fails on load: reject, or go on with a session that is not stored and no cookie. @default 'reject' */
  readonly onStoreFailure?: 'reject' | 'anonymous'
  /** The source of ids; it must be unpredictable. @default node:crypto's */
  readonly randomBytes?: (size: number) => Uint8Array
}

const NAMES: readonly (keyof FlaskSessionOptions)[] = [
  ...FLASK_OPTIONS,
  'format',
  'idLength',
  'keyPrefix',
  'onStoreFailure',
  'permanent',
  'randomBytes',
  'secret',
  'store',
  'timeout',
]

/**
 * Makes sessions that a Flask application with Flask-Session shares.
 *
 * ```ts
 * import { createClient } from 'redis'
 * import { flaskSession } from 'vial/compat/flask-session'
 * import { redisStore } from 'vial/stores/redis'
 *
 * const client = createClient({ url: process.env['REDIS_URL'], disableOfflineQueue: true })
 * await client.connect()
 * export const sessions = flaskSession({ store: redisStore(client, { prefix: '' }) })
 * ```
 *
 * What differs from Flask-Session, on purpose: no update is lost between requests here; a request that only reads moves
 * the deadline and rewrites nothing; one that never asks does nothing; an id that is not one is not looked up; the cookie
 * is removed with all its attributes.
 *
 * Flask-Session itself rewrites the whole record on every request, so a request there can undo a change made here.
 *
 * @throws {ConfigError} When the options cannot work, naming the fix.
 */
export function flaskSession<Data extends object = Fields>(
  options: FlaskSessionOptions<Data> & { readonly eager: true },
): StoredSessions<Data> & Eager<StoredSession<Data>>
export function flaskSession<Data extends object = Fields>(
  options: FlaskSessionOptions<Data>,
): StoredSessions<Data>
export function flaskSession(options: FlaskSessionOptions): unknown {
  checkOptions('flaskSession', options, NAMES)
  if (options.store === undefined) {
    throw new ConfigError(
      'flaskSession needs a `store`. For the signed cookie of Flask itself, see flaskCookie.',
    )
  }
  if ('secret' in options && options.secret === undefined) {
    throw new ConfigError('`secret` is undefined. Set it to sign ids, or leave the option out.')
  }
  const { store, secret, permanent = true, randomBytes: random = randomBytes } = options
  const exactFloats = options.exactFloats ?? options.data === undefined
  return assemble({
    options,
    cookie: flaskCookieWriter(options.cookie),
    serializer: flaskRecords(options.format ?? 'msgpack', exactFloats),
    policy: {
      ...DEFAULT_POLICY,
      metadata: false,
      permanent,
      clearsTo: 'permanent',
      refreshes: 'not empty',
      cookieOnSave: true,
      keepsFloats: exactFloats,
    },
    expiry: flaskExpiry(flaskLifetime(options.lifetime), options.refreshEachRequest),
    place: {
      store,
      ids: flaskIds({
        prefix: prefixOf(store, options.keyPrefix ?? 'session:'),
        length: options.idLength ?? 32,
        randomBytes: random,
      }),
      randomBytes: random,
      seal: secret === undefined ? undefined : flaskSigner({ secret, weakSecret: 'warn' }),
    },
  })
}

/** What the store's key has before the id. A wrong prefix would silently end every session. */
function prefixOf({ name, prefix = '' }: Store, keyPrefix: string): string {
  if (prefix === '') return keyPrefix
  if (prefix.endsWith(keyPrefix)) return ''
  throw new ConfigError(
    `The ${name} store puts '${prefix}' before each key, and Flask-Session '${keyPrefix}'. Give the store \`prefix: ''\`, or cachelib's own prefix and '${keyPrefix}'.`,
  )
}
