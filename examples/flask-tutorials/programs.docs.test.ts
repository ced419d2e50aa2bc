import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Runs a program as the README says, on a port that is free. */
function run(name: string, secret: string | undefined, directory: string) {
  const { SECRET_KEY: _ours, NODE_ENV: _mode, ...env } = process.env
  return spawn(
    process.execPath,
    ['--import', 'tsx', `examples/flask-tutorials/${name}.ts`, directory],
    {
      cwd: root,
      env: { ...env, PORT: '0', ...(secret !== undefined && { SECRET_KEY: secret }) },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
}

/** For the one program that keeps files. */
async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'vial-flask-tutorials-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return path
}

describe.each([
  ['flask-session-basics', 'Hello, Guest!'],
  ['working-with-sessions', 'Not logged in'],
  ['flask-session-quickstart', 'You are not logged in. <a href="/login">Login</a>'],
  ['web-templating', "You are not logged in!<br><a href = '/login'>Login</a>"],
  ['simple-guide', 'You are not logged in.'],
])('%s', (name, greeting) => {
  test('runs by itself', async () => {
    const program = run(name, randomBytes(32).toString('base64url'), await directory())
    onTestFinished(async () => {
      const ended = once(program, 'exit')
      if (program.kill()) await ended
    })
    const [line] = (await once(createInterface(program.stdout), 'line')) as [string]
    const [, url = ''] = /^Running on (http:\/\/127\.0\.0\.1:\d+\/\w*)$/.exec(line) ?? []
    expect(await (await fetch(url)).text()).toBe(greeting)
  })

  test('without SECRET_KEY it does not start, and says what to do', async () => {
    const program = run(name, undefined, await directory())
    const [stderr, [code]] = await Promise.all([text(program.stderr), once(program, 'exit')])
    expect(code).toBe(1)
    expect(stderr).toMatch(/ConfigError: `secret` is undefined\. Set it, .*randomBytes\(32\)/)
  })
})
