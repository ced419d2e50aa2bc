/**
 * How the MongoDB store sends a write.
 *
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises'
import { isUndone } from './errors.ts'

/** Sends one write. */
export type Write = <T>(send: () => Promise<T>) => Promise<T>

/** How often a write is sent that the server undoes. On DocumentDB it takes a second until it does. */
const SENDS = 5

/**
 * Sends a write, and again where the server undid it for the sake of another writer, after a pause: those that meet
 * again at once would hinder each other again.
 */
export async function sendUntilKept<T>(send: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let turn = 1; ; turn++) {
    try {
      return await send()
    } catch (error) {
      if (!isUndone(error) || turn === SENDS) throw error
      await delay(Math.random() * 20 * 2 ** turn)
      if (signal?.aborted) throw error
    }
  }
}
