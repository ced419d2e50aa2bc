/** Random bytes out of a pool. */

import { describe, expect, test } from 'vitest'
import { pooledRandomBytes } from '../../src/core/random.ts'

describe('pooled random bytes', () => {
  test('have the size that was asked for, small or large', () => {
    for (const size of [0, 1, 12, 32, 255, 256, 257, 5000]) {
      expect(pooledRandomBytes(size)).toHaveLength(size)
    }
  })

  test('never come twice, over many fillings of the pool', () => {
    const seen = new Set<string>()
    for (let n = 0; n < 20_000; n++) seen.add(pooledRandomBytes(12).toString('hex'))
    expect(seen.size).toBe(20_000)
  })

  test('share nothing: changing some changes no others', () => {
    const first = pooledRandomBytes(32)
    const copy = Buffer.from(first)
    const second = pooledRandomBytes(32).fill(0)
    pooledRandomBytes(32).fill(1)
    expect(first.equals(copy)).toBe(true)
    expect(second.every((byte) => byte === 0)).toBe(true)
  })

  test('are random: each bit is set about half of the time', () => {
    const counts = new Array<number>(256).fill(0)
    for (let n = 0; n < 4_000; n++) {
      pooledRandomBytes(32).forEach((byte, at) => {
        for (let bit = 0; bit < 8; bit++) {
          const place = at * 8 + bit
          counts[place] = (counts[place] ?? 0) + ((byte >> bit) & 1)
        }
      })
    }
    // Ten standard deviations.
    for (const count of counts) expect(Math.abs(count - 2_000)).toBeLessThan(320)
  })
})
