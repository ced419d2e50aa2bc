/** How other libraries read and write a whole record. */

import { deepEqual } from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import * as msgpack from '@msgpack/msgpack'
import * as msgpackr from 'msgpackr'
import type { Case } from './case.ts'
import { type Content, withoutDates } from './content.ts'

interface Library {
  readonly name: string
  readonly content: Content
  readonly decode: (bytes: Buffer) => Content
  readonly encode: (content: Content) => Uint8Array
}

/** The cases of a record. The bytes are what @msgpack/msgpack writes: maps, as in vial's record. */
export function foreignSerializers(size: string, content: Content): Case[] {
  const libraries: Library[] = [
    {
      name: 'msgpackr',
      content,
      decode: (bytes) => msgpackr.unpack(bytes) as Content,
      encode: (item) => msgpackr.pack(item),
    },
    {
      name: '@msgpack/msgpack',
      content,
      decode: (bytes) => msgpack.decode(bytes) as Content,
      encode: (item) => msgpack.encode(item),
    },
    {
      name: 'JSON',
      content: withoutDates(content),
      decode: (bytes) => JSON.parse(bytes.toString()) as Content,
      encode: (item) => Buffer.from(JSON.stringify(item)),
    },
  ]
  return libraries.flatMap((library) => casesOf(library, size))
}

function casesOf({ name, content, decode, encode }: Library, size: string): Case[] {
  const bytes =
    name === 'JSON' ? Buffer.from(JSON.stringify(content)) : Buffer.from(msgpack.encode(content))
  const common = { group: `Record of ${size}`, foreign: true } as const
  let visits = 1000
  return [
    {
      ...common,
      name: `${name}: decode all, ${size}`,
      run: () => decode(bytes),
      check: (found) => deepEqual(found, content),
    },
    {
      ...common,
      name: `${name}: encode all, ${size}`,
      run: () => encode(content),
      check: (found) => deepEqual(decode(Buffer.from(found as Uint8Array)), content),
    },
    {
      ...common,
      name: `${name}: decode, change, encode, ${size}`,
      run: () => {
        visits = visits === 9999 ? 1000 : visits + 1
        const changed = decode(bytes)
        changed['visits'] = visits
        return encode(changed)
      },
      check: (found) => {
        deepEqual(decode(Buffer.from(found as Uint8Array)), { ...content, visits })
      },
    },
  ]
}
