/**
 * The vial that is measured: what ships (`dist`), or the build of another commit. Every module is found by the exports of
 * the build's own `package.json`, as two builds have their files in different places.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The folder of the build that this process measures. */
export const BUILD: string =
  process.env['VIAL_BUILD'] ?? fileURLToPath(new URL('../..', import.meta.url))

interface Modules {
  readonly vial: typeof import('vial')
  readonly 'vial/adapters/express': typeof import('vial/adapters/express')
  readonly 'vial/adapters/fastify': typeof import('vial/adapters/fastify')
  readonly 'vial/adapters/fetch': typeof import('vial/adapters/fetch')
  readonly 'vial/adapters/hono': typeof import('vial/adapters/hono')
  readonly 'vial/compat/flask-cookie': typeof import('vial/compat/flask-cookie')
  readonly 'vial/seals/encrypted': typeof import('vial/seals/encrypted')
  readonly 'vial/seals/flask-signer': typeof import('vial/seals/flask-signer')
  readonly 'vial/seals/itsdangerous': typeof import('vial/seals/itsdangerous')
  readonly 'vial/seals/signed': typeof import('vial/seals/signed')
  readonly 'vial/serializers/json': typeof import('vial/serializers/json')
  readonly 'vial/serializers/msgpack': typeof import('vial/serializers/msgpack')
  readonly 'vial/serializers/pickle': typeof import('vial/serializers/pickle')
  readonly 'vial/serializers/tagged-json': typeof import('vial/serializers/tagged-json')
  readonly 'vial/stores/dynamodb': typeof import('vial/stores/dynamodb')
  readonly 'vial/stores/file': typeof import('vial/stores/file')
  readonly 'vial/stores/memcached': typeof import('vial/stores/memcached')
  readonly 'vial/stores/memory': typeof import('vial/stores/memory')
  readonly 'vial/stores/mongodb': typeof import('vial/stores/mongodb')
  readonly 'vial/stores/node-sqlite': typeof import('vial/stores/node-sqlite')
  readonly 'vial/stores/redis': typeof import('vial/stores/redis')
  readonly 'vial/stores/redis-near-cache': typeof import('vial/stores/redis-near-cache')
  readonly 'vial/stores/sql': typeof import('vial/stores/sql')
}

/** Loads a module of the build. */
export function vial<Name extends keyof Modules>(name: Name): Promise<Modules[Name]> {
  const file = entryPoints().get(name)
  if (file === undefined) throw new Error(`The build in ${BUILD} does not export '${name}'.`)
  return import(pathToFileURL(file).href) as Promise<Modules[Name]>
}

/** The file of each specifier of a build. */
export function entryPoints(build = BUILD): ReadonlyMap<string, string> {
  const { exports } = JSON.parse(readFileSync(join(build, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, string | { readonly default: string }>>
  }
  return new Map(
    Object.entries(exports).flatMap(([entry, target]) =>
      typeof target === 'string' ? [] : [[entry.replace('.', 'vial'), join(build, target.default)]],
    ),
  )
}
