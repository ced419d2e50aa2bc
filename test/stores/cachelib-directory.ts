/** Directories of cachelib for the tests of its store. */

import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AsyncStore } from 'vial'
import { type CachelibFileStoreOptions, cachelibFileStore } from 'vial/stores/cachelib-file'
import { onTestFinished } from 'vitest'
import {
  type CachelibHash,
  COUNT_FILE,
  encodeCount,
  encodeHead,
  encodeId,
  parseCount,
} from '../../src/stores/cachelib-file/format.ts'

export const SECOND = 1_000
/** When the tests' clock stands still: a whole second. */
export const NOW = 1_800_000_000_000
export const LATER: number = NOW + 3_600_000

/** A store whose clock stands still, that does not sweep by itself and is closed with its test. */
export function openStore(root: string, options: CachelibFileStoreOptions = {}): AsyncStore {
  const store = cachelibFileStore(root, { sweepInterval: false, now: () => NOW, ...options })
  onTestFinished(() => store.close?.())
  return store
}

/** As cachelib writes: without a look at what is there. */
export function writeAsCachelib(
  root: string,
  id: string,
  body: Uint8Array,
  expiresAt: number,
  hash: CachelibHash = 'sha256',
): void {
  const temporary = join(root, `tmp12345678.__wz_cache`)
  writeFileSync(temporary, Buffer.concat([encodeHead(expiresAt), body]), { mode: 0o600 })
  renameSync(temporary, join(root, encodeId(id, hash)))
}

/** What lies in a directory besides the locks. */
export const namesIn = (root: string): string[] =>
  readdirSync(root)
    .filter((name) => name !== 'locks.__wz_cache')
    .toSorted()

/** What the file of the count says. */
export const countIn = (root: string, hash: CachelibHash = 'sha256'): number | undefined =>
  parseCount(readFileSync(join(root, COUNT_FILE[hash])))

/** Makes a file of the count, as a cachelib does when it starts. */
export function startCounting(root: string, hash: CachelibHash = 'sha256', count = 0): void {
  writeFileSync(join(root, COUNT_FILE[hash]), encodeCount(count))
}
