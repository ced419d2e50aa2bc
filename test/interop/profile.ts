/** The sessions of the vial site, as an application makes them. A child process without vitest's aliases runs this: imports go by path. */

import type { Sessions, Store } from 'vial'
import { flaskCookie } from '../../src/compat/flask-cookie.ts'
import { type FlaskFormat, flaskSession } from '../../src/compat/flask-session.ts'

export interface SiteSettings {
  readonly secret: string
  /** s. */
  readonly lifetime: number
  readonly signer: boolean
  readonly format?: FlaskFormat
  readonly exactFloats: boolean
}

/** Without a store they are in the cookie. */
export function sessionsOn(
  store: Store | undefined,
  { secret, lifetime, signer, exactFloats, format = 'msgpack' }: SiteSettings,
): Sessions {
  const life = { lifetime: lifetime * 1000 }
  if (store === undefined) return flaskCookie({ secret, exactFloats, ...life })
  // The machine of the tests is busy.
  return flaskSession({
    store,
    format,
    exactFloats,
    timeout: '10s',
    ...life,
    ...(signer && { secret }),
  })
}
