/**
 * The cases of reading and creating, in the order of the sentences in `core/store.ts`. The first case of a
 * number is the sentence itself; the others are what it means at the edges.
 *
 * @module
 */

import { check, checkBytes, checkSame } from './runner.ts'
import {
  atomic,
  checkAbsent,
  checkDeadline,
  checkUnchanged,
  create,
  DAY,
  HOUR,
  inBatches,
  later,
  many,
  newId,
  noise,
  notInTheFuture,
  of,
  possibleIds,
  readLive,
  type StoreCase,
  show,
  text,
} from './store-case.ts'

/** From nothing to a mebibyte, around where lengths change their form and buffers their size. */
const SIZES: readonly number[] = [
  ...[0, 1, 2, 127, 128, 255, 256, 257, 1_023, 1_024, 4_096, 16_384],
  ...[65_535, 65_536, 65_537, 262_144, 1_048_576],
]

/** R1 to C4. */
export const contentCases: readonly StoreCase[] = [
  of('R1', 'reads the newest state, whoever wrote it', async ({ store, other, clock }) => {
    const id = newId()
    let version = await create(store, id, 'write 0', clock)
    for (let turn = 1; turn <= 20; turn++) {
      const [writer, reader] = turn % 2 ? [store, other] : [other, store]
      version = (await readLive(writer, id)).version
      const result = await writer.replace(id, text(`write ${turn}`), later(clock), version)
      checkSame(result.kind, 'replaced', `replace ${turn}`)
      checkBytes((await reader.read(id))?.bytes, text(`write ${turn}`), `read ${turn}`)
    }
  }),
  of('R2', 'has nothing for an unknown id', async ({ store, clock }) => {
    const id = newId()
    await create(store, newId(), 'another record', clock)
    await checkAbsent(store, id, clock, 'an unknown id')
  }),
  of('R3', 'has nothing for an id at its deadline', async ({ store, other, clock }) => {
    const id = newId()
    const end = clock.soon()
    await create(store, id, 'short', clock, end)
    clock.approach(end)
    for (const client of [store, other]) {
      const record = await client.read(id, { expiry: true })
      if (clock.isBefore(end))
        check(record !== undefined, 'the record was gone before its deadline')
    }
    await clock.reach(end)
    checkSame(await store.read(id), undefined, 'read at the deadline')
    checkSame(await other.read(id), undefined, 'read of another client at the deadline')
  }),
  of('R3', 'tells an expired id from an unknown one in no verb', async ({ store, clock }) => {
    const id = newId()
    const end = clock.soon()
    await create(store, id, 'short', clock, end)
    await clock.reach(end)
    await checkAbsent(store, id, clock, 'an expired id')
  }),
  of(
    'R4',
    'gives back exactly the bytes that were written',
    async ({ store, other, clock, maxBytes }) => {
      const every = Uint8Array.from({ length: 256 }, (_, value) => value)
      const sizes = [...SIZES, maxBytes].filter((size) => size <= maxBytes && size < Infinity)
      const inTheMiddle = Uint8Array.from([1, 2, ...every, 3]).subarray(2, 258)
      for (const bytes of [every, every.toReversed(), inTheMiddle, ...sizes.map(noise)]) {
        const id = newId()
        const what = `a record of ${bytes.length} bytes`
        const created = await store.create(id, bytes, later(clock))
        checkSame(created.kind, 'created', what)
        checkBytes((await other.read(id))?.bytes, bytes, `${what}, created`)

        const { version } = await readLive(store, id)
        const reversed = bytes.toReversed()
        const replaced = await store.replace(id, reversed, later(clock), version)
        checkSame(replaced.kind, 'replaced', what)
        checkBytes((await other.read(id))?.bytes, reversed, `${what}, replaced`)
      }
    },
  ),
  of('R4', 'keeps apart ids of 1 to 200 visible ASCII characters', async ({ store, clock }) => {
    const all = possibleIds(store.prefix ?? '')
    await inBatches(all, async (id) =>
      checkSame((await store.create(id, text(id), later(clock))).kind, 'created', show(id)),
    )
    await inBatches(all, async (id) =>
      checkBytes((await store.read(id))?.bytes, text(id), show(id)),
    )
    await inBatches(all, async (id) => {
      checkSame(await store.delete(id), 'deleted', show(id))
      checkSame(await store.read(id), undefined, show(id))
    })
  }),
  of('R4', 'keeps many records apart', async ({ store, other, clock, ids }) => {
    const all = Array.from({ length: ids }, newId)
    await inBatches(all, async (id) => void (await create(store, id, `of ${id}`, clock)))
    await inBatches(all, async (id) =>
      checkBytes((await other.read(id))?.bytes, text(`of ${id}`), 'one of many'),
    )
  }),
  of('R5', 'tells when a record ends', async (context) => {
    const { store, clock } = context
    for (const [length, next] of [
      [HOUR, 31 * DAY],
      [31 * DAY, 400 * DAY],
      [60 * DAY, HOUR],
    ] as const) {
      const id = newId()
      const [first, second, third] = [length, next, length + DAY].map((ms) => clock.now() + ms) as [
        number,
        number,
        number,
      ]
      await create(store, id, 'created', clock, first)
      checkDeadline((await readLive(store, id)).expiresAt, first, context, 'after create')
      await store.replace(id, text('replaced'), second, (await readLive(store, id)).version)
      checkDeadline((await readLive(store, id)).expiresAt, second, context, 'after replace')
      await store.touch(id, third, (await readLive(store, id)).version)
      checkDeadline((await readLive(store, id)).expiresAt, third, context, 'after touch')
    }
  }),
  of('R6', 'answers a fresh read from the primary', async ({ store, other, clock }) => {
    const id = newId()
    await create(other, id, 'write 0', clock)
    for (let turn = 1; turn <= 20; turn++) {
      // A near cache keeps what these two have read.
      await many(2, () => store.read(id))
      const { version } = await readLive(other, id)
      const result = await other.replace(id, text(`write ${turn}`), later(clock), version)
      checkSame(result.kind, 'replaced', `replace ${turn}`)
      const record = await store.read(id, { fresh: true })
      checkBytes(record?.bytes, text(`write ${turn}`), `fresh read ${turn}`)
    }
    await store.read(id)
    await other.delete(id)
    checkSame(await store.read(id, { fresh: true }), undefined, 'fresh read of a deleted record')
  }),
  of('D1', 'rounds a deadline up to its resolution, never down', async (context) => {
    const { store, clock } = context
    checkSame(store.resolution ?? 1, context.resolution, 'the resolution of the store')
    for (const odd of [0, 1, 499, 500, 999]) {
      const id = newId()
      const end = clock.now() + HOUR + odd
      await create(store, id, 'odd', clock, end)
      checkDeadline((await readLive(store, id)).expiresAt, end, context, 'after create')
    }
  }),
  of('C1', 'inserts, also over a record past its deadline', async ({ store, other, clock }) => {
    const ids = [newId(), newId()] as const
    const end = clock.soon()
    for (const id of ids) await create(store, id, 'first', clock, end)
    await clock.reach(end)
    await create(store, ids[0], 'second', clock)
    await create(other, ids[1], 'second', clock)
    for (const id of ids)
      checkBytes((await store.read(id))?.bytes, text('second'), 'the new record')
  }),
  of('C2', 'never overwrites a live record', async (context) => {
    const { store, other, clock } = context
    const id = newId()
    const end = clock.now() + 2 * HOUR
    await create(store, id, 'first', clock, end)
    for (const deadline of [later(clock), clock.now() - DAY]) {
      for (const client of [store, other]) {
        checkSame(
          (await client.create(id, text('second'), deadline)).kind,
          'exists',
          'the second create',
        )
        await checkUnchanged(client, id, 'first', end, context)
      }
    }
  }),
  atomic('C3', 'lets exactly one of many creates insert', async ({ store, other, clock }) => {
    const expired = newId()
    const end = clock.soon()
    await create(store, expired, 'first', clock, end)
    await clock.reach(end)
    for (const id of [expired, newId(), newId(), newId()]) {
      const results = await many(20, (n) =>
        (n % 2 ? store : other).create(id, text(`${n}`), later(clock)),
      )
      const winners = results.flatMap(({ kind }, n) => (kind === 'created' ? [n] : []))
      checkSame(winners.length, 1, 'number of creates that inserted')
      checkBytes(
        (await store.read(id))?.bytes,
        text(`${winners[0]}`),
        'the record of the one that inserted',
      )
    }
  }),
  of(
    'C4',
    'leaves nothing behind for a deadline that is not in the future',
    async ({ store, clock, resolution }) => {
      for (const end of notInTheFuture(clock, resolution)) {
        const id = newId()
        await store.create(id, text('late'), end)
        await checkAbsent(store, id, clock, 'a record created too late')
      }
    },
  ),
]
