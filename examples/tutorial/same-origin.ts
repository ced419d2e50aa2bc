/**
 * Refuses forms that other sites send in a visitor's name.
 *
 * @module
 */

import type { MiddlewareHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'

/**
 * Lets a request that may change something pass only from this site's own pages. Browsers name the page's origin on
 * each of them. The cookie is `SameSite=Lax`, so this is the second lock on the same door.
 */
export const sameOrigin: MiddlewareHandler = async (c, next) => {
  const changes = c.req.method !== 'GET' && c.req.method !== 'HEAD'
  if (changes && c.req.header('origin') !== new URL(c.req.url).origin) {
    throw new HTTPException(403, { message: 'This form was sent from another site.' })
  }
  await next()
}
