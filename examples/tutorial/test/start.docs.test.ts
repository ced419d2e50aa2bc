import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { keptSecret } from '../secret.ts'
import { readSettings, SettingsError } from '../settings.ts'
import { dataDirectory, type Program, runTutorial, startServer } from './server.ts'
import { visitorOf } from './visitor.ts'

let data: string
let removeData: () => Promise<void>
const programs: Program[] = []

beforeEach(async () => {
  ;[data, removeData] = await dataDirectory()
})

afterEach(async () => {
  for (const program of programs.splice(0)) await program.end('SIGKILL')
  await removeData()
})

async function start(port = 0): ReturnType<typeof startServer> {
  const server = await startServer(data, port)
  programs.push(server)
  return server
}

describe('stopping', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s ends it with exit code 0, store closed',
    async (signal) => {
      const server = await start()
      await visitorOf(server.url).post('/value', { name: 'Ada' })
      const { code, errors } = await server.end(signal)
      expect(errors).toBe('')
      expect(code).toBe(0)
      expect(await readdir(join(data, 'sessions', 'owners'))).toEqual([])
    },
  )

  test('npm start ends with npm, whose shell passes no SIGTERM on', async () => {
    const npm = spawn('npm', ['start'], {
      cwd: fileURLToPath(new URL('../../../', import.meta.url)),
      env: { ...process.env, PORT: '0', VIAL_DATA: data },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let output = ''
    for await (const text of npm.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
      output += String(text)
      if (output.includes('Ctrl+C')) break
    }
    const url = /http:\/\/[\d.]+:\d+/.exec(output)?.[0] as string
    await visitorOf(url).post('/value', { name: 'Ada' })
    npm.kill('SIGTERM')
    // The server's own output ends when the server does.
    for await (const text of npm.stdout) output += String(text)
    expect(output).toContain('Stopping')
    expect(await readdir(join(data, 'sessions', 'owners'))).toEqual([])
  })

  test('a request that has begun is answered first; an idle connection holds nothing up', async () => {
    const server = await start()
    const idle = connect(server.port, '127.0.0.1')
    const busy = connect(server.port, '127.0.0.1').setEncoding('utf8')
    let answer = ''
    busy.on('data', (text: string) => {
      answer += text
    })
    await Promise.all([once(idle, 'connect'), once(busy, 'connect')])
    const request = [
      'POST /value HTTP/1.1',
      `Host: ${new URL(server.url).host}`,
      `Origin: ${server.url}`,
    ]
    const body = 'name=Ada'
    request.push(
      'Content-Type: application/x-www-form-urlencoded',
      `Content-Length: ${body.length}`,
    )
    busy.write(`${request.join('\r\n')}\r\nExpect: 100-continue\r\n\r\n`)
    // The answer to this header says that the request has begun.
    await once(busy, 'data')
    const ended = server.end('SIGTERM')
    await server.saw(/Stopping/)
    busy.write(body)
    await once(busy, 'close')
    expect(answer).toContain('HTTP/1.1 303')
    expect(answer).toContain('session=')
    const { code, errors } = await ended
    // Nothing had to be broken off.
    expect(errors).toBe('')
    expect(code).toBe(0)
    idle.destroy()
  })
})

describe('starting', () => {
  test('a busy port gives one sentence with the fix', async () => {
    const { port } = await start()
    const { code, errors } = await runTutorial({ PORT: String(port), VIAL_DATA: data }).end()
    expect(code).toBe(1)
    expect(errors).toBe(
      `Port ${port} is in use by another program. Choose another one, such as PORT=${port + 1} npm start.\n`,
    )
  })

  test('what is not a port gives one sentence', async () => {
    const { code, errors } = await runTutorial({ PORT: 'http', VIAL_DATA: data }).end()
    expect(code).toBe(1)
    expect(errors).toBe('PORT=http is not a port. Give a number from 0 to 65535.\n')
  })

  test.each(['', '-1', '65536', '3000.5', '0x50', '123456'])('PORT=%s is refused', (PORT) => {
    expect(() => readSettings({ PORT })).toThrow(SettingsError)
  })

  test('a data directory that cannot be made gives one sentence', async () => {
    const file = join(data, 'file')
    await writeFile(file, '')
    const { code, errors } = await runTutorial({ PORT: '0', VIAL_DATA: file }).end()
    expect(code).toBe(1)
    expect(errors).toContain(file)
    expect(errors.trimEnd().split('\n')).toHaveLength(1)
  })

  test('says where it is and where it keeps things', async () => {
    const server = await start()
    await server.saw(/Ctrl\+C/)
    const { output } = await server.end('SIGTERM')
    expect(output).toContain(server.url)
    expect(output).toContain(join(data, 'sessions'))
    expect(output).toContain(join(data, 'secret'))
  })
})

describe('the secret', () => {
  test('is for its owner alone and stays the same', async () => {
    const path = join(data, 'secret')
    const first = await start()
    const secret = await keptSecret(path)
    expect(Buffer.from(secret, 'base64url')).toHaveLength(32)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    await first.end('SIGTERM')
    await (await start()).end('SIGTERM')
    expect(await keptSecret(path)).toBe(secret)
    expect((await readdir(data)).sort()).toEqual(['secret', 'sessions'])
  })

  test('is the same for all that start at once', async () => {
    const path = join(data, 'secret')
    const secrets = await Promise.all(Array.from({ length: 50 }, () => keptSecret(path)))
    expect(new Set(secrets).size).toBe(1)
    expect(await readdir(data)).toEqual(['secret'])
  })

  test('lets two servers of one directory honour each other’s cookies', async () => {
    const [one, other] = await Promise.all([start(), start()])
    const visitor = visitorOf(one.url)
    await visitor.post('/value', { name: 'Ada' })
    expect(await visitorOf(other.url, visitor.cookie).text('/value')).toContain('Hello, Ada!')
  })
})
