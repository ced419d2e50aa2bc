/** The sessions of the growth benches: a shop's visitor, another one each time, of a given size as JSON. */

import { randomBytes, randomInt } from 'node:crypto'

/** A shop's visitor whose data are that many bytes as JSON; 200 at least. */
export function sessionData(size = 200): Record<string, unknown> {
  const user = randomInt(100_000, 1_000_000)
  const data: Record<string, unknown> = {
    user,
    name: 'Ada Lovelace',
    email: `ada.${user}@example.org`,
    roles: ['customer', 'editor'],
    cart: [{ sku: `A-${randomInt(100_000, 1_000_000)}`, count: 2 }],
    visits: 1,
    token: '',
  }
  const left = size - JSON.stringify(data).length
  data['token'] = randomBytes(Math.max(left, 0)).toString('base64url').slice(0, left)
  return data
}

/** A record of so many entries, together so many bytes as JSON. */
export function recordOf(entries: number, size: number): Record<string, unknown> {
  const data: Record<string, unknown> = {}
  // Quotes, colon and comma around a key of five characters and a value.
  const each = Math.max(1, Math.floor(size / entries) - 11)
  for (let n = 0; n < entries; n++) {
    data[`k${String(n).padStart(4, '0')}`] = randomBytes(each).toString('base64url').slice(0, each)
  }
  return data
}
