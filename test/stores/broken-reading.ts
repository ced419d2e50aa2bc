/** Stores with one defect each, to check that the suite notices: reading and creating. */
import { posix } from 'node:path'
import type { Store, StoredRecord } from 'vial'
import { type Defect, HOUR } from './defect.ts'

export const readingDefects: readonly Defect[] = [
  {
    fails: 'R1',
    what: 'a read returns what an earlier one returned',
    broken: (sound) => {
      const seen = new Map<string, StoredRecord>()
      return {
        async read(id) {
          const record = seen.get(id) ?? (await sound.read(id))
          if (record !== undefined) seen.set(id, record)
          return record
        },
      }
    },
  },
  {
    fails: 'R2',
    what: 'an unknown id is an empty record',
    broken: (sound) => ({
      read: async (id) => (await sound.read(id)) ?? { bytes: new Uint8Array(), version: 0 },
    }),
  },
  {
    fails: 'R3 has a record',
    what: 'a record lives one millisecond too long',
    broken: () => ({}),
    clock: (now) => () => now() - 1,
  },
  {
    fails: 'R3 has a record',
    what: 'a record lives one millisecond too short',
    broken: () => ({}),
    clock: (now) => () => now() + 1,
  },
  {
    fails: 'R3 treats',
    what: 'touch brings back an expired record',
    broken: (sound, now) => {
      const ends = new Map<string, [number, Uint8Array]>()
      return {
        create(id, bytes, expiresAt) {
          ends.set(id, [expiresAt, bytes])
          return sound.create(id, bytes, expiresAt)
        },
        async touch(id, expiresAt, version) {
          const [end, bytes] = ends.get(id) ?? [Infinity]
          if (bytes && end <= now()) await sound.create(id, bytes, expiresAt)
          return sound.touch(id, expiresAt, version)
        },
      }
    },
  },
  {
    fails: 'R4 returns',
    what: 'bytes are truncated',
    broken: (sound) => ({
      create: (id, bytes, expiresAt) => sound.create(id, bytes.subarray(0, 65_535), expiresAt),
    }),
  },
  {
    fails: 'R4 returns',
    what: 'bytes pass through text',
    broken: (sound) => ({
      create: (id, bytes, expiresAt) =>
        sound.create(id, new TextEncoder().encode(new TextDecoder().decode(bytes)), expiresAt),
    }),
  },
  {
    fails: 'R4 returns',
    what: 'the whole buffer behind a slice is kept',
    broken: (sound) => ({
      create: (id, bytes, expiresAt) => sound.create(id, new Uint8Array(bytes.buffer), expiresAt),
    }),
  },
  {
    fails: 'R4 keeps apart',
    what: 'ids are folded by a collation',
    broken: (sound) => withIds(sound, (id) => id.toLowerCase()),
  },
  {
    fails: 'R4 keeps apart',
    what: 'ids are cut at 128 characters',
    broken: (sound) => withIds(sound, (id) => id.slice(0, 128)),
  },
  {
    fails: 'R4 keeps apart',
    what: 'ids are paths',
    broken: (sound) => withIds(sound, (id) => posix.normalize(id)),
  },
  {
    fails: 'R4 keeps apart',
    what: 'ids are decoded as in a URL',
    broken: (sound) => withIds(sound, (id) => id.replaceAll('%61', 'a')),
  },
  {
    fails: 'R4 keeps many',
    what: 'ids are cut',
    broken: (sound) => withIds(sound, (id) => id.slice(0, 1)),
  },
  {
    fails: 'R5',
    what: 'the expiry is not returned',
    broken: (sound) => ({
      async read(id) {
        const record = await sound.read(id)
        return record && { bytes: record.bytes, version: record.version }
      },
    }),
  },
  {
    fails: 'R5',
    what: 'an expiry beyond 30 days is taken for another unit',
    broken: (sound, now) => ({
      create: (id, bytes, at) =>
        sound.create(id, bytes, at - now() > 720 * HOUR ? now() + (at - now()) / 1_000 : at),
    }),
  },
  {
    fails: 'R6',
    what: 'a fresh read is answered from a near cache',
    broken: (sound) => {
      const seen = new Map<string, StoredRecord>()
      return {
        async read(id, options) {
          const record = options?.expiry ? undefined : seen.get(id)
          if (record !== undefined) return record
          const read = await sound.read(id)
          if (read !== undefined) seen.set(id, read)
          return read
        },
      }
    },
  },
  {
    fails: 'D1',
    what: 'the expiry is rounded down',
    broken: (sound) => ({
      create: (id, bytes, at) => sound.create(id, bytes, Math.floor(at / 1_000) * 1_000),
    }),
  },
  {
    fails: 'D1',
    what: 'the resolution is not the stated one',
    broken: () => ({ resolution: 1_000 }),
  },
  {
    fails: 'C1',
    what: 'an expired record is in the way of a new one',
    broken: (sound) => {
      const used = new Set<string>()
      return {
        async create(id, bytes, expiresAt) {
          if (used.has(id)) return { kind: 'exists' }
          used.add(id)
          return sound.create(id, bytes, expiresAt)
        },
      }
    },
  },
  {
    fails: 'C2',
    what: 'create overwrites',
    broken: (sound) => ({
      async create(id, bytes, expiresAt) {
        await sound.delete(id)
        return sound.create(id, bytes, expiresAt)
      },
    }),
  },
  {
    fails: 'C4',
    what: 'an expiry in the past means no expiry',
    broken: (sound, now) => ({
      create: (id, bytes, at) => sound.create(id, bytes, at <= now() ? now() + HOUR : at),
    }),
  },
]

function withIds(sound: Store, fold: (id: string) => string): Partial<Store> {
  return {
    read: (id) => sound.read(fold(id)),
    create: (id, bytes, expiresAt) => sound.create(fold(id), bytes, expiresAt),
    replace: (id, bytes, expiresAt, version) => sound.replace(fold(id), bytes, expiresAt, version),
    touch: (id, expiresAt, version) => sound.touch(fold(id), expiresAt, version),
    delete: (id, version) => sound.delete(fold(id), version),
  }
}
