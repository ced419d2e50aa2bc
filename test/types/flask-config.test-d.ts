/** What a Flask configuration says of the sessions that it makes. */

import type { DynamoDB } from '@aws-sdk/client-dynamodb'
import type { Redis } from 'ioredis'
import type { Kysely } from 'kysely'
import type { MongoClient } from 'mongodb'
import type { createClient } from 'redis'
import type { Sessions, StoredSessions } from 'vial'
import { type FlaskConfig, flaskConfigFromEnv, fromFlaskConfig } from 'vial/compat/flask-config'
import { expectTypeOf, test } from 'vitest'

test('a SESSION_TYPE makes stored sessions, and none what both kinds share', () => {
  const cookie = fromFlaskConfig({ SECRET_KEY: 'x', DEBUG: true })
  expectTypeOf(cookie).resolves.toEqualTypeOf<Sessions>()
  const stored = fromFlaskConfig({ SESSION_TYPE: 'redis' })
  expectTypeOf(stored).resolves.toEqualTypeOf<StoredSessions>()
  expectTypeOf(fromFlaskConfig(flaskConfigFromEnv())).resolves.toEqualTypeOf<Sessions>()
  const typed = fromFlaskConfig<{ user: string }>({ SESSION_TYPE: 'redis' }, { eager: true })
  expectTypeOf(typed).resolves.toHaveProperty('session')
  expectTypeOf(typed).resolves.toExtend<StoredSessions<{ user: string }>>()
})

test('real clients are taken, and values of another type refused', () => {
  type Client<Key extends keyof FlaskConfig> = FlaskConfig[Key]
  expectTypeOf<ReturnType<typeof createClient>>().toExtend<Client<'SESSION_REDIS'>>()
  expectTypeOf<Redis>().toExtend<Client<'SESSION_REDIS'>>()
  expectTypeOf<MongoClient>().toExtend<Client<'SESSION_MONGODB'>>()
  expectTypeOf<Kysely<unknown>>().toExtend<Client<'SESSION_SQLALCHEMY'>>()
  expectTypeOf<DynamoDB>().toExtend<Client<'SESSION_DYNAMODB'>>()
  // @ts-expect-error A boolean is asked for.
  void fromFlaskConfig({ SESSION_COOKIE_SECURE: 'true' })
  // @ts-expect-error A list is asked for.
  void fromFlaskConfig({ SECRET_KEY: 'x', SECRET_KEY_FALLBACKS: 'y' })
})
