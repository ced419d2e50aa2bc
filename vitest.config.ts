import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { findChromium } from './scripts/chromium.ts'
import { findPython } from './scripts/python-env.ts'
import { SkipsReporter } from './scripts/skips-reporter.ts'

const manifest = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as {
  readonly exports: Readonly<Record<string, { readonly types?: string }>>
}

/** Each specifier that package.json exports, read from its source. */
const alias = Object.entries(manifest.exports).flatMap(([specifier, { types }]) =>
  types === undefined
    ? []
    : [
        {
          find: new RegExp(`^vial${specifier.slice(1)}$`),
          replacement: fileURLToPath(
            new URL(types.replace('./dist/', './src/').replace(/\.d\.ts$/, '.ts'), import.meta.url),
          ),
        },
      ],
)
const chromium = findChromium()
const python = findPython()

/** Tests that need servers or end them: one file at a time, after all others. */
const SERVERS = [
  'test/services.test.ts',
  'test/compat/flask-redis.test.ts',
  'test/interop/{exchange,matrix}.test.ts',
  'test/stores/{cache,commands,docs,dynamodb,memcached,mongodb,open,redis,sql}*.test.ts',
]

export default defineConfig({
  resolve: { alias },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'alone',
          include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
          exclude: SERVERS,
          sequence: { groupOrder: 0 },
          typecheck: {
            enabled: true,
            include: ['test/types/*.test-d.ts'],
            tsconfig: 'test/types/tsconfig.json',
            // Theirs are found by `npm run check`.
            ignoreSourceErrors: true,
          },
        },
      },
      {
        extends: true,
        test: {
          name: 'servers',
          include: SERVERS,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: ['default', new SkipsReporter()],
    // Absent: not there. The tests that need it are skipped by name.
    env: {
      ...(chromium === undefined ? {} : { CHROMIUM_PATH: chromium }),
      ...(python === undefined ? {} : { VIAL_TEST_PYTHON: python }),
    },
  },
})
