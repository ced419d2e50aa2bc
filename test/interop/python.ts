/**
 * A Python with Flask, Flask-Session and msgspec: the one that `VIAL_TEST_PYTHON` names, else `python3`.
 */

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const MODULES = 'flask, flask_session, msgspec'

/** The command, or why there is none. */
export type Python = { readonly command: string } | { readonly missing: string }

function run(command: string, args: string[], input = '') {
  return spawnSync(command, args, {
    input,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONIOENCODING: 'utf-8' },
  })
}

/** Looks for it once. */
export function findPython(modules: string = MODULES): Python {
  const command = process.env['VIAL_TEST_PYTHON'] ?? 'python3'
  const { status } = run(command, ['-c', `import ${modules}`])
  return status === 0
    ? { command }
    : { missing: `VIAL_TEST_PYTHON names no Python with ${modules}` }
}

/** What a script of `interop/generate` prints, as JSON. Throws with what it wrote to standard error. */
export function runScript<T>(command: string, name: string, input: unknown): T {
  const script = fileURLToPath(new URL(`../../interop/generate/${name}`, import.meta.url))
  const { status, stdout, stderr } = run(command, [script], JSON.stringify(input))
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as T
}
