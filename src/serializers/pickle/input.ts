/**
 * The bytes of a pickle, read with every length checked, and what reading them may cost.
 *
 * @module
 */

import { SerializationError } from '../../errors.ts'

/** What one pickle may cost to read and to hold, in bytes more or less: 64 MiB. */
export const BUDGET = 2 ** 26

/** The refusal of a pickle. `how` never holds a value of it. */
export function notData(how: string): SerializationError {
  return new SerializationError(
    `Not a pickle of plain data (${how}): keep plain values in the session, or delete the record.`,
  )
}

/** Reads forwards. Throws {@link SerializationError} at the end of the bytes and of the budget. */
export class Input {
  readonly bytes: Uint8Array
  readonly view: DataView
  at: number
  #budget = BUDGET

  constructor(bytes: Uint8Array, start: number) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = start
    if (bytes.length > BUDGET) throw notData(`it is larger than ${BUDGET} bytes`)
  }

  /** Accounts for work or memory that does not follow from the number of bytes. */
  spend(cost: number): void {
    this.#budget -= cost
    if (this.#budget < 0) throw notData('it takes too much to read')
  }

  /** Steps over `size` bytes and gives where they began. */
  skip(size: number): number {
    const start = this.at
    if (size > this.bytes.length - start) throw notData('it is cut off')
    this.at += size
    return start
  }

  u8(): number {
    return this.view.getUint8(this.skip(1))
  }

  u16(): number {
    return this.view.getUint16(this.skip(2), true)
  }

  i32(): number {
    return this.view.getInt32(this.skip(4), true)
  }

  u32(): number {
    return this.view.getUint32(this.skip(4), true)
  }

  /** Beyond 2^53 it is not exact, which no length that fits can be. */
  u64(): number {
    return Number(this.view.getBigUint64(this.skip(8), true))
  }

  f64(): number {
    return this.view.getFloat64(this.skip(8))
  }

  /** A view of the next `size` bytes. */
  take(size: number): Uint8Array {
    const start = this.skip(size)
    this.spend(size)
    return this.bytes.subarray(start, this.at)
  }

  /** The bytes up to the next line feed, which is stepped over. */
  line(): Uint8Array {
    const end = this.bytes.indexOf(0x0a, this.at)
    if (end < 0) throw notData('a line in it does not end')
    const line = this.take(end - this.at)
    this.at += 1
    return line
  }
}
