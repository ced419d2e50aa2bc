/**
 * The life of a session, whatever its data: beginning, login, messages, end.
 *
 * @module
 */

import { StateError } from '../errors.ts'
import { fingerprint } from './ids.ts'
import { FLASHES, isReserved, PERMANENT } from './record.ts'
import type { Work } from './session-state.ts'
import { isDeepStrictEqual, tuple } from './values.ts'

/** What `util.inspect` asks for, on every runtime. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/** A message for the next page. */
export interface Flash {
  readonly category: string
  readonly message: string
  /** The message is HTML that is known to be safe, as Flask's `Markup`. Absent: plain text, to be escaped. */
  readonly html?: true
}

/** Safe HTML as a value, such as `Markup` of `vial/serializers/python-values`. */
export interface SafeHtml {
  readonly html: string
}

/** The core's way to what a session holds; no way leads there from the session itself. */
export let workOf: (session: AnySession) => Work

/** What every session can do. It is synchronous and does no I/O. */
export abstract class AnySession {
  readonly #work: Work

  static {
    workOf = (session) => session.#work
  }

  constructor(work: Work) {
    this.#work = work
  }

  /** No record exists yet; the first write makes one. */
  get isNew(): boolean {
    return this.#work.origin === undefined
  }

  /** Something will be stored, nested changes of values that were handed out included. */
  get modified(): boolean {
    return this.#work.modified
  }

  /** The number of keys. */
  get size(): number {
    return this.#work.changes.keys().filter((key) => !isReserved(key)).length
  }

  /** The cookie outlives the browser. False in a new session. */
  get permanent(): boolean {
    return this.#work.changes.peek(PERMANENT) === true
  }

  set permanent(value: boolean) {
    this.#work.assertOpen()
    if (this.permanent !== value) this.#work.changes.put(PERMANENT, value)
  }

  /** When the session began, in ms since the epoch. Undefined before the first commit, and in a record that another library started. */
  get createdAt(): number | undefined {
    return this.#work.meta.createdAt
  }

  /** Whom {@link login} named. Undefined: nobody. */
  get user(): string | undefined {
    return this.#work.meta.user
  }

  /** Names this session in logs; the id itself is never shown. `new` and `sealed` where there is no id. */
  get fingerprint(): string {
    const { origin } = this.#work
    if (origin === undefined) return 'new'
    return origin.id === '' ? 'sealed' : fingerprint(origin.id)
  }

  /** Removes every key, also those that another request writes meanwhile, and whom {@link login} named. Left empty, the record is deleted. */
  clear(): void {
    this.#work.assertOpen()
    this.#work.clear()
  }

  /**
   * Keeps one message for the next page, in Flask's format.
   *
   * @param message Plain text; safe HTML where the format has it.
   * @param category For the page to tell messages apart, such as `error`. @default 'message'
   */
  flash(message: string | SafeHtml, category = 'message'): void {
    this.#work.assertOpen()
    this.#work.changes.apply(FLASHES, (kept) => [...messages(kept), tuple(category, message)])
  }

  /**
   * Takes the messages that this call shows; one that arrives meanwhile stays for the next page.
   *
   * @param options.categories Which ones. Absent: all.
   */
  flashes(options: { readonly categories?: readonly string[] } = {}): readonly Flash[] {
    const { categories } = options
    const shown = messages(this.#work.changes.peek(FLASHES)).filter(
      (item) => categories === undefined || categories.includes(String(item[0])),
    )
    if (shown.length > 0) {
      this.#work.assertOpen()
      this.#work.changes.apply(FLASHES, (kept) => without(messages(kept), shown))
    }
    return shown.map(([category, message]) => ({ category: String(category), ...shownAs(message) }))
  }

  /** Moves the data to a new id; the old id is dead at once. Dropped, and told by an event, if the session was ended meanwhile. */
  regenerate(): void {
    this.#work.assertOpen()
    if (this.#work.renewal === 'none') this.#work.renewal = 'regenerate'
  }

  /**
   * Moves the data to a new id and notes who it is. If the session was ended meanwhile, one starts with this request's
   * writes only. The lifetime begins anew.
   *
   * @param user A name that is not empty, such as a primary key as text.
   */
  login(user: string): void {
    this.#work.assertOpen()
    if (typeof user !== 'string' || user === '') {
      throw new StateError('login() needs the name of the user: a text that is not empty.')
    }
    this.#work.login(user)
  }

  /** Ends the session everywhere. A write after this starts a new one under a new id. */
  destroy(): void {
    this.#work.assertOpen()
    this.#work.destroy()
  }

  /** Shows neither id nor data. */
  [INSPECT](): string {
    return `Session <${this.fingerprint}>`
  }
}

/** Anything that is not a list of pairs is not ours and counts as no message. */
function messages(value: unknown): (readonly [unknown, unknown])[] {
  return Array.isArray(value)
    ? value.filter((item): item is [unknown, unknown] => Array.isArray(item) && item.length === 2)
    : []
}

function shownAs(message: unknown): Pick<Flash, 'message' | 'html'> {
  const { html } = Object(message) as Partial<SafeHtml>
  // A dictionary that the program stored says nothing about what is safe.
  const isValue = Object.getPrototypeOf(Object(message)) !== Object.prototype
  return typeof html === 'string' && isValue
    ? { message: html, html: true }
    : { message: String(message) }
}

/** The list less one occurrence of each message that was shown; undefined when nothing is left. */
function without(
  kept: (readonly [unknown, unknown])[],
  shown: readonly (readonly [unknown, unknown])[],
): (readonly [unknown, unknown])[] | undefined {
  const left = [...kept]
  for (const item of shown) {
    const at = left.findIndex((other) => isDeepStrictEqual([...other], [...item]))
    if (at >= 0) left.splice(at, 1)
  }
  return left.length === 0 ? undefined : left
}
