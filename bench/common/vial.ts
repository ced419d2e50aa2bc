/**
 * The vial that is measured: what ships (`dist`), or the build of another commit, which `VIAL_DIST` names, so that one
 * run has both before and after.
 */

import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The folder of the build. */
export const DIST: string =
  process.env['VIAL_DIST'] ?? fileURLToPath(new URL('../../dist', import.meta.url))

interface Modules {
  readonly '.': typeof import('../../src/index.ts')
  readonly 'adapters/express': typeof import('../../src/adapters/express.ts')
  readonly 'adapters/fastify': typeof import('../../src/adapters/fastify.ts')
  readonly 'adapters/hono': typeof import('../../src/adapters/hono.ts')
  readonly 'adapters/koa': typeof import('../../src/adapters/koa.ts')
  readonly 'adapters/node': typeof import('../../src/adapters/node.ts')
  readonly 'adapters/fetch': typeof import('../../src/adapters/fetch.ts')
  readonly 'compat/flask-cookie': typeof import('../../src/compat/flask-cookie.ts')
  readonly 'compat/flask-session': typeof import('../../src/compat/flask-session.ts')
  readonly 'cookies/parse': typeof import('../../src/cookies/parse.ts')
  readonly 'cookies/serialize': typeof import('../../src/cookies/serialize.ts')
  readonly 'core/changes': typeof import('../../src/core/changes.ts')
  readonly 'core/ids': typeof import('../../src/core/ids.ts')
  readonly 'core/rebase': typeof import('../../src/core/rebase.ts')
  readonly 'seals/encrypted': typeof import('../../src/seals/encrypted.ts')
  readonly 'seals/flask-signer': typeof import('../../src/seals/flask-signer.ts')
  readonly 'seals/itsdangerous': typeof import('../../src/seals/itsdangerous.ts')
  readonly 'seals/signed': typeof import('../../src/seals/signed.ts')
  readonly 'serializers/json': typeof import('../../src/serializers/json/index.ts')
  readonly 'serializers/msgpack': typeof import('../../src/serializers/msgpack/index.ts')
  readonly 'serializers/pickle': typeof import('../../src/serializers/pickle/index.ts')
  readonly 'serializers/tagged-json': typeof import('../../src/serializers/tagged-json/index.ts')
  readonly 'stores/cachelib-file': typeof import('../../src/stores/cachelib-file/index.ts')
  readonly 'stores/dynamodb': typeof import('../../src/stores/dynamodb/index.ts')
  readonly 'stores/file': typeof import('../../src/stores/file/index.ts')
  readonly 'stores/memcached': typeof import('../../src/stores/memcached/index.ts')
  readonly 'stores/memory': typeof import('../../src/stores/memory.ts')
  readonly 'stores/mongodb': typeof import('../../src/stores/mongodb/index.ts')
  readonly 'stores/node-sqlite': typeof import('../../src/stores/sql/node-sqlite.ts')
  readonly 'stores/open': typeof import('../../src/stores/open/index.ts')
  readonly 'stores/redis': typeof import('../../src/stores/redis/index.ts')
  readonly 'stores/sql': typeof import('../../src/stores/sql/index.ts')
}

/** Loads one part of it, private ones included. */
export function vial<Name extends keyof Modules>(name: Name): Promise<Modules[Name]> {
  const file = name === '.' ? 'index.js' : `${name}.js`
  return import(pathToFileURL(join(DIST, file)).href) as Promise<Modules[Name]>
}
