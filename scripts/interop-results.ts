/** Runs the matrix of Flask and vial, and writes interop/RESULTS.md. */

import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url))
const { status } = spawnSync(
  process.execPath,
  [vitest, 'run', 'test/interop/matrix.interop.test.ts'],
  {
    stdio: 'inherit',
    env: { ...process.env, VIAL_INTEROP_RESULTS: 'write' },
  },
)
process.exitCode = status ?? 1
