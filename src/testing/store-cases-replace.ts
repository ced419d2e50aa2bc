/**
 * The cases of replacing, in the order of the sentences in `core/store.ts`. The first case of a number is the sentence
 * itself; the others check its edges.
 *
 * @module
 */

import type { Version } from '../core/store.ts'
import { check, checkBytes, checkSame } from './runner.ts'
import {
  atomic,
  checkUnchanged,
  create,
  HOUR,
  increment,
  later,
  many,
  needing,
  newId,
  of,
  RACES,
  readLive,
  type StoreCase,
  text,
} from './store-case.ts'
import { checkComparison, checkConflict, checkEnds, checkGone, raceReaders } from './store-races.ts'

/** P1 to P6. */
export const replaceCases: readonly StoreCase[] = [
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
