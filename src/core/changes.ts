/**
 * What a handler did to its session: per key an edit, never a snapshot of the whole. Commit rebases the edits onto the
 * record as it is then (`rebase.ts`).
 *
 * @module
 */

import { isSerializationError, SerializationError, StateError } from '../errors.ts'
import { decodeReserved, isReserved } from './record.ts'
import type { Entries, Serializer } from './serializer.ts'
import { isDeepStrictEqual } from './values.ts'

/** An edit that depends on the value before it. It runs again when that was another one; undefined removes the key. */
export type Operation = (value: unknown) => unknown

/** Thrown by an {@link Operation} whose value is of another kind than it needs. */
export class TypeMismatch extends Error {}

export type Edit =
  /** Read at most. */
  | { readonly kind: 'none' }
  /** The value was replaced. */
  | { readonly kind: 'put' }
  /** The value that was read was changed inside. */
  | { readonly kind: 'nested' }
  | { readonly kind: 'remove' }
  | { readonly kind: 'apply'; readonly operations: readonly Operation[] }

/** One key as the handler left it. */
export interface Cell {
  /** The entry in the record that was read; undefined: there was none, or the handler cleared it away. */
  readonly base: unknown
  edit: Edit
  /** The encoded value as last known here; undefined: no value. */
  entry: unknown
  /** The entry that the next one takes the place of: that of the record, or the result of an operation. */
  like: unknown
  /** The decoded value that the handler may hold on to; compared with `entry` when it counts. */
  live: unknown
  decoded: boolean
  /** The handler saw the base value before its edit, so the edit may rest on it. */
  read: boolean
}

/** Edited keys, with their cells. */
type Edited = readonly (readonly [key: string, cell: Cell])[]

const NO_CELLS: Map<string, Cell> = new Map()
const NOTHING: Edited = []
const NONE: Edit = { kind: 'none' }
const PUT: Edit = { kind: 'put' }
const NESTED: Edit = { kind: 'nested' }
const REMOVE: Edit = { kind: 'remove' }

export class Changes {
  readonly serializer: Serializer
  /** The record that was read, as it was cut. It is never changed. */
  readonly base: Entries
  /** By key; the shared empty one until a key is asked for. */
  #cells = NO_CELLS
  /** Whether the handler emptied the session; edits made since then are in the cells. */
  cleared = false
  /** What was edited when the request ended. */
  #last: Edited | undefined

  constructor(serializer: Serializer, base: Entries) {
    this.serializer = serializer
    this.base = base
  }

  /**
   * Nothing that the handler does from now on counts. Values that were handed out are compared with their entries this
   * once, and not again for each attempt to store them.
   */
  end(): void {
    this.#last = this.edited()
  }

  /** The keys whose values were changed since {@link end}, which is not stored. */
  lateKeys(): string[] {
    return [...this.#cells]
      .filter(([key, cell]) => this.#isChanged(key, cell) && !this.#isAsStored(cell))
      .map(([key]) => key)
  }

  /** Whether there is anything to store, nested changes of values that were handed out included. */
  get modified(): boolean {
    return this.cleared || this.edited().length > 0
  }

  /** The keys that were edited, with their cells, nested changes included. */
  edited(): Edited {
    if (this.#last !== undefined) return this.#last
    if (this.#cells === NO_CELLS) return NOTHING
    return [...this.#cells].filter(([key, cell]) => {
      this.#settle(key, cell)
      return cell.edit !== NONE
    })
  }

  /** Whether this request changed the key, or emptied the session. */
  isEdited(key: string): boolean {
    return this.cleared || this.edited().some(([edited]) => edited === key)
  }

  /** The keys that have a value now: those of the record in its order, then the new ones. */
  keys(): string[] {
    const keys: string[] = []
    if (!this.cleared) {
      for (const key of this.base.keys()) {
        if (typeof key === 'string' && this.has(key)) keys.push(key)
      }
    }
    for (const [key, cell] of this.#cells) {
      const isInRecord = !this.cleared && this.base.has(key)
      if (!isInRecord && cell.entry !== undefined) keys.push(key)
    }
    return keys
  }

  has(key: string): boolean {
    const cell = this.#cells.get(key)
    return cell === undefined ? !this.cleared && this.base.has(key) : cell.entry !== undefined
  }

  /** The value, decoded once; the same object on each call, so that changes inside it are seen. */
  get(key: string): unknown {
    const cell = this.#cell(key)
    if (cell.edit.kind !== 'put' && cell.edit.kind !== 'remove' && !this.cleared) cell.read = true
    if (cell.entry === undefined) return undefined
    if (!cell.decoded) {
      cell.live = decodeOf(this.serializer, key, cell.entry)
      cell.decoded = true
    }
    return cell.live
  }

  /** A copy of the value as it is now; neither counts as read nor is watched for changes. */
  peek(key: string, exactFloats = false): unknown {
    const cell = this.#cell(key)
    this.#settle(key, cell)
    return cell.entry === undefined
      ? undefined
      : decodeOf(this.serializer, key, cell.entry, exactFloats)
  }

  /** Throws {@link SerializationError} at once when the value cannot be stored. */
  put(key: string, value: unknown): void {
    const cell = this.#cell(key)
    const entry = encodeOf(this.serializer, key, value, cell.like)
    cell.edit = PUT
    cell.entry = entry
    cell.like ??= entry
    cell.live = value
    cell.decoded = true
  }

  /** False when there was no such key. Then nothing is recorded, unless the record has a hidden entry. */
  remove(key: string): boolean {
    const had = this.has(key)
    if (!had && !this.#isHidden(key)) return false
    const cell = this.#cell(key)
    cell.edit = REMOVE
    cell.entry = undefined
    cell.live = undefined
    cell.decoded = false
    return had
  }

  /** Lets a key count as absent. Its entry stays in the record until the key is set or deleted. */
  hide(key: string): void {
    const cell = this.#cell(key)
    cell.entry = undefined
    cell.live = undefined
    cell.decoded = false
  }

  /** Records an operation and runs it on the value here. Throws {@link StateError} when it does not fit that value. */
  apply(key: string, operation: Operation): void {
    const cell = this.#cell(key)
    this.#settle(key, cell)
    const entry = this.#run(key, cell.entry, operation)
    if (cell.edit.kind === 'none' || cell.edit.kind === 'apply') {
      // After `clear` there is no value that another request could have changed.
      if (this.cleared) cell.edit = entry === undefined ? NONE : PUT
      else {
        const before = cell.edit.kind === 'apply' ? cell.edit.operations : []
        cell.edit = { kind: 'apply', operations: [...before, operation] }
      }
    } else if (entry === undefined) cell.edit = REMOVE
    else if (cell.edit.kind === 'remove') cell.edit = PUT
    cell.entry = entry
    cell.like = entry ?? cell.like
    cell.live = undefined
    cell.decoded = false
  }

  #isHidden(key: string): boolean {
    const cell = this.#cells.get(key)
    return cell?.edit === NONE && cell.entry === undefined && cell.base !== undefined
  }

  /** Forgets the value of a key that was taken out of the record by other means. What was done to it since stays. */
  withdraw(key: string): void {
    const cell = this.#cells.get(key)
    const isEdited = cell !== undefined && cell.edit !== NONE
    const kept = this.#keep(key, undefined)
    if (isEdited) Object.assign(kept, { ...cell, base: undefined })
  }

  clear(): void {
    this.cleared = true
    this.#cells = NO_CELLS
  }

  #cell(key: string): Cell {
    return this.#cells.get(key) ?? this.#keep(key, this.cleared ? undefined : this.base.get(key))
  }

  #keep(key: string, base: unknown): Cell {
    const cell = {
      base,
      edit: NONE,
      entry: base,
      like: base,
      live: undefined,
      decoded: false,
      read: false,
    }
    if (this.#cells === NO_CELLS) this.#cells = new Map()
    this.#cells.set(key, cell)
    return cell
  }

  /** Notices that a value the handler holds was changed inside since `entry` was made. */
  #settle(key: string, cell: Cell): void {
    if (!this.#isChanged(key, cell)) return
    cell.entry = encodeOf(this.serializer, key, cell.live, cell.like)
    if (cell.edit.kind === 'none') cell.edit = NESTED
    else if (cell.edit.kind === 'apply') cell.edit = cell.base === undefined ? PUT : NESTED
  }

  #isChanged(key: string, { decoded, live, entry }: Cell): boolean {
    if (!decoded || typeof live !== 'object' || live === null || entry === undefined) return false
    return !isDeepStrictEqual(decodeOf(this.serializer, key, entry), live)
  }

  /** Whether a value is stored as its entry says, though it reads otherwise: a format may not hold all of it. */
  #isAsStored({ live, like, entry }: Cell): boolean {
    try {
      return this.serializer.equal(this.serializer.encode(live, like), entry)
    } catch {
      return false
    }
  }

  #run(key: string, entry: unknown, operation: Operation): unknown {
    try {
      return operated(this.serializer, key, entry, operation)
    } catch (error) {
      if (!(error instanceof TypeMismatch)) throw error
      throw new StateError(`Session key '${key}': ${error.message}`, { cause: error })
    }
  }
}

/** The entry that an operation makes of one. Undefined: no value. */
export function operated(
  serializer: Serializer,
  key: string,
  entry: unknown,
  operation: Operation,
): unknown {
  const next = operation(entry === undefined ? undefined : decodeOf(serializer, key, entry))
  return next === undefined ? undefined : encodeOf(serializer, key, next, entry)
}

/**
 * Encodes the value of a key. What the serializer throws says which key it is about.
 *
 * @param like The entry that it takes the place of. Undefined: there is none.
 */
export function encodeOf(
  serializer: Serializer,
  key: string,
  value: unknown,
  like?: unknown,
): unknown {
  try {
    return serializer.encode(value, like)
  } catch (error) {
    throw naming(key, error)
  }
}

/** Decodes the value of a key, likewise. */
export function decodeOf(
  serializer: Serializer,
  key: string,
  entry: unknown,
  exactFloats = false,
): unknown {
  if (isReserved(key)) return decodeReserved(entry, serializer, exactFloats)
  try {
    return serializer.decode(entry, exactFloats)
  } catch (error) {
    throw naming(key, error)
  }
}

function naming(key: string, error: unknown): unknown {
  if (!isSerializationError(error) || error.key !== undefined) return error
  return new SerializationError(`Session key '${key}': ${error.message}`, { key, cause: error })
}
