/**
 * A pool of random bytes for nonces. One call of `node:crypto` fills it for many small requests, which cost a twentieth
 * that way. Session ids and verifiers do not come from it: a process that is cloned while it runs would share what is
 * left in the pool with its copy. See docs/encryption.md for why nonces may.
 */

import { Buffer } from 'node:buffer'
import { randomBytes, randomFillSync } from 'node:crypto'

const POOL_BYTES = 4096
/** Larger requests bypass the pool. */
const MAX_POOLED = 256

let pool: Buffer | undefined
let used = 0

/** Gives `size` random bytes, as `randomBytes` of `node:crypto` does. No byte is given out twice. */
export function pooledRandomBytes(size: number): Buffer {
  if (size > MAX_POOLED) return randomBytes(size)
  if (pool === undefined) beforeSnapshot(() => (pool = undefined))
  if (pool === undefined || used + size > POOL_BYTES) {
    pool = randomFillSync(pool ?? Buffer.alloc(POOL_BYTES))
    used = 0
  }
  const bytes = Buffer.allocUnsafe(size)
  pool.copy(bytes, 0, used, used + size)
  // Given-out bytes are secret, so they do not stay in memory until the next filling.
  pool.fill(0, used, used + size)
  used += size
  return bytes
}

/**
 * Runs `callback` just before Node writes a startup snapshot, so that secret or random state does not get into it. Does
 * nothing in a process that builds no snapshot.
 */
export function beforeSnapshot(callback: () => void): void {
  // Looked up here and not imported, as not every runtime has it.
  const snapshot = process.getBuiltinModule?.('node:v8')?.startupSnapshot
  if (snapshot?.isBuildingSnapshot()) snapshot.addSerializeCallback(callback)
}
