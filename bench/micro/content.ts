/** What a session holds: who it is, a cart, orders, half-filled forms; of any size. */

import { encode } from '@msgpack/msgpack'

export type Content = Record<string, unknown>

/** What everything is sealed with. */
export const SECRET = 'rW2xN7cT5vK9qL3mP8dF1gH6jB4zS0yA'

/** The sizes that are measured, in bytes of MessagePack. */
export const SIZES: readonly (readonly [name: string, bytes: number])[] = [
  ['200 B', 200],
  ['4 KB', 4096],
  ['64 KB', 65_536],
]

/** A record that takes exactly so many bytes as MessagePack, at least 190. Dates have no milliseconds: Flask has none. */
export function contentOf(bytes: number): Content {
  const content: Content = {
    user_id: 'u-184467',
    user: { name: 'Zoë Marsh', email: 'zoe@example.com', roles: ['buyer', 'editor'] },
    csrf: 'q3YJm0vP4dXwT8sLrN1aKc',
    visits: 17,
    seen_at: new Date('2026-03-01T09:30:00Z'),
    cart: [{ sku: 'A-10000', quantity: 2 }],
    note: '',
  }
  for (let index = 0; sizeOf(content) < bytes; index++)
    grow(content, index, bytes - sizeOf(content))
  const over = sizeOf(content) - bytes
  if (over !== 0) throw new Error(`The content of ${bytes} B came out ${over} B off.`)
  return content
}

/** The same with texts in place of dates, for formats that have none. */
export function withoutDates(content: Content): Content {
  return JSON.parse(JSON.stringify(content)) as Content
}

function sizeOf(content: Content): number {
  return encode(content).length
}

/** One step: an article in the cart, or an order, or a draft; in the end text for the bytes that are left. */
function grow(content: Content, index: number, left: number): void {
  if (left < 700) {
    pad(content, left)
  } else if (index < 10) {
    const cart = content['cart'] as unknown[]
    cart.push(article(index))
  } else if (index % 4 === 0) {
    content[`draft:${index}`] = draft(index)
  } else {
    content['orders'] ??= []
    const orders = content['orders'] as unknown[]
    orders.push(order(index))
  }
}

/** The head of a text is one to three bytes, so its length is searched for. */
function pad(content: Content, left: number): void {
  const target = sizeOf(content) + left
  for (let length = left; length >= 0; length--) {
    content['note'] = 'Leave it at the door. '.repeat(40).slice(0, length)
    if (sizeOf(content) === target) return
  }
  throw new Error(`${left} bytes cannot be filled with one text.`)
}

function article(index: number): Content {
  return {
    sku: `A-${10_000 + index * 37}`,
    title: `Café chair no. ${index}`,
    quantity: 1 + (index % 3),
    price: 1990 + index * 250,
    weight: 3.5 + index / 8,
    options: { colour: 'walnut', gift: index % 2 === 0 },
  }
}

function order(index: number): Content {
  return {
    number: 2_026_000 + index,
    placed_at: new Date(Date.UTC(2026, 0, 1 + (index % 28), index % 24)),
    paid: index % 5 !== 0,
    total: 4990 + index * 130,
    lines: [article(index), article(index + 1), article(index + 2)],
    address: { street: `Elm Road ${index}`, town: 'Århus', postcode: '8000', country: 'DK' },
  }
}

function draft(index: number): Content {
  return {
    step: index % 5,
    fields: { subject: `Return of order ${index}`, reason: null, agreed: false, items: [1, 2, 3] },
    changed_at: new Date(Date.UTC(2026, 1, 1 + (index % 28), 8, 15)),
  }
}
