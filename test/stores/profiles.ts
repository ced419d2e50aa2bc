/**
 * The properties of each store: the options of its conformance suite, and the rows of the table in `docs/stores.md`, which
 * `npm run docs:stores` writes.
 */

import type { StoreSuiteOptions } from 'vial/testing'

export interface Profile {
  /** Its name in the table. */
  readonly title: string
  /** Its entry under `vial/stores/`; its page has the same name. */
  readonly entry: string
  /** The servers and clients that the suite runs on. */
  readonly on: string
  /** The limit of a record, where `maxBytes` is not exact. Absent: `maxBytes`. */
  readonly limit?: string
  readonly suite: Pick<StoreSuiteOptions, 'atomic' | 'resolution' | 'maxBytes' | 'deviations'>
}

const REMOVES = {
  S1: 'the server removes expired records by itself',
  S2: 'the server removes expired records by itself',
}
const DIGESTS = {
  L1: 'the key of a record is a digest of the id',
  F2: 'the cache is in this process, where no reply is lost',
}
const KIB = 1024

export const PROFILES = {
  memory: {
    title: 'memory',
    entry: 'memory',
    on: 'one process',
    limit: 'memory',
    suite: {
      deviations: {
        'F1 rejects with a StoreError when the backend cannot be reached': 'there is no backend',
        F2: 'there is no connection',
        'P2 answers conflict after another program wrote, also as many bytes':
          'no other program reaches it',
      },
    },
  },
  file: {
    title: 'files',
    entry: 'file',
    on: 'several processes, one machine',
    limit: 'disk',
    suite: {
      deviations: {
        L1: 'the name of a file is a digest of the id',
        F2: 'there is no connection',
        'P2 answers conflict after another program wrote, also as many bytes':
          'no other program writes this format',
      },
    },
  },
  cachelib: {
    title: 'files of cachelib',
    entry: 'cachelib-file',
    on: 'several processes, one machine; cachelib 0.17',
    limit: 'disk',
    suite: {
      resolution: 1_000,
      deviations: {
        L1: 'the name of a file is a digest of the id',
        F2: 'there is no connection',
      },
    },
  },
  redis: {
    title: 'Redis, Valkey',
    entry: 'redis',
    on: 'Redis 7.0: one server, Cluster, Sentinel; node-redis 5 and 6, ioredis 5 and 6, iovalkey',
    limit: '256 MiB',
    suite: { deviations: REMOVES },
  },
  redisNearCache: {
    title: 'Redis, Valkey with `nearCache`',
    entry: 'redis',
    on: 'Redis 7.0: one server, Sentinel; node-redis 5 and 6, ioredis 5 and 6, iovalkey',
    limit: '256 MiB',
    suite: {
      deviations: {
        ...REMOVES,
        R1: 'a write of another process is read after the server has announced it: within milliseconds, or `maxStale` at worst',
      },
    },
  },
  memcached: {
    title: 'Memcached',
    entry: 'memcached',
    on: 'Memcached 1.6.18: one server, three servers',
    limit: '1 MiB less the key, or the server’s `-I`',
    suite: {
      resolution: 4_000,
      // Less the item's header, the longest key of these cases, and the store's own bytes.
      maxBytes: KIB * KIB - 59 - 37 - 36,
      deviations: { ...REMOVES, L1: 'the server cannot list its keys' },
    },
  },
  postgres: {
    title: 'PostgreSQL',
    entry: 'sql',
    on: 'PostgreSQL 15 over pg; PGlite',
    limit: '1 GB',
    suite: {},
  },
  mariadb: {
    title: 'MariaDB, MySQL',
    entry: 'sql',
    on: 'MariaDB 10.11 over mysql2',
    limit: 'a quarter of `max_allowed_packet`: 4 MB',
    // Of the default of 16 MiB.
    suite: { maxBytes: 4_193_280 },
  },
  sqlite: {
    title: 'SQLite',
    entry: 'sql',
    on: '`node:sqlite` and better-sqlite3',
    limit: '1 GB',
    suite: { deviations: { F2: 'there is no connection that could break' } },
  },
  mongodb: {
    title: 'MongoDB',
    entry: 'mongodb',
    on: 'DocumentDB on PostgreSQL, an emulation; drivers 6 and 7',
    suite: { maxBytes: 8_000_000 },
  },
  dynamodb: {
    title: 'DynamoDB',
    entry: 'dynamodb',
    on: 'dynoxide, an emulator; AWS SDK 3',
    suite: { resolution: 1_000, maxBytes: 400_000 },
  },
  cache: {
    title: 'Keyv, and any `get`, `set`, `delete`',
    entry: 'cache',
    on: 'Keyv 5, a plain `Map`',
    limit: 'the cache’s',
    suite: {
      atomic: false,
      deviations: {
        ...DIGESTS,
        S1: 'the cache removes by itself',
        S2: 'the cache removes by itself',
      },
    },
  },
  unstorage: {
    title: 'unstorage',
    entry: 'cache',
    on: 'unstorage 1, in memory and in files',
    limit: 'the driver’s',
    suite: {
      atomic: false,
      deviations: {
        ...DIGESTS,
        S1: 'an expired record is swept a minute later',
      },
    },
  },
} satisfies Record<string, Profile>
