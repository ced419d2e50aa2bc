/**
 * Steps of cases that need other operations at the same time, or contents that are easily taken for one another. Each
 * race ends when its operations do and checks what holds in any order, so a slow store passes and no clock is asked.
 */

import type { StoredRecord, Version } from '../core/store.ts'
import { check, checkSame, gate, settle } from './runner.ts'
import {
  bytesOf,
  type Client,
  type Conditional,
  inBatches,
  many,
  newId,
  noise,
  numberIn,
  pause,
  RACES,
  type Run,
  type StoreContext,
} from './store-case.ts'
import { DAY, HOUR } from './timeline.ts'

/** How often the writer of a race replaces its record. */
const WRITES = 16

/**
 * Replaces records by one writer while others read them and, with `touching`, touch what they have read. The number in
 * a record and its expiry belong together, and only the writer changes the number.
 */
export const raceReaders =
  (touching: boolean): Run =>
  async ({ store, other, clock }) => {
    const start = clock.later(24)
    const written = (n: number): number => start + 2 * n * HOUR
    const touched = (n: number): number => written(n) + HOUR

    await many(RACES, async (race) => {
      const id = newId()
      let version = await store.create(id, '0', written(0))
      let acknowledged = 0
      let writing = true

      async function write(): Promise<void> {
        for (let n = 1; n <= WRITES; n++) {
          version ??= (await store.live(id)).version
          const result = await store.raw.replace(id, bytesOf(`${n}`), written(n), version)
          check(result.kind === 'replaced', `replace by the only writer: ${result.kind}`)
          acknowledged = n
          version = n % 2 ? result.version : undefined
          await pause(n + race)
        }
      }

      async function read(client: Client, from: number): Promise<void> {
        let last: StoredRecord | undefined
        for (let turn = from; writing; turn++) {
          const least = acknowledged
          const record = await client.live(id)
          const n = numberIn(record)
          check(n >= least, `a read after write ${least} returned write ${n}`)
          const early = written(n) - (record.expiresAt ?? 0)
          check(early <= clock.slack, `a read of write ${n} returned an expiry ${early} ms older`)
          // A read may take the bytes first and then the expiry, which may be of the next write by then; but not when
          // the bytes are the same later.
          if (last !== undefined && numberIn(last) === n) {
            const { expiresAt } = last
            const fits = [written(n), touched(n)].some((at) => clock.isExpiry(expiresAt, at))
            check(fits, `a read returned write ${n} with the expiry of another write`)
          }
          last = record
          if (touching) {
            const kind = await client.call('touch', id, record.version, touched(n))
            check(kind !== 'gone', 'touch of a live record: gone')
          }
          await pause(turn)
        }
      }

      const end = (): void => {
        writing = false
      }
      await many(4, (n) => (n === 0 ? write().finally(end) : read(n % 2 ? other : store, n + race)))
      checkSame(numberIn(await other.live(id)), WRITES, 'the last write')
    })
  }

/** Deletes records while others change them, and checks that none of the changes brings a record back. */
export const raceDelete =
  (verbs: readonly ('replace' | 'touch')[]): Run =>
  async ({ store, other, clock }) => {
    async function change({ raw }: Client, id: string, verb: string | undefined): Promise<string> {
      const record = await raw.read(id)
      if (record === undefined) return 'gone'
      if (verb === 'touch') return raw.touch(id, clock.later(), record.version)
      const next = bytesOf(`${numberIn(record) + 1}`)
      return (await raw.replace(id, next, clock.later(), record.version)).kind
    }

    await many(2 * RACES, async (race) => {
      const id = await store.put('0')
      let changes = 0
      let deleted = false
      const begun = gate()
      const loops = many(verbs.length, async (n) => {
        for (let turn = 0; !deleted; turn++) {
          const kind = await change(n % 2 ? store : other, id, verbs[n])
          if (kind === 'gone') return
          if (kind !== 'conflict' && ++changes === verbs.length + (race % 5)) begun.open()
          await pause(turn + n + race)
        }
      })
      await Promise.race([begun.opened, loops])
      try {
        const kind = await (race % 2 ? store : other).raw.delete(id)
        checkSame(kind, 'deleted', 'delete of a live record')
        await store.check(id, undefined, 'read after the delete')
      } finally {
        deleted = true
        await loops
      }
      await other.check(id, undefined, 'read after the last change ended')
    })
  }

/** Deletes the version that was read while a writer replaces it, and checks that no newer version was deleted. */
export async function raceVersionedDelete({ store, other }: StoreContext): Promise<void> {
  await many(2 * RACES, async (race) => {
    const id = await store.put('0')
    let last = 0

    async function write(): Promise<undefined> {
      for (let n = 1; n <= WRITES; n++) {
        const record = await other.raw.read(id)
        if (record === undefined) return
        const kind = await other.replace(id, record.version, `${n}`)
        if (kind === 'gone') return
        checkSame(kind, 'replaced', 'replace by the only writer')
        last = n
        await pause(n)
      }
    }

    /** Resolves to the number in the record that it deleted. */
    async function remove(from: number): Promise<number | undefined> {
      for (let turn = from; ; turn++) {
        await pause(turn)
        const record = await store.raw.read(id)
        if (record === undefined) return undefined
        const kind = await store.raw.delete(id, record.version)
        if (kind === 'deleted') return numberIn(record)
        if (kind === 'gone') return undefined
      }
    }

    const results = await many(4, (n) => (n === 0 ? write() : remove(n + race)))
    const removed = results.filter((number) => number !== undefined)
    checkSame(removed.join(), String(last), 'the write that was deleted, which must be the last')
    await other.check(id, undefined, 'read after the delete')
  })
}

/** Contents that differ, and that a careless comparison takes for equal. */
function alikes(maxBytes: number): readonly (readonly [Uint8Array, Uint8Array])[] {
  const pairs = [
    ['', '\0'],
    ['a', 'A'],
    ['a', 'a '],
    ['1', '1.0'],
    ['1', '01'],
    ['\u00e9', 'e\u0301'],
    // Of one hash: CRC-32, FNV-1a and the one of Java's strings.
    ['plumless', 'buckeroo'],
    ['costarring', 'liquid'],
    ['Aa', 'BB'],
  ].map(([a = '', b = '']) => [bytesOf(a), bytesOf(b)] as const)
  for (const size of [16, 5_000, 70_000].filter((size) => size < maxBytes)) {
    const bytes = noise(size)
    const [first = 0, last = 0, middle = size / 2] = [bytes[0], bytes[size - 1]]
    const edits: Record<number, number>[] = [
      { 0: first ^ 1 },
      { [middle]: (bytes[middle] ?? 0) ^ 128 },
      { [size - 1]: last ^ 1 },
      // Of one sum, and of one exclusive or.
      { 0: last, [size - 1]: first },
      { 0: first ^ 16, [size - 1]: last ^ 16 },
      { 0: first + 1, [size - 1]: last - 1 },
    ]
    for (const edit of edits) pairs.push([bytes, Object.assign(bytes.slice(), edit)])
    pairs.push([bytes, bytes.subarray(0, -1)], [bytes, Uint8Array.from([...bytes, 0])])
  }
  return pairs
}

/** Checks that a call with an old version is a conflict and changes nothing, whatever the expiry. */
export const conflict =
  (verb: Conditional): Run =>
  async ({ store, other, clock }) => {
    const end = clock.later(2)
    const { id, version } = await store.make('first')
    await other.update(id, 'second', end)
    for (const expiresAt of [clock.later(3), clock.later(), clock.now() - DAY]) {
      const kind = await store.call(verb, id, version, expiresAt)
      checkSame(kind, 'conflict', `${verb} of an old version`)
      await store.checkUnchanged(id, 'second', end)
    }
  }

/** Checks that a call with an old version, or without one, is a conflict and changes nothing, however alike the contents are. */
export const comparison =
  (verb: Conditional): Run =>
  async ({ store, other, clock, maxBytes }) => {
    const end = clock.later(2)
    const call = (id: string, version: Version): Promise<string> =>
      store.call(verb, id, version, clock.later(3))
    await inBatches(alikes(maxBytes), async ([before, after]) => {
      const { id, version } = await store.make(before)
      await other.update(id, after, end)
      checkSame(await call(id, version), 'conflict', 'an old version of alike content')
      await store.checkUnchanged(id, after, end)
    })
    // A delete without a version is unconditional.
    if (verb === 'delete') return
    const id = await store.put('first', end)
    const result = await settle(() => call(id, undefined))
    if (result.status === 'fulfilled')
      checkSame(result.value, 'conflict', 'a call without a version')
    await store.checkUnchanged(id, 'first', end)
  }

/** Checks that a call for a record that is not there is gone, and creates none. */
export const gone =
  (verb: Conditional): Run =>
  async ({ store, other, clock }) => {
    const end = clock.soon()
    const { id: deleted, version } = await store.make('record')
    const [expired, unknown] = [await store.put('record', end), newId()]
    await other.raw.delete(deleted)
    await clock.reach(end)
    for (const [what, id] of Object.entries({ deleted, expired, unknown })) {
      const kind = await store.call(verb, id, version)
      checkSame(kind, 'gone', `${verb} of a record that is ${what}`)
      await other.check(id, undefined, `read of a record that is ${what}`)
    }
  }

/** Checks that a call with an expiry that is not in the future ends the record. */
export const ends =
  (verb: Conditional): Run =>
  async ({ store, other, clock }) => {
    for (const end of clock.over()) {
      const { id, version } = await store.make('first')
      const kind = await store.call(verb, id, version, end)
      check(kind !== 'conflict', `${verb} of the version that was read: conflict`)
      await other.checkAbsent(id, 'a record that was ended')
    }
  }
