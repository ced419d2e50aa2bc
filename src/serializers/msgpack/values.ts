/**
 * MessagePack values that JavaScript has no type for.
 *
 * @module
 */

export { Timestamp } from '../shared/timestamp.ts'

/** An extension that is not a timestamp, as `msgspec.msgpack.Ext`: `type` is -128 to 127, `data` means what `type` says. */
export class Ext {
  readonly type: number
  readonly data: Uint8Array

  constructor(type: number, data: Uint8Array) {
    this.type = type
    this.data = data
  }
}
