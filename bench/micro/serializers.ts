/** What it costs to split a record, to read or write one key of it, and to decode all of it, by format and size. */

import { deepEqual } from 'node:assert/strict'
import type { Serializer } from 'vial'
import { vial } from '../common/vial.ts'
import type { Case } from './case.ts'
import { type Content, contentOf, SIZES, withoutDates } from './content.ts'
import { foreignSerializers } from './foreign-serializers.ts'

interface Format {
  readonly serializer: Serializer
  /** Whether it keeps a Date. */
  readonly dates: boolean
  /** The libraries that take the same bytes. */
  readonly peers: readonly string[]
}

export async function serializers(): Promise<readonly Case[]> {
  const { msgpack } = await vial('vial/serializers/msgpack')
  const { json } = await vial('vial/serializers/json')
  const { taggedJson } = await vial('vial/serializers/tagged-json')
  const { pickle } = await vial('vial/serializers/pickle')
  const formats: Format[] = [
    { serializer: msgpack, dates: true, peers: ['msgpackr', '@msgpack/msgpack'] },
    { serializer: json, dates: false, peers: ['JSON'] },
    { serializer: taggedJson, dates: true, peers: ['JSON'] },
    { serializer: pickle(), dates: true, peers: ['JSON'] },
  ] as Format[]
  const cases = SIZES.flatMap(([size, bytes]) => {
    const content = contentOf(bytes)
    return [
      ...formats.flatMap((format) => record(format, size, content)),
      ...foreignSerializers(size, content),
    ]
  })
  return [...cases, ...formats.flatMap(value)]
}

/** Cases of a whole record. */
function record({ serializer, dates, peers }: Format, size: string, whole: Content): Case[] {
  const content = dates ? whole : withoutDates(whole)
  const bytes = serializer.join(
    new Map(Object.entries(content).map(([key, item]) => [key, serializer.encode(item)])),
  )
  const cut = (): Map<string | symbol, unknown> => {
    const entries = serializer.split(bytes)
    if (entries === undefined) throw new Error(`${serializer.name} cannot split its own record.`)
    return entries
  }
  const all = (entries: ReturnType<typeof cut>): Content => {
    const found: Content = {}
    for (const [key, entry] of entries) found[String(key)] = serializer.decode(entry)
    return found
  }
  const entries = cut()
  const group = `Record of ${size}`
  const name = (what: string): string => `${serializer.name}: ${what}, ${size}`
  const against = (what: string): string[] => peers.map((peer) => `${peer}: ${what}, ${size}`)
  let visits = 1000
  return [
    {
      group,
      name: name('split'),
      run: cut,
      check: (found) => deepEqual(all(found as ReturnType<typeof cut>), content),
    },
    {
      group,
      name: name('join'),
      run: () => serializer.join(entries),
      check: (found) => deepEqual(found, bytes),
    },
    {
      group,
      name: name('read one key'),
      run: () => serializer.decode(cut().get('user')),
      check: (found) => deepEqual(found, content['user']),
      peers: against('decode all'),
    },
    {
      group,
      name: name('write one key'),
      run: () => {
        visits = visits === 9999 ? 1000 : visits + 1
        const changed = cut()
        changed.set('visits', serializer.encode(visits))
        return serializer.join(changed)
      },
      check: (found) => {
        const changed = serializer.split(found as Uint8Array)
        deepEqual(changed && all(changed), { ...content, visits })
      },
      peers: against('decode, change, encode'),
    },
    {
      group,
      name: name('decode all'),
      run: () => all(cut()),
      check: (found) => deepEqual(found, content),
      peers: against('decode all'),
    },
  ]
}

/** Cases of one value. */
function value({ serializer, dates }: Format): Case[] {
  const content = contentOf(200)
  const user = (dates ? content : withoutDates(content))['user']
  const entry = serializer.encode(user)
  const group = 'One value: a name, an address, two roles'
  return [
    {
      group,
      name: `${serializer.name}: encode one`,
      run: () => serializer.encode(user),
      check: (found) => deepEqual(serializer.decode(found), user),
    },
    {
      group,
      name: `${serializer.name}: decode one`,
      run: () => serializer.decode(entry),
      check: (found) => deepEqual(found, user),
    },
  ]
}
