import fc from 'fast-check'
import { ConfigError } from 'vial'
import { type MemcachedStoreOptions, memcachedStore } from 'vial/stores/memcached'
import { memcachedTransport } from 'vial/stores/memcached-transport'
import { describe, expect, test } from 'vitest'
import { expiryOf, exptimeOf } from '../../src/stores/memcached/protocol.ts'
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

describe('expiries', () => {
  const base = 1_800_000_000_000
  const part = fc.integer({ min: 0, max: 999 })

  /**
   * When a server ends what it got at `base`. Its time is a count of seconds that is taken once a second; those
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

  test('are known to a second, or not at all', () => {
    expect(expiryOf('61', base)).toBe(base + 60_000)
    expect(expiryOf('-1', base)).toBeUndefined()
    expect(expiryOf(undefined, base)).toBeUndefined()
  })
})

describe('the configuration', () => {
  test.each<[string, MemcachedStoreOptions]>([
    ['servers is empty', { servers: [] }],
    ['not an address', { servers: 'cache:0' }],
    ['not an address', { servers: 'http://cache' }],
    ['not an address', { servers: 'memcached://user:password@cache' }],
    ['an address twice', { servers: ['cache', 'cache:11211'] }],
    ['visible ASCII', { servers: 'cache', prefix: 'my sessions:' }],
    ['visible ASCII', { servers: 'cache', prefix: 's\u00e9ance:' }],
    ['at most 100', { servers: 'cache', prefix: 'x'.repeat(101) }],
    ['maxItemSize', { servers: 'cache', maxItemSize: 0 }],
    ['both username and password', { servers: 'cache', username: 'ann' }],
    ['no colon', { servers: 'cache', username: 'a:b', password: 'c' }],
    ['timeout', { servers: 'cache', timeout: 0 }],
    ['tls', { servers: 'cache', tls: { ca: 'not a certificate', cert: 'nor this' } }],
  ])('%s: an error at start', (message, options) => {
    expect(() => memcachedStore(options)).toThrow(ConfigError)
    expect(() => memcachedStore(options)).toThrow(message)
  })
})
