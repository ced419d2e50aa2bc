/**
 * What the cases of the store suite share: their context, and the steps that they consist of.
 *
 * @module
 */

import { setImmediate } from 'node:timers'
import type { MaybePromise, Store, StoredRecord, Version } from '../core/store.ts'
import { check, checkBytes, checkSame, type SuiteCase, type Timeline } from './runner.ts'

/** The context of one case. */
export interface StoreContext {
  readonly store: Store
  /** A second client on the same data, or the same store again. */
  readonly other: Store
  readonly clock: Timeline
  readonly atomic: boolean
  readonly resolution: number
  readonly maxBytes: number
  /** How many records the large case keeps. */
  readonly ids: number
  /** See the fixture; for cases that need it. */
  readonly loseNextReply: () => Promise<void>
  /** See the fixture; for cases that need it. */
  readonly foreignWrite: (id: string, bytes: Uint8Array, expiresAt: number) => Promise<void>
}

export interface StoreCase extends SuiteCase<StoreContext> {
  /** What the store or the fixture must have for this case. */
  readonly needs?: 'atomic' | 'broken' | 'limit' | 'loseNextReply' | 'foreignWrite'
}

export const HOUR = 3_600_000
export const DAY: number = 24 * HOUR

type MakeCase = (number: string, title: string, run: StoreCase['run']) => StoreCase

/** Makes a case for every store. */
export const of: MakeCase = (number, title, run) => ({ number, title, run })

/** Returns a function like {@link of} for stores or fixtures that have something. */
export function needing(needs: NonNullable<StoreCase['needs']>): MakeCase {
  return (number, title, run) => ({ number, title, run, needs })
}

/** Makes a case for stores that can compare and set. */
export const atomic: MakeCase = needing('atomic')

/** Returns an id that no other case uses. */
export function newId(): string {
  return globalThis.crypto.randomUUID()
}

/** Encodes text as UTF-8. */
export function text(content: string): Uint8Array {
  return new TextEncoder().encode(content)
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

/** Shortens an id for a message. */
export function show(id: string): string {
  return id.length > 40 ? `${id.length} characters ending in ${id.at(-1)}` : JSON.stringify(id)
}

/** Returns an expiry that no case waits for. */
export function later(clock: Timeline): number {
  return clock.now() + HOUR
}

/** Returns expiry times that are over, whatever the resolution of the store. */
export function notInTheFuture(clock: Timeline, resolution: number): number[] {
  const now = clock.now()
  return [now - Math.max(resolution - 1, clock.slack), now - DAY, 0]
}

/** Creates a record of text under an id that must be free. */
export async function create(
  store: Store,
  id: string,
  content: string,
  clock: Timeline,
  expiresAt: number = later(clock),
): Promise<Version | undefined> {
  const result = await store.create(id, text(content), expiresAt)
  check(result.kind === 'created', `create of a new record: ${result.kind}`)
  return result.version
}

/** Reads a record that must be there, with its expiry. */
export async function readLive(store: Store, id: string): Promise<StoredRecord> {
  const record = await store.read(id, { expiry: true })
  check(record !== undefined, 'read: expected a record, got none')
  return record
}

/** Adds one to the number in a record. Resolves to false when the record is gone. */
export async function increment(store: Store, id: string, clock: Timeline): Promise<boolean> {
  let record = await store.read(id)
  for (let turn = 0; turn < 10_000; turn++) {
    if (record === undefined) return false
    const next = text(String(numberIn(record) + 1))
    const result = await store.replace(id, next, later(clock), record.version)
    if (result.kind !== 'conflict') return result.kind === 'replaced'
    record = result.current ?? (await store.read(id))
  }
  throw new Error('replace: answered conflict 10,000 times in a row')
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
  call: (item: T) => Promise<unknown>,
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

/** Returns an optional verb of a store that must have it. */
export function abilityOf<Verb extends 'sweep' | 'list'>(
  store: Store,
  verb: Verb,
): NonNullable<Store[Verb]> {
  const call = store[verb]
  check(
    call !== undefined,
    `the store has no ${verb}. If that is intended, give the reason as a deviation.`,
  )
  return call.bind(store) as NonNullable<Store[Verb]>
}

type Call = (id: string, version: Version, signal?: AbortSignal) => unknown

/** Returns all verbs of a store by name. */
export function verbsOf(store: Store, clock: Timeline): readonly (readonly [string, Call])[] {
  const options = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { signal })
  const calls: (readonly [string, Call])[] = [
    ['read', (id, _, signal) => store.read(id, options(signal))],
    ['create', (id, _, signal) => store.create(id, text('new'), later(clock), options(signal))],
    [
      'replace',
      (id, version, signal) =>
        store.replace(id, text('new'), later(clock), version, options(signal)),
    ],
    ['touch', (id, version, signal) => store.touch(id, later(clock), version, options(signal))],
    ['delete', (id, _, signal) => store.delete(id, undefined, options(signal))],
  ]
  const { sweep, list } = store
  if (sweep !== undefined)
    calls.push(['sweep', (_, __, signal) => sweep.call(store, options(signal))])
  if (list !== undefined) {
    calls.push([
      'list',
      async (_, __, signal) => {
        for await (const _id of list.call(store, options(signal))) await pause(0)
      },
    ])
  }
  return calls
}

/** Fails unless every verb takes an id for unknown. Creates a record under the id in the end. */
export async function checkAbsent(
  store: Store,
  id: string,
  clock: Timeline,
  what: string,
): Promise<void> {
  const another = newId()
  await create(store, another, 'another record', clock)
  const { version } = await readLive(store, another)
  checkSame(await store.read(id), undefined, `read of ${what}`)
  const replaced = await store.replace(id, text('again'), later(clock), version)
  checkSame(replaced.kind, 'gone', `replace of ${what}`)
  checkSame(await store.touch(id, later(clock), version), 'gone', `touch of ${what}`)
  checkSame(await store.read(id), undefined, `read of ${what} after replace and touch`)
  const created = await store.create(id, text('again'), later(clock))
  checkSame(created.kind, 'created', `create of ${what}`)
  checkBytes((await store.read(id))?.bytes, text('again'), `read after create of ${what}`)
}

/** Fails unless the record has this content and expiry. */
export async function checkUnchanged(
  store: Store,
  id: string,
  content: string | Uint8Array,
  expiresAt: number,
  context: StoreContext,
): Promise<void> {
  const record = await readLive(store, id)
  const bytes = typeof content === 'string' ? text(content) : content
  checkBytes(record.bytes, bytes, 'the record')
  checkExpiry(record.expiresAt, expiresAt, context, 'the record')
}

/** Whether a record expires when it was asked to, or later by rounding and by the time that its write took. */
export function isExpiry(
  actual: number | undefined,
  expected: number,
  { clock, resolution }: StoreContext,
): boolean {
  const latest = expected + resolution + clock.slack + clock.lateness()
  return actual !== undefined && actual >= expected - clock.slack && actual < latest
}

/** Fails unless {@link isExpiry}. */
export function checkExpiry(
  actual: number | undefined,
  expected: number,
  context: StoreContext,
  what: string,
): void {
  check(actual !== undefined, `${what}: expiresAt is absent, though the read asked for the expiry`)
  check(
    isExpiry(actual, expected, context),
    `${what}: expiresAt is ${actual - expected} ms after the expiry that was given`,
  )
}
