import { randomBytes, randomInt } from 'node:crypto'

/** The session of a shop's visitor, different each time, of that many bytes as JSON; 200 at least. */
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
