/**
 * MessagePack values that JavaScript has no type for.
 *
 * @module
 */

/** An extension that is not a timestamp, as `msgspec.msgpack.Ext`: `type` is -128 to 127, `data` means what `type` says. */
export class Ext {
  readonly type: number
  readonly data: Uint8Array

  constructor(type: number, data: Uint8Array) {
    this.type = type
    this.data = data
  }
}

/**
 * An instant that is finer than a millisecond, as Python's `datetime` is. Setting another millisecond drops what is
 * finer; moving it by whole seconds keeps it.
 */
export class Timestamp extends Date {
  /** Nanoseconds of the second, 0 to 999 999 999; they include the milliseconds. */
  readonly nanoseconds: number

  /**
   * @param seconds Whole seconds since 1970, rounded down.
   * @param nanoseconds Nanoseconds of that second, 0 to 999 999 999.
   */
  constructor(seconds: number, nanoseconds: number) {
    super(seconds * 1000 + Math.floor(nanoseconds / 1e6))
    this.nanoseconds = nanoseconds
  }
}
