/**
 * Steps of cases that need other operations at the same time, or contents that are easily taken for one another. Each
 * race ends when its operations do and checks what holds in any order, so a slow store passes and no clock is asked.
 *
 * @module
 */

import type { Store, StoredRecord, Version } from '../core/store.ts'
import { check, checkSame, Rejected, settle } from './runner.ts'
import {
  checkAbsent,
  checkUnchanged,
  create,
  DAY,
  HOUR,
  inBatches,
  isExpiry,
  later,
  many,
  newId,
  noise,
  notInTheFuture,
  numberIn,
  pause,
  RACES,
  readLive,
  type StoreContext,
  text,
} from './store-case.ts'

/** How often the writer of {@link raceReaders} replaces its record. */
const WRITES = 16

/**
 * Replaces records by one writer while others read them and, with `touching`, touch what they have read. The number in
 * a record and its expiry belong together, and only the writer changes the number.
 */
export async function raceReaders(context: StoreContext, touching: boolean): Promise<void> {
  const { store, other, clock } = context
  const start = clock.now() + DAY
  const written = (n: number): number => start + 2 * n * HOUR
  const touched = (n: number): number => written(n) + HOUR

  await many(RACES, async (race) => {
    const id = newId()
    let version = await create(store, id, '0', clock, written(0))
    let acknowledged = 0
    let writing = true

    async function write(): Promise<void> {
      for (let n = 1; n <= WRITES; n++) {
        version ??= (await readLive(store, id)).version
        const result = await store.replace(id, text(String(n)), written(n), version)
        checkSame(result.kind, 'replaced', 'replace by the only writer')
        acknowledged = n
        version = n % 2 && result.kind === 'replaced' ? result.version : undefined
        await pause(n + race)
      }
    }

    /** Checks one read, with the read before it by the same client. */
    function judge(record: StoredRecord, last: StoredRecord | undefined, least: number): void {
      const n = numberIn(record)
      check(n >= least, `a read after write ${least} returned write ${n}`)
      const { expiresAt = 0 } = record
      check(
        expiresAt >= written(n) - clock.slack,
        `a read returned write ${n} with an expiry that is ${written(n) - expiresAt} ms older`,
      )
      // A read may take the bytes first and then the expiry, which may be of the next write by then; but not when the
      // bytes are the same later.
      if (last === undefined || numberIn(last) !== n) return
      const fits = [written(n), touched(n)].some((at) => isExpiry(last.expiresAt, at, context))
      check(fits, `a read returned write ${n} with the expiry of another write`)
    }

    async function read(client: Store, from: number): Promise<void> {
      let last: StoredRecord | undefined
      for (let turn = from; writing; turn++) {
        const least = acknowledged
        const record = await readLive(client, id)
        judge(record, last, least)
        last = record
        if (touching) {
          const result = await client.touch(id, touched(numberIn(record)), record.version)
          check(result !== 'gone', 'touch of a live record: gone')
        }
        await pause(turn)
      }
    }

    const end = (): void => {
      writing = false
    }
    await many(4, (n) => (n === 0 ? write().finally(end) : read(n % 2 ? other : store, n + race)))
    checkSame(numberIn(await readLive(other, id)), WRITES, 'the last write')
  })
}

/** Deletes records while others change them, and checks that none of the changes brings a record back. */
export async function raceDelete(
  { store, other, clock }: StoreContext,
  verbs: readonly ('replace' | 'touch')[],
): Promise<void> {
  async function change(client: Store, id: string, verb: 'replace' | 'touch'): Promise<string> {
    const record = await client.read(id)
    if (record === undefined) return 'gone'
    if (verb === 'touch') return client.touch(id, later(clock), record.version)
    const next = text(String(numberIn(record) + 1))
    return (await client.replace(id, next, later(clock), record.version)).kind
  }

  await many(2 * RACES, async (race) => {
    const id = newId()
    await create(store, id, '0', clock)
    let changes = 0
    let deleted = false
    let begin = (): void => {}
    const begun = new Promise<void>((resolve) => {
      begin = resolve
    })
    const loops = settle(() =>
      many(verbs.length, async (n) => {
        for (let turn = 0; !deleted; turn++) {
          const result = await change(n % 2 ? store : other, id, verbs[n] ?? 'touch')
          if (result === 'gone') return
          if (result !== 'conflict' && ++changes === verbs.length + (race % 5)) begin()
          await pause(turn + n + race)
        }
      }),
    )
    await Promise.race([begun, loops])
    const result = await settle(() => (race % 2 ? store : other).delete(id))
    const after = await settle(() => store.read(id))
    deleted = true
    for (const ended of [await loops, result, after]) {
      if (ended instanceof Rejected) throw ended.reason
    }
    checkSame(result, 'deleted', 'delete of a live record')
    checkSame(after, undefined, 'read after the delete')
    checkSame(await other.read(id), undefined, 'read after the last change ended')
  })
}

/** Deletes the version that was read while a writer replaces it, and checks that no newer version was deleted. */
export async function raceVersionedDelete({ store, other, clock }: StoreContext): Promise<void> {
  await many(2 * RACES, async (race) => {
    const id = newId()
    await create(store, id, '0', clock)
    let last = 0

    async function write(): Promise<void> {
      for (let n = 1; n <= WRITES; n++) {
        const record = await other.read(id)
        if (record === undefined) return
        const { kind } = await other.replace(id, text(String(n)), later(clock), record.version)
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
        const record = await store.read(id)
        if (record === undefined) return undefined
        const result = await store.delete(id, record.version)
        if (result === 'deleted') return numberIn(record)
        if (result === 'gone') return undefined
      }
    }

    const results = await many(4, async (n) => {
      if (n > 0) return remove(n + race)
      await write()
      return undefined
    })
    const removed = results.filter((number) => number !== undefined)
    checkSame(removed.join(), String(last), 'the write that was deleted, which must be the last')
    checkSame(await other.read(id), undefined, 'read after the delete')
  })
}

/** Contents that differ, and that a careless comparison takes for equal. */
function alikes(maxBytes: number): readonly (readonly [Uint8Array, Uint8Array])[] {
  const pairs: (readonly [Uint8Array, Uint8Array])[] = (
    [
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
    ] as const
  ).map(([a, b]) => [text(a), text(b)])
  for (const size of [16, 5_000, 70_000]) {
    if (size >= maxBytes) continue
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

/** The verbs that take a version; each resolves to the kind of its result. */
type Conditional = 'replace' | 'touch' | 'delete'

async function kindOf(
  verb: Conditional,
  store: Store,
  id: string,
  expiresAt: number,
  version: Version,
): Promise<string> {
  if (verb === 'touch') return store.touch(id, expiresAt, version)
  if (verb === 'delete') return store.delete(id, version)
  return (await store.replace(id, text('third'), expiresAt, version)).kind
}

/** Checks that a call with an old version is a conflict and changes nothing, whatever the expiry. */
export async function checkConflict(context: StoreContext, verb: Conditional): Promise<void> {
  const { store, other, clock } = context
  const id = newId()
  const end = clock.now() + 2 * HOUR
  await create(store, id, 'first', clock)
  const old = await readLive(store, id)
  await other.replace(id, text('second'), end, (await readLive(other, id)).version)
  for (const expiresAt of [clock.now() + 3 * HOUR, later(clock), clock.now() - DAY]) {
    const kind = await kindOf(verb, store, id, expiresAt, old.version)
    checkSame(kind, 'conflict', `${verb} of an old version`)
    await checkUnchanged(store, id, 'second', end, context)
  }
}

/** Checks that a call with an old version, or without one, is a conflict and changes nothing, however alike the contents are. */
export async function checkComparison(context: StoreContext, verb: Conditional): Promise<void> {
  const { store, other, clock, maxBytes } = context
  const end = clock.now() + 2 * HOUR
  const call = (id: string, version: Version): Promise<string> =>
    kindOf(verb, store, id, clock.now() + 3 * HOUR, version)
  await inBatches(alikes(maxBytes), async ([before, after]) => {
    const id = newId()
    await store.create(id, before, later(clock))
    const old = await readLive(store, id)
    await other.replace(id, after, end, (await readLive(other, id)).version)
    checkSame(await call(id, old.version), 'conflict', 'an old version of alike content')
    await checkUnchanged(store, id, after, end, context)
  })
  // A delete without a version is unconditional.
  if (verb === 'delete') return
  const id = newId()
  await create(store, id, 'first', clock, end)
  const result = await settle(() => call(id, undefined))
  if (!(result instanceof Rejected)) checkSame(result, 'conflict', 'a call without a version')
  await checkUnchanged(store, id, 'first', end, context)
}

/** Checks that a call for a record that is not there is gone, and creates none. */
export async function checkGone(
  { store, other, clock }: StoreContext,
  verb: Conditional,
): Promise<void> {
  const [deleted, expired, unknown] = [newId(), newId(), newId()]
  const end = clock.soon()
  await create(store, deleted, 'record', clock)
  const { version } = await readLive(store, deleted)
  await create(store, expired, 'record', clock, end)
  await other.delete(deleted)
  await clock.reach(end)
  for (const [what, id] of Object.entries({ deleted, expired, unknown })) {
    const kind = await kindOf(verb, store, id, later(clock), version)
    checkSame(kind, 'gone', `${verb} of a record that is ${what}`)
    checkSame(await other.read(id), undefined, `read of a record that is ${what}`)
  }
}

/** Checks that a call with an expiry that is not in the future ends the record. */
export async function checkEnds(context: StoreContext, verb: Conditional): Promise<void> {
  const { store, other, clock, resolution } = context
  for (const end of notInTheFuture(clock, resolution)) {
    const id = newId()
    await create(store, id, 'first', clock)
    const kind = await kindOf(verb, store, id, end, (await readLive(store, id)).version)
    check(kind !== 'conflict', `${verb} of the version that was read: conflict`)
    await checkAbsent(other, id, clock, 'a record that was ended')
  }
}
