/**
 * The cases of moving an expiry, deleting, sweeping and listing, in the order of the sentences in `core/store.ts`. The
 * first case of a number is the sentence itself; the others check its edges.
 */

import type { Store } from '../core/store.ts'
import { check, checkSame } from './runner.ts'
import {
  atomic,
  bytesOf,
  type Client,
  inBatches,
  many,
  newId,
  of,
  pause,
  type StoreCase,
} from './store-case.ts'
import {
  comparison,
  conflict,
  ends,
  gone,
  raceDelete,
  raceReaders,
  raceVersionedDelete,
} from './store-races.ts'

/** T1 to L1. */
export const endingCases: readonly StoreCase[] = [
  of('T1 moves the expiry later or earlier', async ({ store, other, clock }) => {
    let longer = ''
    const first = await clock.before(async (expiresAt) => {
      const { id, version } = await store.make('longer', expiresAt)
      longer = id
      checkSame(await store.call('touch', id, version), 'touched', 'touch to a later expiry')
    })
    const shorter = await store.make('shorter')
    const second = clock.soon()
    const kind = await store.call('touch', shorter.id, shorter.version, second)
    if (clock.isBefore(second)) checkSame(kind, 'touched', 'touch to an earlier expiry')
    await clock.reach(Math.max(first, second))
    await other.check(longer, 'longer', 'the record with more time')
    await other.check(shorter.id, undefined, 'the record with less time')
  }),
  of('T2 moves the expiry without changing the version', async ({ store, other, clock }) => {
    const { id, version } = await store.make('first')
    const end = clock.later(2)
    const touched = await other.call('touch', id, (await other.live(id)).version, end)
    checkSame(touched, 'touched', 'touch')
    await store.checkUnchanged(id, 'first', end)
    const again = await store.call('touch', id, version, end)
    checkSame(again, 'touched', 'touch of the version before it')
    const kind = await store.replace(id, version)
    checkSame(kind, 'replaced', 'replace of the version read before the touch')
  }),
  of('T3 never creates by touching', gone('touch')),
  atomic(
    'T3 never brings back a record that is deleted at the same time',
    raceDelete(['touch', 'touch', 'touch']),
  ),
  of('T4 ends a record that is touched with an expiry not in the future', ends('touch')),
  of('T5 answers conflict when another version is there, and changes nothing', conflict('touch')),
  of('T5 compares the whole content, and takes no version for none', comparison('touch')),
  atomic(
    'T5 loses no replace at the same time, and moves no expiry but its own',
    raceReaders(true),
  ),
  of('X1 has removed the record once a delete resolves', async ({ store, other }) => {
    const id = await store.put('first')
    await store.raw.delete(id)
    await other.checkAbsent(id, 'a deleted record')
  }),
  atomic(
    'X1 has removed the record whatever ran at the same time',
    raceDelete(['replace', 'replace', 'touch', 'replace']),
  ),
  of('X1 deletes from many clients at once', async ({ store, other }) => {
    const id = await store.put('first')
    const kinds = await many(10, (n) => (n % 2 ? store : other).raw.delete(id))
    check(kinds.includes('deleted'), 'no delete removed the record')
    check(!kinds.includes('conflict'), 'a delete without a version answered conflict')
    await store.check(id, undefined, 'read after the deletes')
  }),
  of('X2 deletes exactly the version that it is given, or answers conflict', async (context) => {
    const { store, other } = context
    await conflict('delete')(context)
    const { id, version } = await store.make('first')
    checkSame(await store.raw.delete(id, version), 'deleted', 'delete of the version')
    await other.check(id, undefined, 'read after the delete')
  }),
  of('X2 compares the whole content', comparison('delete')),
  atomic('X2 deletes no newer version that is written at the same time', raceVersionedDelete),
  of('X3 answers gone for an unknown id', async ({ store }) => {
    const { id, version } = await store.make('first')
    await store.raw.delete(id)
    for (const given of [undefined, version]) {
      checkSame(await store.raw.delete(id, given), 'gone', 'a second delete')
    }
    checkSame(await store.raw.delete(newId()), 'gone', 'delete of an unknown id')
  }),
  of('S1 sweeps expired records, up to the limit', async ({ store, clock }) => {
    const sweep = abilityOf(store, 'sweep')
    let ids: string[] = []
    const end = await clock.before(async (expiresAt) => {
      await inBatches(ids, (id) => store.raw.delete(id))
      ids = await store.putMany(30, 'short', expiresAt)
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
  of('S2 sweeps no live record, however soon it expires', async ({ store, other, clock }) => {
    const sweep = abilityOf(store, 'sweep')
    await clock.before(async (expiresAt) => {
      const longer = await store.put('longer')
      const shorter = await store.put('shorter', expiresAt)
      const touched = await store.make('touched')
      await store.call('touch', touched.id, touched.version, expiresAt)
      clock.approach(expiresAt)
      await sweep()
      for (const id of [longer, shorter, touched.id]) await other.live(id)
    })
  }),
  of('S2 sweeps no record that is live again', async ({ store, other, clock }) => {
    const sweep = abilityOf(store, 'sweep')
    let moved: string[] = []
    const end = await clock.before(async (expiresAt) => {
      moved = await store.putMany(20, 'short', expiresAt)
      await inBatches(moved, async (id) => {
        const { version } = await store.live(id)
        checkSame(await other.replace(id, version, id), 'replaced', 'replace')
      })
    })
    const expired = await store.putMany(20, 'short', end)
    await clock.reach(end)
    // The creates come before, between and after the steps of the sweeps.
    await Promise.all([
      sweep(),
      sweep(),
      many(expired.length, async (n) => {
        const id = expired[n] ?? ''
        for (let turn = 0; turn < n % 4; turn++) await other.raw.read(id)
        await other.create(id, id)
      }),
      sweep(),
    ])
    await sweep()
    for (const id of [...moved, ...expired]) await store.check(id, id, 'a live record')
  }),
  of('L1 lists each live id once', async ({ store, other, clock }) => {
    const list = abilityOf(store, 'list')
    const end = clock.soon()
    const live = await store.putMany(50, 'live')
    await store.put('short', end)
    await other.raw.delete(await store.put('deleted'))
    await clock.reach(end)
    const ids: string[] = []
    for await (const id of list()) ids.push(id)
    checkSame(ids.toSorted().join(), live.toSorted().join(), 'the ids')
  }),
  of('L1 lists each live id once while others come and go', async ({ store, other, clock }) => {
    const list = abilityOf(store, 'list')
    const live = await store.putMany(50, 'live')
    const passing = await store.putMany(10, 'passing')
    let listing = true
    const ids: string[] = []
    async function listAll(): Promise<void> {
      for await (const id of list()) {
        ids.push(id)
        await pause(0)
      }
    }
    async function change(from: number): Promise<void> {
      for (let turn = from; listing; turn++) {
        const id = passing[turn % passing.length] ?? ''
        await other.raw.delete(id)
        await other.raw.create(id, bytesOf(`turn ${turn}`), clock.later())
        await pause(turn)
      }
    }
    const end = (): void => {
      listing = false
    }
    await many(4, (n) => (n > 0 ? change(n) : listAll().finally(end)))
    const seen = new Set(ids)
    checkSame(seen.size, ids.length, 'number of different ids')
    checkSame(live.filter((id) => !seen.has(id)).length, 0, 'number of live ids that are missing')
  }),
]

/** Returns an optional verb of a store that must have it. */
function abilityOf<Verb extends 'sweep' | 'list'>(
  { raw }: Client,
  verb: Verb,
): NonNullable<Store[Verb]> {
  const call = raw[verb]
  check(
    call !== undefined,
    `the store has no ${verb}. If that is intended, give the reason as a deviation.`,
  )
  return call.bind(raw) as NonNullable<Store[Verb]>
}
