/** The sessions of the vial site, as an application makes them. */

import { flaskCookie } from '../../src/compat/flask-cookie.ts'
import { type FlaskFormat, flaskSession } from '../../src/compat/flask-session.ts'
import type { Sessions } from '../../src/core/sessions.ts'
import type { Store } from '../../src/core/store.ts'

export interface SiteSettings {
  readonly secret: string
  /** s. */
  readonly lifetime: number
  readonly signer: boolean
  readonly format?: FlaskFormat
}

/** Without a store they are in the cookie. */
export function sessionsOn(
  store: Store | undefined,
  { secret, lifetime, signer, format = 'msgpack' }: SiteSettings,
): Sessions {
  const life = { lifetime: lifetime * 1000 }
  if (store === undefined) return flaskCookie({ secret, ...life })
  // The machine of the tests is busy.
  return flaskSession({ store, format, timeout: '10s', ...life, ...(signer && { secret }) })
}
