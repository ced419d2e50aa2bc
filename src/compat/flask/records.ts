/**
 * Flask-Session's records: one format is written, all that any version wrote are read.
 *
 * @module
 */

import type { Serializer } from '../../core/serializer.ts'
import { ConfigError } from '../../errors.ts'
import { json, jsonWithFloats } from '../../serializers/json/index.ts'
import { msgpack, msgpackWithFloats } from '../../serializers/msgpack/index.ts'
import { pickle } from '../../serializers/pickle/index.ts'
import { type Format, several } from './multi-format.ts'

/** `msgpack` and `json` of Flask-Session 0.7 and later, `pickle` of earlier ones and cachelib. */
export type FlaskFormat = 'msgpack' | 'json' | 'pickle' | 'cachelib-redis'

const NAMES: readonly FlaskFormat[] = ['msgpack', 'json', 'pickle', 'cachelib-redis']
/** cachelib marks what it pickled, as plain integers are kept as digits. */
const MARK = 0x21

/** The serializer of a profile. Throws {@link ConfigError} for a format that is none. */
export function flaskRecords(written: FlaskFormat, exactFloats: boolean): Serializer {
  if (!NAMES.includes(written)) {
    throw new ConfigError(`There is no format '${String(written)}'. It is ${NAMES.join(', ')}.`)
  }
  const formats: Record<FlaskFormat, Format> = {
    msgpack: {
      serializer: exactFloats ? msgpackWithFloats : msgpack,
      exact: msgpackWithFloats,
      holds: { binary: true, bigints: false },
    },
    json: {
      serializer: exactFloats ? jsonWithFloats : json,
      exact: jsonWithFloats,
      holds: { binary: false, bigints: true },
    },
    pickle: pickled(exactFloats, (bytes) => bytes),
    'cachelib-redis': pickled(exactFloats, marked),
  }
  const others = NAMES.filter((name) => name !== written).map((name) => formats[name])
  return several([formats[written], ...others]) as Serializer
}

function pickled(exactFloats: boolean, wrap: (serializer: Serializer) => Serializer): Format {
  const exact = wrap(pickle({ protocol: 4, exactFloats: true }) as Serializer)
  return {
    serializer: exactFloats ? exact : wrap(pickle({ protocol: 4 }) as Serializer),
    exact,
  }
}

/** A pickle behind cachelib's mark. */
function marked(serializer: Serializer): Serializer {
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
