/**
 * `npm run test:frameworks`: installs the frameworks that `test/frameworks/package.json` names, and runs the lane with a
 * Node that all of them support.
 */

import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { installFolder } from './install-folder.ts'
import { nodeSince } from './provision.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

installFolder(`${ROOT}test/frameworks`)
const node = await nodeSince(24, 0)
const vitest = `${ROOT}node_modules/vitest/vitest.mjs`
const args = ['run', '--project', 'frameworks', ...process.argv.slice(2)]
const { status } = spawnSync(node, [vitest, ...args], { cwd: ROOT, stdio: 'inherit' })
process.exitCode = status ?? 1
