/**
 * Checks that package.json exports every public unit, under the specifier that is its path, and exports nothing else.
 *
 * A file that lies directly in a public folder is public, and so is the `index.ts` of a folder in it. Everything deeper
 * is internal, but for the further doors listed here.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const FOLDERS = ['stores', 'seals', 'serializers', 'compat', 'adapters']

/** Public files that lie inside a unit, by their specifiers. */
const FURTHER_DOORS: Readonly<Record<string, string>> = {
  './serializers/python-values': 'serializers/python/values',
  './stores/memcached-transport': 'stores/memcached/transport',
  './stores/node-sqlite': 'stores/sql/node-sqlite',
  './stores/redis-near-cache': 'stores/redis/near-cache/index',
}

/** Files and folders of the public folders that only their neighbours import. */
const INTERNAL: readonly string[] = [
  'seals/nonce-pool',
  'seals/text',
  'seals/verified-cache',
  'seals/xaes',
]

interface Manifest {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>
}

const root = fileURLToPath(new URL('..', import.meta.url))
const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as Manifest
const expected = new Map<string, string>([
  ['.', 'index'],
  ['./testing', 'testing/index'],
  ...FOLDERS.flatMap(doorsOf),
  ...Object.entries(FURTHER_DOORS),
])
const problems = [...checkDoors(), ...checkInternal(), ...checkTargets(), ...checkPeers()]

for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exit(1)

/** The public modules of a folder: specifier and path in src, without the extension. */
function doorsOf(folder: string): [string, string][] {
  return readdirSync(`${root}src/${folder}`, { withFileTypes: true }).flatMap((entry) => {
    const name = entry.name.replace(/\.ts$/, '')
    if (INTERNAL.includes(`${folder}/${name}`)) return []
    if (entry.name === 'index.ts') return [[`./${folder}`, `${folder}/index`]]
    if (entry.isFile()) return [[`./${folder}/${name}`, `${folder}/${name}`]]
    const index = `${folder}/${name}/index`
    return existsSync(`${root}src/${index}.ts`) ? [[`./${folder}/${name}`, index]] : []
  })
}

function* checkDoors(): Generator<string> {
  for (const [specifier, module] of expected) {
    if (manifest.exports[specifier] === undefined) {
      yield `src/${module}.ts is public and package.json does not export '${specifier}'. Export it, or list it as internal in scripts/check-exports.ts.`
    }
    const head = /^\/\*\*[\s\S]*?\*\//.exec(readFileSync(`${root}src/${module}.ts`, 'utf8'))?.[0]
    if (!head?.includes('@module')) {
      yield `src/${module}.ts is public and its first comment has no @module.`
    }
  }
}

function* checkInternal(): Generator<string> {
  for (const module of INTERNAL) {
    if (!existsSync(`${root}src/${module}.ts`)) {
      yield `${module} is listed as internal and src/${module}.ts does not exist.`
    }
  }
}

function* checkTargets(): Generator<string> {
  for (const [specifier, target] of Object.entries(manifest.exports)) {
    if (specifier === './package.json') continue
    const module = expected.get(specifier)
    if (module === undefined) {
      yield `The export '${specifier}' leads to no public file.`
      continue
    }
    const right = { types: `./dist/${module}.d.ts`, default: `./dist/${module}.js` }
    if (JSON.stringify(target) !== JSON.stringify(right)) {
      yield `The export '${specifier}' is ${JSON.stringify(target)} and should be ${JSON.stringify(right)}.`
    }
  }
}

/** An adapter's framework is a peer, and every peer is optional. */
function* checkPeers(): Generator<string> {
  for (const name of Object.keys(manifest.peerDependencies)) {
    if (manifest.peerDependenciesMeta[name]?.optional !== true)
      yield `The peer ${name} is not optional.`
  }
}
