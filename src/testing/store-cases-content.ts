/**
 * The cases of reading, creating and replacing, in the order of the sentences in `core/store.ts`. The first case of a
 * number is the sentence itself; the others check its edges.
 */

import type { Version } from '../core/store.ts'
import { check, checkBytes, checkSame } from './runner.ts'
import {
  atomic,
  bytesOf,
  type Client,
  inBatches,
  many,
  needing,
  newId,
  noise,
  numberIn,
  of,
  pause,
  RACES,
  type StoreCase,
  type StoreContext,
  show,
} from './store-case.ts'
import { comparison, conflict, ends, gone, raceReaders } from './store-races.ts'
import { DAY, HOUR, type Timeline } from './timeline.ts'

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
  of('R1 reads the newest state, whichever client wrote it', async ({ store, other }) => {
    const id = await store.put('write 0')
    for (let turn = 1; turn <= 20; turn++) {
      const [writer, reader] = turn % 2 ? [store, other] : [other, store]
      await writer.update(id, `write ${turn}`)
      await reader.check(id, `write ${turn}`, `read ${turn}`)
    }
  }),
  of('R2 has no record for an unknown id', ({ store }) =>
    store.checkAbsent(newId(), 'an unknown id'),
  ),
  of('R3 has a record until its expiry, and none from then on', async (context) => {
    const { store, other, clock } = context
    let id = ''
    const end = await clock.before(async (expiresAt) => {
      id = await store.put('short', expiresAt)
      clock.approach(expiresAt)
      for (const client of [store, other]) await client.live(id)
    })
    await clock.reach(end)
    await store.check(id, undefined, 'read at the expiry')
    await other.check(id, undefined, 'read by another client at the expiry')
  }),
  of('R3 treats an expired id as an unknown one in every verb', async ({ store, clock }) => {
    const end = clock.soon()
    const id = await store.put('short', end)
    await clock.reach(end)
    await store.checkAbsent(id, 'an expired id')
  }),
  of('R4 returns exactly the bytes that were written', async ({ store, other, maxBytes }) => {
    const every = Uint8Array.from({ length: 256 }, (_, value) => value)
    const sizes = [...SIZES, maxBytes].filter((size) => size <= maxBytes && size < Infinity)
    const inTheMiddle = Uint8Array.from([1, 2, ...every, 3]).subarray(2, 258)
    for (const bytes of [every, every.toReversed(), inTheMiddle, ...sizes.map(noise)]) {
      const what = `a record of ${bytes.length} bytes`
      const id = await store.put(bytes)
      await other.check(id, bytes, `${what}, created`)
      await store.update(id, bytes.toReversed())
      await other.check(id, bytes.toReversed(), `${what}, replaced`)
    }
  }),
  of('R4 keeps apart ids of 1 to 200 visible ASCII characters', async ({ store }) => {
    const all = possibleIds(store.raw.prefix ?? '')
    await inBatches(all, (id) => store.create(id, id))
    await inBatches(all, (id) => store.check(id, id, show(id)))
    await inBatches(all, async (id) => {
      checkSame(await store.raw.delete(id), 'deleted', show(id))
      await store.check(id, undefined, show(id))
    })
  }),
  of('R4 keeps many records apart', async ({ store, other, ids }) => {
    const all = Array.from({ length: ids }, newId)
    await inBatches(all, (id) => store.create(id, `of ${id}`))
    await inBatches(all, (id) => other.check(id, `of ${id}`, 'one of many'))
  }),
  of('R5 returns the expiry of a record', async ({ store, clock }) => {
    for (const [length, next] of [
      [HOUR, 31 * DAY],
      [31 * DAY, 400 * DAY],
      [60 * DAY, HOUR],
    ] as const) {
      const start = clock.now()
      const created = await store.make('created', start + length)
      const { id } = created
      clock.checkExpiry(created.expiresAt, start + length, 'after create')
      await store.raw.replace(id, bytesOf('replaced'), start + next, created.version)
      const replaced = await store.live(id)
      clock.checkExpiry(replaced.expiresAt, start + next, 'after replace')
      await store.raw.touch(id, start + length + DAY, replaced.version)
      const touched = await store.live(id)
      clock.checkExpiry(touched.expiresAt, start + length + DAY, 'after touch')
    }
  }),
  atomic('R5 returns the expiry of a record as soon as it can be read', async (context) => {
    const { store, other, clock } = context
    await many(2 * RACES, async (n) => {
      const id = newId()
      const expiresAt = clock.later()
      const created = store.create(id, 'new', expiresAt)
      let record = await other.raw.read(id, { expiry: true })
      for (let turn = n; record === undefined && turn < 10_000; turn++) {
        await Promise.race([pause(turn), created])
        record = await other.raw.read(id, { expiry: true })
      }
      clock.checkExpiry(record?.expiresAt, expiresAt, 'a record that is being created')
      await created
    })
  }),
  of('R6 answers a fresh read from the primary', async ({ store, other }) => {
    const id = await other.put('write 0')
    for (let turn = 1; turn <= 20; turn++) {
      // A near cache keeps the record after these reads.
      await many(2, () => store.raw.read(id))
      await other.update(id, `write ${turn}`)
      await store.check(id, `write ${turn}`, `fresh read ${turn}`, { fresh: true })
    }
    await store.raw.read(id)
    await other.raw.delete(id)
    await store.check(id, undefined, 'fresh read of a deleted record', { fresh: true })
  }),
  of('D1 rounds an expiry up to its resolution, never down', async ({ store, clock }) => {
    checkSame(store.raw.resolution ?? 1, clock.resolution, 'the resolution of the store')
    for (const odd of [0, 1, 499, 500, 999]) {
      const end = clock.later() + odd
      clock.checkExpiry((await store.make('odd', end)).expiresAt, end, 'after create')
    }
  }),
  of('C1 inserts, also over an expired record', async ({ store, other, clock }) => {
    const end = clock.soon()
    const ids = await store.putMany(2, 'first', end)
    await clock.reach(end)
    for (const [n, id] of ids.entries()) await (n === 0 ? store : other).create(id, 'second')
    for (const id of ids) await store.check(id, 'second', 'the new record')
  }),
  of('C2 never overwrites a live record', async ({ store, other, clock }) => {
    const end = clock.later(2)
    const id = await store.put('first', end)
    for (const expiresAt of [clock.later(), clock.now() - DAY]) {
      for (const client of [store, other]) {
        const result = await client.raw.create(id, bytesOf('second'), expiresAt)
        checkSame(result.kind, 'exists', 'the second create')
        await client.checkUnchanged(id, 'first', end)
      }
    }
  }),
  atomic('C3 lets exactly one of many creates insert', async (context) => {
    const { store, clock } = context
    const end = clock.soon()
    const expired = await store.putMany(RACES / 2, 'first', end)
    await clock.reach(end)
    await inBatches([...expired, ...expired.map(newId)], (id) =>
      checkOneWins(context, id, 'created', async ({ raw }, content) => {
        return (await raw.create(id, bytesOf(content), clock.later())).kind
      }),
    )
  }),
  of('C4 leaves nothing behind for an expiry that is not in the future', async (context) => {
    const { store, clock } = context
    for (const end of clock.over()) {
      const id = newId()
      await store.raw.create(id, bytesOf('late'), end)
      await store.checkAbsent(id, 'a record created too late')
    }
  }),
  of('P1 replaces what was read, data and expiry in one step', async ({ store, clock }) => {
    const id = newId()
    let version: Version = await store.create(id, 'turn 0')
    for (let turn = 1; turn <= 5; turn++) {
      version ??= (await store.live(id)).version
      const end = clock.later(turn)
      const result = await store.raw.replace(id, bytesOf(`turn ${turn}`), end, version)
      check(result.kind === 'replaced', `replace ${turn}: ${result.kind}`)
      await store.checkUnchanged(id, `turn ${turn}`, end)
      version = turn % 2 ? result.version : undefined
    }
  }),
  atomic('P1 shows no reader the data of one write with the expiry of another', raceReaders(false)),
  of('P2 answers conflict when another version is there, and changes nothing', conflict('replace')),
  of('P2 compares the whole content, and takes no version for none', comparison('replace')),
  of('P2 gives the newer record with a conflict, if any', async ({ store, other, clock }) => {
    const { id, version } = await store.make('first')
    await other.update(id, 'second')
    const result = await store.raw.replace(id, bytesOf('third'), clock.later(), version)
    check(result.kind === 'conflict', `replace of an old version: ${result.kind}`)
    if (result.current === undefined) return
    checkBytes(result.current.bytes, bytesOf('second'), 'current')
    const next = await store.replace(id, result.current.version)
    checkSame(next, 'replaced', 'replace of the version of current')
  }),
  of(
    'P2 answers conflict for the version of a record that was deleted and created again',
    async ({ store, other }) => {
      const { id, version } = await store.make('first')
      await other.raw.delete(id)
      await other.create(id, 'second')
      checkSame(await store.replace(id, version), 'conflict', 'replace')
      await store.check(id, 'second', 'the new record')
    },
  ),
  needing('foreignWrite')(
    'P2 answers conflict after another program wrote, also as many bytes',
    async ({ store, other, clock, foreignWrite }) => {
      for (const content of ['other', 'of another length', 'tsrif']) {
        const { id, version } = await store.make('first')
        await foreignWrite(id, bytesOf(content), clock.later())
        for (const verb of ['replace', 'touch', 'delete'] as const) {
          const kind = await store.call(verb, id, version)
          checkSame(kind, 'conflict', `${verb} of the version before the foreign write`)
        }
        const now = await other.live(id)
        checkBytes(now.bytes, bytesOf(content), 'the record of the other program')
        const next = await store.replace(id, now.version)
        checkSame(next, 'replaced', 'replace of the version of the other program')
      }
    },
  ),
  of('P3 never creates by replacing', gone('replace')),
  of('P4 counts equal bytes as replaced', async ({ store, clock }) => {
    const end = clock.later(2)
    const id = await store.put('same', end)
    for (const expiresAt of [end, end + HOUR]) {
      await store.update(id, 'same', expiresAt)
      await store.checkUnchanged(id, 'same', expiresAt)
    }
  }),
  of('P5 ends a record that is replaced with an expiry not in the future', ends('replace')),
  atomic('P6 lets exactly one of many replaces of one version succeed', async (context) => {
    const { store, other } = context
    await many(RACES, async () => {
      const { id, version } = await store.make('first')
      const theirs = (await other.live(id)).version
      const kinds = await checkOneWins(context, id, 'replaced', (client, content) =>
        client.replace(id, client === store ? version : theirs, content),
      )
      check(!kinds.includes('gone'), 'a replace answered gone for a live record')
    })
  }),
  atomic('P6 loses no increment of eight concurrent loops', async ({ store, other, clock }) => {
    const id = await store.put('0')
    await many(8, async (n) => {
      const client = n % 2 ? store : other
      for (let turn = 0; turn < 25; turn++) await increment(client, id, clock)
    })
    await store.check(id, '200', 'the sum')
  }),
]

/** Makes ten calls at once, and fails unless exactly one wins and its content is in the record. Resolves to all kinds. */
async function checkOneWins(
  { store, other }: StoreContext,
  id: string,
  winning: string,
  call: (client: Client, content: string) => Promise<string>,
): Promise<string[]> {
  const kinds = await many(10, (n) => call(n % 2 ? other : store, `${n}`))
  const winners = kinds.flatMap((kind, n) => (kind === winning ? [n] : []))
  checkSame(winners.length, 1, `number of calls that answered ${winning}`)
  await store.check(id, `${winners[0]}`, `the record of the call that answered ${winning}`)
  return kinds
}

/** Adds one to the number in a record. */
async function increment({ raw }: Client, id: string, clock: Timeline): Promise<void> {
  let record = await raw.read(id)
  for (let turn = 0; turn < 10_000; turn++) {
    if (record === undefined) return
    const next = bytesOf(`${numberIn(record) + 1}`)
    const result = await raw.replace(id, next, clock.later(), record.version)
    if (result.kind !== 'conflict') return
    record = result.current ?? (await raw.read(id))
  }
  throw new Error('replace: answered conflict 10,000 times in a row')
}
