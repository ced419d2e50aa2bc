/** What a session holds, at any size: a user, a cart, orders, half-filled forms; and the payloads and headers of it. */

import { Buffer } from 'node:buffer'
import { encode } from '@msgpack/msgpack'

export type Content = Record<string, unknown>

/** The secret of every seal. */
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
  if (over !== 0) throw new Error(`The content of ${bytes} B is ${over} B too long.`)
  return content
}

/** The same with strings in place of dates, for formats that have none. */
export function withoutDates(content: Content): Content {
  return JSON.parse(JSON.stringify(content)) as Content
}

function sizeOf(content: Content): number {
  return encode(content).length
}

/** One step: an article in the cart, an order, or a draft; in the end a note for the bytes that are left. */
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

/** MessagePack puts one to three bytes before a string, so its length is searched for. */
function pad(content: Content, left: number): void {
  const target = sizeOf(content) + left
  for (let length = left; length >= 0; length--) {
    content['note'] = 'Leave it at the door. '.repeat(40).slice(0, length)
    if (sizeOf(content) === target) return
  }
  throw new Error(`${left} bytes cannot be filled with one string.`)
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

/**
 * JSON of exactly that many bytes, which compresses as a session does: an object with one string that needs no escapes,
 * as some of the libraries take only an object.
 */
export function payloadOf(bytes: number): Buffer {
  const frame = JSON.stringify({ text: '' }).length
  const words = JSON.stringify(contentOf(bytes)).replace(/[^ -~]|["\\]/g, "'")
  const payload = Buffer.from(JSON.stringify({ text: words.slice(0, bytes - frame) }))
  if (payload.length !== bytes) throw new Error(`The payload of ${bytes} B has ${payload.length}.`)
  return payload
}

/** Returns the items one after the other, again and again; `round` is called before each round. */
export function inTurn<T>(items: readonly T[], round?: () => void): () => T {
  let at = items.length - 1
  return () => {
    at = (at + 1) % items.length
    if (at === 0) round?.()
    return items[at] as T
  }
}

/** How many strings of that length make a round that is long enough for one-time costs not to count. */
export function roundOf(length: number): number {
  return Math.ceil(2 ** 20 / length)
}

/** The same string, flat, as a server reads it off the socket. */
export function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}
