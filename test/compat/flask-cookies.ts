/** Flask's cookies, made and opened by hand. */

import { createHmac } from 'node:crypto'
import { inflateSync } from 'node:zlib'
import { SECRET } from '../core/requests.ts'

/** The JSON in a cookie. */
export function payload(cookie: string | undefined): string {
  const [first = '', second = ''] = (cookie ?? '').replace(/^[^=]+=/, '').split('.')
  if (first !== '') return Buffer.from(first, 'base64url').toString()
  return inflateSync(Buffer.from(second, 'base64url')).toString()
}

/** A cookie as Flask makes it. */
export function flaskMade(json: string, seconds: number, secret: string = SECRET): string {
  const time = Buffer.from(seconds.toString(16), 'hex').toString('base64url')
  const signed = `${Buffer.from(json).toString('base64url')}.${time}`
  const key = createHmac('sha1', secret).update('cookie-session').digest()
  return `session=${signed}.${createHmac('sha1', key).update(signed).digest('base64url')}`
}
