/**
 * What the shop sells, and sums over a cart.
 *
 * @module
 */

import type { CartLine } from './sessions.ts'

/** An item for sale. */
export interface Item {
  readonly name: string
  /** In cents. */
  readonly price: number
}

/** The items by their id, which is what a cart holds. */
export const CATALOGUE: ReadonlyMap<string, Item> = new Map([
  ['flask', { name: 'Round flask', price: 1450 }],
  ['vial', { name: 'Glass vial', price: 320 }],
  ['cork', { name: 'Cork stopper', price: 85 }],
])

/** The most pieces of one item. */
export const MOST = 99

/** The number of pieces in a cart. */
export function piecesIn(cart: readonly CartLine[]): number {
  return cart.reduce((sum, line) => sum + line.quantity, 0)
}

/** The price of a cart, in cents. */
export function priceOf(cart: readonly CartLine[]): number {
  return cart.reduce((sum, line) => sum + line.quantity * (CATALOGUE.get(line.item)?.price ?? 0), 0)
}

/** Writes cents as an amount. */
export function amount(cents: number): string {
  return `€ ${(cents / 100).toFixed(2)}`
}
