import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { findChromium } from './scripts/chromium.ts'
import { findPython } from './scripts/python-env.ts'
import { SkipsReporter } from './scripts/skips-reporter.ts'

const source = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url))
const chromium = findChromium()
const python = findPython()

/** Tests that kill, freeze and fill servers of their own: `npm run test:faults`, one file at a time. */
const FAULTS = [
  'test/stores/{dynamodb,memcached,redis,sql}-faults.test.ts',
  'test/stores/redis-failover.test.ts',
  'test/stores/sql-network-faults.test.ts',
]

export default defineConfig(({ mode }) => ({
  resolve: {
    alias: [
      { find: /^vial$/, replacement: source('index.ts') },
      { find: /^vial\/testing$/, replacement: source('testing/index.ts') },
      { find: /^vial\/(.+)$/, replacement: source('$1.ts') },
    ],
  },
  test: {
    include: mode === 'faults' ? FAULTS : ['test/**/*.test.ts', 'examples/**/*.test.ts'],
    exclude: mode === 'faults' ? [] : FAULTS,
    fileParallelism: mode !== 'faults',
    typecheck: {
      enabled: true,
      include: ['test/types/*.test-d.ts'],
      tsconfig: 'test/types/tsconfig.json',
      // Theirs are found by `npm run check`.
      ignoreSourceErrors: true,
    },
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: ['default', new SkipsReporter()],
    // Absent: not there. The tests that need it are skipped by name.
    env: {
      ...(chromium === undefined ? {} : { CHROMIUM_PATH: chromium }),
      ...(python === undefined ? {} : { VIAL_TEST_PYTHON: python }),
    },
  },
}))
