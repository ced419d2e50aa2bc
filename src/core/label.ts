/**
 * What an application tells about a session, for its user to tell sessions apart.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { StateError } from '../errors.ts'

/** Such as `{ device: 'Firefox on Linux' }`. */
export type Label = Readonly<Record<string, string>>

const LONGEST = 256

/** @throws {StateError} When it is no object of strings, or takes more than 256 bytes as JSON. */
export function checkLabel(label: unknown): asserts label is Label | undefined {
  if (label === undefined) return
  const texts = typeof label === 'object' && label !== null ? Object.values(label) : [undefined]
  if (Array.isArray(label) || texts.some((text) => typeof text !== 'string')) {
    throw new StateError("A label is an object of strings, such as `{ device: 'Firefox' }`.")
  }
  const size = Buffer.byteLength(JSON.stringify(label))
  if (size > LONGEST) {
    throw new StateError(`A label takes at most ${LONGEST} bytes as JSON, and this takes ${size}.`)
  }
}
