/** Stores with one defect each that shows only while other operations run, or between contents that are alike. */
import type { Store } from 'vial'
import { type Defect, HOUR, same, tick } from './defect.ts'

/** What a broken store waits for between its two steps. */
const GAPS: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['a turn of the event loop', tick],
  ['several turns', () => tick().then(tick).then(tick)],
]

interface Race {
  readonly fails: string
  readonly what: string
  readonly broken: (sound: Store, gap: () => Promise<unknown>) => Partial<Store>
}

const races: readonly Race[] = [
  {
    fails: 'R5 returns the expiry of a record as soon',
    what: 'create writes the data, then the expiry',
    broken: (sound, gap) => ({
      async create(id, bytes, expiresAt) {
        const result = await sound.create(id, bytes, expiresAt + 900 * HOUR)
        await gap()
        const record = await sound.read(id)
        if (result.kind === 'created') await sound.touch(id, expiresAt, record?.version)
        return result
      },
    }),
  },
  {
    fails: 'C3',
    what: 'create looks, then writes',
    broken: (sound, gap) => ({
      async create(id, bytes, expiresAt) {
        if (await sound.read(id)) return { kind: 'exists' }
        await gap()
        await sound.delete(id)
        return sound.create(id, bytes, expiresAt)
      },
    }),
  },
  {
    fails: 'P1 shows no reader',
    what: 'replace writes the data, then the expiry',
    broken: (sound, gap) => ({
      async replace(id, bytes, expiresAt, version) {
        const before = await sound.read(id)
        const result = await sound.replace(id, bytes, before?.expiresAt ?? expiresAt, version)
        await gap()
        if (result.kind === 'replaced') await sound.touch(id, expiresAt, result.version)
        return result
      },
    }),
  },
  {
    fails: 'P1 shows no reader',
    what: 'replace writes the expiry, then the data',
    broken: (sound, gap) => ({
      async replace(id, bytes, expiresAt, version) {
        await sound.touch(id, expiresAt, version)
        await gap()
        return sound.replace(id, bytes, expiresAt, version)
      },
    }),
  },
  { fails: 'P6 lets exactly one', what: 'replace looks, then writes', broken: replaceInTwoSteps },
  { fails: 'P6 loses', what: 'replace looks, then writes', broken: replaceInTwoSteps },
  {
    fails: 'X1 has removed the record whatever',
    what: 'a replace that began before the delete brings the record back',
    broken: replaceInTwoSteps,
  },
  {
    fails: 'X1 has removed the record whatever',
    what: 'touch reads and writes back',
    broken: touchByWriting,
  },
  {
    fails: 'T3 never brings back',
    what: 'touch reads and writes back',
    broken: touchByWriting,
  },
  {
    fails: 'T5 loses no replace',
    what: 'touch reads and writes back',
    broken: touchByWriting,
  },
  {
    fails: 'T5 loses no replace',
    what: 'touch reads, then replaces whatever is there by what it read',
    broken: (sound, gap) => ({
      async touch(id, expiresAt, version) {
        const record = await sound.read(id)
        if (record === undefined) return 'gone'
        if (record.version !== version) return 'conflict'
        await gap()
        const now = await sound.read(id)
        if (now === undefined) return 'gone'
        await sound.replace(id, record.bytes, expiresAt, now.version)
        return 'touched'
      },
    }),
  },
  {
    fails: 'T5 loses no replace',
    what: 'touch compares, then moves the expiry of whatever is there',
    broken: (sound, gap) => ({
      async touch(id, expiresAt, version) {
        const record = await sound.read(id)
        if (record === undefined) return 'gone'
        if (record.version !== version) return 'conflict'
        await gap()
        return sound.touch(id, expiresAt, (await sound.read(id))?.version)
      },
    }),
  },
  {
    fails: 'X2 deletes no newer',
    what: 'delete compares, then deletes',
    broken: (sound, gap) => ({
      async delete(id, version) {
        if (version === undefined) return sound.delete(id)
        const record = await sound.read(id)
        if (record === undefined) return 'gone'
        if (record.version !== version) return 'conflict'
        await gap()
        return sound.delete(id)
      },
    }),
  },
  {
    fails: 'X1 deletes from many',
    what: 'delete without a version compares what it read before',
    broken: (sound, gap) => ({
      async delete(id, version) {
        const record = await sound.read(id)
        await gap()
        const result = await sound.delete(id, version ?? record?.version)
        return record !== undefined && result === 'gone' ? 'conflict' : result
      },
    }),
  },
]

function replaceInTwoSteps(sound: Store, gap: () => Promise<unknown>): Partial<Store> {
  return {
    async replace(id, bytes, expiresAt, version) {
      const record = await sound.read(id)
      if (record === undefined) return { kind: 'gone' }
      if (record.version !== version) return { kind: 'conflict' }
      await gap()
      await sound.delete(id)
      await sound.create(id, bytes, expiresAt)
      return { kind: 'replaced' }
    },
  }
}

function touchByWriting(sound: Store, gap: () => Promise<unknown>): Partial<Store> {
  // As a store that compares the content would see it: its own writes leave the version as it is.
  const plain = byContent(sound, same)
  return {
    ...plain,
    async touch(id, expiresAt, version) {
      const record = await sound.read(id)
      if (record === undefined) return 'gone'
      if (!same(record.bytes, version as Uint8Array)) return 'conflict'
      await gap()
      await sound.delete(id)
      await sound.create(id, record.bytes, expiresAt)
      return 'touched'
    },
  }
}

/** A store whose versions are its contents, with its own idea of when two are equal. */
function byContent(
  sound: Store,
  equal: (a: Uint8Array, b: Uint8Array) => boolean,
): Pick<Store, 'read' | 'create' | 'replace' | 'touch' | 'delete'> {
  const versionOf = async (id: string, version: unknown) => {
    const record = await sound.read(id)
    if (record === undefined || version === undefined) return undefined
    return equal(record.bytes, version as Uint8Array) ? record.version : undefined
  }
  return {
    async read(id) {
      const record = await sound.read(id)
      return record && { ...record, version: record.bytes }
    },
    async create(id, bytes, expiresAt) {
      return { kind: (await sound.create(id, bytes, expiresAt)).kind }
    },
    async replace(id, bytes, expiresAt, version) {
      return {
        kind: (await sound.replace(id, bytes, expiresAt, await versionOf(id, version))).kind,
      }
    },
    touch: async (id, expiresAt, version) =>
      sound.touch(id, expiresAt, await versionOf(id, version)),
    async delete(id, version) {
      if (version === undefined) return sound.delete(id)
      return sound.delete(id, (await versionOf(id, version)) ?? NO_VERSION)
    },
  }
}

/** Stands for a version that is not there, where undefined would mean "any". */
const NO_VERSION = Symbol('no version')

type Comparison = (bytes: Uint8Array) => unknown

const COMPARISONS: Readonly<Record<string, Comparison>> = {
  'the first 8 bytes': (bytes) => bytes.subarray(0, 8).join(),
  'the first 1,024 bytes': (bytes) => bytes.subarray(0, 1_024).join(),
  'all bytes but the last': (bytes) => bytes.subarray(0, -1).join(),
  'the last 8 bytes': (bytes) => bytes.subarray(-8).join(),
  'the number of bytes': (bytes) => bytes.length,
  'an 8-bit sum': (bytes) => bytes.reduce((sum, byte) => (sum + byte) & 255, 0),
  'an 8-bit exclusive or': (bytes) => bytes.reduce((sum, byte) => sum ^ byte, 0),
  'a 32-bit hash': (bytes) => bytes.reduce((h, byte) => (Math.imul(h, 31) + byte) | 0, 0),
  'text without its case': (bytes) => new TextDecoder().decode(bytes).toLowerCase(),
  'text without spaces at its end': (bytes) => Buffer.from(bytes).toString('latin1').trimEnd(),
  'the bytes before a zero': (bytes) => Buffer.from(bytes).toString('latin1').split('\0')[0],
}

const VERBS = { replace: 'P2 compares', touch: 'T5 compares', delete: 'X2 compares' } as const

const comparisonDefects: readonly Defect[] = Object.entries(COMPARISONS).flatMap(([what, of]) =>
  (['replace', 'touch', 'delete'] as const).map((verb) => ({
    fails: VERBS[verb],
    what: `${verb} compares ${what}`,
    broken: (sound: Store) => ({
      ...byContent(sound, same),
      [verb]: byContent(sound, (a, b) => of(a) === of(b))[verb],
    }),
  })),
)

const unconditionalDefects: readonly Defect[] = [
  {
    fails: 'P2 compares',
    what: 'replace without a version compares nothing',
    broken: (sound) => ({
      async replace(id, bytes, expiresAt, version) {
        const any = version ?? (await sound.read(id))?.version
        return sound.replace(id, bytes, expiresAt, any)
      },
    }),
  },
  {
    fails: 'T5 compares',
    what: 'touch without a version compares nothing',
    broken: (sound) => ({
      async touch(id, expiresAt, version) {
        return sound.touch(id, expiresAt, version ?? (await sound.read(id))?.version)
      },
    }),
  },
]

export const raceDefects: readonly Defect[] = [
  ...races.flatMap(({ fails, what, broken }) =>
    GAPS.map(([gap, wait]) => ({
      fails,
      what: `${what}, with ${gap} in between`,
      broken: (sound: Store) => broken(sound, wait),
    })),
  ),
  ...comparisonDefects,
  ...unconditionalDefects,
]
