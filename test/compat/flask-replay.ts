/** Replays a recorded request against sessions here, over a real server. */

import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Session, Sessions } from 'vial'
import { withSession } from 'vial/adapters/node'
import type { FlaskCookieOptions } from 'vial/compat/flask-cookie'
import type { Answer, Asked } from './flask-recordings.ts'
import { type Found, VIEWS } from './flask-views.ts'

export interface Replayed extends Answer {
  readonly cache_control: string | null
}

/** The options that a recorded configuration means. */
export function optionsOf({ config, now }: Asked): Omit<FlaskCookieOptions, 'secret'> {
  const cookie: Record<string, unknown> = {}
  const options: Record<string, unknown> = { now: () => now * 1000, cookie }
  const sameSite = (value: unknown) => String(value).toLowerCase()
  const meaning: Record<string, (value: unknown) => void> = {
    SESSION_COOKIE_NAME: (value) => Object.assign(cookie, { name: value }),
    SESSION_COOKIE_DOMAIN: (value) => Object.assign(cookie, { domain: value }),
    SESSION_COOKIE_PATH: (value) => Object.assign(cookie, { path: value }),
    APPLICATION_ROOT: (value) => Object.assign(cookie, { path: value }),
    SESSION_COOKIE_SECURE: (value) => Object.assign(cookie, { secure: value }),
    SESSION_COOKIE_HTTPONLY: (value) => Object.assign(cookie, { httpOnly: value }),
    SESSION_COOKIE_SAMESITE: (value) => Object.assign(cookie, { sameSite: sameSite(value) }),
    SESSION_COOKIE_PARTITIONED: (value) => Object.assign(cookie, { partitioned: value }),
    SESSION_REFRESH_EACH_REQUEST: (value) => Object.assign(options, { refreshEachRequest: value }),
    PERMANENT_SESSION_LIFETIME: (value) =>
      Object.assign(options, { lifetime: (value as number) * 1000 }),
    SESSION_PERMANENT: (value) => Object.assign(options, { permanent: value }),
    SESSION_ID_LENGTH: (value) => Object.assign(options, { idLength: value }),
    SESSION_SERIALIZATION_FORMAT: (value) => Object.assign(options, { format: value }),
    SESSION_KEY_PREFIX: (value) => Object.assign(options, { keyPrefix: value }),
    SESSION_USE_SIGNER: () => undefined,
  }
  for (const [key, value] of Object.entries(config)) {
    const apply = meaning[key]
    if (apply === undefined) throw new Error(`no meaning for ${key}`)
    apply(value)
  }
  return options
}

/**
 * Runs the view behind `sessions` on a server of its own and makes the request.
 *
 * @param view In place of the one that the statements name.
 */
export async function replay(
  sessions: Sessions,
  { run }: Asked,
  cookie: string | null,
  view?: (session: Session, found: Found) => unknown,
): Promise<Replayed> {
  const found: Found = {}
  const does = view ?? VIEWS[run]
  if (does === undefined && run !== '') throw new Error(`no view does: ${run}`)
  const listener = withSession(
    sessions,
    async (request, response) => {
      // A view that does not touch its session does not ask for it.
      if (does !== undefined) await does(await sessions.of(request), found)
      response.end()
    },
    {
      onFailure: (_error, _request, response) => {
        response.statusCode = 500
        response.end()
      },
    },
  )
  const server = createServer((request, response) => void listener(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const { port } = server.address() as AddressInfo
    const asked = httpRequest({
      port,
      host: '127.0.0.1',
      agent: false,
      headers: cookie === null ? {} : { cookie },
    })
    asked.end()
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    response.resume()
    await once(response, 'end')
    const { headers, statusCode = 0 } = response
    return {
      status: statusCode,
      set_cookie: headers['set-cookie'] ?? [],
      vary: headers.vary ?? null,
      cache_control: headers['cache-control'] ?? null,
      found: JSON.parse(JSON.stringify(found)) as Found,
    }
  } finally {
    server.close()
    await once(server, 'close')
  }
}
