/**
 * The cases of failures: aborted signals, a backend that cannot be reached, a record that does not fit, and writes that
 * were done although the connection broke before their reply arrived.
 */

import type { MaybePromise, Store, StoreOptions, Version } from '../core/store.ts'
import { isSessionError, type StoreError } from '../errors.ts'
import { check, checkError, checkSame, settle } from './runner.ts'
import {
  bytesOf,
  type Client,
  many,
  needing,
  newId,
  noise,
  numberIn,
  of,
  pause,
  type StoreCase,
  type StoreContext,
} from './store-case.ts'
import type { Timeline } from './timeline.ts'

/** How often a call is tried until a store whose connection broke works again, and the ms between two tries. */
const TRIES = 1_000
const BETWEEN_TRIES = 10

const lossy = needing('loseNextReply')

/** F1 and F2. */
export const failingCases: readonly StoreCase[] = [
  of('F1 says what it is', async ({ store: { raw }, atomic }) => {
    check(typeof raw.name === 'string' && raw.name !== '', 'the store has no name')
    checkSame(raw.atomic, atomic, 'atomic')
  }),
  of('F1 takes an aborted signal without harm', async ({ store, clock }) => {
    const { id, version } = await store.make('first')
    for (const abort of ['before', 'while'] as const) {
      for (const [verb, call] of verbsOf(store, clock)) {
        const controller = new AbortController()
        if (abort === 'before') controller.abort()
        const pending = settle(() => call(newId(), version, controller))
        controller.abort()
        const result = await pending
        if (result.status === 'fulfilled') continue
        checkError(result.reason, 'ERR_VIAL_STORE', `${verb}, aborted ${abort}`)
      }
    }
    await store.check(id, 'first', 'a record that no aborted verb was for')
    await store.create(newId(), 'another')
  }),
  needing('broken')(
    'F1 rejects with a StoreError when the backend cannot be reached',
    async ({ store, clock }) => {
      for (const [verb, call] of verbsOf(store, clock)) {
        const id = newId()
        const error = await checkRejects(() => call(id, bytesOf('version')), 'ERR_VIAL_STORE', verb)
        check(!error.message.includes(id), `${verb}: the message holds the id`)
        const { operation, outcome, retriable } = error as StoreError
        checkSame<unknown>(operation, verb, 'the operation of the error')
        const known = outcome === 'not-done' || outcome === 'unknown'
        check(known, `${verb}: the outcome is ${String(outcome)}`)
        checkSame(typeof retriable, 'boolean', `${verb}: the type of retriable`)
      }
    },
  ),
  needing('limit')(
    'F1 rejects a record that does not fit with a TooLargeError',
    async ({ store, maxBytes }) => {
      const tooLong = noise(maxBytes + 1)
      const free = newId()
      await checkRejects(() => store.create(free, tooLong), 'ERR_VIAL_TOO_LARGE', 'create')
      await store.check(free, undefined, 'read after the failed create')

      const { id, version } = await store.make('first')
      const replace = (): unknown => store.replace(id, version, tooLong)
      await checkRejects(replace, 'ERR_VIAL_TOO_LARGE', 'replace')
      await store.check(id, 'first', 'read after the failed replace')
    },
  ),
  lossy('F2 reports a write whose reply was lost as unknown', async (context) => {
    const { store, clock, loseNextReply } = context
    const end = clock.later(2)
    for (const verb of ['create', 'replace', 'touch', 'delete'] as const) {
      await recovered(() => everyVerbOnce(context))
      const { id, version } =
        verb === 'create' ? { id: newId(), version: undefined } : await store.make('first')
      const calls = {
        create: () => store.create(id, 'written', end),
        replace: () => store.replace(id, version, 'written', end),
        touch: () => store.call('touch', id, version, end),
        delete: () => store.raw.delete(id),
      }
      await loseNextReply()
      const what = `${verb} whose reply was lost (does the client retry by itself?)`
      const error = await checkRejects(calls[verb], 'ERR_VIAL_STORE', what)
      checkSame((error as StoreError).outcome, 'unknown', `${what}: the outcome`)

      await recovered(() => {
        if (verb === 'delete') return store.check(id, undefined, 'read after the delete')
        return store.checkUnchanged(id, verb === 'touch' ? 'first' : 'written', end)
      })
      if (verb !== 'replace') continue
      // A client that sends the first write once more would conflict with this one.
      const now = await recovered(() => store.live(id))
      const next = await recovered(() => store.replace(id, now.version, 'next'))
      checkSame(next, 'replaced', 'the next replace')
    }
  }),
  lossy('F2 counts no increment twice and loses none that was acknowledged', async (context) => {
    const { store, other, loseNextReply } = context
    await recovered(() => everyVerbOnce(context))
    const id = await store.put('0')
    let done = 0
    let unknown = 0
    await many(4, async (n) => {
      const client = n % 2 ? other : store
      for (let turn = 0; turn < 12; turn++) {
        const losing = n === 0 && turn % 3 === 0 ? loseNextReply : undefined
        if (await incrementOnce(client, id, losing)) done++
        else unknown++
      }
    })
    const counted = numberIn(await recovered(() => store.live(id)))
    check(unknown > 0, 'no reply was lost')
    check(
      done <= counted && counted <= done + unknown,
      `${done} increments were acknowledged and ${unknown} are unknown; the sum is ${counted}`,
    )
  }),
]

type Verb = 'read' | 'create' | 'replace' | 'touch' | 'delete' | 'sweep' | 'list'
type Call = (id: string, version: Version, options?: StoreOptions) => unknown

/** Returns all verbs of a store by name. */
function verbsOf({ raw }: Client, clock: Timeline): [Verb, Call][] {
  const [content, end] = [bytesOf('new'), clock.later()]
  const calls: [Verb, Call][] = [
    ['read', (id, _, options) => raw.read(id, options)],
    ['create', (id, _, options) => raw.create(id, content, end, options)],
    ['replace', (id, version, options) => raw.replace(id, content, end, version, options)],
    ['touch', (id, version, options) => raw.touch(id, end, version, options)],
    ['delete', (id, _, options) => raw.delete(id, undefined, options)],
    ['sweep', (_, __, options) => raw.sweep?.(options)],
    ['list', (_, __, options) => listAll(raw, options)],
  ]
  return calls.filter(([verb]) => raw[verb] !== undefined)
}

async function listAll(raw: Store, options?: StoreOptions): Promise<void> {
  for await (const _id of raw.list?.(options) ?? []) await pause(0)
}

/** Calls each verb, so that the store has opened what it opens at the first use and the lost reply is that of the write. */
async function everyVerbOnce({ store, other }: StoreContext): Promise<void> {
  for (const client of new Set([store, other])) {
    const id = await client.put('first')
    await client.update(id, 'second')
    await client.call('touch', id, (await client.live(id)).version)
    await client.raw.delete(id)
  }
}

/** Adds one to a number. Resolves to false when the outcome is unknown; then it does not try again. */
async function incrementOnce(
  store: Client,
  id: string,
  loseNextReply: (() => Promise<void>) | undefined,
): Promise<boolean> {
  for (let turn = 0; turn < 10_000; turn++) {
    const record = await recovered(() => store.live(id))
    if (turn === 0) await loseNextReply?.()
    const next = `${numberIn(record) + 1}`
    const result = await settle(() => store.replace(id, record.version, next))
    if (result.status === 'rejected') {
      checkError(result.reason, 'ERR_VIAL_STORE', 'replace')
      if ((result.reason as StoreError).outcome === 'unknown') return false
    } else if (result.value === 'replaced') return true
  }
  throw new Error('replace: did not succeed in 10,000 tries')
}

/** Fails unless the call rejects, or throws, an error of that `code`; resolves to the error. */
async function checkRejects(call: () => unknown, code: string, what: string): Promise<Error> {
  const result = await settle(call)
  const resolved = result.status === 'fulfilled' ? JSON.stringify(result.value) : ''
  check(
    result.status === 'rejected',
    `${what}: expected it to reject with ${code}, it resolved to ${resolved}`,
  )
  return checkError(result.reason, code, what)
}

/** Calls again while the store fails, as its client is still connecting. */
async function recovered<T>(call: () => MaybePromise<T>): Promise<Awaited<T>> {
  for (let left = TRIES; ; left--) {
    const result = await settle(call)
    if (result.status === 'fulfilled') return result.value
    const failed = isSessionError(result.reason) && result.reason.code === 'ERR_VIAL_STORE'
    if (!failed || left === 0) throw result.reason
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_TRIES))
  }
}
