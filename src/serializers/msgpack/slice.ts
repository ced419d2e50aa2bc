/**
 * A piece of a record: one item of MessagePack where it stands. A view of its own for each would cost more,
 * and most are never looked at.
 *
 * @module
 */

import { Buffer } from 'node:buffer'

/** The bytes from `start` to before `end`; nobody changes them. */
export class Slice {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes
    this.start = start
    this.end = end
  }

  get length(): number {
    return this.end - this.start
  }

  /** The same bytes, seen alone. */
  view(): Uint8Array {
    return this.bytes.subarray(this.start, this.end)
  }

  equals(other: Slice): boolean {
    return this.length === other.length && Buffer.compare(this.view(), other.view()) === 0
  }
}
