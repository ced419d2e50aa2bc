/**
 * vial's own sessions: checks the options, fills in the defaults, and chooses where the record lives.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { type CookieOptions, cookieWriter } from './cookies/serialize.ts'
import {
  assemble,
  checkOptions,
  checkPlaces,
  type InCookie,
  type InStore,
} from './core/assemble.ts'
import { type Deferred, type DeferredOptions, nowOrLater } from './core/deferred.ts'
import { type Duration, milliseconds } from './core/duration.ts'
import type { OnEvent } from './core/events.ts'
import { Expiry } from './core/expiry.ts'
import { nativeIds } from './core/ids.ts'
import { DEFAULT_POLICY } from './core/policy.ts'
import type { OnInvalid, Schema } from './core/schema.ts'
import type { LifeCycle } from './core/scope.ts'
import type { Seal } from './core/seal.ts'
import { MAKE_A_SECRET, type Secret } from './core/secrets.ts'
import type { Serializer } from './core/serializer.ts'
import type { Fields, Session, StoredSession } from './core/session.ts'
import type { SessionLifeCycle } from './core/session-life-cycle.ts'
import type { Eager, Sessions, StoredSessions } from './core/sessions.ts'
import type { Store } from './core/store.ts'
import { type UsersOptions, usersOf } from './core/users/index.ts'
import { warnOnce } from './core/warnings.ts'
import { ConfigError } from './errors.ts'
import { encrypted } from './seals/encrypted.ts'
import { signed } from './seals/signed.ts'
import { msgpack } from './serializers/msgpack/index.ts'

/** What every kind of session takes. */
export interface SessionsOptions<Data extends object = Fields> {
  /**
   * Types the data, and checks each value when it is set, stored and loaded; what it transforms is ignored. Each key must
   * be optional. It must be synchronous.
   */
  readonly data?: Schema<Data>
  /**
   * When a loaded record is not what `data` describes. `drop` hides the keys that do not fit, and reports them by the
   * event `hidden`; they stay in the record until they are set or deleted. `fresh` begins a new session, as `drop` does
   * for what the schema says of no single key. `throw` is a {@link SerializationError}. @default 'drop'
   */
  readonly onInvalid?: OnInvalid
  /** Longest life, whatever happens. @default '31d' */
  readonly lifetime?: Duration
  /**
   * Longest pause between requests. The expiry moves when that gains 60 s or 5 % of `idle`, whichever is longer, and at
   * most a quarter of it, so a session may end that much early and never late. Absent: no limit.
   */
  readonly idle?: Duration
  /** Name and attributes of the cookie. It is always `HttpOnly`. @default `__Host-session`, Secure, SameSite=Lax */
  readonly cookie?: CookieOptions
  /**
   * 32 random bytes or more; of a list, the first seals and all open. Without a `store` it encrypts the record in the cookie,
   * and is required. With a `store` it signs the cookie, so that a made-up one never reaches the store; absent: the cookie
   * stands for itself, and holds 256 random bits.
   */
  readonly secret?: Secret | undefined
  /** Seals the cookie in another format; then `secret` is the seal's own. @default encrypted; with a `store`, signed */
  readonly seal?: Seal
  /** Lets `current()` find the session without the request. It slows every `await` on Node 20. @default false */
  readonly ambient?: boolean
  /** Loads the session before each handler and offers it as `sessions.session`. @default false */
  readonly eager?: boolean
  /** The format of records. @default msgpack, as Flask-Session writes it */
  readonly serializer?: Serializer
  /** Everything that was turned away, dropped, retried or failed. What it throws becomes a process warning. */
  readonly onEvent?: OnEvent
  /** The clock, in ms since the epoch. @default Date.now */
  readonly now?: () => number
  /** The source of random bytes; it must be unpredictable and give as many as asked for. @default node:crypto's */
  readonly randomBytes?: (size: number) => Uint8Array
}

/** Sessions with the record in a store. */
export interface StoredOptions<Data extends object = Fields> extends SessionsOptions<Data> {
  /** Where records live, such as `redisStore(client)` or `memoryStore()`. The cookie then only opens the record. */
  readonly store: Store
  /** Longest wait for the store, over all steps of one load or commit. @default '1s' */
  readonly timeout?: Duration
  /**
   * Lists the sessions of each user, for `sessions.forUser`: to show them, to end them, and to limit their number. `true`
   * is `{ most: 100, over: 'end-oldest' }`. The store must compare and set and must not evict. @default false
   */
  readonly users?: boolean | UsersOptions
  /**
   * The age of a cookie, from 60 s, at which the session gets a new one with its next response. The old one stays good until
   * the new one was sent back, and 60 s more; a later use of it is the event `replayed`. Absent: only `login` and
   * `regenerate` give a new cookie.
   */
  readonly renew?: Duration
  /** When the store fails on load: reject, or go on with a session that is not stored and no cookie. @default 'reject' */
  readonly onStoreFailure?: 'reject' | 'anonymous'
}

/** Sessions whose record travels in the cookie, encrypted. */
export interface SealedOptions<Data extends object = Fields> extends SessionsOptions<Data> {
  /**
   * Absent or undefined: records travel in the cookie, sealed by `secret` or `seal`. Where a store may be undefined, the
   * sessions have what both kinds offer.
   */
  readonly store?: undefined
  /**
   * The application or tenant. A cookie opens only where the context is the same, so that two applications with one
   * secret do not accept each other's cookies. @default ''
   */
  readonly context?: string
}

/**
 * Makes the life cycle of one kind of session. With a `store` the cookie only opens the record; without one it holds the record.
 *
 * Options may be a function, also an asynchronous one: for frameworks that import the program while they build it, and for
 * Workers, whose bindings come with the request. It is called at the first use or by `check()`, with the bindings of the
 * request on Workers and with `process.env` elsewhere. `ambient` and `eager` then stand beside it.
 *
 * @throws {ConfigError} When the options cannot work, naming the fix. Nothing about the configuration fails later. Those of
 * a function fail at the first use.
 */
export function createSessions<Data extends object = Fields, Env = NodeJS.ProcessEnv>(
  options: Deferred<StoredOptions<Data>, Env>,
  beside: DeferredOptions & { readonly eager: true },
): StoredSessions<Data> & Eager<StoredSession<Data>>
export function createSessions<Data extends object = Fields, Env = NodeJS.ProcessEnv>(
  options: Deferred<StoredOptions<Data>, Env>,
  beside?: DeferredOptions,
): StoredSessions<Data>
export function createSessions<Data extends object = Fields, Env = NodeJS.ProcessEnv>(
  options: Deferred<StoredOptions<Data> | SealedOptions<Data>, Env>,
  beside: DeferredOptions & { readonly eager: true },
): Sessions<Data> & Eager<Session<Data>>
export function createSessions<Data extends object = Fields, Env = NodeJS.ProcessEnv>(
  options: Deferred<StoredOptions<Data> | SealedOptions<Data>, Env>,
  beside?: DeferredOptions,
): Sessions<Data>
export function createSessions<Data extends object = Fields>(
  options: StoredOptions<Data> & { readonly eager: true },
): StoredSessions<Data> & Eager<StoredSession<Data>>
export function createSessions<Data extends object = Fields>(
  options: (StoredOptions<Data> | SealedOptions<Data>) & { readonly eager: true },
): Sessions<Data> & Eager<Session<Data>>
export function createSessions<Data extends object = Fields>(
  options: StoredOptions<Data>,
): StoredSessions<Data>
export function createSessions<Data extends object = Fields>(
  options: SealedOptions<Data>,
): Sessions<Data>
// The last one, as the compiler reports a mistake by what this one says of it.
export function createSessions<Data extends object = Fields>(
  options: StoredOptions<Data> | SealedOptions<Data>,
): Sessions<Data>
export function createSessions(
  options: AnyOptions | Deferred<AnyOptions, unknown>,
  beside?: DeferredOptions,
): LifeCycle {
  return nowOrLater('createSessions', options, beside, make)
}

type AnyOptions = StoredOptions | SealedOptions

function make(options: AnyOptions): SessionLifeCycle {
  checkNames(options)
  const lifetime = milliseconds(options.lifetime ?? '31d', 'lifetime', SECOND)
  const idle = options.idle === undefined ? undefined : milliseconds(options.idle, 'idle', SECOND)
  if (idle !== undefined && idle > lifetime) {
    throw new ConfigError(
      '`idle` is longer than `lifetime`, so it would never end a session. Give a longer `lifetime` (default 31d), or leave `idle` out.',
    )
  }
  const cookie = cookieWriter(options.cookie)
  if (options.cookie?.secure === false && process.env['NODE_ENV'] === 'production') {
    warnOnce(
      'VIAL_COOKIE_INSECURE',
      "`cookie.secure` is false where NODE_ENV is production: the cookie also goes over plain http, where it can be read on its way. Give `secure: 'development'`, which is false on a developer's machine only, or leave it out.",
    )
  }
  return assemble({
    options,
    cookie,
    serializer: options.serializer ?? msgpack,
    policy: DEFAULT_POLICY,
    expiry: new Expiry(lifetime, idle),
    place: options.store === undefined ? inCookie(options) : inStore(options, cookie.name),
  })
}

/** In ms. Cookies count whole seconds. */
const SECOND = 1_000
const MINUTE = 60_000

function inCookie({ seal, secret, context, randomBytes: random }: SealedOptions): InCookie {
  const given = {
    ...(context !== undefined && { context }),
    ...(random !== undefined && { randomBytes: random }),
  }
  return { seal: seal ?? encrypted({ secret, ...given }) }
}

function inStore(options: StoredOptions, cookieName: string): InStore {
  const { store, secret, users, renew, randomBytes: random = randomBytes } = options
  return {
    store,
    users: usersOf(users, store, cookieName),
    ids: nativeIds(random, cookieName),
    randomBytes: random,
    renewAfter: renew === undefined ? undefined : milliseconds(renew, 'renew', MINUTE),
    seal: options.seal ?? (secret === undefined ? undefined : signed({ secret })),
  }
}

type AnyOption = Partial<Record<keyof StoredOptions | keyof SealedOptions, unknown>>

const NAMES = [
  'ambient',
  'context',
  'cookie',
  'data',
  'eager',
  'idle',
  'lifetime',
  'now',
  'onEvent',
  'onInvalid',
  'onStoreFailure',
  'randomBytes',
  'renew',
  'seal',
  'secret',
  'serializer',
  'store',
  'timeout',
  'users',
] as const

const COOKIE_NAMES = [
  'domain',
  'formerly',
  'name',
  'partitioned',
  'path',
  'sameSite',
  'secure',
] as const

function checkNames(options: StoredOptions | SealedOptions): void {
  if (options === undefined) {
    throw new ConfigError(
      'createSessions needs options. Give a `store`, or a `secret` for sessions in the cookie.',
    )
  }
  checkOptions<AnyOption>('createSessions', options, NAMES)
  if (options.cookie !== undefined) checkOptions('cookie', options.cookie, COOKIE_NAMES)
  checkPlaces(options.cookie?.formerly)
  const { users, renew }: AnyOption = options
  if (renew !== undefined && options.store === undefined) {
    throw new ConfigError(
      '`renew` needs a `store`, which knows both the old cookie and the new one. Leave it out: a cookie that holds the record is sealed anew with each write.',
    )
  }
  if (typeof users === 'object' && users !== null) {
    checkOptions('users', users as UsersOptions, ['most', 'over', 'realm'])
  }
  if (users !== undefined && users !== false && options.store === undefined) {
    throw new ConfigError(
      '`users` needs a `store`, where the list of each user is kept. Give one, or leave `users` out.',
    )
  }
  // What is named and undefined was most often meant to come from the environment. Without a store there is a sealed cookie;
  // without a secret the cookie of a store would not be signed.
  for (const name of ['secret', 'seal'] as const) {
    if (name in options && options[name] === undefined) {
      throw new ConfigError(
        `\`${name}\` is undefined. Set it, or leave the option out.${name === 'secret' ? ` ${MAKE_A_SECRET}` : ''}`,
      )
    }
  }
  if ('context' in options && (options.store !== undefined || options.seal !== undefined)) {
    throw new ConfigError(
      '`context` belongs to the encrypted cookie, and these sessions have a `store` or a `seal`. Leave it out: give the store a prefix, or the seal what it needs.',
    )
  }
  if (options.store === undefined && options.secret === undefined && options.seal === undefined) {
    const problem =
      'store' in options
        ? '`store` is undefined. Set it, or give a `secret` for sessions in the cookie.'
        : 'Sessions without a `store` travel in the cookie and need a `secret`.'
    throw new ConfigError(`${problem} ${MAKE_A_SECRET}`)
  }
}
