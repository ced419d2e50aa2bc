/** What ships, in an empty folder: packed, installed without a network, imported, required and compiled against. */

import { execFileSync, spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

interface Packed {
  readonly filename: string
  readonly size: number
  readonly files: readonly { readonly path: string }[]
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const manifest = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as {
  readonly exports: Readonly<Record<string, unknown>>
}
const specifiers = Object.keys(manifest.exports)
  .filter((specifier) => specifier !== './package.json')
  .map((specifier) => posix.join('vial', specifier).replace(/\/$/, ''))

let folder: string
let packed: Packed

/** Runs npm without what the npm around the tests passes to its children, such as where the project is. */
function npm(args: readonly string[], cwd: string): string {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_ENV$)/i.test(name))
  return execFileSync('npm', [...args], {
    cwd,
    encoding: 'utf8',
    env: Object.fromEntries(inherited),
    shell: process.platform === 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

function node(file: string, source: string): unknown {
  writeFileSync(join(folder, file), source)
  return JSON.parse(execFileSync(process.execPath, [file], { cwd: folder, encoding: 'utf8' }))
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vial-clean-install-'))
  // Builds first: package.json's prepack.
  const output = npm(['pack', '--json', '--pack-destination', folder], root)
  const [first] = JSON.parse(output.slice(output.indexOf('[\n'))) as Packed[]
  packed = first as Packed
  writeFileSync(join(folder, 'package.json'), '{ "name": "empty", "private": true }')
  const flags = ['--offline', '--ignore-scripts', '--no-audit', '--no-fund']
  npm(['install', ...flags, `./${packed.filename}`], folder)
}, 120_000)

afterAll(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
})

describe('the package in an empty folder', () => {
  test('needs no other package', () => {
    const installed = readdirSync(join(folder, 'node_modules')).filter(
      (name) => !name.startsWith('.'),
    )
    expect(installed).toEqual(['vial'])
  })

  test('gives the same names to import and to require', () => {
    // The one optional peer that is loaded, when that store is asked for.
    lend('kysely')
    const imported = node(
      'import.mjs',
      `const names = {}
      for (const specifier of ${JSON.stringify(specifiers)}) {
        names[specifier] = Object.keys(await import(specifier)).sort()
      }
      console.log(JSON.stringify(names))`,
    )
    const required = node(
      'require.cjs',
      `const names = {}
      for (const specifier of ${JSON.stringify(specifiers)}) {
        names[specifier] = Object.keys(require(specifier)).filter((name) => name !== '__esModule').sort()
      }
      console.log(JSON.stringify(names))`,
    )
    expect(imported).toMatchInlineSnapshot(`
      {
        "vial": [
          "ConfigError",
          "ConflictError",
          "RevocationError",
          "Scope",
          "SerializationError",
          "SessionError",
          "StateError",
          "StoreError",
          "TooLargeError",
          "TooManySessionsError",
          "UnauthorizedError",
          "createSessions",
          "isSessionError",
          "isStoreError",
          "isTuple",
          "mergeHeader",
          "tuple",
        ],
        "vial/adapters": [
          "FetchScope",
          "NodeScope",
          "answerError",
          "cookieScope",
          "discardBody",
          "noteError",
          "patchHeaders",
          "patchResponse",
        ],
        "vial/adapters/express": [
          "sessionErrors",
          "sessionMiddleware",
        ],
        "vial/adapters/fastify": [
          "sessionPlugin",
        ],
        "vial/adapters/fetch": [
          "withSession",
        ],
        "vial/adapters/hono": [
          "sessionMiddleware",
        ],
        "vial/adapters/koa": [
          "sessionMiddleware",
        ],
        "vial/adapters/node": [
          "sessionMiddleware",
          "withSession",
        ],
        "vial/adapters/sveltekit": [
          "sessionHandle",
        ],
        "vial/compat/flask-config": [
          "flaskConfigFromEnv",
          "fromFlaskConfig",
        ],
        "vial/compat/flask-cookie": [
          "flaskCookie",
        ],
        "vial/compat/flask-login": [
          "flaskLogin",
          "flaskLogout",
        ],
        "vial/compat/flask-session": [
          "flaskSession",
        ],
        "vial/seals/encrypted": [
          "encrypted",
        ],
        "vial/seals/flask-signer": [
          "flaskSigner",
        ],
        "vial/seals/itsdangerous": [
          "itsdangerous",
        ],
        "vial/seals/signed": [
          "signed",
        ],
        "vial/serializers/json": [
          "json",
        ],
        "vial/serializers/msgpack": [
          "Ext",
          "Timestamp",
          "msgpack",
        ],
        "vial/serializers/pickle": [
          "pickle",
          "pickleEnd",
          "readPickle",
          "writePickle",
        ],
        "vial/serializers/python-values": [
          "ByteArray",
          "Decimal",
          "DefaultDict",
          "Float",
          "Foreign",
          "FrozenSet",
          "Markup",
          "OrderedDict",
          "PlainDate",
          "PlainDateTime",
          "PlainTime",
          "Timedelta",
          "Timezone",
          "Uuid",
          "ZonedDate",
          "exactFloats",
          "float",
        ],
        "vial/serializers/tagged-json": [
          "taggedJson",
        ],
        "vial/stores/cache": [
          "cacheStore",
        ],
        "vial/stores/cachelib-file": [
          "cachelibFileStore",
        ],
        "vial/stores/dynamodb": [
          "dynamodbStore",
        ],
        "vial/stores/file": [
          "fileStore",
        ],
        "vial/stores/memcached": [
          "memcachedStore",
        ],
        "vial/stores/memcached-transport": [
          "memcachedTransport",
          "tokenOf",
        ],
        "vial/stores/memory": [
          "memoryStore",
        ],
        "vial/stores/mongodb": [
          "mongodbStore",
        ],
        "vial/stores/node-sqlite": [
          "nodeSqlite",
        ],
        "vial/stores/open": [
          "openStore",
        ],
        "vial/stores/redis": [
          "redisStore",
        ],
        "vial/stores/redis-near-cache": [
          "nearCache",
        ],
        "vial/stores/sql": [
          "sqlStore",
        ],
        "vial/testing": [
          "CookieJar",
          "TestClock",
          "adapterSuite",
          "loginAs",
          "storageState",
          "storeSentences",
          "storeSuite",
        ],
      }
    `)
    expect(required).toEqual(imported)
  })

  test("import 'vial' loads no adapter, no store and no suite", () => {
    const loaded = loadedBy('dist/index.js')
    expect(loaded).toContain('dist/core/session-life-cycle.js')
    expect(loaded.filter((path) => /^dist\/(adapters|testing|stores)\//.test(path))).toEqual([])
  })

  test("import 'vial/stores/redis' does not load the near cache", () => {
    const near = (path: string) => path.startsWith('dist/stores/redis/near-cache/')
    expect(loadedBy('dist/stores/redis/index.js').filter(near)).toEqual([])
    expect(loadedBy('dist/stores/redis/near-cache/index.js').filter(near)).not.toEqual([])
  })

  test('gives types to a program that checks the types of its libraries too', () => {
    // The types of these libraries do not all pass such a check themselves.
    const own = specifiers.filter(
      (name) => !/adapters\/(express|fastify|hono|koa)|stores\/(sql|node-sqlite)/.test(name),
    )
    lend('@types/node', 'undici-types', '@types/express', '@types/koa', 'fastify', 'hono')
    expect(compile(own, { skipLibCheck: false })).toBe('')
    expect(compile(specifiers, { skipLibCheck: true })).toBe('')
  })

  test.each(['nodenext', 'node20'])('compiles in a CommonJS project: %s', (module) => {
    expect(compile(['vial'], { module, skipLibCheck: true }, 'use.cts')).toBe('')
  })

  test.each(['node16', 'node18'])(
    'is TS1479 in a CommonJS project, as the README says: %s',
    (module) => {
      expect(compile(['vial'], { module, skipLibCheck: true }, 'use.cts')).toContain('TS1479')
    },
  )

  test('holds what was built and nothing else, under 260 KB', () => {
    const built = /^dist\/.*\.(js|d\.ts)$/
    const others = packed.files.map(({ path }) => path).filter((path) => !built.test(path))
    expect(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']).toEqual(
      expect.arrayContaining(others),
    )
    expect(others).toEqual(expect.arrayContaining(['LICENSE', 'package.json']))
    expect(packed.size).toBeLessThan(260_000)
  })
})

/** The files that loading a file of the package loads, by the imports in what was built. */
function loadedBy(start: string): string[] {
  const found = new Set<string>()
  const visit = (path: string): void => {
    if (found.has(path)) return
    found.add(path)
    const code = readFileSync(join(folder, 'node_modules/vial', path), 'utf8')
    const specifiers = code.matchAll(/(?:from\s*|import\s*\(?\s*)['"](\.[^'"]+)['"]/g)
    for (const [, specifier] of specifiers) visit(posix.join(posix.dirname(path), specifier ?? ''))
  }
  visit(start)
  return [...found].sort()
}

/** Lends the empty folder packages of this repository. */
function lend(...names: readonly string[]): void {
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true })
  for (const name of names) {
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name), 'junction')
  }
}

/** What the compiler says about a program that imports all of these. */
function compile(
  imports: readonly string[],
  options: Readonly<Record<string, unknown>>,
  file: 'use.mts' | 'use.cts' = 'use.mts',
): string {
  const lines = imports.map((specifier, index) => `export * as entry${index} from '${specifier}'`)
  writeFileSync(join(folder, file), lines.join('\n'))
  const strict = { strict: true, exactOptionalPropertyTypes: true, types: ['node'] }
  const compilerOptions = { ...strict, noEmit: true, module: 'nodenext', target: 'es2023' }
  const config = { compilerOptions: { ...compilerOptions, ...options }, include: [file] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const { stdout, stderr } = spawnSync(process.execPath, [compiler], {
    cwd: folder,
    encoding: 'utf8',
  })
  return stdout + stderr
}
