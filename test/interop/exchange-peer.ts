/** One Python for many sessions: `interop/peers/exchange.py`. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('../../interop/peers/exchange.py', import.meta.url))

/** What both sides keep sessions in. */
export type ExchangeFormat = 'cookie' | 'msgpack' | 'json' | 'pickle'

/** A session as Python writes it, in hexadecimal or as a cookie, and its canonical text. */
export type Written = readonly [record: string, text: string]

export class ExchangePeer {
  readonly #child: ChildProcess
  readonly #waiting: ((line: string) => void)[] = []
  #ended = false

  constructor(python: string) {
    this.#child = spawn(python, [SCRIPT], {
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONIOENCODING: 'utf-8' },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })
    lines.on('line', (line) => this.#waiting.shift()?.(line))
    // Calls that still wait when Python has ended are rejected.
    lines.on('close', () => {
      this.#ended = true
      for (const answer of this.#waiting.splice(0)) answer('{"error": "Python ended"}')
    })
  }

  make(format: ExchangeFormat, seed: number, count: number): Promise<readonly Written[]> {
    return this.#ask({ do: 'make', format, seed, count })
  }

  /** Sessions with one flashed message of any value; the text is Python's `str()` of it. */
  flash(format: ExchangeFormat, seed: number, count: number): Promise<readonly Written[]> {
    return this.#ask({ do: 'flash', format, seed, count })
  }

  read(format: ExchangeFormat, records: readonly string[]): Promise<readonly Written[]> {
    return this.#ask({ do: 'read', format, records })
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.stdin?.end()
    await ended
  }

  async #ask(question: object): Promise<readonly Written[]> {
    if (this.#ended) throw new Error('Python ended')
    const line = await new Promise<string>((resolve) => {
      this.#waiting.push(resolve)
      this.#child.stdin?.write(`${JSON.stringify(question)}\n`)
    })
    const answer = JSON.parse(line) as readonly Written[] | { readonly error: string }
    if ('error' in answer) throw new Error(answer.error)
    return answer
  }
}
