/**
 * The cases of reading, creating and replacing, in the order of the sentences in `core/store.ts`. The first case of a number is
 * the sentence itself; the others check its edges.
 *
 * @module
 */

import type { Version } from '../core/store.ts'
import { before, check, checkBytes, checkSame } from './runner.ts'
import {
  atomic,
  checkAbsent,
  checkExpiry,
  checkUnchanged,
  create,
  DAY,
  HOUR,
  inBatches,
  increment,
  later,
  many,
  needing,
  newId,
  noise,
  notInTheFuture,
  of,
  pause,
  RACES,
  readLive,
  type StoreCase,
  show,
  text,
} from './store-case.ts'
import { checkComparison, checkConflict, checkEnds, checkGone, raceReaders } from './store-races.ts'

/** From nothing to a mebibyte, around the sizes where lengths change their form and buffers grow. */
const SIZES: readonly number[] = [
  ...[0, 1, 2, 127, 128, 255, 256, 257, 1_023, 1_024, 4_096, 16_384],
  ...[65_535, 65_536, 65_537, 262_144, 1_048_576],
]

/** The longest id, with the prefix of the store. */
const LONGEST_ID = 200

/** Ids that file systems, collations, query languages and protocols are known to confuse or to refuse. */
const AWKWARD_IDS: readonly string[] = [
  ...['..', '...', '../..', '//', './a', 'a/', 'a/b', 'a\\b', 'a.', 'a.lock', '.a', '~a', 'NUL'],
  ...['a:b', 'a::b', 'a*', 'a?', 'a[b]', '[ab]', '{a}', '{b}', '{a}b', '%00', '%61', '%%', '__'],
  ...["'OR(1=1)--", '";', '$where', '$a', 'a+b', 'a%20b', '&amp;', '-1', '00', '1e1', '1.0'],
  ...['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'null', 'undefined', 'NaN', 'true'],
  ...['id', 'ID', 'Id', 'iD', 'STRASSE', 'strasse'],
]

/** Returns ids of every visible ASCII character and of every length that a store with this prefix takes, no two alike. */
function possibleIds(prefix: string): readonly string[] {
  const characters = Array.from({ length: 0x7f - 0x21 }, (_, at) => String.fromCharCode(0x21 + at))
  const longest = LONGEST_ID - prefix.length
  const all = characters.join('')
  const long = ['x', 'X', '/', '%', '~', '.'].map((character) => character.repeat(longest))
  const alike = ['y', 'Y', 'z'].map((last) => 'x'.repeat(longest - 1) + last)
  const shorter = ['x'.repeat(longest - 1), 'x'.repeat(Math.floor(longest / 2))]
  const mixed = [all.slice(0, longest), all.toLowerCase().slice(0, longest)]
  return [...new Set([...characters, ...AWKWARD_IDS, ...long, ...alike, ...shorter, ...mixed])]
}

/** R1 to P6. */
export const contentCases: readonly StoreCase[] = [
  of('R1', 'reads the newest state, whichever client wrote it', async ({ store, other, clock }) => {
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
  of('R2', 'has no record for an unknown id', async ({ store, clock }) => {
    const id = newId()
    await create(store, newId(), 'another record', clock)
    await checkAbsent(store, id, clock, 'an unknown id')
  }),
  of('R3', 'has a record until its expiry, and none from then on', async (context) => {
    const { store, other, clock } = context
    let id = ''
    const end = await before(clock, async (expiresAt) => {
      id = newId()
      await create(store, id, 'short', clock, expiresAt)
      clock.approach(expiresAt)
      for (const client of [store, other]) await readLive(client, id)
    })
    await clock.reach(end)
    checkSame(await store.read(id), undefined, 'read at the expiry')
    checkSame(await other.read(id), undefined, 'read by another client at the expiry')
  }),
  of('R3', 'treats an expired id as an unknown one in every verb', async ({ store, clock }) => {
    const id = newId()
    const end = clock.soon()
    await create(store, id, 'short', clock, end)
    await clock.reach(end)
    await checkAbsent(store, id, clock, 'an expired id')
  }),
  of('R4', 'returns exactly the bytes that were written', async (context) => {
    const { store, other, clock, maxBytes } = context
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
  }),
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
    await inBatches(all, (id) => create(store, id, `of ${id}`, clock))
    await inBatches(all, async (id) =>
      checkBytes((await other.read(id))?.bytes, text(`of ${id}`), 'one of many'),
    )
  }),
  of('R5', 'returns the expiry of a record', async (context) => {
    const { store, clock } = context
    for (const [length, next] of [
      [HOUR, 31 * DAY],
      [31 * DAY, 400 * DAY],
      [60 * DAY, HOUR],
    ] as const) {
      const id = newId()
      const start = clock.now()
      await create(store, id, 'created', clock, start + length)
      const created = await readLive(store, id)
      checkExpiry(created.expiresAt, start + length, context, 'after create')
      await store.replace(id, text('replaced'), start + next, created.version)
      const replaced = await readLive(store, id)
      checkExpiry(replaced.expiresAt, start + next, context, 'after replace')
      await store.touch(id, start + length + DAY, replaced.version)
      const touched = await readLive(store, id)
      checkExpiry(touched.expiresAt, start + length + DAY, context, 'after touch')
    }
  }),
  atomic('R5', 'returns the expiry of a record as soon as it can be read', async (context) => {
    const { store, other, clock } = context
    await many(2 * RACES, async (n) => {
      const id = newId()
      const expiresAt = later(clock)
      const created = create(store, id, 'new', clock, expiresAt)
      let record = await other.read(id, { expiry: true })
      for (let turn = n; record === undefined && turn < 10_000; turn++) {
        await Promise.race([pause(turn), created])
        record = await other.read(id, { expiry: true })
      }
      checkExpiry(record?.expiresAt, expiresAt, context, 'a record that is being created')
      await created
    })
  }),
  of('R6', 'answers a fresh read from the primary', async ({ store, other, clock }) => {
    const id = newId()
    await create(other, id, 'write 0', clock)
    for (let turn = 1; turn <= 20; turn++) {
      // A near cache keeps the record after these reads.
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
  of('D1', 'rounds an expiry up to its resolution, never down', async (context) => {
    const { store, clock } = context
    checkSame(store.resolution ?? 1, context.resolution, 'the resolution of the store')
    for (const odd of [0, 1, 499, 500, 999]) {
      const id = newId()
      const end = clock.now() + HOUR + odd
      await create(store, id, 'odd', clock, end)
      checkExpiry((await readLive(store, id)).expiresAt, end, context, 'after create')
    }
  }),
  of('C1', 'inserts, also over an expired record', async ({ store, other, clock }) => {
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
    for (const expiresAt of [later(clock), clock.now() - DAY]) {
      for (const client of [store, other]) {
        const result = await client.create(id, text('second'), expiresAt)
        checkSame(result.kind, 'exists', 'the second create')
        await checkUnchanged(client, id, 'first', end, context)
      }
    }
  }),
  atomic('C3', 'lets exactly one of many creates insert', async ({ store, other, clock }) => {
    const expired = Array.from({ length: RACES / 2 }, newId)
    const end = clock.soon()
    await inBatches(expired, (id) => create(store, id, 'first', clock, end))
    await clock.reach(end)
    await inBatches([...expired, ...expired.map(newId)], async (id) => {
      const results = await many(10, (n) =>
        (n % 2 ? store : other).create(id, text(`${n}`), later(clock)),
      )
      const winners = results.flatMap(({ kind }, n) => (kind === 'created' ? [n] : []))
      checkSame(winners.length, 1, 'number of creates that inserted')
      checkBytes(
        (await store.read(id))?.bytes,
        text(`${winners[0]}`),
        'the record of the create that inserted',
      )
    })
  }),
  of('C4', 'leaves nothing behind for an expiry that is not in the future', async (context) => {
    const { store, clock, resolution } = context
    for (const end of notInTheFuture(clock, resolution)) {
      const id = newId()
      await store.create(id, text('late'), end)
      await checkAbsent(store, id, clock, 'a record created too late')
    }
  }),
  of('P1', 'replaces what was read, data and expiry in one step', async (context) => {
    const { store, clock } = context
    const id = newId()
    let version: Version = await create(store, id, 'turn 0', clock)
    for (let turn = 1; turn <= 5; turn++) {
      version ??= (await readLive(store, id)).version
      const end = clock.now() + turn * HOUR
      const result = await store.replace(id, text(`turn ${turn}`), end, version)
      check(result.kind === 'replaced', `replace ${turn}: ${result.kind}`)
      await checkUnchanged(store, id, `turn ${turn}`, end, context)
      version = turn % 2 ? result.version : undefined
    }
  }),
  atomic('P1', 'shows no reader the data of one write with the expiry of another', (context) =>
    raceReaders(context, false),
  ),
  of('P2', 'answers conflict when another version is there, and changes nothing', (context) =>
    checkConflict(context, 'replace'),
  ),
  of('P2', 'compares the whole content, and takes no version for none', (context) =>
    checkComparison(context, 'replace'),
  ),
  of('P2', 'gives the newer record with a conflict, if any', async ({ store, other, clock }) => {
    const id = newId()
    await create(store, id, 'first', clock)
    const old = await readLive(store, id)
    await other.replace(id, text('second'), later(clock), old.version)
    const result = await store.replace(id, text('third'), later(clock), old.version)
    check(result.kind === 'conflict', `replace of an old version: ${result.kind}`)
    if (result.current === undefined) return
    checkBytes(result.current.bytes, text('second'), 'current')
    const next = await store.replace(id, text('third'), later(clock), result.current.version)
    checkSame(next.kind, 'replaced', 'replace of the version of current')
  }),
  of(
    'P2',
    'answers conflict for the version of a record that was deleted and created again',
    async ({ store, other, clock }) => {
      const id = newId()
      await create(store, id, 'first', clock)
      const old = await readLive(store, id)
      await other.delete(id)
      await create(other, id, 'second', clock)
      const result = await store.replace(id, text('third'), later(clock), old.version)
      checkSame(result.kind, 'conflict', 'replace')
      checkBytes((await store.read(id))?.bytes, text('second'), 'the new record')
    },
  ),
  needing('foreignWrite')(
    'P2',
    'answers conflict after another program wrote, also as many bytes',
    async (context) => {
      const { store, other, clock, foreignWrite } = context
      for (const content of ['other', 'of another length', 'tsrif']) {
        const id = newId()
        await create(store, id, 'first', clock)
        const old = await readLive(store, id)
        await foreignWrite(id, text(content), later(clock))
        const result = await store.replace(id, text('third'), later(clock), old.version)
        checkSame(result.kind, 'conflict', 'replace of the version before the foreign write')
        checkSame(
          await store.touch(id, later(clock), old.version),
          'conflict',
          'touch of that version',
        )
        checkSame(await store.delete(id, old.version), 'conflict', 'delete of that version')

        const now = await readLive(other, id)
        checkBytes(now.bytes, text(content), 'the record of the other program')
        const next = await store.replace(id, text('third'), later(clock), now.version)
        checkSame(next.kind, 'replaced', 'replace of the version of the other program')
      }
    },
  ),
  of('P3', 'never creates by replacing', (context) => checkGone(context, 'replace')),
  of('P4', 'counts equal bytes as replaced', async (context) => {
    const { store, clock } = context
    const id = newId()
    const end = clock.now() + 2 * HOUR
    await create(store, id, 'same', clock, end)
    for (const expiresAt of [end, end + HOUR]) {
      const { version } = await readLive(store, id)
      const result = await store.replace(id, text('same'), expiresAt, version)
      checkSame(result.kind, 'replaced', 'replace')
      await checkUnchanged(store, id, 'same', expiresAt, context)
    }
  }),
  of('P5', 'ends a record that is replaced with an expiry not in the future', (context) =>
    checkEnds(context, 'replace'),
  ),
  atomic('P6', 'lets exactly one of many replaces of one version succeed', async (context) => {
    const { store, other, clock } = context
    await many(RACES, async () => {
      const id = newId()
      await create(store, id, 'first', clock)
      const versions = [(await readLive(store, id)).version, (await readLive(other, id)).version]
      const results = await many(10, (n) =>
        (n % 2 ? other : store).replace(id, text(`${n}`), later(clock), versions[n % 2]),
      )
      const winners = results.flatMap(({ kind }, n) => (kind === 'replaced' ? [n] : []))
      checkSame(winners.length, 1, 'number of replaces that succeeded')
      check(
        results.every(({ kind }) => kind !== 'gone'),
        'a replace answered gone for a live record',
      )
      const record = await store.read(id)
      checkBytes(record?.bytes, text(`${winners[0]}`), 'the record of the replace that succeeded')
    })
  }),
  atomic('P6', 'loses no increment of eight concurrent loops', async ({ store, other, clock }) => {
    const id = newId()
    await create(store, id, '0', clock)
    await many(8, async (n) => {
      for (let turn = 0; turn < 25; turn++) await increment(n % 2 ? store : other, id, clock)
    })
    checkBytes((await store.read(id))?.bytes, text('200'), 'the sum')
  }),
]
