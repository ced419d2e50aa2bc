/**
 * Ids as keys of Redis. A key is bytes, an id any string: two ids never share a key, and a key leads back to its id.
 *
 * @module
 */

import { Buffer } from 'node:buffer'

/** A key as the clients take it. */
export type RedisKey = string | Buffer

/** Whether a text holds half of a surrogate pair. UTF-8 has no bytes for it, so all such texts would be one key. */
export function isBroken(text: string): boolean {
  return !text.isWellFormed()
}

/** The key of an id. */
export function keyOf(prefix: string, id: string): RedisKey {
  const key = prefix + id
  return isBroken(key) ? encode(key) : key
}

/** The id of a key that starts with the prefix; undefined for a key that no id has. */
export function idOf(prefix: string, key: Buffer): string | undefined {
  const text = decode(key)
  return text.startsWith(prefix) && encode(text).equals(key) ? text.slice(prefix.length) : undefined
}

/** A pattern of SCAN for all keys that start with the prefix. */
export function patternOf(prefix: string): string {
  return `${prefix.replace(/[\\*?[\]^-]/g, '\\$&')}*`
}

/** UTF-8, with three bytes for half a surrogate pair as for any other code unit: WTF-8. */
function encode(text: string): Buffer {
  return Buffer.concat(
    text.split(/(\p{Surrogate})/u).map((part) => {
      if (!isBroken(part)) return Buffer.from(part)
      const unit = part.charCodeAt(0)
      return Buffer.from([0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f)])
    }),
  )
}

function decode(bytes: Buffer): string {
  let text = ''
  let from = 0
  for (let at = bytes.indexOf(0xed); at !== -1; at = bytes.indexOf(0xed, at + 1)) {
    const [second, third] = [bytes[at + 1] ?? 0, bytes[at + 2] ?? 0]
    if (second < 0xa0) continue
    text += bytes.toString('utf8', from, at)
    text += String.fromCharCode(0xd000 | ((second & 0x3f) << 6) | (third & 0x3f))
    from = at + 3
  }
  return text + bytes.toString('utf8', from)
}
