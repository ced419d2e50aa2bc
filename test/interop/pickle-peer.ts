/** A Python that reads and writes pickles: `interop/generate/pickle_peer.py`, one process for many questions. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Python } from './python.ts'

const SCRIPT = fileURLToPath(new URL('../../interop/generate/pickle_peer.py', import.meta.url))
const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONIOENCODING: 'utf-8' }

export interface Answer {
  /** By protocol, in hex. */
  readonly pickles: readonly string[]
  readonly shown: string
  readonly error?: string
}

/** One with MarkupSafe is enough. */
export function findPythonWithMarkup(): Python {
  const command = process.env['VIAL_TEST_PYTHON'] ?? 'python3'
  const { status } = spawnSync(command, ['-c', 'import markupsafe, random; random.randbytes'], {
    env,
  })
  if (status === 0) return { command }
  return { missing: 'VIAL_TEST_PYTHON names no Python 3.9 or later with markupsafe' }
}

export class PicklePeer {
  readonly #child: ChildProcess
  readonly #waiting: ((line: string) => void)[] = []

  constructor(command: string) {
    this.#child = spawn(command, [SCRIPT], { env, stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })
    lines.on('line', (line) => this.#waiting.shift()?.(line))
    // Calls that still wait when Python has ended are rejected.
    lines.on('close', () => {
      for (const answer of this.#waiting.splice(0)) answer('{"error": "Python ended"}')
    })
  }

  make(seed: number): Promise<Answer> {
    return this.#ask({ seed })
  }

  read(bytes: Uint8Array): Promise<Answer> {
    return this.#ask({ hex: Buffer.from(bytes).toString('hex') })
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.stdin?.end()
    await ended
  }

  async #ask(question: object): Promise<Answer> {
    const line = await new Promise<string>((resolve) => {
      this.#waiting.push(resolve)
      this.#child.stdin?.write(`${JSON.stringify(question)}\n`)
    })
    const answer = JSON.parse(line) as Answer
    if (answer.error !== undefined) throw new Error(answer.error)
    return answer
  }
}
