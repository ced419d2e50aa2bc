/** MessagePack as hexadecimal digits, there and back. */

import { Slice } from '../../src/serializers/msgpack/read.ts'

export function hex(bytes: Uint8Array | Slice | undefined): string {
  const seen = bytes instanceof Slice ? bytes.view() : bytes
  return Buffer.from(seen ?? []).toString('hex')
}

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text, 'hex'))
}

/** An entry of a record, with other bytes before and after it. */
export function sliceOf(item: string | Uint8Array): Slice {
  const bytes = typeof item === 'string' ? bytesOf(item) : item
  const end = 1 + bytes.length
  return new Slice(new Uint8Array([0x93, ...bytes, 0x93]), 1, end)
}
