/**
 * Puts a life cycle together from a preset, for vial's own sessions and for those of other libraries alike.
 *
 * @module
 */

import type { CookiePlace, CookieWriter } from '../cookies/serialize.ts'
import { ConfigError } from '../errors.ts'
import {
  backoff,
  CookieBacking,
  type CookieBackingConfig,
  StoreBacking,
  type StoreBackingConfig,
} from './backing/index.ts'
import { type Duration, milliseconds } from './duration.ts'
import { guarded, type OnEvent } from './events.ts'
import type { Expiry } from './expiry.ts'
import type { SessionPolicy } from './policy.ts'
import { DataSchema, type OnInvalid, type Schema } from './schema.ts'
import type { Serializer } from './serializer.ts'
import { Session, StoredSession } from './session.ts'
import { SessionLifeCycle } from './session-life-cycle.ts'
import type { Verb } from './store.ts'
import { waitTimer } from './time-limit.ts'
import { UserLists, type Users } from './users/index.ts'
import { warnOnce } from './warnings.ts'

/** The options that every preset hands on as they were given. */
export interface CommonOptions {
  readonly data?: Schema<object>
  readonly onInvalid?: OnInvalid
  readonly ambient?: boolean
  readonly eager?: boolean
  readonly onEvent?: OnEvent
  readonly now?: () => number
  readonly timeout?: Duration
  readonly onStoreFailure?: 'reject' | 'anonymous'
}

/** Options that equal a library's habits. */
export interface Preset {
  readonly options: CommonOptions
  readonly cookie: CookieWriter
  readonly serializer: Serializer
  readonly policy: SessionPolicy
  readonly expiry: Expiry
  readonly place: InCookie | InStore
}

/** The record travels in the cookie. */
export type InCookie = Pick<CookieBackingConfig, 'seal' | 'agedBySeal'>

/** The record is in a store, and the cookie holds a credential. */
export type InStore = Pick<
  StoreBackingConfig,
  'store' | 'ids' | 'randomBytes' | 'seal' | 'renewAfter'
> & {
  /** Undefined: the sessions of a user are not listed. */
  readonly users?: Users | undefined
}

interface Kind {
  is(value: unknown): boolean
  /** What to give instead, for messages. */
  readonly give: string
}

/** What an option has to be, whatever takes it. Options that are not here are checked where they are used. */
const KINDS: Readonly<Record<string, Kind>> = {
  ...each('ambient eager exactFloats httpOnly partitioned permanent refreshEachRequest', {
    is: (value) => typeof value === 'boolean',
    give: 'true or false',
  }),
  ...each('now onError onEvent randomBytes', {
    is: (value) => typeof value === 'function',
    give: 'a function',
  }),
  ...each('context domain keyPrefix name path', {
    is: (value) => typeof value === 'string',
    give: 'a string',
  }),
  onInvalid: oneOf('drop', 'fresh', 'throw'),
  onStoreFailure: oneOf('anonymous', 'reject'),
  users: {
    is: (value) => typeof value === 'boolean' || (typeof value === 'object' && value !== null),
    give: 'true, or an object such as `{ most: 5 }`',
  },
  formerly: { is: Array.isArray, give: "a list of places, such as `[{ domain: 'example.com' }]`" },
  seal: having('seal', 'open'),
  serializer: having('split', 'join'),
}

/** Advice for the options of other libraries. */
const ADVICE: Readonly<Record<string, string>> = {
  ...each(
    'expires maxAge rolling ttl',
    'Beside `cookie`, `lifetime` is the longest life and `idle` the longest pause; `session.permanent = true` makes the cookie outlive the browser.',
  ),
  ...each(
    'resave saveUninitialized unset',
    'Leave it out: a session is stored when this request changed it, and only then.',
  ),
  ...each('keys password secrets', 'Give `secret`.'),
  httpOnly: 'Leave it out: the cookie is always HttpOnly.',
  proxy: 'Leave it out: the cookie does not depend on the proxy.',
  signed: 'Leave it out: `secret` signs the cookie.',
}

function each<T>(names: string, value: T): Record<string, T> {
  return Object.fromEntries(names.split(' ').map((name) => [name, value]))
}

function oneOf(...values: readonly string[]): Kind {
  const give = values.map((one) => `'${one}'`).join(' or ')
  return { is: (value) => values.includes(value as string), give }
}

function having(...methods: readonly string[]): Kind {
  const give = `an object with the methods ${methods.join(' and ')}`
  return { is: (value) => missing(value, methods) === undefined, give }
}

/** The first of these methods that a value lacks. */
function missing(value: unknown, methods: readonly string[]): string | undefined {
  const object = Object(value) as Readonly<Record<string, unknown>>
  return methods.find((name) => typeof object[name] !== 'function')
}

/**
 * Checks the names of options, and the types of those in `KINDS`.
 *
 * @param owner What takes the options, such as `createSessions`.
 * @throws {ConfigError} For an unknown option, naming the one that was meant, and for a value of another type.
 */
export function checkOptions<Options extends object>(
  owner: string,
  options: Options,
  valid: readonly (keyof Options & string)[],
): void {
  const names: readonly string[] = valid
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ConfigError(`${owner} takes an object of options, not ${described(options)}.`)
  }
  for (const [name, value] of Object.entries(options)) {
    if (!names.includes(name)) throw unknownOption(owner, name, names)
    const kind = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined
    if (kind === undefined || value === undefined || kind.is(value)) continue
    throw new ConfigError(`${owner}: ${name} is ${described(value)}. Give ${kind.give}.`)
  }
}

/** Checks the names in `cookie.formerly`. @throws {ConfigError} As {@link checkOptions}. */
export function checkPlaces(places: readonly CookiePlace[] = []): void {
  for (const place of places) {
    checkOptions('cookie.formerly', place, ['domain', 'partitioned', 'path'])
  }
}

function unknownOption(owner: string, name: string, names: readonly string[]): ConfigError {
  const near = names.find((one) => isNear(one, name))
  const advice = Object.hasOwn(ADVICE, name) ? ADVICE[name] : undefined
  const parts = [
    `${owner} has no option '${name}'.`,
    near === undefined ? advice : `Did you mean '${near}'?`,
    `Valid options: ${names.toSorted().join(', ')}.`,
  ]
  return new ConfigError(parts.filter(Boolean).join(' '))
}

/** Whether one name is the other but for letter case, `_`, `-`, and up to two letters in a row. */
function isNear(one: string, other: string): boolean {
  const [a, b] = [one, other].map((name) => name.toLowerCase().replace(/[_-]/g, ''))
  if (a === undefined || b === undefined) return false
  const shorter = Math.min(a.length, b.length)
  let start = 0
  while (start < shorter && a[start] === b[start]) start++
  let end = 0
  while (end < shorter - start && a.at(-1 - end) === b.at(-1 - end)) end++
  return start + end > 2 && Math.max(a.length, b.length) - start - end <= 2
}

/** What a value is. A string is not shown, as it may be a secret. */
function described(value: unknown): string {
  if (value === undefined || value === null) return String(value)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

const VERBS: readonly Verb[] = ['read', 'create', 'replace', 'touch', 'delete']

/** @throws {ConfigError} When it is no store, naming what it is and how to make a store of it. */
function checkStore(store: unknown): void {
  const verb = missing(store, VERBS)
  if (verb === undefined) return
  const has = (...methods: readonly string[]) => missing(store, methods) === undefined
  let mistake = `${described(store)} without the method \`${verb}\`. Make one with \`redisStore(client)\`, \`await openStore(url)\` or \`memoryStore()\`.`
  if (typeof store === 'function') mistake = 'a function. Call it, such as `memoryStore()`.'
  else if (typeof store === 'string') {
    mistake = 'a string. Open a URL with `await openStore(url)` of vial/stores/open.'
  } else if (has('then')) mistake = 'a promise. Await it, such as `await openStore(url)`.'
  else if (has('get', 'set', 'destroy')) {
    mistake =
      'a store of express-session. Use the one of vial for the same server, such as `redisStore(client)` of vial/stores/redis.'
  } else if (has('get', 'set')) {
    mistake =
      'a cache or a client. Make a store of it, such as `cacheStore(cache)` or `redisStore(client)`.'
  }
  throw new ConfigError(`\`store\` is ${mistake}`)
}

/** Makes the life cycle. Throws `ConfigError` for a common option that cannot work. */
export function assemble({ options, place, policy, ...parts }: Preset): SessionLifeCycle {
  const { now = Date.now } = options
  const emit = guarded(options.onEvent, 'onEvent')
  const shared = { ...parts, now, userKey: policy.userKey }
  const store = 'store' in place ? place.store : undefined
  if ('store' in place) {
    checkStore(store)
    if (place.seal === undefined && parts.cookie.removal.domain !== undefined) {
      warnOnce(
        'VIAL_COOKIE_DOMAIN',
        '`cookie.domain` without `secret`: each host of the domain can set a cookie that opens a session of its own. Give `secret`, or leave `domain` out.',
      )
    }
  }
  const backing =
    'store' in place
      ? storeBacking({
          ...shared,
          ...place,
          emit,
          backoff,
          timer: waitTimer(),
          timeout: milliseconds(options.timeout ?? '1s', 'timeout'),
        })
      : new CookieBacking({ ...shared, ...place })
  return new SessionLifeCycle({
    backing,
    cookie: parts.cookie,
    serializer: parts.serializer,
    policy,
    sessionClass: store === undefined ? Session : StoredSession,
    schema: options.data && new DataSchema(options.data, options.onInvalid ?? 'drop'),
    now,
    onStoreFailure: (store && options.onStoreFailure) ?? 'reject',
    ambient: options.ambient ?? false,
    eager: options.eager ?? false,
    emit,
    close: async () => store?.close?.(),
  })
}

function storeBacking({
  users,
  ...config
}: Omit<StoreBackingConfig, 'lists'> & Pick<InStore, 'users'>): StoreBacking {
  return new StoreBacking({ ...config, lists: users && new UserLists({ ...config, ...users }) })
}
