/**
 * Flask-Session: the id in the cookie, the record in a store, in the layout that its versions 0.3 to 0.8 read and write.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { assemble, checkOptions } from '../core/assemble.ts'
import { type Deferred, type DeferredOptions, nowOrLater } from '../core/deferred.ts'
import type { Duration } from '../core/duration.ts'
import { type Credential, type IdScheme, type RandomBytes, randomText } from '../core/ids.ts'
import type { LifeCycle } from '../core/scope.ts'
import type { Secret } from '../core/secrets.ts'
import type { Fields, StoredSession } from '../core/session.ts'
import type { SessionLifeCycle } from '../core/session-life-cycle.ts'
import type { Eager, StoredSessions } from '../core/sessions.ts'
import type { Store } from '../core/store.ts'
import { ConfigError } from '../errors.ts'
import { flaskSigner } from '../seals/flask-signer.ts'
import { FLASK_OPTIONS, type FlaskOptions, flaskPreset } from './flask/options.ts'
import { type FlaskFormat, flaskRecords } from './flask/records.ts'

export type { FlaskFormat } from './flask/records.ts'

export interface FlaskSessionOptions<Data extends object = Fields> extends FlaskOptions<Data> {
  /** Made without a prefix, as the key is `keyPrefix` and the id: such as `redisStore(client, { prefix: '' })`. */
  readonly store: Store
  /**
   * `SESSION_SERIALIZATION_FORMAT`: the format that is written. Every format is read. `pickle` is for Flask-Session before
   * 0.7 and for cachelib; `cachelib-redis` is cachelib's in Redis.
   *
   * @default 'msgpack'
   */
  readonly format?: FlaskFormat
  /** `SESSION_KEY_PREFIX`. @default 'session:' */
  readonly keyPrefix?: string
  /** Signs ids, as with `SESSION_USE_SIGNER`; of a list, the first signs and all open. Absent: ids are not signed. */
  readonly secret?: Secret | undefined
  /** `SESSION_ID_LENGTH`, in bytes: 16 to 144 with the usual prefix. @default 32 */
  readonly idLength?: number
  /** `SESSION_PERMANENT`: whether a new session's cookie outlives the browser. @default true */
  readonly permanent?: boolean
  /** Time limit for the store, over all steps of one load or commit. @default '1s' */
  readonly timeout?: Duration
  /** When the store fails on load: reject, or continue with a session that is never stored. @default 'reject' */
  readonly onStoreFailure?: 'reject' | 'anonymous'
  /** The source of ids; it must be unpredictable. @default node:crypto's */
  readonly randomBytes?: (size: number) => Uint8Array
}

const ID_OPTIONS = [
  'format',
  'idLength',
  'keyPrefix',
  'permanent',
  'randomBytes',
  'secret',
] as const
const NAMES = [...FLASK_OPTIONS, ...ID_OPTIONS, 'onStoreFailure', 'store', 'timeout'] as const

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
 * Differences from Flask-Session, on purpose: concurrent requests here lose no update; a request that only reads moves the
 * expiry and does not rewrite the record; one that never asks for the session does nothing; a malformed id is not looked
 * up; the cookie is removed with all its attributes. Flask-Session itself rewrites the whole record on every request, so
 * a request there can undo a change made here.
 *
 * A login, logout or `regenerate` that changes the id creates the new record and deletes the old one at its version. A
 * logout beside a login or `regenerate` still in flight does not end the new record.
 *
 * @throws {ConfigError} When the options cannot work, naming the fix.
 */
export function flaskSession<Data extends object = Fields, Env = NodeJS.ProcessEnv>(
  options: Deferred<FlaskSessionOptions<Data>, Env>,
  beside: DeferredOptions & { readonly eager: true },
): StoredSessions<Data> & Eager<StoredSession<Data>>
export function flaskSession<Data extends object = Fields, Env = NodeJS.ProcessEnv>(
  options: Deferred<FlaskSessionOptions<Data>, Env>,
  beside?: DeferredOptions,
): StoredSessions<Data>
export function flaskSession<Data extends object = Fields>(
  options: FlaskSessionOptions<Data> & { readonly eager: true },
): StoredSessions<Data> & Eager<StoredSession<Data>>
export function flaskSession<Data extends object = Fields>(
  options: FlaskSessionOptions<Data>,
): StoredSessions<Data>
export function flaskSession(
  options: FlaskSessionOptions | Deferred<FlaskSessionOptions, unknown>,
  beside?: DeferredOptions,
): LifeCycle {
  return nowOrLater('flaskSession', options, beside, make)
}

function make(options: FlaskSessionOptions): SessionLifeCycle {
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
  const { format = 'msgpack', keyPrefix = 'session:', idLength = 32 } = options
  const prefix = prefixOf(store, keyPrefix)
  const preset = flaskPreset(options)
  return assemble({
    ...preset,
    serializer: flaskRecords(format, options.exactFloats ?? false),
    policy: { ...preset.policy, permanent, clearsTo: 'permanent', refreshes: 'not empty' },
    place: {
      store,
      ids: flaskIds(
        prefix,
        MAX_KEY - (store.prefix ?? '').length - prefix.length,
        idLength,
        random,
      ),
      randomBytes: random,
      seal: secret === undefined ? undefined : flaskSigner({ secret, weakSecret: 'warn' }),
    },
  })
}

/** What comes before the id in the store's key. A wrong prefix would silently end every session. */
function prefixOf({ name, prefix = '' }: Store, keyPrefix: string): string {
  if (prefix === '') return keyPrefix
  if (prefix.endsWith(keyPrefix)) return ''
  throw new ConfigError(
    `The ${name} store puts '${prefix}' before each key, and Flask-Session '${keyPrefix}'. Give the store \`prefix: ''\`, or cachelib's own prefix and '${keyPrefix}'.`,
  )
}

/** A UUID has 36 characters of the same alphabet. */
const ID = /^[A-Za-z0-9_-]+$/
/** As long as a store's keys are, the prefix included. */
const MAX_KEY = 200

/** Flask-Session's ids: `secrets.token_urlsafe(length)`, and UUIDs before 0.6. The key is the prefix and the id. */
function flaskIds(prefix: string, room: number, length: number, random: RandomBytes): IdScheme {
  const most = Math.floor((room * 3) / 4)
  if (!Number.isSafeInteger(length) || length < 16 || length > most) {
    throw new ConfigError(
      `idLength, which is SESSION_ID_LENGTH, is ${length}. Give 16 to ${most} bytes: shorter ids can be guessed, and a store's keys have ${MAX_KEY} characters with the prefix. Existing ids are read whatever their length.`,
    )
  }
  const credential = (id: string): Credential => ({ text: id, key: prefix + id, verifier: '' })
  return {
    make: () => credential(randomText(random, length)),
    parse: (text) => (text.length <= room && ID.test(text) ? credential(text) : undefined),
  }
}
