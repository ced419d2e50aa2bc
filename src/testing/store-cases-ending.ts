/**
 * The cases of moving an expiry, deleting, sweeping and listing, in the order of the sentences in `core/store.ts`. The
 * first case of a number is the sentence itself; the others check its edges.
 *
 * @module
 */

import { before, check, checkBytes, checkSame } from './runner.ts'
import {
  abilityOf,
  atomic,
  checkAbsent,
  checkUnchanged,
  create,
  HOUR,
  inBatches,
  later,
  many,
  newId,
  of,
  pause,
  readLive,
  type StoreCase,
  text,
} from './store-case.ts'
import {
  checkComparison,
  checkConflict,
  checkEnds,
  checkGone,
  raceDelete,
  raceReaders,
  raceVersionedDelete,
} from './store-races.ts'

/** T1 to L1. */
export const endingCases: readonly StoreCase[] = [
  of('T1', 'moves the expiry later or earlier', async ({ store, other, clock }) => {
    let longer = ''
    const first = await before(clock, async (expiresAt) => {
      longer = newId()
      await create(store, longer, 'longer', clock, expiresAt)
      const { version } = await readLive(store, longer)
      const result = await store.touch(longer, later(clock), version)
      checkSame(result, 'touched', 'touch to a later expiry')
    })
    const shorter = newId()
    await create(store, shorter, 'shorter', clock)
    const { version } = await readLive(store, shorter)
    const second = clock.soon()
    const result = await store.touch(shorter, second, version)
    if (clock.isBefore(second)) checkSame(result, 'touched', 'touch to an earlier expiry')
    await clock.reach(Math.max(first, second))
    checkBytes((await other.read(longer))?.bytes, text('longer'), 'the record with more time')
    checkSame(await other.read(shorter), undefined, 'the record with less time')
  }),
  of('T2', 'moves the expiry without changing the version', async (context) => {
    const { store, other, clock } = context
    const id = newId()
    await create(store, id, 'first', clock)
    const { version } = await readLive(store, id)
    const end = clock.now() + 2 * HOUR
    const touched = await other.touch(id, end, (await readLive(other, id)).version)
    checkSame(touched, 'touched', 'touch')
    await checkUnchanged(store, id, 'first', end, context)
    checkSame(await store.touch(id, end, version), 'touched', 'touch of the version before it')
    const result = await store.replace(id, text('second'), later(clock), version)
    checkSame(result.kind, 'replaced', 'replace of the version read before the touch')
  }),
  of('T3', 'never creates by touching', (context) => checkGone(context, 'touch')),
  atomic('T3', 'never brings back a record that is deleted at the same time', (context) =>
    raceDelete(context, ['touch', 'touch', 'touch']),
  ),
  of('T4', 'ends a record that is touched with an expiry not in the future', (context) =>
    checkEnds(context, 'touch'),
  ),
  of('T5', 'answers conflict when another version is there, and changes nothing', (context) =>
    checkConflict(context, 'touch'),
  ),
  of('T5', 'compares the whole content, and takes no version for none', (context) =>
    checkComparison(context, 'touch'),
  ),
  atomic('T5', 'loses no replace at the same time, and moves no expiry but its own', (context) =>
    raceReaders(context, true),
  ),
  of('X1', 'has removed the record once a delete resolves', async ({ store, other, clock }) => {
    const id = newId()
    await create(store, id, 'first', clock)
    await store.delete(id)
    await checkAbsent(other, id, clock, 'a deleted record')
  }),
  atomic('X1', 'has removed the record whatever ran at the same time', (context) =>
    raceDelete(context, ['replace', 'replace', 'touch', 'replace']),
  ),
  of('X1', 'deletes from many clients at once', async ({ store, other, clock }) => {
    const id = newId()
    await create(store, id, 'first', clock)
    const results = await many(10, (n) => (n % 2 ? store : other).delete(id))
    check(results.includes('deleted'), 'no delete removed the record')
    check(!results.includes('conflict'), 'a delete without a version answered conflict')
    checkSame(await store.read(id), undefined, 'read after the deletes')
  }),
  of('X2', 'deletes exactly the version that it is given, or answers conflict', async (context) => {
    const { store, other, clock } = context
    await checkConflict(context, 'delete')
    const id = newId()
    await create(store, id, 'first', clock)
    const { version } = await readLive(store, id)
    checkSame(await store.delete(id, version), 'deleted', 'delete of the version')
    checkSame(await other.read(id), undefined, 'read after the delete')
  }),
  of('X2', 'compares the whole content', (context) => checkComparison(context, 'delete')),
  atomic('X2', 'deletes no newer version that is written at the same time', raceVersionedDelete),
  of('X3', 'answers gone for an unknown id', async ({ store, clock }) => {
    const id = newId()
    await create(store, id, 'first', clock)
    const { version } = await readLive(store, id)
    await store.delete(id)
    for (const given of [undefined, version])
      checkSame(await store.delete(id, given), 'gone', 'a second delete')
    checkSame(await store.delete(newId()), 'gone', 'delete of an unknown id')
  }),
  of('S1', 'sweeps expired records, up to the limit', async ({ store, clock }) => {
    const sweep = abilityOf(store, 'sweep')
    let ids: string[] = []
    const end = await before(clock, async (expiresAt) => {
      await inBatches(ids, async (id) => store.delete(id))
      ids = Array.from({ length: 30 }, newId)
      await inBatches(ids, (id) => create(store, id, 'short', clock, expiresAt))
    })
    await clock.reach(end)
    let removed = 0
    for (let turn = 0, count = 1; count > 0; turn++) {
      count = await sweep({ limit: 7 })
      check(count <= 7 && turn < 100, `a sweep of at most 7 answered ${count}`)
      removed += count
    }
    checkSame(removed, 30, 'number of records that the sweeps removed')
  }),
  of('S2', 'sweeps no live record, however soon it expires', async ({ store, other, clock }) => {
    const sweep = abilityOf(store, 'sweep')
    await before(clock, async (expiresAt) => {
      const [longer, shorter, touched] = [newId(), newId(), newId()]
      await create(store, longer, 'longer', clock)
      await create(store, shorter, 'shorter', clock, expiresAt)
      await create(store, touched, 'touched', clock)
      await store.touch(touched, expiresAt, (await readLive(store, touched)).version)
      clock.approach(expiresAt)
      await sweep()
      for (const id of [longer, shorter, touched]) await readLive(other, id)
    })
  }),
  of('S2', 'sweeps no record that is live again', async ({ store, other, clock }) => {
    const sweep = abilityOf(store, 'sweep')
    let moved: string[] = []
    const end = await before(clock, async (expiresAt) => {
      moved = Array.from({ length: 20 }, newId)
      await inBatches(moved, async (id) => {
        await create(store, id, 'short', clock, expiresAt)
        const { version } = await readLive(store, id)
        const result = await other.replace(id, text(id), later(clock), version)
        checkSame(result.kind, 'replaced', 'replace')
      })
    })
    const expired = Array.from({ length: 20 }, newId)
    await inBatches(expired, (id) => create(store, id, 'short', clock, end))
    await clock.reach(end)
    // The creates come before, between and after the steps of the sweeps.
    await Promise.all([
      sweep(),
      sweep(),
      many(expired.length, async (n) => {
        const id = expired[n] ?? ''
        for (let turn = 0; turn < n % 4; turn++) await other.read(id)
        await create(other, id, id, clock)
      }),
      sweep(),
    ])
    await sweep()
    for (const id of [...moved, ...expired])
      checkBytes((await store.read(id))?.bytes, text(id), 'a live record')
  }),
  of('L1', 'lists each live id once', async ({ store, other, clock }) => {
    const list = abilityOf(store, 'list')
    const end = clock.soon()
    const live = Array.from({ length: 50 }, newId)
    const [expired, deleted] = [newId(), newId()]
    await inBatches(live, (id) => create(store, id, 'live', clock))
    await create(store, expired, 'short', clock, end)
    await create(store, deleted, 'deleted', clock)
    await other.delete(deleted)
    await clock.reach(end)
    const ids: string[] = []
    for await (const id of list()) ids.push(id)
    checkSame(ids.toSorted().join(), live.toSorted().join(), 'the ids')
  }),
  of('L1', 'lists each live id once while others come and go', async ({ store, other, clock }) => {
    const list = abilityOf(store, 'list')
    const live = Array.from({ length: 50 }, newId)
    const passing = Array.from({ length: 10 }, newId)
    await inBatches([...live, ...passing], (id) => create(store, id, 'live', clock))
    let listing = true
    async function change(from: number): Promise<void> {
      for (let turn = from; listing; turn++) {
        const id = passing[turn % passing.length] ?? ''
        await other.delete(id)
        await other.create(id, text(`turn ${turn}`), later(clock))
        await pause(turn)
      }
    }
    const ids: string[] = []
    async function listAll(): Promise<void> {
      for await (const id of list()) {
        ids.push(id)
        await pause(0)
      }
    }
    await many(4, (n) =>
      n > 0
        ? change(n)
        : listAll().finally(() => {
            listing = false
          }),
    )
    checkSame(new Set(ids).size, ids.length, 'number of different ids')
    const seen = new Set(ids)
    checkSame(live.filter((id) => !seen.has(id)).length, 0, 'number of live ids that are missing')
  }),
]
