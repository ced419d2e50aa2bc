/**
 * Prevents: a new file in a public folder that nobody can import because package.json does not export it, an export
 * whose file has gone or whose specifier is not its path, and an inner file that slips into the public face.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

/** Where a file is public unless it is listed below. */
const FOLDERS = ['stores', 'seals', 'serializers', 'compat', 'adapters', 'testing']

/** Files that only their neighbours import. */
const INTERNAL: readonly string[] = [
  'adapters/dropped-headers',
  'adapters/fastify-scope',
  'adapters/hold',
  'adapters/hold-response',
  'adapters/look-sent',
  'adapters/node-headers',
  'adapters/node-scope',
  'adapters/patch-response',
  'compat/flask-attributes',
  'compat/flask-config-cookie',
  'compat/flask-config-env',
  'compat/flask-config-keys',
  'compat/flask-config-store',
  'compat/flask-config-urls',
  'compat/flask-ids',
  'compat/flask-records',
  'compat/plain-values',
  'compat/several-formats',
  'seals/base64url',
  'seals/hmac',
  'seals/keystream',
  'seals/opened-before',
  'serializers/json-parse',
  'serializers/json-text',
  'serializers/json-write',
  'serializers/msgpack-decode',
  'serializers/msgpack-encode',
  'serializers/msgpack-items',
  'serializers/msgpack-keys',
  'serializers/msgpack-slice',
  'serializers/msgpack-values',
  'serializers/msgpack-writer',
  'serializers/own-property',
  'serializers/pickle-dates',
  'serializers/pickle-decode',
  'serializers/pickle-encode',
  'serializers/pickle-globals',
  'serializers/pickle-input',
  'serializers/pickle-measure',
  'serializers/pickle-memo',
  'serializers/pickle-nodes',
  'serializers/pickle-opcodes',
  'serializers/pickle-output',
  'serializers/pickle-read',
  'serializers/pickle-reduce',
  'serializers/pickle-scalars',
  'serializers/pickle-stack',
  'serializers/pickle-text',
  'serializers/pickle-write',
  'serializers/pickle-write-text',
  'serializers/python-collections',
  'serializers/python-dates',
  'serializers/python-float',
  'serializers/rfc2822-date',
  'serializers/tagged-json-decode',
  'serializers/tagged-json-encode',
  'serializers/tagged-json-text',
  'serializers/utf8',
  'serializers/value-path',
  'stores/background-sweep',
  'stores/cache-client',
  'stores/cache-record',
  'stores/cachelib-directory',
  'stores/cachelib-place',
  'stores/cachelib-record',
  'stores/dynamodb-client',
  'stores/dynamodb-errors',
  'stores/dynamodb-item',
  'stores/dynamodb-requests',
  'stores/dynamodb-table',
  'stores/file-lock',
  'stores/file-owner',
  'stores/file-record',
  'stores/heard',
  'stores/memcached-command',
  'stores/memcached-connection',
  'stores/memcached-exptime',
  'stores/memcached-failure',
  'stores/memcached-key',
  'stores/memcached-link',
  'stores/memcached-parser',
  'stores/memcached-servers',
  'stores/memory-deadlines',
  'stores/memory-order',
  'stores/mongodb-collection',
  'stores/mongodb-document',
  'stores/mongodb-errors',
  'stores/mongodb-indexes',
  'stores/mongodb-write',
  'stores/open-client',
  'stores/open-clients',
  'stores/open-sql',
  'stores/open-url',
  'stores/redis-client',
  'stores/redis-commands',
  'stores/redis-errors',
  'stores/redis-ioredis',
  'stores/redis-keys',
  'stores/redis-near-cache',
  'stores/redis-near-entries',
  'stores/redis-node-redis',
  'stores/redis-tracking',
  'stores/sql-connection',
  'stores/sql-failures',
  'stores/sql-statements',
  'stores/sql-table',
  'stores/sql-values',
  'stores/storable-id',
]

interface Manifest {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>
}

const root = fileURLToPath(new URL('..', import.meta.url))
const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as Manifest
const modules = FOLDERS.flatMap(modulesOf)
const problems = [...checkModules(), ...checkInternal(), ...checkTargets(), ...checkPeers()]

for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exit(1)

/** The modules of a folder by their paths in src, without the extension. */
function modulesOf(folder: string): string[] {
  if (!existsSync(`${root}src/${folder}`)) return []
  const entries = readdirSync(`${root}src/${folder}`, { recursive: true, encoding: 'utf8' })
  const files = entries
    .map((entry) => entry.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.ts'))
  return files.map((file) => `${folder}/${file.slice(0, -'.ts'.length)}`).sort()
}

/** `testing` is one entry with an index; everywhere else the specifier is the path. */
function isPublic(module: string): boolean {
  return module.startsWith('testing/') ? module === 'testing/index' : !INTERNAL.includes(module)
}

function specifierOf(module: string): string {
  return module === 'index' ? '.' : `./${module.replace(/\/index$/, '')}`
}

function* checkModules(): Generator<string> {
  for (const module of modules.filter(isPublic)) {
    const specifier = specifierOf(module)
    if (manifest.exports[specifier] === undefined) {
      yield `src/${module}.ts is public and package.json does not export '${specifier}'. Export it, or list it as internal in scripts/check-exports.ts.`
    }
    const head = /^\/\*\*[\s\S]*?\*\//.exec(source(module))?.[0] ?? ''
    if (!head.includes('@module'))
      yield `src/${module}.ts is public and its first comment has no @module.`
  }
}

function* checkInternal(): Generator<string> {
  for (const module of INTERNAL) {
    const [folder, name] = module.split('/')
    if (!modules.includes(module)) {
      yield `${module} is listed as internal and src/${module}.ts does not exist.`
    } else if (
      !modules.some(
        (other) => other.startsWith(`${folder}/`) && source(other).includes(`'./${name}.ts'`),
      )
    ) {
      yield `src/${module}.ts is listed as internal and no neighbour imports it.`
    }
  }
}

function* checkTargets(): Generator<string> {
  for (const [specifier, target] of Object.entries(manifest.exports)) {
    if (specifier === './package.json') continue
    const module =
      specifier === '.' ? 'index' : specifier === './testing' ? 'testing/index' : specifier.slice(2)
    const expected = { types: `./dist/${module}.d.ts`, default: `./dist/${module}.js` }
    if (JSON.stringify(target) !== JSON.stringify(expected)) {
      yield `The export '${specifier}' is ${JSON.stringify(target)} and should be ${JSON.stringify(expected)}.`
    }
    if (!existsSync(`${root}src/${module}.ts`))
      yield `The export '${specifier}' needs src/${module}.ts, which does not exist.`
    if (INTERNAL.includes(module)) yield `The export '${specifier}' is listed as internal.`
  }
}

/** An adapter's framework is a peer, and every peer is optional. */
function* checkPeers(): Generator<string> {
  for (const name of Object.keys(manifest.peerDependencies)) {
    if (manifest.peerDependenciesMeta[name]?.optional !== true)
      yield `The peer ${name} is not optional.`
  }
}

function source(module: string): string {
  return readFileSync(`${root}src/${module}.ts`, 'utf8')
}
