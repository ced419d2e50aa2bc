import { readdirSync, readFileSync } from 'node:fs'
import process from 'node:process'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'
import { findChromium, findPython } from './scripts/provision.ts'
import { SkipsReporter } from './scripts/skips-reporter.ts'
import { PATIENCE } from './test/support/patience.ts'
import { sources } from './test/support/sources.ts'

/**
 * The lanes. `<topic>.test.ts` belongs to the fast lane, `npm test`, which needs nothing but the npm packages, and
 * `<topic>.<lane>.test.ts` to `npm run test:<lane>`.
 */
const LANES = ['servers', 'interop', 'docs', 'browser', 'frameworks', 'package', 'nightly'] as const
type Lane = (typeof LANES)[number]

const FOLDERS = '{test,examples}/**'
/** No test waits this long by design: the limit ends a test that hangs, on a machine under any load. */
const LIMIT = 600_000

const chromium = findChromium()
const python = findPython()
/** Absent: not installed. The tests that need it are skipped. */
const env = {
  ...(chromium === undefined ? {} : { CHROMIUM_PATH: chromium }),
  ...(python === undefined ? {} : { VIAL_TEST_PYTHON: python }),
}
const short = Boolean(process.env['VIAL_TEST_SHORT'])
/** Files whose properties the nightly lane tries more often: see test/support/runs.ts. */
const properties = readdirSync(new URL('test', import.meta.url), {
  recursive: true,
  encoding: 'utf8',
})
  .map((name) => `test/${name.replaceAll('\\', '/')}`)
  .filter((name) => /\/\w[\w-]*\.test\.ts$/.test(name))
  .filter((name) =>
    /\/support\/runs\.ts'/.test(readFileSync(new URL(name, import.meta.url), 'utf8')),
  )

type Options = NonNullable<TestProjectInlineConfiguration['test']>

function lane(name: Lane, options: Options = {}): TestProjectInlineConfiguration {
  return {
    extends: true,
    test: { name, include: [`${FOLDERS}/*.${name}.test.ts`], ...options },
  }
}

export default defineConfig({
  resolve: { alias: sources },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          // A worker per file costs half a second of CPU each: files share workers, and leave nothing behind.
          isolate: false,
          // The default leaves one core to vitest itself, which needs little of it here.
          maxWorkers: '100%',
          include: [`${FOLDERS}/*.test.ts`],
          exclude: LANES.map((name) => `${FOLDERS}/*.${name}.test.ts`),
        },
      },
      // They share the servers, and freeze and kill some of their own.
      lane('servers', { maxWorkers: 2 }),
      lane('interop', { maxWorkers: 2 }),
      lane('docs', {
        typecheck: {
          enabled: true,
          include: ['test/types/*.test-d.ts'],
          tsconfig: 'test/types/tsconfig.json',
          // Those of other files are found by `npm run check`.
          ignoreSourceErrors: true,
        },
      }),
      lane('browser', { maxWorkers: 1 }),
      lane('frameworks'),
      lane('package'),
      // At full size; in the short form, as CI runs it, the properties have had their runs in the fast lane.
      lane('nightly', {
        maxWorkers: 1,
        ...(!short && {
          include: [`${FOLDERS}/*.nightly.test.ts`, ...properties],
          env: { ...env, VIAL_TEST_RUNS: 'full' },
        }),
      }),
    ],
    testTimeout: LIMIT,
    hookTimeout: LIMIT,
    teardownTimeout: LIMIT,
    expect: { poll: { timeout: PATIENCE } },
    reporters: ['default', new SkipsReporter()],
    env,
  },
})
