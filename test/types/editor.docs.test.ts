/** What the compiler says of typical mistakes, and what an editor shows above an option: with the project's TypeScript. */

import { execFile, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const tsc = `${root}node_modules/typescript/lib/tsc.js`

const HEAD = `
import { createSessions, type Store } from 'vial'
import { flaskCookie } from 'vial/compat/flask-cookie'
import { flaskSession } from 'vial/compat/flask-session'
import { memoryStore } from 'vial/stores/memory'
declare const store: Store
declare const maybe: Store | undefined
const secret = 'a text of which only its type counts here'
`

/** A line, the text in it that is marked, and what is said of it. */
const MISTAKES: readonly (readonly [code: string, marked: string, message: RegExp])[] = [
  [
    "createSessions({ store, lifetme: '3d' })",
    'lifetme',
    /'lifetme' does not exist in type 'StoredOptions<.*Did you mean to write 'lifetime'\?/,
  ],
  [
    "createSessions({ secret, lifetme: '3d' })",
    'lifetme',
    /'lifetme' does not exist.*Did you mean to write 'lifetime'\?/,
  ],
  [
    "createSessions({ store: maybe, secret, lifetme: '3d' })",
    'lifetme',
    /Did you mean to write 'lifetime'\?/,
  ],
  [
    "createSessions({ store, eager: true, lifetme: '3d' })",
    'lifetme',
    /Did you mean to write 'lifetime'\?/,
  ],
  [
    "createSessions<{ views?: number }>({ store, lifetme: '3d' })",
    'lifetme',
    /Did you mean to write 'lifetime'\?/,
  ],
  [
    'createSessions({ store, cookie: { secured: false } })',
    'secured',
    /'secured' does not exist in type 'CookieOptions'. Did you mean to write 'secure'\?/,
  ],
  [
    "createSessions({ secret, cookie: { sameSite: 'Lax' } })",
    'sameSite',
    /Type '"Lax"' is not assignable.*Did you mean '"lax"'\?/,
  ],
  [
    'createSessions({ store: memoryStore })',
    'store',
    /Type '\(options\?: MemoryStoreOptions\) => Store' is not assignable to type 'Store'/,
  ],
  [
    "createSessions({ store, lifetime: '30 days' })",
    'lifetime',
    /Type '"30 days"' is not assignable to type 'Duration'/,
  ],
  ['createSessions({ store, resave: false })', 'resave', /'resave' does not exist in type/],
  ['createSessions({ sotre: store })', 'sotre', /Did you mean to write 'store'\?/],
  ["createSessions({ secret, timeout: '1s' })", 'timeout', /Type 'string' is not assignable/],
  [
    "createSessions({ store, onStoreFailure: 'anonymus' })",
    'onStoreFailure',
    /Did you mean '"anonymous"'\?/,
  ],
  [
    "flaskSession({ store, lifetme: '3d' })",
    'lifetme',
    /'FlaskSessionOptions<.*Did you mean to write 'lifetime'\?/,
  ],
  [
    'flaskCookie({ secret, cookie: { htpOnly: false } })',
    'htpOnly',
    /Did you mean to write 'httpOnly'\?/,
  ],
]

describe('the compiler points at', () => {
  let folder = ''
  let output = ''

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vial-types-'))
    const compilerOptions = { typeRoots: [`${root}node_modules/@types`] }
    const config = { extends: `${root}tsconfig.json`, compilerOptions, include: ['*.ts'] }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
    await writeFile(
      join(folder, 'mistakes.ts'),
      HEAD + MISTAKES.map(([code]) => `${code}\n`).join(''),
    )
    const args = [tsc, '-p', folder, '--pretty', 'false']
    output = await new Promise((resolve) =>
      execFile(process.execPath, args, (_, stdout) => resolve(stdout)),
    )
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test.each(MISTAKES)('%s', (code, marked, message) => {
    const line = HEAD.split('\n').length + MISTAKES.findIndex(([one]) => one === code)
    const reports = [
      ...output.matchAll(/^\S*mistakes\.ts\((\d+),(\d+)\): error (TS\d+: .*(?:\n {2}.*)*)/gm),
    ].filter((report) => Number(report[1]) === line)
    expect(reports.map((report) => report[3])).toEqual([expect.stringMatching(message)])
    expect(reports[0]?.[3]).not.toContain('Deferred')
    // Some reports mark the value.
    const column = Number(reports[0]?.[2]) - 1
    expect([code.indexOf(marked), code.indexOf(marked) + marked.length + 2]).toContain(column)
  })

  test('nothing else', () => {
    const others = output
      .split('\n')
      .filter((line) => /error TS/.test(line) && !/mistakes/.test(line))
    expect(others).toEqual([])
  })
})

const SHOWN = `
createSessions({ store, cookie: { name: 'a', formerly: [] }, secret, seal: 1 as never, timeout: '1s',
  data: 1 as never, onInvalid: 'drop', lifetime: '1d', idle: '1d', ambient: true, eager: false,
  serializer: 1 as never, onEvent() {}, now: Date.now, randomBytes: 1 as never, onStoreFailure: 'reject' })
createSessions({ secret, seal: 1 as never, cookie: {}, context: '' })
createSessions({ store: maybe, secret })
createSessions({ secret, cookie: { domain: 'a', path: '/', secure: true, sameSite: 'lax', partitioned: true } })
createSessions({ secret, cookie: { formerly: [{ domain: 'a', path: '/', partitioned: true }] } })
createSessions(() => ({ store }), { ambient: true, eager: false })
flaskSession({ store, cookie: { domain: 'a' } })
`

// Not for `eager: true`: TypeScript 7 shows no sentence for a property that two parts of an intersection declare.
test('an editor shows a sentence for each option', async () => {
  const server = languageServer()
  await server.request('initialize', {
    processId: process.pid,
    rootUri: `file://${root}`,
    capabilities: { textDocument: { hover: { contentFormat: ['markdown'] } } },
  })
  server.notify('initialized', {})
  const uri = `file://${root}test/types/not-on-disk.ts`
  const text = HEAD + SHOWN
  server.notify('textDocument/didOpen', {
    textDocument: { uri, languageId: 'typescript', version: 1, text },
  })
  const missing: string[] = []
  const found = new Map<string, string>()
  for (const [row, line] of text.split('\n').entries()) {
    if (row < HEAD.split('\n').length) continue
    for (const { 0: option, index } of line.matchAll(/\b\w+(?=: |, | }|\(\) \{\})/g)) {
      if (line.slice(0, index).endsWith(': ') || /^(?:true|false|never)$/.test(option)) continue
      const position = { line: row, character: index + 1 }
      const hover = await server.request('textDocument/hover', { textDocument: { uri }, position })
      const sentences = sentencesOf(hover)
      if (sentences === '') missing.push(option)
      if (!found.has(option)) found.set(option, sentences)
    }
  }
  await server.request('shutdown', null)
  server.end()
  expect(missing).toEqual([])
  expect(found.get('store')).toContain('Where records live')
  expect(found.get('cookie')).toContain('Name and attributes of the cookie')
  expect(found.get('secret')).toContain('of a list, the first seals and all open')
  expect(found.size).toBeGreaterThan(18)
})

/** What follows the declaration. */
function sentencesOf(hover: unknown): string {
  const { contents } = hover as { readonly contents?: { readonly value: string } }
  return contents?.value.replace(/^```[^`]*```|\*@default\*.*$/gm, '').trim() ?? ''
}

/** The language server of TypeScript, on its standard streams. */
function languageServer() {
  const child = spawn(process.execPath, [tsc, '--lsp', '--stdio'], { cwd: root })
  const waiting = new Map<number, (result: unknown) => void>()
  let received = Buffer.alloc(0)
  let last = 0
  const send = (message: object): void => {
    const text = JSON.stringify({ jsonrpc: '2.0', ...message })
    child.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
  }
  child.stdout.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    for (;;) {
      const head = /^Content-Length: (\d+)\r\n(?:.+\r\n)*\r\n/.exec(received.toString('latin1'))
      const end = (head?.[0].length ?? 0) + Number(head?.[1])
      if (head === null || received.length < end) return
      const { id, method, params, result } = JSON.parse(
        received.subarray(head[0].length, end).toString(),
      ) as { id?: number; method?: string; params?: { items?: unknown[] }; result?: unknown }
      received = received.subarray(end)
      if (method === undefined) waiting.get(id ?? 0)?.(result)
      else if (id !== undefined) send({ id, result: params?.items?.map(() => null) ?? null })
    }
  })
  return {
    notify: (method: string, params: object) => send({ method, params }),
    request: (method: string, params: object | null) =>
      new Promise<unknown>((resolve) => {
        waiting.set(++last, resolve)
        send({ id: last, method, params })
      }),
    end: () => child.kill(),
  }
}
