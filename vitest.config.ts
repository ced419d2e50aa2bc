import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { findChromium } from './scripts/chromium.ts'
import { findPython } from './scripts/python-env.ts'
import { SkipsReporter } from './scripts/skips-reporter.ts'

const source = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url))
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
  resolve: {
    alias: [
      { find: /^vial$/, replacement: source('index.ts') },
      { find: /^vial\/testing$/, replacement: source('testing/index.ts') },
      { find: /^vial\/(.+)$/, replacement: source('$1.ts') },
    ],
  },
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
