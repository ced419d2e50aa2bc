/** Stores with one defect each, to check that the suite notices: replacing, ending and the rest. */

import type { Store } from 'vial'
import { StoreError } from 'vial'
import type { MaybePromise } from '../../src/core/store.ts'
import { type Defect, HOUR, tick } from './defect.ts'

export const writingDefects: readonly Defect[] = [
  {
    fails: 'P1',
    what: 'replace leaves the expiry',
    broken: (sound) => ({
      async replace(id, bytes, expiresAt, version) {
        const end = (await sound.read(id))?.expiresAt ?? expiresAt
        return sound.replace(id, bytes, end, version)
      },
    }),
  },
  {
    fails: 'P1',
    what: 'replace returns a version that is not the new one',
    broken: (sound) => ({
      async replace(id, bytes, expiresAt, version) {
        const result = await sound.replace(id, bytes, expiresAt, version)
        return result.kind === 'replaced' ? { kind: 'replaced', version } : result
      },
    }),
  },
  {
    fails: 'P2 answers conflict when',
    what: 'replace ignores the version',
    broken: (sound) => ({
      async replace(id, bytes, expiresAt) {
        return sound.replace(id, bytes, expiresAt, (await sound.read(id))?.version)
      },
    }),
  },
  {
    fails: 'P2 answers conflict when',
    what: 'a conflict moves the expiry',
    broken: (sound) => ({
      async replace(id, bytes, expiresAt, version) {
        const result = await sound.replace(id, bytes, expiresAt, version)
        if (result.kind === 'conflict') await sound.touch(id, expiresAt, result.current?.version)
        return result
      },
    }),
  },
  {
    fails: 'P2 gives the newer',
    what: 'a conflict returns its own bytes as the newer record',
    broken: (sound) => ({
      async replace(id, bytes, expiresAt, version) {
        const result = await sound.replace(id, bytes, expiresAt, version)
        return result.kind === 'conflict'
          ? { kind: 'conflict', current: { bytes, version: bytes } }
          : result
      },
    }),
  },
  {
    fails: 'P2 answers conflict for',
    what: 'versions count from one in each record',
    broken: (sound) => withCountedVersions(sound),
  },
  {
    fails: 'P2 answers conflict after another program',
    what: 'versions are counted by the clients themselves',
    broken: (sound) => withCountedVersions(sound),
  },
  {
    fails: 'P2 answers conflict after another program',
    what: 'the version is the number of bytes',
    broken: (sound) => ({
      async read(id) {
        const record = await sound.read(id)
        return record && { ...record, version: record.bytes.length }
      },
      async replace(id, bytes, expiresAt, version) {
        const record = await sound.read(id)
        if (record !== undefined && record.bytes.length !== version) return { kind: 'conflict' }
        return sound.replace(id, bytes, expiresAt, record?.version)
      },
    }),
  },
  {
    fails: 'P3',
    what: 'replace creates',
    broken: (sound) => ({
      async replace(id, bytes, expiresAt, version) {
        const result = await sound.replace(id, bytes, expiresAt, version)
        if (result.kind !== 'gone') return result
        await sound.create(id, bytes, expiresAt)
        return { kind: 'replaced' }
      },
    }),
  },
  {
    fails: 'P4',
    what: 'equal bytes count as nothing replaced',
    broken: (sound) => ({
      async replace(id, bytes, expiresAt, version) {
        const record = await sound.read(id)
        const equal = record && Buffer.compare(record.bytes, bytes) === 0
        return equal ? { kind: 'conflict' } : sound.replace(id, bytes, expiresAt, version)
      },
    }),
  },
  {
    fails: 'P5',
    what: 'replace with an expiry in the past sets none',
    broken: (sound, now) => ({
      replace: (id, bytes, at, version) =>
        sound.replace(id, bytes, at <= now() ? now() + HOUR : at, version),
    }),
  },
  {
    fails: 'T1',
    what: 'touch moves later only',
    broken: (sound) => ({
      async touch(id, expiresAt, version) {
        const end = (await sound.read(id))?.expiresAt ?? 0
        return sound.touch(id, Math.max(expiresAt, end), version)
      },
    }),
  },
  {
    fails: 'T1',
    what: 'touch moves nothing',
    broken: () => ({ touch: async () => 'touched' as const }),
  },
  {
    fails: 'T2',
    what: 'touch changes the version',
    broken: (sound) => ({
      async touch(id, expiresAt, version) {
        const record = await sound.read(id)
        if (record === undefined) return 'gone'
        const { kind } = await sound.replace(id, record.bytes, expiresAt, version)
        return kind === 'replaced' ? 'touched' : kind
      },
    }),
  },
  {
    fails: 'T3',
    what: 'touch creates',
    broken: (sound) => ({
      async touch(id, expiresAt, version) {
        await sound.create(id, new Uint8Array(), expiresAt)
        return sound.touch(id, expiresAt, version)
      },
    }),
  },
  {
    fails: 'T4',
    what: 'touch with an expiry in the past sets none',
    broken: (sound, now) => ({
      touch: (id, at, version) => sound.touch(id, at <= now() ? now() + HOUR : at, version),
    }),
  },
  {
    fails: 'T5',
    what: 'touch ignores the version',
    broken: (sound) => ({
      async touch(id, expiresAt) {
        return sound.touch(id, expiresAt, (await sound.read(id))?.version)
      },
    }),
  },
  {
    fails: 'X1 has removed the record once',
    what: 'delete leaves the record',
    broken: (sound) => ({
      delete: async (id) => ((await sound.read(id)) ? 'deleted' : 'gone'),
    }),
  },
  {
    fails: 'X2',
    what: 'delete ignores the version',
    broken: (sound) => ({ delete: (id) => sound.delete(id) }),
  },
  {
    fails: 'X3',
    what: 'delete of an unknown id is an error',
    broken: (sound) => ({
      async delete(id, version) {
        if (!(await sound.read(id))) throw new Error('not found')
        return sound.delete(id, version)
      },
    }),
  },
  {
    fails: 'S1',
    what: 'sweep ignores the limit',
    broken: (sound) => ({ sweep: async () => (await sound.sweep?.()) ?? 0 }),
  },
  { fails: 'S1', what: 'sweep removes nothing', broken: () => ({ sweep: async () => 0 }) },
  {
    fails: 'S2 sweeps no record that is live again',
    what: 'sweep looks, then deletes',
    broken: (sound, now) => {
      const ends = new Map<string, number>()
      return {
        create(id, bytes, expiresAt) {
          if (!ends.has(id)) ends.set(id, expiresAt)
          return sound.create(id, bytes, expiresAt)
        },
        async sweep() {
          const expired = [...ends].filter(([, end]) => end <= now())
          await tick()
          for (const [id] of expired) await sound.delete(id)
          return expired.length
        },
      }
    },
  },
  {
    fails: 'S2',
    what: 'sweep removes what has up to 1 s left',
    broken: (sound, now) => {
      const ids = new Set<string>()
      return {
        create(id, bytes, expiresAt) {
          ids.add(id)
          return sound.create(id, bytes, expiresAt)
        },
        async sweep() {
          let count = 0
          for (const id of ids) {
            const { expiresAt = Infinity } = (await sound.read(id)) ?? {}
            if (expiresAt > now() + 1_000) continue
            await sound.delete(id)
            count++
          }
          return count
        },
      }
    },
  },
  {
    fails: 'L1',
    what: 'list gives expired and deleted ids',
    broken: (sound) => {
      const all = new Set<string>()
      return {
        create(id, bytes, expiresAt) {
          all.add(id)
          return sound.create(id, bytes, expiresAt)
        },
        async *list() {
          yield* all
        },
      }
    },
  },
  {
    fails: 'L1 lists each live id once while',
    what: 'list gives an id again that was deleted and created',
    broken: (sound) => ({
      async *list() {
        const given: string[] = []
        const all = async () => {
          const ids: string[] = []
          for await (const id of sound.list?.() ?? []) ids.push(id)
          return ids
        }
        // Page by page, by the place in the list.
        for (let page = await all(); given.length < page.length; page = await all()) {
          const id = page[given.length] ?? ''
          given.push(id)
          yield id
        }
      },
    }),
  },
  {
    fails: 'L1',
    what: 'list gives an id twice',
    broken: (sound) => ({
      async *list() {
        for await (const id of sound.list?.() ?? []) yield* [id, id]
      },
    }),
  },
  { fails: 'F1 says', what: 'the store has no name', broken: () => ({ name: '' }) },
  {
    fails: 'F1 says',
    what: 'the store says that it is not atomic',
    broken: () => ({ atomic: false }),
  },
  {
    fails: 'F2 reports',
    what: 'the client retries by itself',
    broken: (sound) => ({
      async replace(...call) {
        try {
          return await sound.replace(...call)
        } catch {
          return sound.replace(...call)
        }
      },
    }),
  },
  {
    fails: 'F2 reports',
    what: 'a lost reply to a delete is reported as not done',
    broken: (sound) => ({ delete: (...args) => asNotDone(() => sound.delete(...args)) }),
  },
  {
    fails: 'F2 counts',
    what: 'a lost reply is reported as not done',
    broken: (sound) => ({ replace: (...args) => asNotDone(() => sound.replace(...args)) }),
  },
  {
    fails: 'F2 counts',
    what: 'a lost reply is reported as success',
    broken: (sound) => ({
      async replace(...call) {
        try {
          await sound.replace(...call)
        } catch {
          // Reported as success.
        }
        return { kind: 'replaced' }
      },
    }),
  },
  {
    fails: 'F1 takes',
    what: 'an aborted signal is an error of another kind',
    broken: (sound) => ({
      async read(id, options) {
        options?.signal?.throwIfAborted()
        return sound.read(id)
      },
    }),
  },
]

async function asNotDone<T>(call: () => MaybePromise<T>): Promise<T> {
  try {
    return await call()
  } catch (cause) {
    const error = { operation: 'replace', outcome: 'not-done', retriable: true } as const
    throw new StoreError('It failed', { ...error, cause })
  }
}

function withCountedVersions(sound: Store): Partial<Store> {
  const counts = new Map<string, number>()
  return {
    async read(id) {
      const record = await sound.read(id)
      return record && { ...record, version: counts.get(id) }
    },
    async create(id, bytes, expiresAt) {
      const result = await sound.create(id, bytes, expiresAt)
      if (result.kind === 'created') counts.set(id, 1)
      return { kind: result.kind }
    },
    async replace(id, bytes, expiresAt, version) {
      const record = await sound.read(id)
      if (record === undefined) return { kind: 'gone' }
      if (counts.get(id) !== version) return { kind: 'conflict' }
      counts.set(id, (counts.get(id) ?? 0) + 1)
      return { kind: (await sound.replace(id, bytes, expiresAt, record.version)).kind }
    },
  }
}
