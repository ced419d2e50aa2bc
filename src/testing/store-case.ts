/**
 * What the cases of the store suite have in common: what they work with, and the steps they are made of.
 *
 * @module
 */

import type { MaybePromise } from '../core/maybe-promise.ts'
import type { Store, StoredRecord, Version } from '../core/store.ts'
import { check, checkBytes, checkSame, type SuiteCase, type Timeline } from './runner.ts'

/** What a case works with. */
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
  /** Given to the cases that need it: see the fixture. */
  readonly loseNextReply: () => Promise<void>
  /** Given to the cases that need it: see the fixture. */
  readonly foreignWrite: (id: string, bytes: Uint8Array, expiresAt: number) => Promise<void>
}

export interface StoreCase extends SuiteCase<StoreContext> {
  /** A case that makes sense for some stores only. */
  readonly needs?: 'atomic' | 'broken' | 'limit' | 'loseNextReply' | 'foreignWrite'
}

export const HOUR = 3_600_000
export const DAY: number = 24 * HOUR

/** The longest id, with the prefix of the store. */
const LONGEST_ID = 200

/** Ids that file systems, collations, query languages and protocols are known to confuse or to refuse. */
const AWKWARD_IDS: readonly string[] = [
  ...[
    '..',
    '...',
    '../..',
    '//',
    './a',
    'a/',
    'a/b',
    'a\\b',
    'a.',
    'a.lock',
    '.a',
    '~a',
    'NUL',
    'CON',
  ],
  ...[
    'a:b',
    'a::b',
    'a*',
    'a?',
    'a[b]',
    '[ab]',
    '{a}',
    '{b}',
    '{a}b',
    '%00',
    '%61',
    '%',
    '%%',
    '__',
  ],
  ...["'OR(1=1)--", '";', '$where', '$a', 'a+b', 'a%20b', '&amp;', '-1', '0', '00', '1e1', '-'],
  ...['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'null', 'undefined', 'NaN', 'true'],
  ...['id', 'ID', 'Id', 'iD', 'STRASSE', 'strasse'],
]

/** Ids of every visible ASCII character and of every length that a store with this prefix must take, no two alike. */
export function possibleIds(prefix: string): readonly string[] {
  const characters = Array.from({ length: 0x7f - 0x21 }, (_, at) => String.fromCharCode(0x21 + at))
  const longest = LONGEST_ID - prefix.length
  const all = characters.join('')
  const long = ['x', 'X', '/', '%', '~', '.'].map((character) => character.repeat(longest))
  const alike = ['y', 'Y', 'z'].map((last) => 'x'.repeat(longest - 1) + last)
  const shorter = ['x'.repeat(longest - 1), 'x'.repeat(Math.floor(longest / 2))]
  const mixed = [all.slice(0, longest), all.toLowerCase().slice(0, longest)]
  return [...new Set([...characters, ...AWKWARD_IDS, ...long, ...alike, ...shorter, ...mixed])]
}

/** A case for every store. */
export function of(number: string, title: string, run: StoreCase['run']): StoreCase {
  return { number, title, run }
}

/** A case for stores that can compare and set. */
export function atomic(number: string, title: string, run: StoreCase['run']): StoreCase {
  return { number, title, run, needs: 'atomic' }
}

/** An id that no other case uses. */
export function newId(): string {
  return globalThis.crypto.randomUUID()
}

export function text(content: string): Uint8Array {
  return new TextEncoder().encode(content)
}

/** Bytes without a pattern that a codec could hold on to, the same for each call. */
export function noise(size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  for (let at = 0, state = 1; at < size; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[at] = state >>> 16
  }
  return bytes
}

/** An id as it can stand in a message. */
export function show(id: string): string {
  return id.length > 40 ? `${id.length} characters ending in ${id.at(-1)}` : JSON.stringify(id)
}

/** An expiry that no case waits for. */
export function later(clock: Timeline): number {
  return clock.now() + HOUR
}

/** Expiry times that have come, whatever a store's grain. */
export function notInTheFuture(clock: Timeline, resolution: number): number[] {
  const now = clock.now()
  return [now - Math.max(resolution - 1, clock.slack), now - DAY, 0]
}

/** Creates a record of text that must not be there yet. */
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

/** Reads a record that must be there. */
export async function readLive(store: Store, id: string): Promise<StoredRecord> {
  const record = await store.read(id, { expiry: true })
  check(record !== undefined, 'read: expected a record, got none')
  return record
}

/** Adds one to a number. Resolves to false when the record is gone. */
export async function increment(store: Store, id: string, clock: Timeline): Promise<boolean> {
  let record = await store.read(id)
  for (let turn = 0; turn < 10_000; turn++) {
    if (record === undefined) return false
    const next = Number(new TextDecoder().decode(record.bytes)) + 1
    const result = await store.replace(id, text(String(next)), later(clock), record.version)
    if (result.kind !== 'conflict') return result.kind === 'replaced'
    record = result.current ?? (await store.read(id))
  }
  throw new Error('replace: told a conflict 10,000 times in a row')
}

/** Calls at once. */
export function many<T>(count: number, call: (n: number) => MaybePromise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, async (_, n) => call(n)))
}

/** Calls for each id, 50 at a time. */
export async function inBatches(
  ids: readonly string[],
  call: (id: string) => Promise<unknown>,
): Promise<void> {
  for (let at = 0; at < ids.length; at += 50) await Promise.all(ids.slice(at, at + 50).map(call))
}

/** Lets others run. */
export function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve))
}

/** An optional verb of a store that must have it. */
export function abilityOf<Verb extends 'sweep' | 'list'>(
  store: Store,
  verb: Verb,
): NonNullable<Store[Verb]> {
  const call = store[verb]
  check(
    call !== undefined,
    `the store has no ${verb}. When that is meant, give the reason as a deviation.`,
  )
  return call.bind(store) as NonNullable<Store[Verb]>
}

type Call = (id: string, version: Version, signal?: AbortSignal) => unknown

/** All verbs that a store has, by name. */
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
        for await (const _id of list.call(store, options(signal))) await tick()
      },
    ])
  }
  return calls
}

/** Fails unless an id is unknown to every verb; makes a record of it in the end. */
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
  checkSame(
    (await store.create(id, text('again'), later(clock))).kind,
    'created',
    `create of ${what}`,
  )
  checkBytes((await store.read(id))?.bytes, text('again'), `read after create of ${what}`)
}

/** Fails unless the record has this text and ends then. */
export async function checkUnchanged(
  store: Store,
  id: string,
  content: string,
  expiresAt: number,
  context: StoreContext,
): Promise<void> {
  const record = await readLive(store, id)
  checkBytes(record.bytes, text(content), 'the record')
  checkDeadline(record.expiresAt, expiresAt, context, 'the record')
}

/** Fails unless a deadline is the one that was given, or rounded up to the resolution. */
export function checkDeadline(
  actual: number | undefined,
  expected: number,
  { clock, resolution }: StoreContext,
  what: string,
): void {
  check(actual !== undefined, `${what}: expiresAt is absent, though the deadline was asked for`)
  check(
    actual >= expected - clock.slack && actual < expected + resolution + clock.slack,
    `${what}: expiresAt is ${actual - expected} ms after the deadline that was given`,
  )
}
