import { execFileSync, spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

test('npm start in a fresh clone, with an empty cache, installs what the site needs and no more', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vial-first-start-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const clone = join(folder, 'vial')
  execFileSync('git', ['checkout-index', '--all', `--prefix=${clone}/`], { cwd: ROOT })

  // Without what the npm around this test says to its scripts.
  const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_ENV$)/i.test(name))
  const npm = spawn('npm', ['start'], {
    cwd: clone,
    env: {
      ...Object.fromEntries(inherited),
      npm_config_cache: join(folder, 'cache'),
      PORT: '0',
      VIAL_DATA: join(folder, 'data'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const url = new Promise<string>((resolve, reject) => {
    npm.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    npm.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      const found = /http:\/\/[\d.]+:\d+/.exec(output)?.[0]
      if (found !== undefined) resolve(found)
    })
    npm.once('close', () => reject(new Error(`npm start ended: ${output}`)))
  })
  const ended = new Promise((resolve) => npm.once('close', resolve))
  onTestFinished(async () => {
    npm.kill('SIGTERM')
    await ended
  })

  const page = await fetch(await url)
  expect(page.status).toBe(200)
  expect(await page.text()).toContain('<title>')
  expect(output).toContain('Installing the packages of examples/tutorial')
  const packages = await readdir(join(clone, 'node_modules'))
  expect(packages.filter((name) => !name.startsWith('.')).sort()).toEqual([
    '@esbuild',
    '@hono',
    'esbuild',
    'hono',
    'tsx',
    'vial-tutorial',
    'zod',
  ])
})
