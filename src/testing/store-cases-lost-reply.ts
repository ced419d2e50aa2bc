/**
 * The cases of writes that were done although their reply was lost: the connection broke while it was on its way.
 *
 * @module
 */

import type { MaybePromise } from '../core/maybe-promise.ts'
import type { Store } from '../core/store.ts'
import { isSessionError, type StoreError } from '../errors.ts'
import { check, checkError, checkSame, Rejected, settle } from './runner.ts'
import {
  checkUnchanged,
  create,
  HOUR,
  later,
  many,
  newId,
  of,
  readLive,
  type StoreCase,
  type StoreContext,
  text,
} from './store-case.ts'

/** How long a store may take until it works again after its connection broke, in ms. */
const RECOVERY = 5_000

/** F2. */
export const lostReplyCases: readonly StoreCase[] = [
  {
    ...of('F2', 'tells a write whose reply was lost as unknown', async (context) => {
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
        // A second write behind the first one's back would get in its way.
        const now = await recovered(() => readLive(store, id))
        const next = await recovered(() => store.replace(id, text('next'), end, now.version))
        checkSame(next.kind, 'replaced', 'the next replace')
      }
    }),
    needs: 'loseNextReply',
  },
  {
    ...of(
      'F2',
      'counts no increment twice and forgets none that was told as done',
      async (context) => {
        const { store, other, clock, loseNextReply } = context
        const id = newId()
        await recovered(() => everyVerbOnce(context))
        await create(store, id, '0', clock)
        let told = 0
        let unknown = 0
        await many(4, async (n) => {
          const client = n % 2 ? other : store
          for (let turn = 0; turn < 12; turn++) {
            const losing = n === 0 && turn % 3 === 0
            const done = await incrementOnce(
              client,
              id,
              context,
              losing ? loseNextReply : undefined,
            )
            if (done) told++
            else unknown++
          }
        })
        const record = await recovered(() => store.read(id))
        const counted = Number(new TextDecoder().decode(record?.bytes))
        check(unknown > 0, 'no reply was lost')
        check(
          told <= counted && counted <= told + unknown,
          `${told} increments were told as done and ${unknown} as unknown; the sum is ${counted}`,
        )
      },
    ),
    needs: 'loseNextReply',
  },
]

/** Opens what a store opens with its first use, so that the reply which is lost is that of the write. */
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

/** Adds one to a number. Resolves to whether it was told as done; else it is unknown, and not tried again. */
async function incrementOnce(
  store: Store,
  id: string,
  { clock }: StoreContext,
  loseNextReply: (() => Promise<void>) | undefined,
): Promise<boolean> {
  for (let turn = 0; turn < 10_000; turn++) {
    const record = await recovered(() => store.read(id))
    check(record !== undefined, 'the record has gone')
    const next = text(String(Number(new TextDecoder().decode(record.bytes)) + 1))
    if (turn === 0) await loseNextReply?.()
    const result = await settle(
      () => store.replace(id, next, later(clock), record.version),
      'replace',
    )
    if (result instanceof Rejected) {
      checkError(result.reason, 'ERR_VIAL_STORE', 'replace')
      if ((result.reason as StoreError).outcome === 'unknown') return false
    } else if (result.kind === 'replaced') return true
  }
  throw new Error('replace: did not succeed in 10,000 tries')
}

async function checkUnknown(call: () => unknown, verb: string): Promise<void> {
  const what = `${verb} whose reply was lost`
  const result = await settle(call, what)
  if (!(result instanceof Rejected)) {
    throw new Error(
      `${what}: it resolved to ${JSON.stringify(result)}. Does the client send again by itself?`,
    )
  }
  const { outcome } = checkError(result.reason, 'ERR_VIAL_STORE', what) as StoreError
  checkSame(outcome, 'unknown', `${what}: the outcome`)
}

/** Tries again while the store fails, because its connection is being made anew. */
async function recovered<T>(call: () => MaybePromise<T>): Promise<T> {
  for (const end = Date.now() + RECOVERY; ; ) {
    const result = await settle(call, 'the store after its connection broke')
    if (!(result instanceof Rejected)) return result
    const failed = isSessionError(result.reason) && result.reason.code === 'ERR_VIAL_STORE'
    if (!failed || Date.now() > end) throw result.reason
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
