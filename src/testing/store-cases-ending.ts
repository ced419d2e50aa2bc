/**
 * The cases of moving deadlines, deleting, sweeping, listing and failing, in the order of the sentences in
 * `core/store.ts`. The first case of a number is the sentence itself; the others are what it means at the edges.
 *
 * @module
 */

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
  abilityOf,
  atomic,
  checkAbsent,
  checkUnchanged,
  create,
  HOUR,
  inBatches,
  increment,
  later,
  many,
  newId,
  noise,
  notInTheFuture,
  of,
  readLive,
  type StoreCase,
  text,
  tick,
  verbsOf,
} from './store-case.ts'

/** T1 to F1. */
export const endingCases: readonly StoreCase[] = [
  of('T1', 'moves the deadline later or earlier', async (context) => {
    const { store, other, clock } = context
    const [longer, shorter] = [newId(), newId()]
    const end = clock.soon()
    await create(store, longer, 'longer', clock, end)
    const { version } = await readLive(store, longer)
    checkSame(
      await store.touch(longer, later(clock), version),
      'touched',
      'touch to a later expiry',
    )
    await create(store, shorter, 'shorter', clock)
    const record = await readLive(store, shorter)
    checkSame(
      await store.touch(shorter, end, record.version),
      'touched',
      'touch to an earlier expiry',
    )
    await clock.reach(end)
    checkBytes((await other.read(longer))?.bytes, text('longer'), 'the record with more time')
    checkSame(await other.read(shorter), undefined, 'the record with less time')
  }),
  of('T2', 'moves the deadline without changing the version', async (context) => {
    const { store, other, clock } = context
    const id = newId()
    await create(store, id, 'first', clock)
    const { version } = await readLive(store, id)
    const end = clock.now() + 2 * HOUR
    checkSame(await other.touch(id, end, (await readLive(other, id)).version), 'touched', 'touch')
    await checkUnchanged(store, id, 'first', end, context)
    const result = await store.replace(id, text('second'), later(clock), version)
    checkSame(result.kind, 'replaced', 'replace of the version read before the touch')
  }),
  of('T3', 'never creates by touching', async ({ store, other, clock }) => {
    const [deleted, expired, unknown] = [newId(), newId(), newId()]
    const end = clock.soon()
    await create(store, deleted, 'record', clock)
    const { version } = await readLive(store, deleted)
    await create(store, expired, 'record', clock, end)
    await other.delete(deleted)
    await clock.reach(end)
    for (const [what, id] of Object.entries({ deleted, expired, unknown })) {
      checkSame(
        await store.touch(id, later(clock), version),
        'gone',
        `touch of a record that is ${what}`,
      )
      checkSame(await other.read(id), undefined, `read of a record that is ${what}`)
    }
  }),
  of(
    'T4',
    'ends a record that is touched with a deadline not in the future',
    async ({ store, other, clock, resolution }) => {
      for (const end of notInTheFuture(clock, resolution)) {
        const id = newId()
        await create(store, id, 'first', clock)
        const result = await store.touch(id, end, (await readLive(store, id)).version)
        check(result !== 'conflict', 'touch of the version that was read: conflict')
        await checkAbsent(other, id, clock, 'a record that was ended')
      }
    },
  ),
  of(
    'T5',
    'answers conflict when another version is there, and changes nothing',
    async (context) => {
      const { store, other, clock } = context
      const id = newId()
      const end = clock.now() + 2 * HOUR
      await create(store, id, 'first', clock)
      const old = await readLive(store, id)
      await other.replace(id, text('second'), end, (await readLive(other, id)).version)
      for (const expiresAt of [clock.now() + 3 * HOUR, later(clock), clock.now() - HOUR]) {
        checkSame(
          await store.touch(id, expiresAt, old.version),
          'conflict',
          'touch of an old version',
        )
        await checkUnchanged(store, id, 'second', end, context)
      }
    },
  ),
  of('X1', 'has removed the record once a delete resolves', async ({ store, other, clock }) => {
    const id = newId()
    await create(store, id, 'first', clock)
    await store.delete(id)
    await checkAbsent(other, id, clock, 'a deleted record')
  }),
  atomic(
    'X1',
    'has removed the record whatever ran at the same time',
    async ({ store, other, clock }) => {
      for (let round = 0; round < 10; round++) {
        const id = newId()
        await create(store, id, '0', clock)
        let writes = 0
        const write = async (n: number) => {
          const client = n % 2 ? store : other
          for (let turn = 0; turn < 1_000 && (await increment(client, id, clock)); turn++) {
            writes++
            const record = n > 3 ? await client.read(id) : undefined
            if (record !== undefined) await client.touch(id, later(clock), record.version)
            if (turn % (n + 1) === 0) await tick()
          }
        }
        const writers = settle(() => many(6, write), 'writers')
        for (let turn = 0; turn < round || (writes < 3 && turn < 1_000); turn++) await tick()
        await (round % 2 ? store : other).delete(id)
        checkSame(await store.read(id), undefined, 'read after the delete')
        const result = await writers
        if (result instanceof Rejected) throw result.reason
        checkSame(await other.read(id), undefined, 'read after the last writer ended')
      }
    },
  ),
  of('X1', 'deletes from many sides at once', async ({ store, other, clock }) => {
    const id = newId()
    await create(store, id, 'first', clock)
    const results = await many(10, (n) => (n % 2 ? store : other).delete(id))
    check(results.includes('deleted'), 'no delete removed the record')
    check(!results.includes('conflict'), 'a delete without a version told a conflict')
    checkSame(await store.read(id), undefined, 'read after the deletes')
  }),
  of('X2', 'deletes exactly the version it is given, or tells a conflict', async (context) => {
    const { store, other, clock } = context
    const id = newId()
    const end = clock.now() + 2 * HOUR
    await create(store, id, 'first', clock)
    const old = await readLive(store, id)
    await other.replace(id, text('second'), end, (await readLive(other, id)).version)
    checkSame(await store.delete(id, old.version), 'conflict', 'delete of an old version')
    await checkUnchanged(store, id, 'second', end, context)
    checkSame(
      await store.delete(id, (await readLive(store, id)).version),
      'deleted',
      'delete of the version',
    )
    checkSame(await other.read(id), undefined, 'read after the delete')
  }),
  of('X3', 'tells that an unknown id is gone', async ({ store, clock }) => {
    const id = newId()
    await create(store, id, 'first', clock)
    const { version } = await readLive(store, id)
    await store.delete(id)
    for (const given of [undefined, version])
      checkSame(await store.delete(id, given), 'gone', 'a second delete')
    checkSame(await store.delete(newId()), 'gone', 'delete of an unknown id')
  }),
  of('S1', 'sweeps what is past its deadline, up to the limit', async ({ store, clock }) => {
    const sweep = abilityOf(store, 'sweep')
    const end = clock.soon()
    await inBatches(
      Array.from({ length: 30 }, newId),
      async (id) => void (await create(store, id, 'short', clock, end)),
    )
    await clock.reach(end)
    let removed = 0
    for (let turn = 0, count = 1; count > 0; turn++) {
      count = await sweep({ limit: 7 })
      check(count <= 7 && turn < 100, `a sweep of at most 7 told ${count}`)
      removed += count
    }
    checkSame(removed, 30, 'number of records that the sweeps removed')
  }),
  of('S2', 'sweeps no live record', async ({ store, other, clock }) => {
    const sweep = abilityOf(store, 'sweep')
    const end = clock.soon()
    const [live, moved, expired] = [1, 2, 3].map(() => Array.from({ length: 20 }, newId)) as [
      string[],
      string[],
      string[],
    ]
    await inBatches(live, async (id) => void (await create(store, id, id, clock)))
    await inBatches(
      [...moved, ...expired],
      async (id) => void (await create(store, id, 'short', clock, end)),
    )
    await inBatches(moved, async (id) => {
      const record = await readLive(store, id)
      checkSame(
        (await other.replace(id, text(id), later(clock), record.version)).kind,
        'replaced',
        'replace',
      )
    })
    await clock.reach(end)
    // Records that come back to life under the sweep.
    await Promise.all([
      sweep(),
      ...expired.map((id) => create(other, id, id, clock)),
      sweep(),
      sweep(),
    ])
    await sweep()
    for (const id of [...live, ...moved, ...expired])
      checkBytes((await store.read(id))?.bytes, text(id), 'a live record')
  }),
  of('L1', 'lists each live id once', async ({ store, other, clock }) => {
    const list = abilityOf(store, 'list')
    const end = clock.soon()
    const live = Array.from({ length: 50 }, newId)
    const [expired, deleted] = [newId(), newId()]
    await inBatches(live, async (id) => void (await create(store, id, 'live', clock)))
    await create(store, expired, 'short', clock, end)
    await create(store, deleted, 'deleted', clock)
    await other.delete(deleted)
    await clock.reach(end)
    const ids: string[] = []
    for await (const id of list()) ids.push(id)
    checkSame(ids.toSorted().join(), live.toSorted().join(), 'the ids')
  }),
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
        const pending = settle(() => call(newId(), version, controller.signal), verb)
        controller.abort()
        const result = await pending
        if (result instanceof Rejected)
          checkError(result.reason, 'ERR_VIAL_STORE', `${verb}, aborted ${abort}`)
      }
    }
    checkBytes(
      (await store.read(id))?.bytes,
      text('first'),
      'a record that no aborted verb was for',
    )
    await create(store, newId(), 'another', clock)
  }),
  {
    ...of(
      'F1',
      'rejects with a StoreError when the backend cannot be reached',
      async ({ store, clock }) => {
        for (const [verb, call] of verbsOf(store, clock)) {
          const id = newId()
          const error = await checkRejects(() => call(id, text('version')), 'ERR_VIAL_STORE', verb)
          check(!error.message.includes(id), `${verb}: the message holds the id`)
          const { operation, outcome, retriable } = error as Error &
            Record<'operation' | 'outcome' | 'retriable', unknown>
          checkSame(operation, verb, 'the operation of the error')
          check(
            outcome === 'not-done' || outcome === 'unknown',
            `${verb}: the outcome is ${String(outcome)}`,
          )
          checkSame(typeof retriable, 'boolean', `${verb}: the type of retriable`)
        }
      },
    ),
    needs: 'broken',
  },
  {
    ...of(
      'F1',
      'rejects a record that does not fit with a TooLargeError',
      async ({ store, clock, maxBytes }) => {
        const id = newId()
        await checkRejects(
          () => store.create(id, noise(maxBytes + 1), later(clock)),
          'ERR_VIAL_TOO_LARGE',
          'create',
        )
        checkSame(await store.read(id), undefined, 'read after the failed create')

        await create(store, id, 'first', clock)
        const { version } = await readLive(store, id)
        await checkRejects(
          () => store.replace(id, noise(maxBytes + 1), later(clock), version),
          'ERR_VIAL_TOO_LARGE',
          'replace',
        )
        checkBytes((await store.read(id))?.bytes, text('first'), 'read after the failed replace')
      },
    ),
    needs: 'limit',
  },
]
