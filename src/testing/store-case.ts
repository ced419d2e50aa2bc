/** What the cases of the store suite share: their context, and the steps that they consist of. */

import { setImmediate } from 'node:timers'
import type { MaybePromise, ReadOptions, Store, StoredRecord, Version } from '../core/store.ts'
import { check, checkBytes, checkSame } from './runner.ts'
import type { Timeline } from './timeline.ts'

/** Bytes, or the text whose UTF-8 they are. */
type Content = string | Uint8Array

/** The context of one case. */
export interface StoreContext {
  readonly store: Client
  /** A second client on the same data, or the same store again. */
  readonly other: Client
  readonly clock: Timeline
  readonly atomic: boolean
  readonly maxBytes: number
  /** How many records the large case keeps. */
  readonly ids: number
  /** See the fixture; for cases that need it. */
  readonly loseNextReply: () => Promise<void>
  /** See the fixture; for cases that need it. */
  readonly foreignWrite: (id: string, bytes: Uint8Array, expiresAt: number) => Promise<void>
}

/** What a case does. */
export type Run = (context: StoreContext) => Promise<void>

/** One case. */
export interface StoreCase {
  /** The number of its sentence, which has two characters, and the title. */
  readonly name: string
  readonly run: Run
  /** What the store or the fixture must have for this case. */
  readonly needs: 'atomic' | 'broken' | 'limit' | 'loseNextReply' | 'foreignWrite' | undefined
}

/** Returns a function that makes cases for stores or fixtures that have something. */
export function needing(needs: StoreCase['needs']): (name: string, run: Run) => StoreCase {
  return (name, run) => ({ name, run, needs })
}

/** Makes a case for every store. */
export const of: ReturnType<typeof needing> = needing(undefined)

/** Makes a case for stores that can compare and set. */
export const atomic: ReturnType<typeof needing> = needing('atomic')

/** The verbs that take a version. */
export type Conditional = 'replace' | 'touch' | 'delete'

/** A store with the steps of cases. Where an expiry is left out, no case waits for it. */
export class Client {
  /** The store itself. */
  readonly raw: Store
  readonly #clock: Timeline

  constructor(raw: Store, clock: Timeline) {
    this.raw = raw
    this.#clock = clock
  }

  /** Creates a record under an id that must be free. Resolves to the version, if the store gives it. */
  async create(
    id: string,
    content: Content,
    expiresAt = this.#clock.later(),
  ): Promise<Version | undefined> {
    const result = await this.raw.create(id, bytesOf(content), expiresAt)
    check(result.kind === 'created', `create of the new id ${show(id)}: ${result.kind}`)
    return result.version
  }

  /** Creates a record under a new id, to which it resolves. */
  async put(content: Content, expiresAt?: number): Promise<string> {
    const id = newId()
    await this.create(id, content, expiresAt)
    return id
  }

  /** Creates many records of one content. */
  async putMany(count: number, content: string, expiresAt?: number): Promise<string[]> {
    const ids = Array.from({ length: count }, newId)
    await inBatches(ids, (id) => this.create(id, content, expiresAt))
    return ids
  }

  /** Creates a record under a new id, and reads it. */
  async make(content: Content, expiresAt?: number): Promise<StoredRecord & { id: string }> {
    const id = await this.put(content, expiresAt)
    return { id, ...(await this.live(id)) }
  }

  /** Reads a record that must be there, with its expiry. */
  async live(id: string): Promise<StoredRecord> {
    const record = await this.raw.read(id, { expiry: true })
    check(record !== undefined, 'read: expected a record, got none')
    return record
  }

  /** Replaces the newest version of a record that nothing else changes. */
  async update(id: string, content: Content, expiresAt?: number): Promise<void> {
    const { version } = await this.live(id)
    const kind = await this.replace(id, version, content, expiresAt)
    checkSame(kind, 'replaced', 'replace of the newest version')
  }

  /** Resolves to the kind of the result. */
  async replace(
    id: string,
    version: Version,
    content: Content = 'third',
    expiresAt = this.#clock.later(),
  ): Promise<string> {
    return (await this.raw.replace(id, bytesOf(content), expiresAt, version)).kind
  }

  /** Calls a verb with a version. Resolves to the kind of the result. */
  async call(
    verb: Conditional,
    id: string,
    version: Version,
    expiresAt = this.#clock.later(),
  ): Promise<string> {
    if (verb === 'touch') return this.raw.touch(id, expiresAt, version)
    if (verb === 'delete') return this.raw.delete(id, version)
    return this.replace(id, version, undefined, expiresAt)
  }

  /** Fails unless a read gives this content; with undefined, unless there is no record. */
  async check(
    id: string,
    content: Content | undefined,
    what: string,
    options?: ReadOptions,
  ): Promise<void> {
    const record = await this.raw.read(id, options)
    if (content === undefined) checkSame(record, undefined, what)
    else checkBytes(record?.bytes, bytesOf(content), what)
  }

  /** Fails unless the record has this content and expiry. */
  async checkUnchanged(id: string, content: Content, expiresAt: number): Promise<void> {
    const record = await this.live(id)
    checkBytes(record.bytes, bytesOf(content), 'the record')
    this.#clock.checkExpiry(record.expiresAt, expiresAt, 'the record')
  }

  /** Fails unless every verb takes an id for unknown. Creates a record under the id in the end. */
  async checkAbsent(id: string, what: string): Promise<void> {
    const { version } = await this.make('another record')
    await this.check(id, undefined, `read of ${what}`)
    checkSame(await this.replace(id, version), 'gone', `replace of ${what}`)
    checkSame(await this.call('touch', id, version), 'gone', `touch of ${what}`)
    await this.check(id, undefined, `read of ${what} after replace and touch`)
    await this.create(id, 'again')
    await this.check(id, 'again', `read after create of ${what}`)
  }
}

/** Returns an id that no other case uses. */
export function newId(): string {
  return globalThis.crypto.randomUUID()
}

/** Shortens an id for a message. */
export function show(id: string): string {
  return id.length > 40 ? `${id.length} characters ending in ${id.at(-1)}` : JSON.stringify(id)
}

/** Returns bytes, or the UTF-8 of text. */
export function bytesOf(content: Content): Uint8Array {
  return typeof content === 'string' ? new TextEncoder().encode(content) : content
}

/** Decodes the number in a record. */
export function numberIn(record: StoredRecord): number {
  return Number(new TextDecoder().decode(record.bytes))
}

/** Returns bytes without a pattern that a codec could rely on; the same ones for each call. */
export function noise(size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  for (let at = 0, state = 1; at < size; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[at] = state >>> 16
  }
  return bytes
}

/** Makes several calls at once, waits for all of them, then fails with the first error. */
export async function many<T>(count: number, call: (n: number) => MaybePromise<T>): Promise<T[]> {
  const calls = Array.from({ length: count }, async (_, n) => call(n))
  await Promise.allSettled(calls)
  return Promise.all(calls)
}

/** Makes one call for each item, 50 at a time. */
export async function inBatches<T>(
  items: readonly T[],
  call: (item: T) => MaybePromise<unknown>,
): Promise<void> {
  for (let at = 0; at < items.length; at += 50) {
    const batch = items.slice(at, at + 50)
    await many(batch.length, (n) => call(batch[n] as T))
  }
}

/** How many records a race runs on at the same time; in a single race a defect may stay hidden. */
export const RACES = 8

let nextTurn: Promise<void> | undefined

/**
 * Waits for the next turn of the event loop, then for `n % 7` microtasks. All calls of one turn continue together, so
 * loops that call it interleave in a different order each time, also on a store that answers at once.
 */
export async function pause(n: number): Promise<void> {
  nextTurn ??= new Promise((resolve) => {
    setImmediate(() => {
      nextTurn = undefined
      resolve()
    })
  })
  await nextTurn
  for (let left = n % 7; left > 0; left--) await undefined
}
