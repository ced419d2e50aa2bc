/** The sessions of the vial site, as an application makes them. */

import type { Sessions, Store } from 'vial'
import { flaskCookie } from 'vial/compat/flask-cookie'
import { type FlaskFormat, flaskSession } from 'vial/compat/flask-session'

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
