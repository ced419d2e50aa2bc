/** The examples in the README and in docs/ run, and print what they say. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const scratch = `${root}.docs-check`
const pages = [
  'README.md',
  ...(await readdir(`${root}docs`))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

interface Block {
  readonly page: string
  readonly line: number
  readonly code: string
}

const blocks: Block[] = []
for (const page of pages) {
  const text = await readFile(root + page, 'utf8')
  for (const match of text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)) {
    const line = text.slice(0, match.index).split('\n').length
    blocks.push({ page, line, code: match[1] as string })
  }
}
const programs = blocks.filter((block) => block.page !== 'README.md')
const fileOf = ({ page, line }: Block): string => `${page.replace(/\W/g, '-')}-${line}.ts`

beforeAll(async () => {
  await mkdir(scratch, { recursive: true })
  for (const block of blocks) await writeFile(`${scratch}/${fileOf(block)}`, block.code)
  const config = {
    extends: '../tsconfig.json',
    compilerOptions: { paths: undefined },
    include: ['*.ts'],
  }
  await writeFile(`${scratch}/tsconfig.json`, JSON.stringify(config))
})

afterAll(() => rm(scratch, { recursive: true, force: true }))

test('there are examples', () => expect(blocks.length).toBeGreaterThan(8))

test('every example compiles', async () => {
  const { code, output } = await run('npx', ['tsc', '-p', scratch])
  expect(output.filter((line) => line.includes('error TS')).join('\n')).toBe('')
  expect(code).toBe(0)
})

test.each(programs.map((block) => [`${block.page}:${block.line}`, block] as const))(
  '%s runs, and prints what it says',
  async (_, block) => {
    const { code, output } = await run(process.execPath, [
      '--import',
      'tsx',
      `${scratch}/${fileOf(block)}`,
    ])
    expect(output.join('\n')).not.toMatch(/^(?:\w*Error:|not ok)/m)
    expect(code).toBe(0)
    const said = [...block.code.matchAll(/\/\/ prints: (.*)$/gm)].map((match) => match[1])
    for (const line of said) expect(output).toContain(line)
  },
)

test('the program in the README is examples/readme.ts, and counts visits', async () => {
  const [program] = blocks.filter((block) => block.page === 'README.md')
  expect(await readFile(`${root}examples/readme.ts`, 'utf8')).toBe(program?.code)
  const place = `${scratch}/readme`
  await mkdir(place)
  const port = await freePort()
  const child = spawn(
    process.execPath,
    ['--import', `${root}node_modules/tsx/dist/loader.mjs`, `${root}examples/readme.ts`],
    {
      cwd: place,
      env: { ...process.env, PORT: String(port), TSX_TSCONFIG_PATH: `${root}tsconfig.json` },
      stdio: 'inherit',
    },
  )
  try {
    const first = await answer(port)
    expect(await first.text()).toBe('Visits: 1')
    const cookie = first.headers.getSetCookie()[0]?.split(';')[0] as string
    const second = await fetch(`http://127.0.0.1:${port}/`, { headers: { cookie } })
    expect(await second.text()).toBe('Visits: 2')
  } finally {
    child.kill()
    await once(child, 'exit')
  }
})

async function run(
  command: string,
  args: string[],
): Promise<{ code: number | null; output: string[] }> {
  const child = spawn(command, args, { cwd: root })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => (text += String(chunk)))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output: text.split('\n') }
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net')
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** The first answer of a server that is starting. */
async function answer(port: number): Promise<Response> {
  for (let left = 200; ; left -= 1) {
    try {
      return await fetch(`http://127.0.0.1:${port}/`)
    } catch (error) {
      if (left === 0) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
