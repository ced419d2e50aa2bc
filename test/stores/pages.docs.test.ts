/** The programs in docs/stores/ and docs/migrate/ compile, and run against the server that they name. */

import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ServiceName } from '../../scripts/services/names.ts'
import { service } from '../support/services.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const FOLDERS = ['stores', 'migrate']

/** Where the programs find their server, and ours in its place. */
const ADDRESSES: readonly (readonly [ServiceName, string, (url: URL) => string])[] = [
  ['redis', 'redis://127.0.0.1:6379', ({ href }) => href],
  ['memcached', '127.0.0.1:11211', ({ host }) => host],
  ['postgres', 'postgres://postgres@127.0.0.1/postgres', ({ href }) => href],
  ['mariadb', 'mysql://root@127.0.0.1/test', ({ href }) => href],
  ['mongodb', 'mongodb://127.0.0.1:27017', ({ href }) => href],
  ['dynamodb', 'http://127.0.0.1:8000', ({ href }) => href],
]

interface Program {
  readonly name: string
  readonly code: string
  /** What each `console.log` prints, as the comment behind it says. */
  readonly prints: readonly string[]
}

const programs: Program[] = []
for (const page of await pages()) {
  const text = await readFile(`${root}docs/${page}`, 'utf8')
  for (const match of text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)) {
    const line = text.slice(0, match.index).split('\n').length
    const code = match[1] as string
    const prints = [...code.matchAll(/^ *console\.log\(.*\) \/\/ (.*)$/gm)].map(([, said]) => said)
    const name = `${page.slice(0, -3).replaceAll('/', '-')}-${line}`
    programs.push({ name, code, prints: prints as string[] })
  }
}

let scratch = ''

beforeAll(async () => {
  // Within the repository, so that the packages are found.
  await mkdir(`${root}.docs-check`, { recursive: true })
  scratch = await mkdtemp(`${root}.docs-check/stores-`)
  for (const { name, code } of programs) await writeFile(`${scratch}/${name}.ts`, ours(code))
  const config = {
    extends: '../../tsconfig.json',
    compilerOptions: { paths: undefined },
    include: ['*.ts'],
  }
  await writeFile(`${scratch}/tsconfig.json`, JSON.stringify(config))
})
afterAll(() => rm(scratch, { recursive: true, force: true }))

test('each page has a program', async () => {
  const named = new Set(programs.map(({ name }) => name.replace(/-\d+$/, '.md').replace('-', '/')))
  expect([...named].sort()).toEqual((await pages()).sort())
})

test('every program compiles', async () => {
  const { stdout } = await run('npx', ['tsc', '-p', scratch])
  const errors = stdout.split('\n').filter((line) => line.includes('error TS'))
  // The types of Node 20 do not know it.
  expect(errors.filter((line) => !line.includes("'node:sqlite'"))).toEqual([])
})

// The others are pieces, which leave their client open.
const whole = programs.filter(({ prints }) => prints.length > 0)

test.for(whole)('$name runs, and prints what it says', async ({ name, code, prints }, { skip }) => {
  const found = ADDRESSES.filter(([, address]) => code.includes(address)).map(([of]) => service(of))
  const missing = found.find((server) => 'missing' in server)
  if (missing !== undefined && 'missing' in missing) return skip(missing.missing)
  const { stdout, stderr } = await run(process.execPath, ['--import', 'tsx', `${name}.ts`])
  expect(stderr.replace(/\(node:\d+\)[\s\S]*/, '')).toBe('')
  expect(stdout.trim().split('\n')).toEqual(prints)
})

async function pages(): Promise<string[]> {
  const all = await Promise.all(
    FOLDERS.map(async (folder) =>
      (await readdir(`${root}docs/${folder}`)).map((page) => `${folder}/${page}`),
    ),
  )
  return all.flat().filter((page) => page.endsWith('.md'))
}

function ours(code: string): string {
  let text = code
  for (const [name, address, of] of ADDRESSES) {
    const found = service(name)
    if ('url' in found) text = text.replaceAll(address, of(new URL(found.url)))
  }
  return text
}

function run(
  command: string,
  args: readonly string[],
): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd: scratch, timeout: 25_000 }, (_, stdout, stderr) =>
      resolve({ stdout, stderr }),
    )
  })
}
