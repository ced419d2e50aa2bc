/**
 * The cases of failures: aborted signals, a backend that cannot be reached, a record that does not fit, and writes that
 * were done although the connection broke before their reply arrived.
 *
 * @module
 */

import type { MaybePromise, Store } from '../core/store.ts'
import { isSessionError, type StoreError } from '../errors.ts'
import {
  check,
  checkBytes,
  checkError,
  checkRejects,
  checkSame,
  Rejected,
  settle,
} from './runner.ts'
import {
  checkUnchanged,
  create,
  HOUR,
  later,
  many,
  needing,
  newId,
  noise,
  numberIn,
  of,
  readLive,
  type StoreCase,
  type StoreContext,
  text,
  verbsOf,
} from './store-case.ts'

/** How often a call is tried until a store whose connection broke works again, and the ms between two tries. */
const TRIES = 1_000
const BETWEEN_TRIES = 10

/** F1 and F2. */
export const failingCases: readonly StoreCase[] = [
  of('F1', 'says what it is', async ({ store, atomic }) => {
    check(typeof store.name === 'string' && store.name !== '', 'the store has no name')
    checkSame(store.atomic, atomic, 'atomic')
  }),
  of('F1', 'takes an aborted signal without harm', async ({ store, clock }) => {
    const id = newId()
    await create(store, id, 'first', clock)
    const { version } = await readLive(store, id)
    for (const abort of ['before', 'while'] as const) {
      for (const [verb, call] of verbsOf(store, clock)) {
        const controller = new AbortController()
        if (abort === 'before') controller.abort()
        const pending = settle(() => call(newId(), version, controller.signal))
        controller.abort()
        const result = await pending
        if (result instanceof Rejected)
          checkError(result.reason, 'ERR_VIAL_STORE', `${verb}, aborted ${abort}`)
      }
    }
    const record = await store.read(id)
    checkBytes(record?.bytes, text('first'), 'a record that no aborted verb was for')
    await create(store, newId(), 'another', clock)
  }),
  needing('broken')(
    'F1',
    'rejects with a StoreError when the backend cannot be reached',
    async (context) => {
      const { store, clock } = context
      for (const [verb, call] of verbsOf(store, clock)) {
        const id = newId()
        const error = await checkRejects(() => call(id, text('version')), 'ERR_VIAL_STORE', verb)
        check(!error.message.includes(id), `${verb}: the message holds the id`)
        const { operation, outcome, retriable } = error as StoreError
        checkSame<unknown>(operation, verb, 'the operation of the error')
        check(
          outcome === 'not-done' || outcome === 'unknown',
          `${verb}: the outcome is ${String(outcome)}`,
        )
        checkSame(typeof retriable, 'boolean', `${verb}: the type of retriable`)
      }
    },
  ),
  needing('limit')(
    'F1',
    'rejects a record that does not fit with a TooLargeError',
    async (context) => {
      const { store, clock, maxBytes } = context
      const id = newId()
      const tooLong = noise(maxBytes + 1)
      await checkRejects(
        () => store.create(id, tooLong, later(clock)),
        'ERR_VIAL_TOO_LARGE',
        'create',
      )
      checkSame(await store.read(id), undefined, 'read after the failed create')

      await create(store, id, 'first', clock)
      const { version } = await readLive(store, id)
      await checkRejects(
        () => store.replace(id, tooLong, later(clock), version),
        'ERR_VIAL_TOO_LARGE',
        'replace',
      )
      checkBytes((await store.read(id))?.bytes, text('first'), 'read after the failed replace')
    },
  ),
  needing('loseNextReply')(
    'F2',
    'reports a write whose reply was lost as unknown',
    async (context) => {
      const { store, clock, loseNextReply } = context
      const end = clock.now() + 2 * HOUR
      for (const verb of ['create', 'replace', 'touch', 'delete'] as const) {
        const id = newId()
        await recovered(() => everyVerbOnce(context))
        if (verb !== 'create') await create(store, id, 'first', clock)
        const version = verb === 'create' ? undefined : (await readLive(store, id)).version
        const calls = {
          create: () => store.create(id, text('written'), end),
          replace: () => store.replace(id, text('written'), end, version),
          touch: () => store.touch(id, end, version),
          delete: () => store.delete(id),
        }
        await loseNextReply()
        await checkUnknown(calls[verb], verb)

        await recovered(async () => {
          if (verb !== 'delete') {
            const content = verb === 'touch' ? 'first' : 'written'
            return checkUnchanged(store, id, content, end, context)
          }
          checkSame(await store.read(id), undefined, 'read after the delete')
        })
        if (verb !== 'replace') continue
        // A client that sends the first write once more would conflict with this one.
        const now = await recovered(() => readLive(store, id))
        const next = await recovered(() => store.replace(id, text('next'), end, now.version))
        checkSame(next.kind, 'replaced', 'the next replace')
      }
    },
  ),
  needing('loseNextReply')(
    'F2',
    'counts no increment twice and loses none that was acknowledged',
    async (context) => {
      const { store, other, clock, loseNextReply } = context
      const id = newId()
      await recovered(() => everyVerbOnce(context))
      await create(store, id, '0', clock)
      let done = 0
      let unknown = 0
      await many(4, async (n) => {
        const client = n % 2 ? other : store
        for (let turn = 0; turn < 12; turn++) {
          const losing = n === 0 && turn % 3 === 0 ? loseNextReply : undefined
          if (await incrementOnce(client, id, context, losing)) done++
          else unknown++
        }
      })
      const counted = numberIn(await recovered(() => readLive(store, id)))
      check(unknown > 0, 'no reply was lost')
      check(
        done <= counted && counted <= done + unknown,
        `${done} increments were acknowledged and ${unknown} are unknown; the sum is ${counted}`,
      )
    },
  ),
]

/** Calls each verb, so that the store has opened what it opens at the first use and the lost reply is that of the write. */
async function everyVerbOnce({ store, other, clock }: StoreContext): Promise<void> {
  for (const client of new Set([store, other])) {
    const id = newId()
    await create(client, id, 'first', clock)
    const { version } = await readLive(client, id)
    await client.replace(id, text('second'), later(clock), version)
    await client.touch(id, later(clock), (await readLive(client, id)).version)
    await client.delete(id)
  }
}

/** Adds one to a number. Resolves to false when the outcome is unknown; then it does not try again. */
async function incrementOnce(
  store: Store,
  id: string,
  { clock }: StoreContext,
  loseNextReply: (() => Promise<void>) | undefined,
): Promise<boolean> {
  for (let turn = 0; turn < 10_000; turn++) {
    const record = await recovered(() => readLive(store, id))
    const next = text(String(numberIn(record) + 1))
    if (turn === 0) await loseNextReply?.()
    const result = await settle(() => store.replace(id, next, later(clock), record.version))
    if (result instanceof Rejected) {
      checkError(result.reason, 'ERR_VIAL_STORE', 'replace')
      if ((result.reason as StoreError).outcome === 'unknown') return false
    } else if (result.kind === 'replaced') return true
  }
  throw new Error('replace: did not succeed in 10,000 tries')
}

async function checkUnknown(call: () => unknown, verb: string): Promise<void> {
  const what = `${verb} whose reply was lost`
  const result = await settle(call)
  if (!(result instanceof Rejected)) {
    throw new Error(
      `${what}: it resolved to ${JSON.stringify(result)}. Does the client retry by itself?`,
    )
  }
  const { outcome } = checkError(result.reason, 'ERR_VIAL_STORE', what) as StoreError
  checkSame(outcome, 'unknown', `${what}: the outcome`)
}

/** Calls again while the store fails, as its client is still connecting. */
async function recovered<T>(call: () => MaybePromise<T>): Promise<T> {
  for (let left = TRIES; ; left--) {
    const result = await settle(call)
    if (!(result instanceof Rejected)) return result
    const failed = isSessionError(result.reason) && result.reason.code === 'ERR_VIAL_STORE'
    if (!failed || left === 0) throw result.reason
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_TRIES))
  }
}
