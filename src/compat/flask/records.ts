/**
 * Flask-Session's records: one format is written, and all that any version wrote are read.
 *
 * @module
 */

import type { Serializer } from '../../core/serializer.ts'
import { ConfigError } from '../../errors.ts'
import { json } from '../../serializers/json/index.ts'
import { msgpack } from '../../serializers/msgpack/index.ts'
import { type PickleEntry, pickle } from '../../serializers/pickle/index.ts'
import {
  type FloatSerializer,
  exactFloats as withExactFloats,
} from '../../serializers/python/values.ts'
import { type Format, multiFormat } from './multi-format.ts'

/** `msgpack` and `json` of Flask-Session 0.7 and later, `pickle` of earlier ones and cachelib. */
export type FlaskFormat = 'msgpack' | 'json' | 'pickle' | 'cachelib-redis'

const FORMATS: Readonly<Record<FlaskFormat, Format>> = {
  msgpack: formatOf(msgpack, { holds: { binary: true, bigints: false } }),
  json: formatOf(json, { holds: { binary: false, bigints: true } }),
  pickle: formatOf(pickle({ protocol: 4 }), { isForeign }),
  'cachelib-redis': formatOf(marked(pickle({ protocol: 4 })), { isForeign }),
}

/**
 * The serializer of a preset.
 *
 * @throws {ConfigError} For an unknown format.
 */
export function flaskRecords(written: FlaskFormat, exactFloats: boolean): Serializer {
  if (!Object.hasOwn(FORMATS, written)) {
    const names = Object.keys(FORMATS).join(', ')
    throw new ConfigError(`There is no format '${String(written)}'. It is ${names}.`)
  }
  const others = Object.values(FORMATS).filter((format) => format !== FORMATS[written])
  const serializer = multiFormat([FORMATS[written], ...others])
  return (exactFloats ? withExactFloats(serializer) : serializer) as Serializer
}

function formatOf<E>(
  serializer: FloatSerializer<E>,
  options: Pick<Format, 'holds' | 'isForeign'>,
): Format {
  return { serializer: serializer as FloatSerializer, ...options }
}

function isForeign(entry: unknown): boolean {
  return (entry as PickleEntry).hasForeign
}

/** cachelib marks what it pickled with `!`, as it keeps plain integers as digits. */
const MARK = 0x21

/** A pickle behind cachelib's mark. */
function marked(serializer: FloatSerializer<PickleEntry>): FloatSerializer<PickleEntry> {
  return {
    ...serializer,
    name: 'cachelib-redis',
    split: (bytes) => (bytes[0] === MARK ? serializer.split(bytes.subarray(1)) : undefined),
    join(entries) {
      const bytes = serializer.join(entries)
      const framed = new Uint8Array(bytes.length + 1)
      framed[0] = MARK
      framed.set(bytes, 1)
      return framed
    },
  }
}
