import { sql } from 'kysely'
import { sqlStore } from 'vial/stores/sql'
import { storeSuite } from 'vial/testing'
import { afterAll, beforeAll, beforeEach, describe, test } from 'vitest'
import { type FaultProxy, faultProxy } from '../support/fault-proxy.ts'
import { service } from '../support/services.ts'
import { PROFILES } from './profiles.ts'
import {
  type Db,
  FLASK_TABLES,
  fixtureOn,
  openMariadb,
  openPostgres,
  ownDatabase,
} from './sql-databases.ts'
import { openPglite } from './sql-pglite.ts'

type Open = (url: string) => Db

/** Each line: the name, how a client is opened, and what is not as it is by default. */
function suites(
  name: 'postgres' | 'mariadb',
  nowhere: string,
  variants: readonly (readonly [
    string,
    Open,
    {
      readonly layout?: (table: string) => string
      readonly resolution?: number
      readonly maxBytes?: number
      readonly ids?: number
      /** Through a proxy that loses replies. */
      readonly proxied?: boolean
      readonly deviations?: Readonly<Record<string, string>>
    },
  ])[],
): void {
  const server = service(name)

  describe(name, () => {
    let database: Awaited<ReturnType<typeof ownDatabase>>

    beforeAll(async () => {
      if ('url' in server) database = await ownDatabase(server.url)
    })
    beforeEach((context) => {
      if ('missing' in server) context.skip(server.missing)
    })
    afterAll(() => database?.drop())

    describe.each(variants)('%s', (label, open, { layout, proxied, deviations, ...options }) => {
      let dbs: readonly [Db, Db]
      let proxy: FaultProxy | undefined

      beforeAll(async () => {
        if (database === undefined) return
        const { hostname, port } = new URL(database.url)
        if (proxied) proxy = await faultProxy({ host: hostname, port: Number(port) })
        const url = proxy?.url(database.url) ?? database.url
        dbs = [open(url), open(url)]
      })
      afterAll(async () => {
        await proxy?.close()
        for (const db of dbs ?? []) await db.destroy()
      })
      const loseNextReply = () => void proxy?.loseNextReply(isWrite)

      storeSuite({
        test,
        name: label,
        make: (clock) => fixtureOn(dbs, clock, layout, proxied ? loseNextReply : undefined),
        makeBroken: ({ now }) => {
          const db = open(nowhere)
          return {
            store: sqlStore(db, { now, sweepInterval: false }),
            close: () => db.destroy(),
          }
        },
        ids: 100,
        deviations: {
          ...(proxied ? {} : { F2: 'shown with the same client above' }),
          ...deviations,
        },
        ...options,
      })
    })
  })
}

function isWrite(request: Buffer): boolean {
  return /insert into|update|delete from/.test(request.toString('latin1'))
}

suites('postgres', 'postgres://postgres@127.0.0.1:1/nowhere', [
  ['pg', (url) => openPostgres(url), { ids: 10_000, ...PROFILES.postgres.suite, proxied: true }],
  ['Flask-Session’s table', (url) => openPostgres(url), { layout: FLASK_TABLES.postgres }],
  ...['repeatable read', 'serializable'].map(
    (level) =>
      [
        level,
        (url: string) =>
          openPostgres(url, {
            options: `-c default_transaction_isolation=${level.replace(' ', '\\ ')}`,
          }),
        {},
      ] as const,
  ),
  [
    'another time zone and date style',
    (url) => openPostgres(url, { options: '-c timezone=America/New_York -c datestyle=SQL,DMY' }),
    {},
  ],
])

suites('mariadb', 'mysql://root@127.0.0.1:1/nowhere', [
  ['mysql2', (url) => openMariadb(url), { ids: 10_000, ...PROFILES.mariadb.suite, proxied: true }],
  [
    'Flask-Session’s table',
    (url) => openMariadb(url),
    {
      layout: FLASK_TABLES.mysql,
      resolution: 1_000,
      maxBytes: 65_535,
      deviations: {
        'R4 keeps apart ids of 1 to 200 visible ASCII characters':
          'its collation keeps no two ids that differ only in case; vial makes none',
      },
    },
  ],
  ['without FOUND_ROWS', (url) => openMariadb(url, { flags: ['-FOUND_ROWS'] }), {}],
  [
    'serializable, lax, another time zone',
    (url) =>
      openMariadb(url, { timezone: '+05:30' }, {}, [
        "set time_zone = '-05:00', sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'",
        'set session transaction isolation level serializable',
      ]),
    {},
  ],
])

describe('PGlite', () => {
  let db: Db
  beforeAll(async () => {
    db = openPglite()
    await sql`select 1`.execute(db)
  })
  afterAll(() => db.destroy())

  storeSuite({
    test,
    name: 'PGlite',
    ids: 100,
    deviations: { F2: 'there is no connection that could break' },
    make: (clock) => fixtureOn([db, db], clock),
    makeBroken: async ({ now }) => {
      const closed = openPglite()
      await sql`select 1`.execute(closed)
      await closed.destroy()
      return { store: sqlStore(closed, { now, sweepInterval: false }) }
    },
  })
})
