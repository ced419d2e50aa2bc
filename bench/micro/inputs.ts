/** Inputs that nobody knows by heart: neither the compiler, nor what remembers what it saw. */

import { Buffer } from 'node:buffer'

const HEAD = 'session='

/** Gives them one after the other, again and again; `round` is called before each round. */
export function inTurn<T>(items: readonly T[], round?: () => void): () => T {
  let at = items.length - 1
  return () => {
    at = (at + 1) % items.length
    if (at === 0) round?.()
    return items[at] as T
  }
}

/** How many texts of that length make a round in which what happens once does not count. */
export function roundOf(length: number): number {
  return Math.ceil(2 ** 20 / length)
}

/** The same text, flat, as a server reads it off the socket. */
export function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}

/** A `Cookie` header with that value. */
export function headerOf(value: string): string {
  return flat(HEAD + value)
}

/** The value as a new string, as each request has it: one that is used again keeps its hash, and is looked up sooner. */
export function cutOut(header: string): string {
  return header.slice(HEAD.length)
}
