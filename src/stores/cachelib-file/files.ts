/**
 * The directory of a cachelib FileSystemCache: a record under the name of either hash, the count of files, and the
 * removal of files over the threshold.
 *
 * cachelib named files by MD5 before 0.16 and by SHA-256 since. One name is written, both are read.
 *
 * @module
 */

import { readdirSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { ConfigError } from '../../errors.ts'
import { namesIn, replaceFile, unlessMissing } from '../file/files.ts'
import type { Directory, Layout } from '../file/layout.ts'
import {
  type CachelibHash,
  COUNT_FILE,
  encodeCount,
  encodeHead,
  encodeId,
  hashOfName,
  parseCount,
  parseHead,
} from './format.ts'

interface CachelibSettings {
  /** Undefined: found out by the count or the names in the directory. */
  readonly hash: CachelibHash | undefined
  readonly threshold: number
  /** The mode of each file. */
  readonly mode: number
}

/** The folder of the locks. cachelib neither counts nor removes files whose name ends so. */
export const LOCK_FOLDER = 'locks.__wz_cache'
/** How long to wait for the lock of the count, in ms. */
const COUNT_WAIT = 1_000

/** The layout of an existing directory. */
export function cachelibFiles(
  { root, now, hold, tolerate, expiryOf, removeIf }: Directory,
  { hash: chosen, threshold, mode }: CachelibSettings,
): Layout {
  const lockOf = (path: string) => join(root, LOCK_FOLDER, `${basename(path)}.lock`)
  /** By the option, or by the count that cachelib keeps: it does not change any more. */
  let decided = chosen ?? hashOfCount(root)
  /** By the names of the files, until a cachelib starts to count. */
  let guessed = hashOfNames(namesAtStart(root))
  /** Changes of the number of files that the count does not hold yet. */
  let uncounted = 0

  const hash = () => decided ?? guessed ?? 'sha256'

  /** Undefined: no cachelib keeps a count here. */
  async function readCount(): Promise<number | undefined> {
    const body = await unlessMissing(() => readFile(join(root, COUNT_FILE[hash()])))
    return body && (parseCount(body) ?? 0)
  }

  async function writeCount(count: number, temporary: string): Promise<void> {
    const path = join(root, COUNT_FILE[hash()])
    const body = encodeCount(Math.max(0, count))
    await replaceFile(path, temporary, body, { fsync: false, mode })
  }

  /** Removes expired records, then live ones with the nearest expiry until the threshold is kept. */
  async function prune(temporary: string): Promise<void> {
    const names = (await namesIn(root)).filter(hashOfName)
    let left = names.length
    if (left > threshold) {
      const found: { readonly path: string; readonly expiresAt: number }[] = []
      for (const name of names) {
        const path = join(root, name)
        const expiresAt = await expiryOf(path)
        if (expiresAt === undefined) left--
        else found.push({ path, expiresAt })
      }
      for (const { path, expiresAt } of found.sort((a, b) => a.expiresAt - b.expiresAt)) {
        const live = expiresAt > now()
        if (live && left <= threshold) break
        if (await removeIf(path, (at) => live || at <= now())) left--
      }
    }
    if ((await readCount()) !== undefined) await writeCount(left, temporary)
  }

  return {
    mode,

    pathsOf(id) {
      const [md5, sha256] = [join(root, encodeId(id, 'md5')), join(root, encodeId(id, 'sha256'))]
      return hash() === 'md5' ? [md5, sha256] : [sha256, md5]
    },

    lockOf,
    folders: () => [root, join(root, LOCK_FOLDER)],
    isRecord: (name) => hashOfName(name) !== undefined,
    parseHead,
    encodeHead,

    shared: {
      /** Finds out the hash, and removes files over the threshold, as cachelib does before it writes. */
      async prepare(operation, signal) {
        if (decided === undefined) {
          decided = hashOfCount(root)
          if (decided === undefined) guessed ??= hashOfNames(await namesIn(root))
        }
        if (operation !== 'create' || threshold === 0) return
        const count = (await readCount()) ?? (await namesIn(root)).filter(hashOfName).length
        if (count > threshold) {
          await hold([lockOf('count')], signal, ({ temporary }) => prune(temporary))
        }
      },

      count(change) {
        uncounted += change
      },

      /** Adds to the count of files, if a cachelib keeps one. Its own count is not exact either. */
      async settle() {
        if (uncounted === 0) return
        await tolerate(async () => {
          if ((await readCount()) === undefined) {
            uncounted = 0
            return
          }
          // The first turn adds what all waiting ones would; after a failed wait the next write adds it.
          await hold([lockOf('count')], AbortSignal.timeout(COUNT_WAIT), async ({ temporary }) => {
            const count = await readCount()
            const added = uncounted
            uncounted = 0
            if (count !== undefined && added !== 0) await writeCount(count + added, temporary)
          })
        })
      },
    },
  }
}

function namesAtStart(root: string): string[] {
  try {
    return readdirSync(root)
  } catch (error) {
    throw new ConfigError(`cachelibFileStore: ${JSON.stringify(root)} cannot be read.`, {
      cause: error,
    })
  }
}

/** An update of cachelib leaves the count of the older version behind, so the newer count decides. */
function hashOfCount(root: string): CachelibHash | undefined {
  const writtenAt = (hash: CachelibHash) =>
    statSync(join(root, COUNT_FILE[hash]), { throwIfNoEntry: false })?.mtimeMs ?? -1
  const [md5, sha256] = [writtenAt('md5'), writtenAt('sha256')]
  if (md5 === -1 && sha256 === -1) return undefined
  return md5 > sha256 ? 'md5' : 'sha256'
}

function hashOfNames(names: readonly string[]): CachelibHash | undefined {
  const found = new Set(names.map(hashOfName))
  return found.has('sha256') ? 'sha256' : found.has('md5') ? 'md5' : undefined
}
