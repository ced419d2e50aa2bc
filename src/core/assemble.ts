/**
 * Puts a life cycle together from a preset, for vial's own sessions and for those of other libraries alike.
 *
 * @module
 */

import type { CookieWriter } from '../cookies/serialize.ts'
import { CookieBacking, type CookieBackingConfig } from './cookie-backing.ts'
import { type Duration, milliseconds } from './duration.ts'
import { guarded, type OnEvent } from './events.ts'
import type { Expiry } from './expiry.ts'
import { backoff } from './optimistic-commit.ts'
import type { SessionPolicy } from './policy.ts'
import { type Schema, schemaCheck } from './schema.ts'
import type { Serializer } from './serializer.ts'
import { Session, StoredSession } from './session.ts'
import { SessionLifeCycle } from './sessions.ts'
import { StoreBacking, type StoreBackingConfig } from './store-backing.ts'
import { waitTimer } from './time-limit.ts'

/** The options that every preset hands on as they were given. */
export interface CommonOptions {
  readonly data?: Schema<object>
  readonly onInvalid?: 'fresh' | 'throw'
  readonly ambient?: boolean
  readonly eager?: boolean
  readonly onEvent?: OnEvent
  readonly now?: () => number
  readonly timeout?: Duration
  readonly onStoreFailure?: 'reject' | 'anonymous'
}

/** Options that equal a library's habits. */
export interface Preset {
  readonly options: CommonOptions
  readonly cookie: CookieWriter
  readonly serializer: Serializer
  readonly policy: SessionPolicy
  readonly expiry: Expiry
  readonly place: InCookie | InStore
}

/** The record travels in the cookie. */
export type InCookie = Pick<CookieBackingConfig, 'seal'>

/** The record is in a store, and the cookie holds a credential. */
export type InStore = Pick<
  StoreBackingConfig,
  'store' | 'ids' | 'randomBytes' | 'seal' | 'renewAfter'
>

/** Makes the life cycle. Throws `ConfigError` for a common option that cannot work. */
export function assemble({ options, place, policy, ...parts }: Preset): SessionLifeCycle {
  const { now = Date.now } = options
  const emit = guarded(options.onEvent, 'onEvent')
  const shared = { ...parts, now }
  const store = 'store' in place ? place.store : undefined
  const backing =
    'store' in place
      ? new StoreBacking({
          ...shared,
          ...place,
          emit,
          backoff,
          timer: waitTimer(),
          timeout: milliseconds(options.timeout ?? '1s', 'timeout'),
        })
      : new CookieBacking({ ...shared, ...place })
  return new SessionLifeCycle({
    backing,
    cookieName: parts.cookie.name,
    serializer: parts.serializer,
    policy,
    sessionClass: store === undefined ? Session : StoredSession,
    admits: schemaCheck(options.data, options.onInvalid ?? 'fresh'),
    onStoreFailure: (store && options.onStoreFailure) ?? 'reject',
    ambient: options.ambient ?? false,
    eager: options.eager ?? false,
    emit,
    close: async () => store?.close?.(),
  })
}
