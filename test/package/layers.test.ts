/** Which folder may import which. The linter knows the folders; only this test separates types from values. */

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

interface Layer {
  /** Files that may be imported for their values, as the beginnings of paths in src. */
  readonly values: readonly string[]
  /** Files of which only types may be imported, besides. */
  readonly types: readonly string[]
  /** Files that may be loaded by `import()`, besides. */
  readonly dynamic?: readonly string[]
  /** Packages of which only types may be imported. */
  readonly packages?: readonly string[]
  /** Packages that may be imported for their values: optional peers. */
  readonly libraries?: readonly string[]
}

const LAYERS: Readonly<Record<string, Layer>> = {
  'errors.ts': { values: [], types: [] },
  cookies: { values: ['cookies/', 'errors.ts', 'core/runtime.ts'], types: [] },
  core: { values: ['core/', 'cookies/', 'errors.ts'], types: [] },
  seals: {
    values: ['seals/', 'errors.ts', 'core/duration.ts', 'core/runtime.ts', 'core/secrets.ts'],
    types: ['core/'],
  },
  serializers: {
    values: ['serializers/', 'errors.ts', 'core/python.ts', 'core/values.ts'],
    types: ['core/'],
  },
  stores: {
    values: ['stores/', 'errors.ts', 'core/duration.ts', 'core/events.ts', 'core/warnings.ts'],
    types: ['core/'],
    libraries: ['kysely'],
  },
  adapters: {
    values: ['adapters/', 'core/', 'errors.ts'],
    types: [],
    packages: ['express', 'fastify', 'hono', 'koa'],
  },
  testing: { values: ['testing/', 'errors.ts', 'core/values.ts'], types: ['core/'] },
  compat: {
    values: ['compat/', 'core/', 'seals/', 'serializers/', 'cookies/', 'errors.ts'],
    types: ['stores/'],
    // A configuration names one of them, and the others' packages may be missing.
    dynamic: ['stores/'],
  },
  // What assembles. Neither names a store, an adapter or a suite, so that `import 'vial'` loads none.
  'create-sessions.ts': {
    values: ['core/', 'seals/', 'serializers/', 'cookies/', 'errors.ts'],
    types: [],
  },
  'index.ts': {
    values: ['create-sessions.ts', 'core/', 'cookies/', 'compat/', 'errors.ts'],
    types: [],
  },
}

interface Import {
  readonly specifier: string
  /** Gone from the JavaScript: `import type` and `export type`, but not `import { type … }`. */
  readonly type: boolean
  /** `import()`. */
  readonly dynamic?: boolean
}

const src = fileURLToPath(new URL('../../src/', import.meta.url))
const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts'))

/**
 * What an `import` of these offers is made at once, by their getters: `stdin` and the streams below it, or all of the
 * diagnostics. That takes milliseconds; the global, and `process.getBuiltinModule`, take none.
 */
const DEAR: readonly string[] = ['node:process', 'node:util']

/** All static and dynamic imports of a source. */
function importsOf(source: string): Import[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  const statements = code.matchAll(
    /^(?:import|export)\s+(type\s+)?(?:[\w$*{][^'"`;]*?\sfrom\s+)?['"]([^'"]+)['"]/gm,
  )
  // `typeof import()` is a type.
  const dynamic = code.matchAll(/(?<!\btypeof )\bimport\(\s*['"]([^'"]+)['"]/g)
  return [
    ...[...statements].map((match) => ({
      specifier: match[2] ?? '',
      type: match[1] !== undefined,
    })),
    ...[...dynamic].map((match) => ({ specifier: match[1] ?? '', type: false, dynamic: true })),
  ]
}

/** The files that are loaded with one, itself included. */
function loadedBy(start: string): string[] {
  const loaded = new Set([start])
  for (const file of loaded) {
    for (const { specifier, type } of importsOf(readFileSync(`${src}${file}`, 'utf8'))) {
      if (!type && specifier.startsWith('.')) loaded.add(posix.join(dirname(file), specifier))
    }
  }
  return [...loaded]
}

/** What is wrong with an import; undefined: nothing. */
function objection(
  file: string,
  layer: Layer,
  { specifier, type, dynamic }: Import,
): string | undefined {
  if (specifier.startsWith('node:')) {
    return DEAR.includes(specifier) && !type ? `imports ${specifier}, which is dear` : undefined
  }
  if (!specifier.startsWith('.')) {
    if (type && layer.packages?.includes(specifier)) return undefined
    if (layer.libraries?.includes(specifier)) return undefined
    return `imports the package ${specifier}`
  }
  const target = posix.join(dirname(file), specifier)
  const allows = (beginnings: readonly string[]): boolean =>
    beginnings.some((beginning) => target.startsWith(beginning))
  if (allows(layer.values) || (dynamic && allows(layer.dynamic ?? []))) return undefined
  if (!allows(layer.types)) return `imports ${target}`
  return type ? undefined : `imports values of ${target}, of which only types are allowed`
}

describe('the import rule', () => {
  test('every file of src belongs to a layer', () => {
    const strangers = files.filter((file) => LAYERS[file.split('/')[0] ?? ''] === undefined)
    expect(strangers).toEqual([])
  })

  test.each(Object.entries(LAYERS))('%s imports what its layer may', (name, layer) => {
    const objections = files
      .filter((file) => file.split('/')[0] === name)
      .flatMap((file) =>
        importsOf(readFileSync(`${src}${file}`, 'utf8')).flatMap((found) => {
          const wrong = objection(file, layer, found)
          return wrong === undefined ? [] : [`${file} ${wrong}`]
        }),
      )
    expect(objections).toEqual([])
  })

  test("import 'vial/stores/redis' does not load the near cache", () => {
    const near = (file: string) => file.startsWith('stores/redis/near-cache/')
    expect(loadedBy('stores/redis/index.ts').filter(near)).toEqual([])
    // Also that this would be found.
    expect(loadedBy('stores/redis/near-cache/index.ts').filter(near)).toHaveLength(4)
  })

  test('finds imports of every form, and separates types from values', () => {
    const source = [
      "import 'a'",
      "import b from 'b'",
      "import * as c from 'c'",
      "import {\n  d,\n  type D,\n} from 'd'",
      "import { type E } from 'e'",
      "import type { F } from 'f'",
      "export * from 'g'",
      "export type { H } from 'h'",
      "export { type I, i } from 'i'",
      "const j = await import('j')",
      "// import 'k'",
      "/** import 'l' */",
    ].join('\n')
    const found = importsOf(source).map(({ specifier, type }) => specifier + (type ? ' type' : ''))
    expect(found).toEqual(['a', 'b', 'c', 'd', 'e', 'f type', 'g', 'h type', 'i', 'j'])
  })
})
