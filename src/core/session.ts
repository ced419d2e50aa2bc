/**
 * A session as a handler holds it: one visitor's dictionary for the length of one request. Synchronous, no I/O.
 *
 * @module
 */

import { StateError } from '../errors.ts'
import { encodeOf, TypeMismatch } from './changes.ts'
import { type Duration, milliseconds } from './duration.ts'
import type { OwnLife } from './expiry.ts'
import { type Flash, messagesOf, toFlash, without } from './flashes.ts'
import { fingerprint } from './ids.ts'
import { checkLabel, type Label } from './label.ts'
import type { SafeHtml } from './python.ts'
import { FLASHES, isReserved } from './record.ts'
import type { SessionState } from './session-state.ts'
import { forbidWithoutStore } from './stand-ins.ts'
import { Float, toJson, tuple } from './values.ts'

/** What `util.inspect` asks for, on every runtime. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/** The state of a session, for the core: a handler cannot reach it. */
export let stateOf: (session: AnySession) => SessionState

const SECOND = 1_000

/** How long a login lasts. */
export interface LoginOptions {
  /** The longest life of this session, in place of the configured one, also a longer one. */
  readonly lifetime?: Duration
  /** The longest pause between its requests, likewise. */
  readonly idle?: Duration
  /** Whether the cookie outlives the browser. Absent: as it was. */
  readonly permanent?: boolean
  /**
   * What the list of the user's sessions shows of this one, such as `{ device: 'Firefox on Linux' }`: at most 256 bytes as
   * JSON. It is kept where `users` is on.
   */
  readonly label?: Label
}

/** What every session can do. It is synchronous and does no I/O. Other properties cannot be set, as they would be lost. */
export abstract class AnySession {
  readonly #state: SessionState

  static {
    stateOf = (session) => session.#state
  }

  constructor(state: SessionState) {
    this.#state = state
    // `session.views = 1` throws, as it would not be stored.
    Object.preventExtensions(this)
  }

  /** No record is behind this session yet; the first write makes one. Writes with a cookie that a login took the place of are dropped. */
  get isNew(): boolean {
    return this.#state.origin === undefined
  }

  /** Something will be stored, nested changes of values that were handed out included. */
  get modified(): boolean {
    return this.#state.modified
  }

  /** The number of keys. */
  get size(): number {
    return this.#state.changes.keys().filter((key) => !isReserved(key)).length
  }

  /** The cookie outlives the browser. False in a new session, but for a preset that says otherwise. */
  get permanent(): boolean {
    return this.#state.permanent
  }

  set permanent(value: boolean) {
    this.#state.assertOpen()
    this.#state.permanent = value
  }

  /**
   * The longest life of this session alone, since it began or its last login, in ms. Undefined: as configured. It may be
   * set to a longer one than the configured, too.
   *
   * @throws {StateError} When it is set in a session of a Flask preset.
   * @throws {ConfigError} When it is set to what is no duration.
   */
  get lifetime(): number | undefined {
    return this.#state.own.lifetime
  }

  set lifetime(value: Duration) {
    this.#state.assertOpen()
    this.#state.ask(lengths({ lifetime: value }))
  }

  /** The longest pause between the requests of this session alone, in ms; otherwise as {@link lifetime}. */
  get idle(): number | undefined {
    return this.#state.own.idle
  }

  set idle(value: Duration) {
    this.#state.assertOpen()
    this.#state.ask(lengths({ idle: value }))
  }

  /** When the session began, in ms since the epoch. Undefined before the first commit, and in a record that another library started. */
  get createdAt(): number | undefined {
    return this.#state.meta.createdAt
  }

  /**
   * When the session ends unless its visitor comes back, in ms since the epoch, as it was loaded: for a page that warns. This
   * request may move it later. Undefined: nothing is stored yet.
   */
  get expiresAt(): number | undefined {
    const { origin } = this.#state
    return origin && (origin.expiresAt ?? origin.meta.until)
  }

  /** The user that {@link login} named. Undefined: not logged in. */
  get user(): string | undefined {
    return this.#state.meta.user
  }

  /** When the user last logged in, in ms since the epoch. Undefined: not logged in, or this request did it. */
  get loggedInAt(): number | undefined {
    return this.user === undefined ? undefined : this.#state.meta.loggedInAt
  }

  /** Names this session in logs; the cookie's content is never shown. `new` and `sealed` where there is no record in a store. */
  get fingerprint(): string {
    const { origin } = this.#state
    if (origin === undefined) return 'new'
    return origin.credential === undefined ? 'sealed' : fingerprint(origin.credential.key)
  }

  /**
   * Removes every key, also those that another request writes meanwhile, and the user. Left empty, the record is
   * deleted. To log out use {@link destroy}, which also ends a session that another request gives a new cookie meanwhile.
   */
  clear(): void {
    this.#state.assertOpen()
    this.#state.clear()
  }

  /**
   * Keeps one message for the next page, in Flask's format: plain text, or safe HTML where the format has it. `category`
   * is for the page to tell messages apart, such as `error`.
   */
  flash(message: string | SafeHtml, category = 'message'): void {
    this.#state.assertOpen()
    this.#state.changes.apply(FLASHES, (kept) => [...messagesOf(kept), tuple(category, message)])
  }

  /** Takes the messages that it returns, of all categories or of those given. One that arrives meanwhile stays. */
  flashes({ categories }: { readonly categories?: readonly string[] } = {}): readonly Flash[] {
    const { changes } = this.#state
    const kept = messagesOf(changes.peek(FLASHES))
    const isText = kept.every((item) => item.every((part) => typeof part === 'string'))
    const exact = isText ? kept : messagesOf(changes.peek(FLASHES, true))
    const shown = kept
      .map((item, at) => ({ item, flash: toFlash(item, exact[at] ?? item) }))
      .filter(({ flash }) => categories === undefined || categories.includes(flash.category))
    if (shown.length > 0) {
      this.#state.assertOpen()
      const items = shown.map(({ item }) => item)
      changes.apply(FLASHES, (current) => without(messagesOf(current), items))
    }
    return shown.map(({ flash }) => flash)
  }

  /**
   * Gives the session a new cookie; the old one is dead at once. Dropped, and reported by the event `gone`, if the
   * session was ended meanwhile.
   */
  regenerate(): void {
    this.#state.assertOpen()
    this.#state.regenerate()
  }

  /**
   * Logs a user in: the session gets a new cookie, its data stays, and its lifetime begins again. A session in which
   * another user is logged in is ended first, and an empty one begins. If the session was ended meanwhile, one begins
   * with this request's writes only.
   *
   * @param user A string that is not empty, such as a primary key.
   * @param options How long this login lasts. What is absent is as configured, unless this request has set it before;
   * what an earlier login asked for ends with it.
   */
  login(user: string, options: LoginOptions = {}): void {
    this.#state.assertOpen()
    if (typeof user !== 'string' || user === '' || !user.isWellFormed()) {
      throw new StateError('login() needs the user as a well-formed string that is not empty.')
    }
    checkLabel(options.label)
    this.#state.login(user, lengths(options), options.label)
    if (options.permanent !== undefined) this.permanent = options.permanent
  }

  /**
   * Notes that the user has just shown who it is, such as by the password or a passkey, for {@link confirmedWithin}. It gives
   * no new cookie: call {@link regenerate} as well where the visitor gains rights by it.
   *
   * @param method A name for the way, such as `password` or `passkey`.
   * @throws {StateError} When no user is logged in, and in a session of a Flask preset.
   */
  confirm(method: string): void {
    this.#state.assertOpen()
    if (typeof method !== 'string' || method === '' || method === '__proto__') {
      throw new StateError('confirm() needs the name of the method, such as `password`.')
    }
    this.#state.confirm(method)
  }

  /**
   * Whether the user has shown who it is within this time: in this way, or without `method` in any, a login included. False
   * where no user is logged in.
   */
  confirmedWithin(duration: Duration, method?: string): boolean {
    const at = this.#state.confirmedAt(method)
    return at !== undefined && this.#state.now() - at <= milliseconds(duration, 'duration')
  }

  /** Ends the session everywhere. A write after this begins a new one with a new cookie. */
  destroy(): void {
    this.#state.assertOpen()
    this.#state.destroy()
  }

  /** Shows neither id nor data. */
  [INSPECT](): string {
    return `Session <${this.fingerprint}>`
  }
}

/** What untyped sessions hold. */
export type Fields = Record<string, unknown>
/** The keys of a session's data. */
export type Keys<Data> = keyof Data & string
/** The keys whose values are `Value`; every key when the data is untyped. */
export type KeysOf<Data, Value> = {
  [K in keyof Data]-?: unknown extends Data[K] ? K : NonNullable<Data[K]> extends Value ? K : never
}[keyof Data] &
  string
type Item<Value> = unknown extends Value
  ? unknown
  : NonNullable<Value> extends readonly (infer T)[]
    ? T
    : never

/**
 * The dictionary. Values that are objects may be changed in place: `session.get('cart')?.push(item)` is saved.
 * Everything that writes throws {@link StateError} once the response headers have left.
 */
export class Session<Data extends object = Fields>
  extends AnySession
  implements Iterable<[Keys<Data>, unknown]>
{
  static {
    forbidWithoutStore(Session.prototype, ['append', 'increment', 'update'])
  }

  // Written out on purpose: the implicit constructor of a derived class costs 0.3 µs.
  constructor(state: SessionState) {
    super(state)
  }

  /**
   * The value of a key, or `fallback` when there is none. A fallback is not stored: see {@link setDefault}.
   *
   * @throws {SerializationError} When the stored value is damaged.
   */
  get<K extends Keys<Data>>(key: K): Data[K] | undefined
  get<K extends Keys<Data>, F>(key: K, fallback: F): Exclude<Data[K], undefined> | F
  get(key: string, fallback?: unknown): unknown {
    if (isReserved(key)) return fallback
    const value = stateOf(this).changes.get(key)
    return value === undefined ? fallback : value
  }

  /** Whether the key has a value. */
  has(key: Keys<Data>): boolean {
    return !isReserved(key) && stateOf(this).changes.has(key)
  }

  /** The keys in the order in which they were stored. */
  keys(): IterableIterator<Keys<Data>> {
    const keys = stateOf(this).changes.keys()
    return keys.filter((key) => !isReserved(key)).values() as IterableIterator<Keys<Data>>
  }

  /** The keys with their values. */
  *entries(): IterableIterator<[Keys<Data>, unknown]> {
    for (const key of this.keys()) yield [key, stateOf(this).changes.get(key)]
  }

  [Symbol.iterator](): IterableIterator<[Keys<Data>, unknown]> {
    return this.entries()
  }

  /**
   * Stores a value. `undefined` deletes the key.
   *
   * @throws {SerializationError} At once, when the format cannot hold the value, or `data` does not allow it.
   */
  set<K extends Keys<Data>>(key: K, value: Data[K]): void {
    const state = writing(this, key)
    if (value === undefined) state.changes.remove(key)
    else state.put(key, value)
  }

  /** The value of a key; when there is none, stores `value` and gives it back, for changes in place. Throws as {@link set}. */
  setDefault<K extends Keys<Data>>(
    key: K,
    value: Exclude<Data[K], undefined>,
  ): Exclude<Data[K], undefined> {
    const state = writing(this, key)
    if (!state.changes.has(key)) state.put(key, value)
    return state.changes.get(key) as Exclude<Data[K], undefined>
  }

  /** Deletes a key; false when there was none. */
  delete(key: Keys<Data>): boolean {
    return writing(this, key).changes.remove(key)
  }

  /** Reads and deletes. Two requests at once may both read; to have one winner, see `Sessions.claim`. */
  pop<K extends Keys<Data>>(key: K): Data[K] | undefined
  pop<K extends Keys<Data>, F>(key: K, fallback: F): Exclude<Data[K], undefined> | F
  pop(key: string, fallback?: unknown): unknown {
    const { changes } = writing(this, key)
    const value = changes.get(key)
    changes.remove(key)
    return value === undefined ? fallback : value
  }

  /**
   * The data as a plain object, for `JSON.stringify`. What JSON has no type for is what comes near it: a string for a
   * bigint, base64 for bytes, an object for a Map, a list for a Set.
   */
  toJSON(): Partial<Record<Keys<Data>, unknown>> {
    const pairs = Array.from(this.entries(), ([key, value]) => [key, toJson(value)] as const)
    return Object.fromEntries(pairs) as Partial<Record<Keys<Data>, unknown>>
  }
}

/** A session with a record in a store: its edits meet those of other requests without losing any. */
export class StoredSession<Data extends object = Fields> extends Session<Data> {
  constructor(state: SessionState) {
    super(state)
  }

  /**
   * Adds to a number, whatever other requests add meanwhile. A missing one counts from 0. A float stays one.
   *
   * @param by @default 1
   * @throws {StateError} When the value is not a number.
   */
  increment(key: KeysOf<Data, number | bigint | Float>, by: number | bigint = 1): void {
    if (typeof by !== 'bigint' && !Number.isFinite(by)) {
      throw new StateError(`increment() adds a finite number, not ${String(by)}.`)
    }
    writing(this, key).changes.apply(key, (value) => sum(value, by))
  }

  /**
   * Adds items to the end of a list, whatever other requests add meanwhile. A missing one begins empty.
   *
   * @throws {StateError} When the value is not a list.
   * @throws {SerializationError} At once, when the format cannot hold an item.
   */
  append<K extends KeysOf<Data, readonly unknown[]>>(key: K, ...items: Item<Data[K]>[]): void {
    const { changes, serializer } = writing(this, key)
    // Encoded now: what the handler does to an item later must not depend on other writers.
    const entry = encodeOf(serializer, key, items)
    changes.apply(key, (value) => {
      if (value !== undefined && !Array.isArray(value))
        throw new TypeMismatch('append() needs a list.')
      return [...(value ?? []), ...(serializer.decode(entry) as unknown[])]
    })
  }

  /**
   * Replaces a value by a function of it, whatever other requests write meanwhile.
   *
   * @param change May run again on a newer value: it must be synchronous and have no side effects. Returning
   * `undefined` deletes the key.
   */
  update<K extends Keys<Data>>(
    key: K,
    change: (value: Data[K] | undefined) => Data[K] | undefined,
  ): void {
    writing(this, key).changes.apply(key, (value) => {
      const next: unknown = change(value as Data[K] | undefined)
      if (next instanceof Promise) {
        throw new StateError(
          `update('${key}') takes a synchronous function: await first, then update.`,
        )
      }
      return next
    })
  }
}

/** The state for a write to this key. Throws {@link StateError} when the key or the moment does not allow one. */
export function writing(session: AnySession, key: unknown): SessionState {
  const state = stateOf(session)
  state.assertOpen()
  if (typeof key !== 'string') throw new StateError('A session key is a string.')
  if (isReserved(key)) {
    throw new StateError(
      `'${key}' belongs to the session itself. Use permanent, flash(), flashes() or login().`,
    )
  }
  return state
}

function lengths({ lifetime, idle }: LoginOptions): OwnLife {
  return {
    lifetime: lifetime === undefined ? undefined : milliseconds(lifetime, 'lifetime', SECOND),
    idle: idle === undefined ? undefined : milliseconds(idle, 'idle', SECOND),
  }
}

function sum(value: unknown, by: number | bigint): number | bigint | Float {
  if (value === undefined) return by
  if (value instanceof Float) return new Float(value.value + Number(by))
  if (typeof value === 'number' && typeof by === 'number') {
    const total = value + by
    // Past 2^53 a number would silently stop counting.
    return Number.isSafeInteger(value) && Number.isSafeInteger(by) && !Number.isSafeInteger(total)
      ? BigInt(value) + BigInt(by)
      : total
  }
  if (typeof value !== 'number' && typeof value !== 'bigint') {
    throw new TypeMismatch(`increment() needs a number, and there is a ${typeof value}.`)
  }
  if ([value, by].some((part) => typeof part === 'number' && !Number.isInteger(part))) {
    throw new TypeMismatch('increment() cannot add a fraction to a big integer.')
  }
  return BigInt(value) + BigInt(by)
}
