import fc from 'fast-check'
import { memcachedTransport } from 'vial/stores/memcached-transport'
import { describe, expect, test } from 'vitest'
import { deadlineOf, exptimeOf } from '../../src/stores/memcached/exptime.ts'
import { isKey, keyOf } from '../../src/stores/memcached/key.ts'
import { murmur3, parseServers } from '../../src/stores/memcached/servers.ts'

describe('several servers', () => {
  const names = ['127.0.0.1:11211', '127.0.0.1:11212', 'cache-3.example:11211']
  // What pymemcache 3.5.2 answers: RendezvousHash(names).get_node(key).
  const known: [string, number][] = [
    ['session:5feceb66ffc86f38d952786c6d696c79c2dbc239dd4', 0],
    ['session:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa2', 2],
    ['session:d4735e3a265e16eee03f59718b9b5d03019c07d8b', 1],
    ['session:4e07408562bedb8b60ce05c1decfe3ad16b72230', 0],
    ['session:4b227777d4dd1fc61c6f884f48641d02b4d121d3fd3', 0],
    ['session:7902699be42c8a8e46fbbb4501726517e86b22c5', 1],
    ['session:2c624232cdd221771294dfbb310aca000a0df6ac8b6', 2],
    ['session:4a44dc15364204a80fe80e9039455cc1608281820', 1],
    ['a', 2],
    ['ab', 1],
    ['abc', 1],
    ['abcd', 0],
  ]

  test.each(known)("%s is where pymemcache's HashClient has it", (key, place) => {
    expect(memcachedTransport({ servers: names }).serverOf(key)).toBe(names[place])
    expect(memcachedTransport({ servers: names.toReversed() }).serverOf(key)).toBe(names[place])
  })

  test('without one of them only its keys move', () => {
    const all = memcachedTransport({ servers: names })
    const fewer = memcachedTransport({ servers: names.slice(0, 2) })
    let moved = 0
    for (let n = 0; n < 3_000; n++) {
      const [before, after] = [all.serverOf(`key-${n}`), fewer.serverOf(`key-${n}`)]
      if (before === after) continue
      expect(before).toBe(names[2])
      moved++
    }
    expect(moved).toBeGreaterThan(800)
    expect(moved).toBeLessThan(1_200)
  })

  test('the hash is MurmurHash3', () => {
    // Published values of MurmurHash3_x86_32 with seed 0.
    expect(murmur3('')).toBe(0)
    expect(murmur3('test')).toBe(0xba6bd213)
    expect(murmur3('Hello, world!')).toBe(0xc0363e43)
    expect(murmur3('The quick brown fox jumps over the lazy dog')).toBe(0x2e4ff723)
  })

  test.each([
    ['localhost', { host: 'localhost', port: 11_211, name: 'localhost:11211' }],
    ['10.0.0.7:11311', { host: '10.0.0.7', port: 11_311, name: '10.0.0.7:11311' }],
    ['[::1]:11311', { host: '::1', port: 11_311, name: '::1:11311' }],
    [
      'memcached://cache.example/',
      { host: 'cache.example', port: 11_211, name: 'cache.example:11211' },
    ],
  ])('%s is an address', (text, address) => {
    expect(parseServers(text)).toEqual([address])
  })
})

describe('keys', () => {
  test('of ids that Flask-Session makes are readable', () => {
    const id = 'pS8Xn3kLm0PvR7tYb2WcE5uHjKd9aGf-_q8ZsXn3kLm'
    expect(keyOf(id, 'session:')).toBe(`session:${id}`)
  })

  test('are keys whatever the id, and each its own', () => {
    const id = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.nat({ max: 300 }).map((length) => 'x'.repeat(length)),
      fc.string({ maxLength: 5 }),
      fc
        .array(fc.integer({ min: 0xd7f0, max: 0xe010 }), { maxLength: 3 })
        .map((units) => String.fromCharCode(...units)),
    )
    fc.assert(
      fc.property(id, id, fc.constantFrom('', 'session:'), (one, two, prefix) => {
        expect(isKey(keyOf(one, prefix))).toBe(true)
        expect(keyOf(one, prefix) === keyOf(two, prefix)).toBe(one === two)
        // An id that is the rest of another's key.
        const rest = keyOf(one, prefix).slice(prefix.length)
        expect(keyOf(rest, prefix) === keyOf(one, prefix)).toBe(rest === one)
      }),
    )
  })
})

describe('deadlines', () => {
  const base = 1_800_000_000_000
  const part = fc.integer({ min: 0, max: 999 })

  /**
   * When a server ends what it was told at `base`. Its time is a count of seconds that is taken once a second; those
   * moments drift, by a millisecond or so each second.
   */
  function endOf(exptime: number, sinceTick: number, phaseAtEnd: number): number {
    const count = Math.floor((base - sinceTick) / 1_000)
    return (count + exptime) * 1_000 + phaseAtEnd
  }

  test('are never early, and at most four seconds late, whatever the phase of the server', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 29 * 86_400_000 }),
        part,
        part,
        part,
        (length, offset, sinceTick, phase) => {
          const end = endOf(exptimeOf(base + length, base), sinceTick + offset, phase) - base
          // The server's seconds begin anywhere within ours.
          expect(end + offset).toBeGreaterThanOrEqual(length)
          expect(end + offset).toBeLessThanOrEqual(length + 4_000)
        },
      ),
    )
  })

  test('beyond 30 days are instants, and beyond 32 bits never', () => {
    const day = 86_400_000
    expect(exptimeOf(base + 30 * day - 2_000, base)).toBe(2_592_000)
    expect(exptimeOf(base + 30 * day - 1_999, base)).toBe(base / 1_000 + 2_592_000)
    expect(exptimeOf(base + 31 * day + 1, base)).toBe(base / 1_000 + 31 * 86_400 + 2)
    expect(exptimeOf(2_147_483_646_000, base)).toBe(2_147_483_647)
    expect(exptimeOf(2_147_483_646_001, base)).toBe(0)
    expect(exptimeOf(Infinity, base)).toBe(0)
  })

  test('are told to a second, or not at all', () => {
    expect(deadlineOf('61', base)).toBe(base + 60_000)
    expect(deadlineOf('-1', base)).toBeUndefined()
    expect(deadlineOf(undefined, base)).toBeUndefined()
  })
})
