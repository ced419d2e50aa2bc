/** Programs that do something and end. */

import { spawn } from 'node:child_process'

/**
 * Runs a program to its end and resolves to what it printed.
 *
 * @throws {Error} With the last lines that it printed, when it fails.
 */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = ''
    const keep = (chunk: Buffer): void => {
      output += chunk.toString()
    }
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) return resolve(output)
      const last = output.trim().split('\n').slice(-8).join('\n')
      reject(new Error(`${command} ended with ${code}:\n${last}`))
    })
  })
}
