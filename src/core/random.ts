/**
 * Random bytes from a pool. Asking the operating system for a few bytes costs twenty times what they are worth, so one
 * call fills the pool for many. No byte is given out twice.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { randomBytes, randomFillSync } from 'node:crypto'

const SIZE = 4096
/** More than this is asked for directly. */
const MOST = 256

// Filled when it is first used, so that importing costs nothing.
const pool = Buffer.alloc(SIZE)
let used = SIZE

/** The same as `randomBytes` of `node:crypto`. */
export function pooledRandomBytes(size: number): Buffer {
  if (size > MOST) return randomBytes(size)
  if (used + size > SIZE) {
    randomFillSync(pool)
    used = 0
  }
  used += size
  const bytes = Buffer.allocUnsafe(size)
  pool.copy(bytes, 0, used - size, used)
  // What was given out is secret, and would else stay here until the next filling.
  pool.fill(0, used - size, used)
  return bytes
}
